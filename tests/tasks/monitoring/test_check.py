"""What does the newest of several looks amount to?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.monitoring.check import Performance, window_check
from tasks.monitoring.limits import Watch, WatchPolicy, learned_watch
from tasks.monitoring.look import Look
from tasks.monitoring.signals.estimation import EstimationPolicy, PerformanceEstimate
from tasks.monitoring.signals.health import Fault
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PERFORMANCE = Performance(metric="roc_auc", value=0.5, labelled=40, expected=0.75)
POLICY = WatchPolicy(estimation=EstimationPolicy(min_checked=2))
LEVEL, TWICE, MORE_ROWS = (
    Fault(kind=kind, column="channel", number=1, expected=0, since=JAN_1, last_good=None, sentence=kind)
    for kind in ("unknown categories", "duplicates", "high volume")
)


def a_look(day, labelled=8, faults=(), estimated=None):
    """Return the look at a day of ten rows whose metric was 0.5, however it was estimated."""
    window = Window(start=JAN_1 + (day - 1) * DAY, end=JAN_1 + day * DAY)
    estimate = PerformanceEstimate(metric="roc_auc", value=estimated, low=estimated, high=estimated, rows=10)
    return Look(window=window, as_of=window.end, watch="w", rows=10, labelled=labelled, signals=(), faults=faults,
                measured=0.5, estimate=estimate)  # fmt: skip


@pytest.fixture
def watch(stall, sales) -> Watch:
    """What is ordinary for a model that learned from forty days of sales."""
    return learned_watch(stall, sales(*[{}] * 8 * 40), JAN_1 + 40 * DAY, None, POLICY)


def judged(problem, watch, *looks):
    return window_check(problem, watch, looks, "3", PERFORMANCE)


@pytest.mark.parametrize(("labelled", "prompt"), [(3, False), (4, True), (5, True)], ids=["below", "at", "above"])
def test_labels_are_prompt_where_the_newest_window_has_half_of_the_best_ones_share(stall, watch, labelled, prompt):
    assert judged(stall, watch, a_look(1), a_look(2, labelled)).labels_prompt is prompt


def test_estimates_of_windows_whose_labels_have_not_come_switch_nothing_off(stall, watch):
    # 0.9 was estimated of 0.5, which is further off than 0.75, what was expected; one window alone tells nothing
    wrong, unripe, newest = a_look(1, estimated=0.9), a_look(2, 3, estimated=0.9), a_look(3, 3, estimated=0.8)

    assert judged(stall, watch, wrong, unripe, newest).distrust is None
    assert judged(stall, watch, wrong, unripe, newest).estimate.value == 0.8


def test_estimates_that_labels_refute_are_switched_off(stall, watch):
    check = judged(stall, watch, a_look(1, estimated=0.9), a_look(2, estimated=0.9), a_look(3, 3, estimated=0.8))

    assert check.distrust.startswith("estimates of roc_auc were off by 0.4000")
    assert check.estimate is None


def test_a_fault_is_new_where_the_window_before_had_none_and_a_warning_is_no_fault(stall, watch):
    check = judged(stall, watch, a_look(1, faults=(TWICE,)), a_look(2, faults=(TWICE, LEVEL, MORE_ROWS)))

    assert check.faults == (TWICE, LEVEL)
    assert check.new_faults == (LEVEL, MORE_ROWS)
    assert check.warnings == (MORE_ROWS,)
    assert (check.lasting, check.new_lasting) == ((), ())


def test_a_fault_that_lasts_is_new_at_its_second_window_alone(stall, watch):
    looks = [a_look(day, faults=(LEVEL,)) for day in (1, 2, 3)]
    second, third = judged(stall, watch, *looks[:2]), judged(stall, watch, *looks)

    assert (second.faults, second.lasting, second.new_lasting) == ((), (LEVEL,), (LEVEL,))
    assert (third.faults, third.lasting, third.new_lasting) == ((), (LEVEL,), ())


def test_a_check_is_of_the_newest_window(stall, watch):
    check = judged(stall, watch, a_look(1), a_look(2))

    assert (check.usecase, check.model_version, check.rows, check.as_of) == ("stall", "3", 10, JAN_1 + 2 * DAY)
    assert check.window == Window(start=JAN_1 + DAY, end=JAN_1 + 2 * DAY)
    # those told by day 40: eight a day, sold up to the start of day 38
    assert (check.performance, check.reference_rows) == (PERFORMANCE, 8 * 38 + 1)
