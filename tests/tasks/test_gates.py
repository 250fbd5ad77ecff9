"""Which challenger is refused, and with which words?"""

import pytest
from pydantic import ValidationError

from tasks.gates import Evidence, GatePolicy, refusal_reason, verdicts

POLICY = GatePolicy(min_gain_over_baseline=0.125, min_gain_over_champion=0.0625, min_rows=100)


def evidence(**found):
    """Return evidence of a first model that is good enough."""
    return Evidence(**{"metric": "roc_auc", "rows": 500, "challenger": 0.75, "baseline": 0.5} | found)


def beside_a_champion(**found):
    """Return evidence of a challenger that is better than the present champion."""
    compared = {"champion_version": "3", "compared_rows": 200, "overlap_rows": 300}
    return evidence(**compared | {"challenger_beside_champion": 0.75, "champion": 0.5} | found)


def test_a_good_first_model_is_not_refused():
    assert refusal_reason(verdicts(evidence(), POLICY)) is None


def test_a_challenger_that_beats_the_champion_is_not_refused():
    assert refusal_reason(verdicts(beside_a_champion(), POLICY)) is None


@pytest.mark.parametrize(
    ("challenger", "refused"), [(0.624, True), (0.625, False), (0.626, False)], ids=["below", "at", "above"]
)
def test_a_challenger_must_gain_at_least_the_minimum_over_the_trivial_baseline(challenger, refused):
    assert (refusal_reason(verdicts(evidence(challenger=challenger, baseline=0.5), POLICY)) is not None) is refused


@pytest.mark.parametrize(
    ("challenger", "refused"), [(0.876, True), (0.875, False), (0.874, False)], ids=["worse", "at", "better"]
)
def test_of_an_error_less_is_a_gain_over_the_trivial_baseline(challenger, refused):
    found = evidence(metric="rmse", challenger=challenger, baseline=1.0)

    assert (refusal_reason(verdicts(found, POLICY)) is not None) is refused


@pytest.mark.parametrize(
    ("challenger", "refused"), [(0.562, True), (0.5625, True), (0.563, False)], ids=["below", "tie", "above"]
)
def test_a_challenger_must_gain_more_than_the_minimum_over_the_champion(challenger, refused):
    found = beside_a_champion(challenger_beside_champion=challenger, champion=0.5)

    assert (refusal_reason(verdicts(found, POLICY)) is not None) is refused


@pytest.mark.parametrize(
    ("challenger", "refused"), [(0.938, True), (0.9375, True), (0.937, False)], ids=["worse", "tie", "better"]
)
def test_of_an_error_less_is_a_gain_over_the_champion(challenger, refused):
    found = beside_a_champion(
        metric="mae", challenger=0.5, baseline=1.0, challenger_beside_champion=challenger, champion=1.0
    )

    assert (refusal_reason(verdicts(found, POLICY)) is not None) is refused


def test_a_tie_keeps_the_champion_even_where_no_gain_is_asked_for():
    policy = POLICY.model_copy(update={"min_gain_over_champion": 0.0})

    assert refusal_reason(verdicts(beside_a_champion(challenger_beside_champion=0.5, champion=0.5), policy)) is not None


@pytest.mark.parametrize(("rows", "refused"), [(99, True), (100, False), (101, False)], ids=["below", "at", "above"])
def test_a_comparison_needs_enough_rows_that_neither_has_seen(rows, refused):
    assert (refusal_reason(verdicts(beside_a_champion(compared_rows=rows), POLICY)) is not None) is refused


@pytest.mark.parametrize(
    "unknown",
    [
        {"challenger": None},
        {"baseline": None},
        {"champion": None},
        {"challenger_beside_champion": None},
        {"challenger": float("nan")},
        {"baseline": float("nan")},
        {"champion": float("nan")},
        {"challenger_beside_champion": float("nan")},
    ],
    ids=str,
)
def test_what_cannot_be_computed_refuses(unknown):
    assert refusal_reason(verdicts(beside_a_champion(**unknown), POLICY)) is not None


def test_the_baseline_is_asked_about_beside_a_champion_too_and_all_reasons_are_told():
    found = beside_a_champion(challenger=0.5, baseline=0.5, challenger_beside_champion=0.25, champion=0.5)

    assert refusal_reason(verdicts(found, POLICY)) == (
        "roc_auc 0.5000 against 0.5000 of the trivial baseline: gain +0.0000, 0.125 needed; "
        "roc_auc 0.2500 against 0.5000 of champion version 3 on 200 rows: gain -0.2500, more than 0.0625 needed"
    )


def test_too_few_rows_are_told_with_those_left_out():
    assert refusal_reason(verdicts(beside_a_champion(compared_rows=7), POLICY)) == (
        "7 rows that champion version 3 has not seen, 100 needed to compare (300 left out that it was trained on)"
    )


def test_a_metric_that_is_not_defined_is_told_with_its_rows():
    assert refusal_reason(verdicts(evidence(challenger=None), POLICY)) == (
        "roc_auc cannot be computed on the 500 rows of the evaluation blocks"
    )
    assert refusal_reason(verdicts(beside_a_champion(champion=None), POLICY)) == (
        "roc_auc cannot be computed on the 200 rows that neither has seen"
    )


@pytest.mark.parametrize("wrong", [{"min_gain_over_baseline": 0}, {"min_gain_over_champion": -0.1}, {"min_rows": 0}])
def test_a_gate_that_could_never_refuse_is_refused_by_name(wrong):
    with pytest.raises(ValidationError, match=f"{next(iter(wrong))}\n.*should be greater than"):
        GatePolicy(**POLICY.model_dump() | wrong)
