"""What does a model's card tell, and from which facts?"""

from dataclasses import replace

import pytest

from tasks.registry.card import (
    LONGEST_DESCRIPTION,
    card,
    estimate_text,
    gain_numbers,
    gain_text,
    gates_table,
    score_text,
    short_text,
)

PASSED = {"gate": "better_than_champion", "number": 0.125, "limit": 0.0, "reason": None, "note": "web: 3 rows"}
FACTS = {
    "metric": "roc_auc",
    "rows": 120,
    "challenger": 0.75,
    "baseline": 0.5,
    "simple_model": 0.625,
    "champion_version": "3",
    "compared_rows": 40,
    "challenger_beside_champion": 0.7,
    "champion": 0.6,
    "gain_over_champion": {"value": 0.1, "error": 0.01, "freedom": 10},
    "slices": [
        {"name": "channel=web", "rows": 25, "gain": {"value": -0.1, "error": 0.0, "freedom": 3}},
        {"name": "channel=store", "rows": 15, "gain": None},
    ],
    "gates": [PASSED],
    "dataset_version": 12,
    "window": "[2024-01-01 00:00, 2024-01-08 00:00)",
    "rows_trained_on": 56,
    "candidate": "tree",
    "asked_because": "3 of 4 features drifted",
    "mlflow_run": "http://mlflow/run",
}


def card_text(problem, **changes):
    return card(problem, FACTS | changes, "abc123", ["numpy==2.4.6", "scikit-learn==1.9.1"])


def test_the_intended_use_is_in_the_use_case_s_own_words(stall):
    assert "For the demonstration only." in card_text(replace(stall, intended_use="For the demonstration only."))
    assert "The use case does not say" in card_text(replace(stall, intended_use=""))


@pytest.mark.parametrize(
    "fact",
    [
        "# stall: Will this sale come back?",
        "| source | shelf |",
        "| dataset version | 12 |",
        "| event times | [2024-01-01 00:00, 2024-01-08 00:00) |",
        "| labelled rows | 56 |",
        "| target | returned, known at told_at |",
        "| this recipe | 0.7500 | 120 |",
        "| trivial baseline | 0.5000 | 120 |",
        "| linear model of the same features | 0.6250 | 120 |",
        "| this recipe, on rows that the champion was not trained on | 0.7000 | 40 |",
        "| champion version 3, on the same | 0.6000 | 40 |",
        "| better_than_champion | 0.1250 | 0.0000 | passed | web: 3 rows |",
        "| channel=web | 25 | -0.1000, 95 % interval -0.1000 to -0.1000 |",
        "| channel=store | 15 | not defined |",
        "Numbers: price, weight, items",
        "Categories: channel",
        "| code version | abc123 |",
        "| dependencies | numpy==2.4.6, scikit-learn==1.9.1 |",
        "| reason for the retrain | 3 of 4 features drifted |",
    ],
)
def test_the_card_states(stall, fact):
    assert fact in card_text(stall)


def test_a_gain_is_reported_with_its_interval():
    # two-sided 95 % of Student's t with 10 degrees of freedom: 2.2281
    assert estimate_text({"value": 0.1, "error": 0.01, "freedom": 10}) == ("+0.1000, 95 % interval +0.0777 to +0.1223")
    assert gain_text(FACTS).startswith("Gain over champion version 3: +0.1000, 95 %")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "roc_auc 0.7000 (+0.1000, 95 % +0.0777 to +0.1223)"),
        ({"gain_over_champion": None}, "roc_auc 0.7000, gain unknown"),
        ({"champion_version": None, "gain_over_champion": None}, "roc_auc 0.7500, no champion before"),
    ],
)
def test_the_metric_that_decided_and_its_gain_fit_into_a_name(changes, words):
    assert score_text(FACTS | changes) == words


def test_the_list_of_runs_gets_the_score_on_the_compared_rows_and_the_gain_with_its_bounds():
    assert gain_numbers(FACTS) == pytest.approx(
        {"score": 0.7, "gain": 0.1, "gain_low": 0.07772, "gain_high": 0.12228}, abs=1e-5
    )
    assert gain_numbers(FACTS | {"champion_version": None, "gain_over_champion": None}) == {"score": 0.75}


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("/home/ann/rows/sales.csv", "sales.csv"),
        ("file:///home/ann/sales.parquet", "sales.parquet"),
        ("sales in sqlite:////home/ann/shop.db", "sales in sqlite:///shop.db"),
        ("s3://bucket/rows/sales.csv", "s3://bucket/rows/sales.csv"),
        ("sales in postgresql://ann:***@db/shop", "sales in postgresql://ann:***@db/shop"),
    ],
)
def test_a_source_is_named_without_the_folders_of_the_machine(stall, source, named):
    assert f"| source | {named} |" in card_text(replace(stall, source=source))


def test_links_stand_below_the_title(stall):
    text = card(stall, FACTS, "abc123", [], "[Run in MLflow](http://mlflow/run)")

    assert text.splitlines()[2] == "[Run in MLflow](http://mlflow/run)"


def test_a_first_model_had_nothing_to_be_compared_with(stall):
    first = dict.fromkeys(("champion_version", "champion", "challenger_beside_champion"))

    text = card_text(stall, **first, slices=[])

    assert "There was no champion to compare with." in text
    assert "Declared: channel. None was compared with a champion." in text
    assert "on the same" not in text


def test_evidence_without_an_interval_or_slices_says_so(stall):
    older = {name: value for name, value in FACTS.items() if name not in ("gain_over_champion", "slices")}

    assert "Gain over champion version 3: no interval was computed." in card(stall, older, "abc123", [])


def test_a_gate_that_refused_tells_its_reason_and_a_bar_does_not_break_the_table():
    table = gates_table([PASSED | {"number": None, "reason": "a | b"}])

    assert table.splitlines()[-1] == "| better_than_champion |  | 0.0000 | refused: a \\| b | web: 3 rows |"


@pytest.mark.parametrize(("length", "is_cut"), [(LONGEST_DESCRIPTION, False), (LONGEST_DESCRIPTION + 1, True)])
def test_a_text_too_long_for_the_registry_is_cut_and_says_where_the_whole_lies(length, is_cut):
    text = short_text("x" * length, "runs:/1/card.md")

    assert text.endswith("The whole card: runs:/1/card.md") is is_cut
    assert len(text) == LONGEST_DESCRIPTION
