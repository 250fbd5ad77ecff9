"""How good are predictions, and which way is better?"""

from math import log, sqrt

import numpy as np
import pytest

from tasks.metrics import change, figure, gain, relative_difference, score, short


def of(name, target, prediction):
    return score(name, np.array(target), np.array(prediction, dtype=float))


def test_roc_auc_is_the_share_of_pairs_in_the_right_order():
    # pairs of a 1 and a 0: (.8, .1) right, (.8, .4) right, (.3, .1) right, (.3, .4) wrong
    assert of("roc_auc", [1, 1, 0, 0], [0.8, 0.3, 0.1, 0.4]) == 3 / 4


def test_log_loss_is_the_mean_surprise():
    assert of("log_loss", [1, 0], [0.8, 0.4]) == pytest.approx(-(log(0.8) + log(0.6)) / 2)


def test_rmse_is_the_root_of_the_mean_square():
    assert of("rmse", [1.0, 2.0], [4.0, 6.0]) == pytest.approx(sqrt((9 + 16) / 2))


def test_mae_is_the_mean_distance():
    assert of("mae", [1.0, 2.0], [4.0, -2.0]) == (3 + 4) / 2


@pytest.mark.parametrize("name", ["roc_auc", "log_loss", "rmse", "mae"])
def test_no_metric_is_defined_without_rows(name):
    assert of(name, [], []) is None


def test_a_ranking_of_one_class_is_not_defined():
    assert of("roc_auc", [1, 1], [0.2, 0.9]) is None


def test_log_loss_of_one_class_is_defined():
    assert of("log_loss", [1, 1], [0.5, 0.25]) == pytest.approx((log(2) + log(4)) / 2)


@pytest.mark.parametrize(("name", "gained"), [("roc_auc", 0.25), ("log_loss", -0.25), ("rmse", -0.25), ("mae", -0.25)])
def test_a_higher_value_is_a_gain_in_a_score_and_a_loss_in_an_error(name, gained):
    assert gain(name, 0.75, 0.5) == gained


def test_log_loss_of_several_classes_is_the_mean_surprise_at_the_true_one():
    chances = [[0.7, 0.2, 0.1], [0.1, 0.4, 0.5]]

    assert of("log_loss", [0, 2], chances) == pytest.approx(-(log(0.7) + log(0.5)) / 2)


def test_a_class_that_was_thought_impossible_is_a_great_surprise_and_not_an_infinite_one():
    assert of("log_loss", [1], [[1.0, 0.0]]) == pytest.approx(-log(1e-6), rel=1e-6)


def test_predictions_that_are_not_finite_have_no_score():
    assert of("rmse", [1.0, 2.0], [np.nan, 2.0]) is None


@pytest.mark.parametrize(
    ("here", "there", "apart"),
    [
        ([1.0, 4.0], [1.0, 4.0], 0.0),
        ([1.0, -4.0], [2.0, -4.0], 1 / 4),
        ([1.0], [1.0, 2.0], None),
        ([], [], None),
        ([1.0], [np.nan], None),
        ([np.inf], [1.0], None),
    ],
)
def test_predictions_are_apart_by_a_share_of_the_largest(here, there, apart):
    assert relative_difference(np.array(here), np.array(there)) == apart


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (0.71204, "0.7120"),
        (0.0, "0.0000"),
        (85.75612, "85.7561"),
        (138528.0024, "138528.00"),
        (1.23456e-6, "1.235e-06"),
        (1.23456e19, "1.235e+19"),
        (-250.5, "-250.50"),
        (None, "unknown"),
    ],
)
def test_a_metric_is_shown_in_significant_digits_whatever_its_unit(value, read):
    assert figure(value) == read


@pytest.mark.parametrize(("value", "read"), [(0.0012, "+0.0012"), (-250.5, "-250.50"), (0.0, "+0.0000")])
def test_a_difference_is_shown_with_its_sign(value, read):
    assert change(value) == read


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (9.332e-05, "9.3e-05"), (0.09039, "0.090"), (-0.934, "-0.93"), (1.586, "1.59"), (35.96, "36.0"),
        (168.2, "168"), (999.4, "999"), (999.6, "1,000"), (26374.0, "26,374"),
    ],
)  # fmt: skip
def test_a_short_number_has_the_digits_that_matter(value, text):
    assert short(value) == text
