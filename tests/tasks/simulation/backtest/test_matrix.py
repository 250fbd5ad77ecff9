"""When is a window's metric known, and what is a row's loss?"""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tasks.simulation.backtest.matrix import Plan, edges, landings, losses, ripe_times
from tasks.training.scouts import history_windows

DAY = timedelta(days=1)


def plan_of(problem, windows):
    return Plan(usecase="stall", windows=windows, rehearsed=0, first=0, candidate="stump", dataset_version=None)


def label_after(problem, sales, days, count=28):
    """Return a sale a day, each labelled so many days later."""
    start = problem.history_start
    return sales(*({"sold_at": start + n * DAY, "told_at": start + (n + days) * DAY} for n in range(count)))


def test_only_whole_windows_are_history(stall):
    assert len(history_windows(stall, stall.history_start + 27.9 * DAY)) == 3
    assert len(history_windows(stall, stall.history_start + 28 * DAY)) == 4


@pytest.mark.parametrize(
    ("days", "landed"),
    [(0, [0, 1, 2, 3]), (1, [0, 1, 2, 4]), (2, [1, 2, 3, 4]), (7, [1, 2, 3, 4]), (9, [2, 3, 4, 4])],
    ids=["at once", "last labelled at the end", "a day too late", "a window late", "more"],
)
def test_a_window_has_settled_when_the_labels_of_its_last_rows_have_come(stall, sales, days, landed):
    """Each window's last sale is on its sixth day; the last window counts only if all its labels can be there."""
    plan = plan_of(stall, history_windows(stall, stall.history_start + 28 * DAY))

    assert landings(label_after(stall, sales, days), stall, plan).tolist() == landed


def test_a_label_that_comes_early_waits_for_its_maturity(stall, sales):
    early, late = stall.history_start + DAY, stall.history_start + 3 * DAY
    rows = sales({"sold_at": late, "told_at": early}, {"sold_at": early, "told_at": late})

    assert ripe_times(rows, replace(stall, mature="sold_at")).tolist() == [late, late]
    assert ripe_times(rows, stall).tolist() == [early, late]


def test_a_window_without_a_labelled_row_never_settles(stall, sales):
    rows = label_after(stall, sales, 0)
    gap = rows[(rows["sold_at"] < stall.history_start + 7 * DAY) | (rows["sold_at"] >= stall.history_start + 14 * DAY)]
    plan = plan_of(stall, history_windows(stall, stall.history_start + 28 * DAY))

    assert landings(gap.reset_index(drop=True), stall, plan).tolist() == [0, 4, 2, 3]


def test_windows_are_cut_where_they_begin(stall, sales):
    plan = plan_of(stall, history_windows(stall, stall.history_start + 21 * DAY))

    assert edges(plan, label_after(stall, sales, 0)["sold_at"]).tolist() == [0, 7, 14, 21]


def test_the_loss_of_a_class_is_minus_the_log_of_its_probability(stall):
    row_losses = losses(np.array([1, 0]), np.array([0.25, 0.25]), stall)

    assert row_losses == pytest.approx([-np.log(0.25), -np.log(0.75)])


def test_of_several_classes_the_rows_own_counts(stall):
    row_losses = losses(np.array([2, 0]), np.array([[0.2, 0.3, 0.5], [0.1, 0.2, 0.7]]), stall)

    assert row_losses == pytest.approx([-np.log(0.5), -np.log(0.1)])


def test_the_loss_of_a_number_is_its_distance(stall):
    number = replace(stall, kind="regression")

    assert losses(np.array([1.0, 2.0]), np.array([3.0, 1.5]), number).tolist() == [2.0, 0.5]
