"""Are the groups of a protected column treated alike?"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tasks.training.slices import group_gaps

ROWS = 400


@pytest.fixture
def rows(sales):
    """400 sales; each second one of the web, the last twenty of a fair."""
    stall_sales = sales(*({"returned": float(n % 4 < 2)} for n in range(ROWS)))
    return stall_sales.assign(channel=stall_sales["channel"].where(stall_sales.index < ROWS - 20, "fair"))


def frame(rows, predicted):
    return pd.DataFrame({"target": rows["returned"].astype(int), "tree": predicted, "block": 0}, index=rows.index)


def test_without_protected_columns_there_are_no_gaps(stall, rows):
    assert group_gaps(frame(rows, 0.5), rows, stall, "tree") == ()


def test_answers_that_are_right_everywhere_leave_no_gap_and_small_groups_are_named(stall, rows):
    problem = replace(stall, protected=("channel",))

    (gap,) = group_gaps(frame(rows, rows["returned"] * 0.5 + 0.2), rows, problem, "tree")

    assert (gap.column, gap.gap, gap.passed_over) == ("channel", 0.0, "fair")


def test_equalized_odds_tell_a_group_whose_answers_are_the_wrong_way_round(stall, rows):
    problem = replace(stall, protected=("channel",))
    predicted = (rows["returned"] * 0.5 + 0.2).where(rows["channel"] != "web", 0.7 - rows["returned"] * 0.5)

    assert group_gaps(frame(rows, predicted), rows, problem, "tree")[0].gap == 1.0


def test_a_group_without_any_ones_is_compared_by_its_zeros_alone(stall, rows):
    problem = replace(stall, protected=("channel",))
    rows_without_ones = rows.assign(returned=rows["returned"].where(rows["channel"] != "web", 0.0))

    assert (
        group_gaps(
            frame(rows_without_ones, rows_without_ones["returned"] * 0.5 + 0.2), rows_without_ones, problem, "tree"
        )[0].gap
        == 0.0
    )


def test_groups_that_share_no_class_leave_the_gap_open(stall, rows):
    problem = replace(stall, protected=("channel",))
    rows_by_channel = rows.assign(returned=(rows["channel"] == "web").astype(float))

    assert (
        group_gaps(
            frame(rows_by_channel, rows_by_channel["returned"] * 0.5 + 0.2)[:380], rows_by_channel, problem, "tree"
        )[0].gap
        is None
    )


def test_of_values_the_gap_is_that_of_the_mean_errors_in_spreads_of_the_target(stall, rows):
    problem = replace(stall, kind="regression", metric="mae", protected=("channel",))
    predicted = rows["returned"] + np.where(rows["channel"] == "web", 0.25, 0.0)

    # half of the targets are 1, so that their standard deviation is a half
    assert group_gaps(frame(rows, predicted), rows, problem, "tree")[0].gap == pytest.approx(0.25 / 0.5, rel=0.01)


def test_predictions_that_are_not_finite_leave_the_gap_open(stall, rows):
    problem = replace(stall, protected=("channel",))

    assert group_gaps(frame(rows, np.nan), rows, problem, "tree")[0].gap is None
