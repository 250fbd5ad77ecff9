"""Are predictions possible, various, calibrated and unbiased?"""

from dataclasses import replace

import numpy as np
import pytest

from tasks.training.sanity import bias, calibration_error, finite_share, outside, same_share

CHANCE = np.random.default_rng(0)
ROWS = 6_000
PIECES = np.arange(ROWS) * 12 // ROWS
CHANCES = CHANCE.uniform(0.1, 0.8, ROWS)
CAME = (CHANCE.uniform(size=ROWS) < CHANCES).astype(int)


@pytest.fixture
def values(stall):
    return replace(stall, kind="regression", metric="mae")


@pytest.fixture
def several(stall):
    return replace(stall, classes=("a", "b", "c"), metric="log_loss")


def test_a_row_counts_as_finite_where_all_its_numbers_are():
    assert finite_share(np.array([0.5, np.nan, np.inf, 0.1])) == 2 / 4
    assert finite_share(np.array([[0.5, 0.5], [np.nan, 1.0]])) == 1 / 2
    assert finite_share(np.array([])) is None


def test_chances_lie_outside_by_how_far_they_leave_0_to_1(stall):
    assert outside(np.array([0.0, 1.0]), stall, np.array([0, 1])) == 0
    assert outside(np.array([0.5, 1.25]), stall, np.array([0, 1])) == 0.25
    assert outside(np.array([-0.5, 1.25]), stall, np.array([0, 1])) == 0.5


def test_chances_of_several_classes_lie_outside_where_they_do_not_add_up_to_1(several):
    assert outside(np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.5]]), several, np.array([0, 1])) == 0.25


def test_values_lie_outside_in_lengths_of_the_range_that_was_learned_from(values):
    assert outside(np.array([10.0, 30.0]), values, np.array([10.0, 30.0])) == 0
    assert outside(np.array([10.0, 35.0]), values, np.array([10.0, 30.0])) == 5 / 20
    assert outside(np.array([0.0, 35.0]), values, np.array([10.0, 30.0])) == 10 / 20


def test_from_a_constant_target_no_range_is_learned(values):
    assert outside(np.array([1.0]), values, np.array([2.0, 2.0])) is None


def test_without_a_finite_prediction_the_distance_outside_is_undefined(stall):
    assert outside(np.array([np.nan]), stall, np.array([0, 1])) is None


def test_the_commonest_prediction_is_counted():
    assert same_share(np.array([0.5, 0.5, 0.5, 0.1])) == 3 / 4
    assert same_share(np.array([[0.5, 0.5], [0.5, 0.5], [0.4, 0.6]])) == 2 / 3


def test_honest_chances_have_hardly_any_error_beyond_chance():
    assert calibration_error(CAME, CHANCES, PIECES) < 0.01


def test_chances_ten_points_too_high_have_an_error_of_ten_points():
    assert calibration_error(CAME, CHANCES + 0.1, PIECES) == pytest.approx(0.1, abs=0.015)


def test_chances_of_too_much_confidence_have_an_error():
    sure = np.where(CHANCES > 0.45, 0.95, 0.05)

    # where .95 is predicted .625 come on average, where .05 is predicted .275 do
    assert calibration_error(CAME, sure, PIECES) == pytest.approx((0.325 + 0.225) / 2, abs=0.02)


def test_of_several_classes_the_chance_of_the_likeliest_is_asked_about():
    chances = np.tile([0.6, 0.3, 0.1], (ROWS, 1))
    right = np.where(np.arange(ROWS) % 10 < 6, 0, 1)

    assert calibration_error(right, chances, PIECES) == pytest.approx(0)
    assert calibration_error(right, np.tile([0.9, 0.05, 0.05], (ROWS, 1)), PIECES) == pytest.approx(0.3)


def test_chances_that_are_not_finite_have_no_defined_error():
    assert calibration_error(CAME, np.where(CHANCES > 0.7, np.nan, CHANCES), PIECES) is None


def test_an_error_that_comes_and_goes_by_chance_is_no_bias():
    assert bias(np.arange(60.0), np.arange(60.0) + np.tile([1, -1], 30), np.arange(60) // 5) == 0


def test_a_constant_error_is_a_bias_in_either_direction():
    target = np.arange(60.0)

    assert bias(target, target + 5, np.arange(60) // 5) == pytest.approx(5 / target.std())
    assert bias(target, target - 5, np.arange(60) // 5) == pytest.approx(5 / target.std())


def test_of_a_target_without_spread_the_bias_is_undefined():
    assert bias(np.ones(60), np.ones(60), np.arange(60) // 5) is None
