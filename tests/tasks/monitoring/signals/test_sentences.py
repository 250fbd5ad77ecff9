"""What do people read of signals and faults?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.monitoring.signals.health import Fault
from tasks.monitoring.signals.models import Signal
from tasks.monitoring.signals.sentences import fault_sentences, fault_summary, share_of, signal_sentences

MONDAY = datetime(2013, 3, 18, tzinfo=UTC)
DAY = timedelta(days=1)


def a_signal(column="temp", statistic="tails", family="features", value=1.59, expected=0.0, limit=0.934, note=""):
    return Signal(
        family=family, column=column, statistic=statistic, rows=26_374, value=value, expected=expected, limit=limit,
        exceeded=1, note=note,
    )  # fmt: skip


def a_fault(column, kind="missing values", number=1.0, since=MONDAY, rows=1200, limit=0.05):
    return Fault(kind=kind, column=column, number=number, expected=0.0, since=since, last_good=None,
                 sentence=f"{kind} of {column}", rows=rows, limit=limit)  # fmt: skip


def test_a_drifted_number_is_named_with_its_medians_distance_limit_and_rows():
    signal = a_signal(note="median 36.0 -> 53.6")

    assert signal_sentences([signal], [""]) == (
        "temp drifted: median 36.0 -> 53.6, tail distance 1.59 (limit 0.93, n = 26,374)",
    )


def test_a_share_is_named_with_what_was_expected_what_it_is_and_how_far_it_moved():
    signal = a_signal("product", "share unseen", value=0.5, expected=0.25, limit=0.0024)

    assert signal_sentences([signal], ["in 2 of the last 3 checks"]) == (
        "product drifted: share unseen 0.25 -> 0.50 (moved 0.25, limit 0.0024, n = 26,374), in 2 of the last 3 checks",
    )


def test_signals_of_a_column_are_a_sentence_that_names_two_and_counts_the_others():
    signals = [a_signal(), a_signal("dewp"), a_signal(statistic="skew"), a_signal(statistic="spread"),
               a_signal(statistic="location")]  # fmt: skip

    assert signal_sentences(signals, [""] * 5) == (
        "temp drifted: tail distance 1.59 (limit 0.93, n = 26,374), skew distance 1.59 (limit 0.93, n = 26,374), "
        "2 more statistics",
        "dewp drifted: tail distance 1.59 (limit 0.93, n = 26,374)",
    )


@pytest.mark.parametrize(
    ("family", "subject"),
    [
        ("performance", "the model's errors changed: "),
        ("concept", "the errors along temp changed: "),
        ("missing", "temp drifted: "),
        ("joint", "temp drifted: "),
    ],
)
def test_what_changed_is_named_by_the_kind_of_signal(family, subject):
    [sentence] = signal_sentences([a_signal(family=family)], [""])

    assert sentence.startswith(subject)


def test_columns_that_went_missing_together_are_a_sentence():
    faults = [a_fault(name) for name in ("a", "b", "c")]

    assert fault_sentences(faults) == (
        "3 columns are missing in all 1,200 rows (limit 5.0%) since 2013-03-18 00:00: a, b, c",
    )


def test_columns_with_other_shares_and_limits_are_a_sentence_with_the_ranges():
    faults = [a_fault("a", number=0.25, rows=1200), a_fault("b", number=0.5, rows=1300, limit=0.125)]

    assert fault_sentences(faults) == (
        "2 columns are missing in 25.0% to 50.0% of 1,200 to 1,300 rows (limit 5.0% to 12.5%) since 2013-03-18 00:00: "
        "a, b",
    )


def test_more_than_eight_columns_are_counted():
    [sentence] = fault_sentences([a_fault(f"c{number}") for number in range(10)])

    assert sentence.startswith("10 columns are missing ")
    assert sentence.endswith(": c0, c1, c2, c3, c4, c5, c6, c7 and 2 more")


@pytest.mark.parametrize(
    ("kind", "number", "text"),
    [
        ("unknown categories", 0.5, "hold unknown categories in 50.0% of 1,200 rows (limit 5.0%)"),
        ("constant column", 1000, "repeat a value 1,000 times"),
        ("changed units", 0.5, "fit the reference only in other units"),
    ],
)
def test_other_kinds_that_columns_share_are_a_sentence_too(kind, number, text):
    faults = [a_fault(name, kind, number) for name in ("a", "b")]

    assert fault_sentences(faults) == (f"2 columns {text} since 2013-03-18 00:00: a, b",)


def test_faults_of_another_kind_or_start_keep_their_own_sentences():
    faults = [a_fault("a"), a_fault("b", since=MONDAY + DAY), a_fault("c", "changed units"), a_fault("", "duplicates")]

    assert fault_summary(faults) == ("missing values of a; missing values of b; changed units of c; duplicates of ")
    assert fault_summary([]) == ""


def test_a_share_of_all_rows_is_all_of_them():
    assert share_of(1.0, "1,200 rows") == "all 1,200 rows"
    assert share_of(0.125, "1,200 rows") == "12.5% of 1,200 rows"
