"""When does the evidence ask for a retrain?"""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from tasks.drift import ColumnDrift
from tasks.ledger import Decision
from tasks.policy import Check, History, Performance, RetrainPolicy, retrain_reason
from tasks.windows import Window

MONDAY = datetime(2024, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
ASKED_BEFORE = Decision(usecase="stall", kind="retrain asked", as_of=MONDAY - DAY, reason="it drifted yesterday")


def policy(**numbers):
    """Return a policy that asks at half the features, or at .25 lost on ten labels, unless told otherwise."""
    common = {"min_drifted_share": 0.5, "max_loss": 0.25, "min_labelled": 10, "cooldown_days": 0, "min_new_rows": 0}
    return RetrainPolicy(**common | numbers)


def a_history(last_retrain=None, new_rows=1000, unanswered=None):
    return History(last_retrain=last_retrain, new_rows=new_rows, unanswered=unanswered)


def column(name, drifted):
    return ColumnDrift(
        column=name,
        method="wasserstein",
        threshold=0.1,
        value=None if drifted is None else 0.2,
        drifted=drifted,
        reference_missing=0,
        current_missing=0,
    )


def a_check(drifted=(), metric="roc_auc", value=None, labelled=1000, expected=0.75, as_of=MONDAY):
    """Return a check of features a, b, ... that drifted or not, without a performance unless one is given."""
    return Check(
        usecase="stall",
        as_of=as_of,
        window=Window(start=as_of - 7 * DAY, end=as_of),
        model_version="3",
        rows=500,
        features=tuple(column(chr(ord("a") + n), one) for n, one in enumerate(drifted)),
        performance=Performance(metric=metric, value=value, labelled=labelled, expected=expected),
    )


def a_bad_check(as_of=MONDAY):
    return a_check(drifted=[True, True], as_of=as_of)


@pytest.mark.parametrize(("days", "asks"), [(6, False), (7, True), (8, True)], ids=["below", "at", "above"])
def test_a_retrain_is_asked_for_again_only_once_the_cooldown_is_over(days, asks):
    check = a_bad_check(as_of=MONDAY + days * DAY)

    reason = retrain_reason(check, a_history(last_retrain=MONDAY), policy(cooldown_days=7))

    assert (reason is not None) is asks


@pytest.mark.parametrize(("rows", "asks"), [(99, False), (100, True), (101, True)], ids=["below", "at", "above"])
def test_a_retrain_needs_enough_new_labels_to_learn_from(rows, asks):
    reason = retrain_reason(a_bad_check(), a_history(new_rows=rows), policy(min_new_rows=100))

    assert (reason is not None) is asks


@pytest.mark.parametrize(
    ("drifted", "asks"),
    [([True, False, False], False), ([True, False], True), ([True, True, False], True)],
    ids=["below", "at", "above"],
)
def test_a_retrain_is_asked_for_where_enough_features_drifted(drifted, asks):
    reason = retrain_reason(a_check(drifted), a_history(), policy(min_drifted_share=0.5))

    assert (reason is not None) is asks


def test_features_of_which_nothing_is_known_are_left_out_of_the_share():
    assert a_check([True, False, None, None]).drifted_share == 1 / 2


@pytest.mark.parametrize("drifted", [[], [None, None]], ids=["no features", "all unknown"])
def test_where_no_feature_could_be_compared_the_share_is_unknown_and_asks_for_nothing(drifted):
    check = a_check(drifted)

    assert check.drifted_share is None
    assert retrain_reason(check, a_history(), policy()) is None


@pytest.mark.parametrize(("value", "asks"), [(0.51, False), (0.5, True), (0.49, True)], ids=["below", "at", "above"])
def test_a_retrain_is_asked_for_where_a_score_lost_enough(value, asks):
    reason = retrain_reason(a_check(value=value, expected=0.75), a_history(), policy(max_loss=0.25))

    assert (reason is not None) is asks


@pytest.mark.parametrize(("value", "asks"), [(1.24, False), (1.25, True), (1.26, True)], ids=["below", "at", "above"])
def test_a_retrain_is_asked_for_where_an_error_grew_enough(value, asks):
    reason = retrain_reason(a_check(metric="rmse", value=value, expected=1.0), a_history(), policy(max_loss=0.25))

    assert (reason is not None) is asks


def test_a_performance_better_than_expected_asks_for_nothing():
    assert retrain_reason(a_check(value=1.0, expected=0.5), a_history(), policy()) is None


@pytest.mark.parametrize(("labelled", "asks"), [(9, False), (10, True), (11, True)], ids=["below", "at", "above"])
def test_a_performance_tells_something_from_enough_labels_on(labelled, asks):
    reason = retrain_reason(a_check(value=0.0, labelled=labelled), a_history(), policy(min_labelled=10))

    assert (reason is not None) is asks


def test_a_request_that_nobody_answered_stays_the_reason_whatever_else_holds_it_back():
    history = a_history(last_retrain=MONDAY, new_rows=0, unanswered=ASKED_BEFORE)

    reason = retrain_reason(a_check(), history, policy(cooldown_days=30, min_new_rows=100))

    assert reason == "it drifted yesterday"


def test_a_lost_performance_is_told_with_its_numbers():
    reason = retrain_reason(a_check(drifted=[True], value=0.5, labelled=40), a_history(), policy())

    assert reason == (
        "roc_auc 0.5000 on 40 labelled rows of [2024-01-01 00:00, 2024-01-08 00:00), 0.7500 at promotion: "
        "0.2500 lost, 0.25 allowed"
    )


def test_drift_is_told_with_the_features_that_drifted():
    reason = retrain_reason(a_check(drifted=[True, False, True]), a_history(), policy())

    assert reason == (
        "2 of 3 features drifted in [2024-01-01 00:00, 2024-01-08 00:00) (67%, 50% asks for a retrain): a, c"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_drifted_share": 0},
        {"min_drifted_share": 1.1},
        {"max_loss": 0},
        {"min_labelled": 0},
        {"cooldown_days": -1},
        {"min_new_rows": -1},
    ],
    ids=str,
)
def test_an_impossible_number_is_refused_by_name(wrong):
    with pytest.raises(ValidationError, match=f"{next(iter(wrong))}\n.*should be"):
        policy(**wrong)
