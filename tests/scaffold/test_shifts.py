"""What in a table changes with time?"""

import numpy as np
import pandas as pd
import pytest

from scaffold.profiling import TargetProfile
from scaffold.shifts import counts_up, holes, shift_findings, steps_missing

ROWS = 3_000
CHANCE = np.random.default_rng(0)
LATE = np.arange(ROWS) >= 1_500
COIN = pd.Series(CHANCE.integers(0, 2, ROWS).astype(float), name="lost")
HOURS = pd.Series(pd.date_range("2024-01-01", periods=500, freq="h", tz="UTC"))


def kinds(values, answers=COIN):
    frame = pd.DataFrame({"it": values})
    return {
        finding.kind: finding.evidence for finding in shift_findings(frame, TargetProfile("binary", answers), ["it"])
    }


def test_a_column_that_does_not_change_has_no_finding() -> None:
    assert kinds(CHANCE.normal(size=ROWS)) == {}


def test_a_number_that_moved_is_reported_with_its_medians() -> None:
    assert "median" in kinds(CHANCE.normal(size=ROWS) + 2 * LATE)["level changes"]


def test_a_word_that_took_over_is_reported_with_its_shares() -> None:
    assert kinds(pd.Series(np.where(LATE, "new", "old")))["level changes"].startswith("'new' in 0% of the first third")


def test_gaps_that_began_are_reported() -> None:
    values = pd.Series(CHANCE.normal(size=ROWS)).mask(pd.Series(LATE))

    assert kinds(values)["gaps change"] == "missing in 0% of the first third of the rows, in 100% of the last"


def test_a_value_that_came_to_mean_the_opposite_is_reported_with_both_rates() -> None:
    before = pd.Series((np.arange(ROWS) % 3 == 0).astype(float))
    answers = before.where(~LATE, 1 - before).rename("lost")

    assert "in 100% of the first third and in 0% of the last" in kinds(before, answers)["meaning changes"]


@pytest.mark.parametrize(
    ("values", "counts"),
    [([2015.0, 2015.0, 2016.0, 2017.0], True), (["train", "train", "test"], True), ([1.0, 2.0, 1.0, 2.0], False)],
)
def test_what_only_goes_on_to_new_values_counts_up(values, counts) -> None:
    assert counts_up(pd.Series(values)) is counts


def test_a_hole_lies_between_the_rows_around_it() -> None:
    (hole,) = holes(HOURS.drop(range(100, 200)).reset_index(drop=True))

    assert (hole.start, hole.end) == (HOURS[99], HOURS[200])


def test_steps_that_are_missing_are_counted() -> None:
    step, moments, missing = steps_missing(HOURS.drop([10, 20, 30]).reset_index(drop=True))

    assert (step, moments, missing) == (pd.Timedelta(hours=1), 500, 3)
