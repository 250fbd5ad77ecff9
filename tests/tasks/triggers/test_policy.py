"""When does the evidence ask for a retrain?"""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from tasks.data.ledger import Decision
from tasks.monitoring.check import Check, Performance
from tasks.monitoring.signals.health import Fault
from tasks.monitoring.signals.models import Alarm, Signal
from tasks.triggers.age_cost import Scouted, Scouts
from tasks.triggers.episodes import Episode
from tasks.triggers.history import History, retrain_history, standing_refusal
from tasks.triggers.policy import RetrainPolicy, harmless_reason, holding_reason, retrain_reason, wanted_trigger
from tasks.windows import Window

MONDAY = datetime(2024, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
PRICE_DRIFTED = "price drifted: location distance 0.40 (limit 0.10, n = 500)"
ASKED_BEFORE = Decision(usecase="stall", kind="retrain asked", as_of=MONDAY - DAY, reason="it drifted yesterday")


def policy(**numbers):
    """Return a policy that nothing holds back and that allows a loss of .25 on ten labels, unless told otherwise."""
    common = {"max_loss": 0.25, "min_labelled": 10, "cooldown_days": 0, "min_new_rows": 0}
    return RetrainPolicy(**common | numbers)


def a_history(last_retrain=None, new_rows=1000, **changes):
    return History(last_retrain=last_retrain, new_rows=new_rows, **changes)


def a_signal(column="price", family="features", side=1, value=0.5, rows=500, statistic="location"):
    return Signal(
        family=family,
        column=column,
        statistic=statistic,
        rows=rows,
        value=value,
        expected=0.1,
        limit=0.1,
        exceeded=side,
        at_once=side != 0,
    )


def an_alarm(*signals):
    return Alarm(signals=signals, spans=("",) * len(signals))


def a_check(
    signals=(), alarm=None, metric="roc_auc", value=None, labelled=1000, expected=0.75, as_of=MONDAY, **changes
):
    """Return a check of these signals, silent and without a performance unless one is given."""
    return Check(
        usecase="stall",
        as_of=as_of,
        window=Window(start=as_of - 7 * DAY, end=as_of),
        model_version="3",
        rows=500,
        signals=signals,
        alarm=alarm,
        performance=Performance(metric=metric, value=value, labelled=labelled, expected=expected),
        **changes,
    )


def a_bad_check(as_of=MONDAY, **changes):
    return a_check((a_signal(),), an_alarm(a_signal()), as_of=as_of, **changes)


def refused_drift(rows=0, **changes):
    """Return a history in which a drift of twice its limit was refused, and as many labels came since."""
    common = {"id": "e", "opened": MONDAY - 9 * DAY, "reason": "it moved", "severity": 2.0, "refused": MONDAY - DAY}
    episode = Episode(**common | changes)
    return a_history(episode=episode, refused=episode.refused, rows_since_refusal=rows)


@pytest.mark.parametrize(("days", "asks"), [(6, False), (7, True), (8, True)], ids=["below", "at", "above"])
def test_a_retrain_is_asked_for_again_only_once_the_cooldown_is_over(days, asks):
    check = a_bad_check(as_of=MONDAY + days * DAY)

    reason = retrain_reason(check, a_history(last_retrain=MONDAY), policy(cooldown_days=7))

    assert (reason is not None) is asks


@pytest.mark.parametrize(("rows", "asks"), [(99, False), (100, True), (101, True)], ids=["below", "at", "above"])
def test_a_retrain_needs_enough_new_labels_to_learn_from(rows, asks):
    reason = retrain_reason(a_bad_check(), a_history(new_rows=rows), policy(min_new_rows=100))

    assert (reason is not None) is asks


def aged(cost):
    """Return scouts of windows 1 to 3, on which that of the live model's age did worse by `cost` each."""
    pairs = [(window, scout, 0.8 - cost * (scout == 0)) for window in (2, 3) for scout in (0, window - 1)]
    results = [
        Scouted(scout=scout, window=window, rows=100, value=value, parts=(value - 0.01, value + 0.01) * 2)
        for window, scout, value in pairs
    ]
    start = MONDAY - 4 * 7 * DAY
    return Scouts(
        origin=start,
        length=7 * DAY,
        now=3,
        first=0,
        champion=0,
        greater_is_better=True,
        metric="roc_auc",
        results=tuple(results),
    )


def test_an_age_that_has_cost_enough_asks_where_the_alarm_is_silent():
    asked = retrain_reason(a_check(), a_history(scouts=aged(0.1)), policy())

    assert asked.startswith("retraining is worth it: the model's age cost 0.20 AUC over 2 windows (")
    assert retrain_reason(a_check(), a_history(scouts=aged(0.0)), policy()) is None
    assert retrain_reason(a_check(), a_history(scouts=aged(0.1)), policy(regret=None)) is None


def test_an_age_that_has_cost_enough_rests_after_a_request():
    past = a_history(asked=(MONDAY - 7 * DAY,), scouts=aged(0.1))

    assert retrain_reason(a_check(), past, policy()) is None


def test_a_silent_alarm_asks_for_nothing():
    assert retrain_reason(a_check((a_signal(),)), a_history(), policy()) is None


def test_signals_that_only_warn_ask_for_nothing():
    missing = a_signal(family="missing")

    assert retrain_reason(a_check((missing,), an_alarm(missing)), a_history(), policy()) is None


def test_a_reason_names_the_models_own_signals_first_and_counts_those_that_it_leaves_out():
    moved = [a_signal(name) for name in ("a", "b", "c")] + [a_signal("prediction", "performance", statistic="loss")]

    reason = retrain_reason(a_check(tuple(moved), an_alarm(*moved)), a_history(), policy())

    # Each lies 0.4 away from the 0.1 that are expected.
    assert reason == (
        "the model's errors changed: loss 0.10 -> 0.50 (moved 0.40, limit 0.10, n = 500); "
        "a drifted: location distance 0.40 (limit 0.10, n = 500); b drifted: location distance 0.40 (limit 0.10, "
        "n = 500); and 1 more signal"
    )


def test_the_share_counts_features_beyond_a_limit_among_those_with_a_value():
    signals = (a_signal("a"), a_signal("a", "missing", 0), a_signal("b", side=0), a_signal("c", side=0, value=None))

    assert a_check(signals).drifted_share == 1 / 2
    assert a_check().drifted_share is None


def test_inputs_that_moved_while_the_loss_is_ordinary_by_prompt_labels_warn_and_ask_for_nothing():
    loss = a_signal("prediction", "performance", side=0, value=0.125, rows=10, statistic="loss")
    check = a_check((a_signal(), loss), an_alarm(a_signal()), labels_prompt=True)

    assert harmless_reason(check, policy()) == (
        "performance holds: loss 0.10 expected, 0.12 measured (limit 0.20, n = 10)"
    )
    assert retrain_reason(check, a_history(), policy()) is None


@pytest.mark.parametrize(("new", "asks"), [(499, False), (500, True), (501, True)])
def test_inputs_that_moved_without_harm_ask_once_as_many_rows_are_new_as_the_champion_learned_from(new, asks):
    loss = a_signal(family="performance", statistic="loss", side=0, value=0.125, rows=10)
    check = a_check((a_signal(), loss), an_alarm(a_signal()), labels_prompt=True, reference_rows=500)

    reason = retrain_reason(check, a_history(new_rows=new), policy(growth_asks=1.0))

    assert reason == (
        f"{PRICE_DRIFTED}; performance holds so far, but {new} labelled rows have arrived since the model was trained "
        "on 500"
        if asks
        else None
    )


@pytest.mark.parametrize(
    ("prompt", "rows", "side"), [(False, 10, 0), (True, 9, 0), (True, 10, 1)], ids=["late", "too few", "worse"]
)
def test_inputs_that_moved_ask_where_the_labels_do_not_say_that_it_is_harmless(prompt, rows, side):
    loss = a_signal("prediction", "performance", side=side, rows=rows, statistic="loss")
    check = a_check((a_signal(), loss), an_alarm(a_signal()), labels_prompt=prompt)

    assert retrain_reason(check, a_history(), policy()) == PRICE_DRIFTED


def test_broken_data_ask_for_nothing_and_the_fault_is_the_reason():
    fault = Fault(
        kind="duplicates", column="", number=0.5, expected=0, since=MONDAY, last_good=None, sentence="half twice"
    )
    check = a_bad_check(faults=(fault,))

    assert retrain_reason(check, a_history(), policy()) is None
    assert holding_reason(check, a_history(), policy()) == "the data are broken: half twice"


@pytest.mark.parametrize("mode", ["suggest", "off"])
def test_in_another_mode_than_auto_a_person_starts_the_retrain(mode):
    assert retrain_reason(a_bad_check(), a_history(unanswered=ASKED_BEFORE), policy(mode=mode)) is None
    assert holding_reason(a_bad_check(), a_history(), policy(mode=mode)).startswith(f"the mode is {mode}")


@pytest.mark.parametrize(("answered", "asks"), [(1, True), (2, False), (3, False)], ids=["below", "at", "above"])
def test_the_months_budget_holds_a_retrain_back(answered, asks):
    reason = retrain_reason(a_bad_check(), a_history(answered_this_month=answered), policy(max_per_month=2))

    assert (reason is not None) is asks


@pytest.mark.parametrize(("days", "asks"), [(29, False), (30, True), (31, True)], ids=["below", "at", "above"])
def test_a_model_that_is_too_old_is_renewed_without_an_alarm(days, asks):
    reason = retrain_reason(a_check(), a_history(trained_until=MONDAY - days * DAY), policy(max_age_days=30))

    assert (reason is not None) is asks


@pytest.mark.parametrize(("rows", "asks"), [(99, False), (100, True), (101, True)], ids=["below", "at", "above"])
def test_a_refused_drift_asks_again_once_enough_labels_came(rows, asks):
    # The signal lies 0.4 away, four times its limit; ten times would count as grown.
    limits = policy(rows_after_refusal=100, growth_after_refusal=5)

    assert (retrain_reason(a_bad_check(), refused_drift(rows), limits) is not None) is asks


@pytest.mark.parametrize(("rows", "asks"), [(99, False), (100, True)], ids=["below", "at"])
def test_a_loss_without_an_episode_waits_for_labels_after_a_refusal_too(rows, asks):
    past = a_history(refused=MONDAY - DAY, rows_since_refusal=rows)

    assert (retrain_reason(a_check(value=0.25), past, policy(rows_after_refusal=100)) is not None) is asks


def test_a_refusal_no_longer_stands_once_another_version_went_live():
    refused = Decision(usecase="stall", kind="refused", as_of=MONDAY, reason="worse")
    back = Decision(usecase="stall", kind="rolled back", as_of=MONDAY + DAY, reason="bad")

    assert standing_refusal([refused]) == MONDAY
    assert standing_refusal([refused, back]) is None
    assert standing_refusal([]) is None


@pytest.mark.parametrize(("growth", "asks"), [(1.9, True), (2.1, False)], ids=["grown", "not grown"])
def test_a_refused_drift_asks_again_once_it_has_clearly_grown(growth, asks):
    limits = policy(rows_after_refusal=100, growth_after_refusal=growth)

    assert (retrain_reason(a_bad_check(), refused_drift(), limits) is not None) is asks


@pytest.mark.parametrize(("days", "asks"), [(1, False), (0, True), (-1, True)], ids=["before", "at", "after"])
def test_a_muted_episode_asks_for_nothing_until_its_date(days, asks):
    muted = refused_drift(refused=None, muted_until=MONDAY + days * DAY)

    assert (retrain_reason(a_bad_check(), muted, policy()) is not None) is asks


def test_a_history_follows_from_the_decisions_and_a_count_of_labels():
    past = [
        Decision(usecase="stall", kind="promoted", as_of=MONDAY - 40 * DAY, reason="better"),
        Decision(usecase="stall", kind="drift found", as_of=MONDAY - 9 * DAY, reason="x", facts={"severity": 2.0}),
        Decision(usecase="stall", kind="refused", as_of=MONDAY - DAY, reason="worse"),
    ]

    past_then = retrain_history(past, lambda since: (MONDAY - since).days, MONDAY - 40 * DAY, MONDAY)

    assert (past_then.last_retrain, past_then.new_rows, past_then.rows_since_refusal) == (MONDAY - DAY, 40, 1)
    assert (past_then.answered_this_month, past_then.episode.opened) == (1, MONDAY - 9 * DAY)


def test_a_loss_counts_only_where_no_limit_of_the_performance_could_be_calibrated():
    loss = a_signal("prediction", "performance", side=0, statistic="loss")

    assert retrain_reason(a_check((loss,), value=0.25), a_history(), policy()) is None
    assert retrain_reason(a_check((a_signal(side=0),), value=0.25), a_history(), policy()).startswith(
        "performance fell: roc_auc"
    )


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


LOSS = a_signal("prediction", "performance", side=0, value=0.125, rows=10, statistic="loss")


@pytest.mark.parametrize(
    ("check", "past", "code"),
    [
        (a_bad_check(), a_history(), "drift"),
        (
            a_check((a_signal(), LOSS), an_alarm(a_signal()), labels_prompt=True, reference_rows=500),
            a_history(new_rows=500),
            "new-rows",
        ),
        (a_check(), a_history(scouts=aged(0.1)), "age-cost"),
        (a_check(value=0.5), a_history(), "performance-loss"),
        (a_check(), a_history(trained_until=MONDAY - 31 * DAY), "model-age"),
        (a_check(), a_history(), ""),
    ],
)
def test_each_trigger_has_its_code(check, past, code):
    assert wanted_trigger(check, past, policy(max_age_days=30)) == code


def test_a_request_that_nobody_answered_stays_the_reason_whatever_else_holds_it_back():
    history = a_history(last_retrain=MONDAY, new_rows=0, unanswered=ASKED_BEFORE)

    reason = retrain_reason(a_check(), history, policy(cooldown_days=30, min_new_rows=100))

    assert reason == "it drifted yesterday"


def test_a_lost_performance_is_given_with_its_numbers():
    reason = retrain_reason(a_check(value=0.5, labelled=40), a_history(), policy())

    assert reason == (
        "performance fell: roc_auc 0.7500 at promotion -> 0.5000 in [2024-01-01 00:00, 2024-01-08 00:00) (lost 0.2500, "
        "limit 0.25, n = 40)"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_per_month": 0},
        {"growth_after_refusal": 1},
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
