"""What is ordinary for a version, and when does the alarm ring by what its windows show?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.labels import as_usable
from tasks.monitoring.limits import WatchPolicy, learned_watch, watched_kinds
from tasks.monitoring.look import Look, beside, broken, last_good, lasting, measured_metric, quiet, ripe, rung, warnings
from tasks.monitoring.signals.health import Fault
from tasks.monitoring.signals.models import AlarmPolicy, Signal
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = WatchPolicy(alarm=AlarmPolicy(persistence=2, memory=3))
FAULT = Fault(kind="duplicates", column="", number=1, expected=0, since=JAN_1, last_good=None, sentence="twice")
MORE_ROWS = FAULT.model_copy(update={"kind": "high volume"})
NEW_LEVEL = FAULT.model_copy(update={"kind": "unknown categories", "column": "product"})


def a_signal(side, family="features"):
    return Signal(
        family=family, column="a", statistic="location", rows=99, value=1.0, expected=0, limit=0.5, exceeded=side
    )


def a_look(day, side=0, labelled=10, faults=(), family="features", length=DAY):
    window = Window(start=JAN_1 + day * DAY - length, end=JAN_1 + day * DAY)
    return Look(
        window=window,
        as_of=window.end,
        watch="w",
        rows=10,
        labelled=labelled,
        signals=(a_signal(side, family),),
        faults=faults,
    )


def test_the_alarm_rings_at_the_second_of_three_windows_beyond():
    assert rung([a_look(1, 1)], POLICY) is None
    assert rung([a_look(1, 1), a_look(2), a_look(3, 1)], POLICY).families == ("features",)


def test_a_window_with_a_fault_neither_rings_nor_counts():
    assert rung([a_look(1, 1), a_look(2, 1, faults=(FAULT,))], POLICY) is None
    assert rung([a_look(1, 1, faults=(FAULT,)), a_look(2, 1)], POLICY) is None


def test_a_fault_that_the_world_can_bring_about_lasts_from_its_second_whole_window():
    first, second = a_look(1, 1, faults=(NEW_LEVEL,)), a_look(2, 1, faults=(NEW_LEVEL,))

    assert lasting([first], POLICY.faults) == ()
    assert lasting([first, second], POLICY.faults) == (NEW_LEVEL,)
    assert rung([first], POLICY) is None
    assert rung([first, second], POLICY).families == ("features",)


def test_a_fault_that_was_away_for_a_window_begins_anew():
    looks = [a_look(1, faults=(NEW_LEVEL,)), a_look(2), a_look(3, faults=(NEW_LEVEL,))]

    assert lasting(looks, POLICY.faults) == ()


def test_more_rows_than_ever_are_a_warning_that_holds_nothing_back_and_never_lasts():
    grown = [a_look(1, 1, faults=(MORE_ROWS,)), a_look(2, 1, faults=(MORE_ROWS, FAULT)), a_look(3, 1)]

    assert warnings(grown[0]) == (MORE_ROWS,)
    assert broken(grown[0], ()) == ()
    assert broken(grown[1], ()) == (FAULT,)
    assert beside(grown[1], (FAULT,)) == (MORE_ROWS,)
    assert lasting(grown[:1] * 3, POLICY.faults) == ()
    assert last_good(grown[:2]) == grown[0].window
    assert rung([grown[0], a_look(2, 1, faults=(MORE_ROWS,))], POLICY).families == ("features",)


def test_the_burst_of_a_day_within_sight_of_many_looks_at_a_week_never_lasts():
    looks = [a_look(day, faults=(NEW_LEVEL,), length=7 * DAY) for day in range(1, 8)]

    assert lasting(looks, POLICY.faults) == ()
    assert lasting([*looks, a_look(8, faults=(NEW_LEVEL,), length=7 * DAY)], POLICY.faults) == (NEW_LEVEL,)


def test_what_only_a_broken_feed_does_never_lasts():
    looks = [a_look(day, 1, faults=(FAULT, NEW_LEVEL)) for day in range(1, 9)]

    assert lasting(looks, POLICY.faults) == (NEW_LEVEL,)
    assert rung(looks, POLICY) is None


def test_what_needs_labels_is_judged_at_the_newest_window_that_has_half_of_the_best_ones_share():
    looks = [a_look(1, 1, 8, family="target"), a_look(2, 1, 4, family="target"), a_look(3, 0, 3, family="target")]

    assert [look.labelled for look in ripe(looks)] == [8, 4]
    assert rung(looks, POLICY).families == ("target",)


def test_quiet_is_an_alarm_that_rang_at_none_of_the_newest_three():
    calm = [a_look(1), a_look(2), a_look(3)]

    assert quiet(calm, POLICY)
    assert not quiet(calm[:2], POLICY)
    assert not quiet([a_look(-1, 1), a_look(0, 1), a_look(1), a_look(2)], POLICY)


def test_only_predictions_of_unseen_rows_calibrate_the_performance(stall, sales):
    rows = sales(*[{}] * 8 * 40)
    usable = as_usable(rows, stall, JAN_1 + 40 * DAY)
    predicted = usable[["price"]].rename(columns={"price": "prediction"}) / 20

    bare = learned_watch(stall, rows, JAN_1 + 40 * DAY, None, WatchPolicy())
    whole = learned_watch(stall, rows, JAN_1 + 40 * DAY, predicted, WatchPolicy())

    assert "prediction and performance left out" in bare.note
    assert {statistic.family for statistic in whole.limits.statistics} - {
        statistic.family for statistic in bare.limits.statistics
    } >= {
        "prediction",
        "performance",
    }
    assert (bare.confidence, bare.id == whole.id) == (None, False)


def test_the_metric_counts_rows_that_were_predicted_and_told(stall, sales):
    rows = sales({"returned": 1.0}, {"returned": 0.0}, {"returned": 0.0}, {"returned": None})
    predicted = rows.assign(prediction=[0.5, 0.25, float("nan"), 0.75])[["prediction"]]

    assert measured_metric(stall, rows, predicted) == 1.0


@pytest.mark.parametrize("predicted", [True, False])
def test_a_prediction_is_looked_at_where_there_is_one(stall, predicted):
    assert ("prediction" in watched_kinds(stall, predicted=predicted)) is predicted
