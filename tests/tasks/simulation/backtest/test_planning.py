"""Which windows is a backtest made of?"""

from datetime import timedelta

import pytest

from tasks.simulation.backtest.planning import BacktestSpan, plan_for

SPAN = BacktestSpan(rehearsal_share=0.25, min_rehearsal=2)


def test_windows_are_whole_and_begin_with_history(stall):
    plan = plan_for(stall, stall.history_start + timedelta(days=7 * 8 + 6), SPAN)

    assert len(plan.windows) == 8
    assert plan.windows[0].start == stall.history_start
    assert plan.windows[-1].end == stall.history_start + timedelta(days=7 * 8)


@pytest.mark.parametrize(("weeks", "first"), [(6, 1), (8, 1), (12, 2), (40, 9)])
def test_the_first_live_model_learns_from_a_share_of_the_windows_but_not_from_fewer_than_the_minimum(
    stall, weeks, first
):
    assert plan_for(stall, stall.history_start + timedelta(days=7 * weeks), SPAN).first == first


def test_models_are_trained_from_the_rehearsal_to_the_last_window_but_one(stall):
    plan = plan_for(stall, stall.history_start + timedelta(days=7 * 12), SPAN)

    assert list(plan.trained_at) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_every_model_is_the_first_candidate_unless_another_is_named(stall):
    end = stall.history_start + timedelta(days=7 * 12)

    assert plan_for(stall, end, SPAN).candidate == "stump"
    assert plan_for(stall, end, SPAN, "tree").candidate == "tree"


def test_a_candidate_that_is_not_declared_is_refused(stall):
    with pytest.raises(ValueError, match="expected one of stump, tree, found the candidate 'bush'"):
        plan_for(stall, stall.history_start + timedelta(days=7 * 12), SPAN, "bush")


def test_a_history_that_is_too_short_is_refused(stall):
    with pytest.raises(ValueError, match=r"expected at least 5 windows of 7 days before 2024-01-29, found 4"):
        plan_for(stall, stall.history_start + timedelta(days=7 * 4), SPAN)
