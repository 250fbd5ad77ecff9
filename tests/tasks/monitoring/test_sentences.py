"""How do many findings become few sentences?"""

from datetime import UTC, datetime

from tasks.monitoring.sentences import Sentence, fault_sentences, lines, listed, summary
from tasks.monitoring.signals.health import Fault


def gone(column, text="is missing in all 1,200 rows"):
    return Sentence(column, f"{column} {text}", "missing-values")


def test_eight_columns_that_went_missing_together_are_one_line():
    assert lines(map(gone, "abcdefgh")) == [
        "8 columns are missing in all 1,200 rows: a, b, c, d, e and 3 more [missing-values]"
    ]


def test_columns_with_other_numbers_or_of_another_kind_have_lines_of_their_own():
    other_kind = Sentence("d", "d is missing in all 1,200 rows", "missing-drift")

    assert lines([gone("a"), gone("b", "is missing in 5.0% of 1,200 rows"), gone("c"), other_kind]) == [
        "2 columns are missing in all 1,200 rows: a, c [missing-values]",
        "b is missing in 5.0% of 1,200 rows [missing-values]",
        "d is missing in all 1,200 rows [missing-drift]",
    ]


def test_the_verb_of_a_group_is_plural():
    assert lines([gone("a", "has new categories"), gone("b", "has new categories")]) == [
        "2 columns have new categories: a, b [missing-values]"
    ]


def test_sentences_that_begin_with_no_column_are_no_group():
    moved = [Sentence("prediction", text, "performance-drift") for text in ("the loss rose", "the errors moved")]

    assert lines(moved) == ["the loss rose [performance-drift]", "the errors moved [performance-drift]"]


def test_a_column_whose_name_begins_with_another_ones_is_told_apart():
    assert lines([gone("temp"), gone("temperature")]) == [
        "2 columns are missing in all 1,200 rows: temp, temperature [missing-values]"
    ]


def test_a_summary_holds_five_lines_and_says_where_the_others_stand():
    sentences = [gone("a", f"is missing in {rows} rows") for rows in range(1, 8)]

    assert summary(sentences[:5], "in the table").endswith("a is missing in 5 rows [missing-values]")
    assert summary(sentences, "in the table").endswith(
        "a is missing in 5 rows [missing-values]; and 2 more in the table"
    )
    assert summary([], "in the table") == ""


def test_names_beyond_the_first_five_are_counted():
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c, d, e"
    assert listed(["a", "b", "c", "d", "e", "f"]) == "a, b, c, d, e and 1 more"
    assert listed([]) == "none"


def test_a_fault_is_a_sentence_with_the_code_of_its_kind():
    fault = Fault(kind="stopped feed", column="", number=1, expected=0, since=datetime(2024, 1, 1, tzinfo=UTC),
                  last_good=None, sentence="the feed stopped")  # fmt: skip

    assert lines(fault_sentences([fault])) == ["the feed stopped [stopped-feed]"]
