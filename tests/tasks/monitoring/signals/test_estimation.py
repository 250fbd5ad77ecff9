"""What performance is expected before labels come, and when is the estimate no longer believed?"""

import numpy as np
import pandas as pd
import pytest

from tasks.monitoring.signals.estimation import (
    Confidence,
    EstimationPolicy,
    Landed,
    PerformanceEstimate,
    confidence,
    distrust_reason,
    performance_estimate,
)

POLICY = EstimationPolicy(min_rows=50, checked=3, min_checked=2)
HONEST = Confidence(predicted=(0.0, 1.0), observed=(0.0, 1.0), rows=1_000)


def test_confidence_is_how_often_the_class_was_one():
    prediction = pd.Series([0.1] * 10 + [0.9] * 10 + [0.5])
    target = pd.Series([0.0] * 8 + [1.0] * 2 + [1.0] * 6 + [0.0] * 4 + [None])

    calibration = confidence(prediction, target)

    assert (calibration.predicted, calibration.rows) == ((0.1, 0.9), 20)
    assert calibration.observed == pytest.approx((2 / 10, 6 / 10))


def test_without_labels_there_is_no_confidence():
    with pytest.raises(ValueError, match="expected predictions with labels to learn their confidence from, found none"):
        confidence(pd.Series([0.5]), pd.Series([None], dtype=float))


def test_the_log_loss_to_expect_is_the_entropy_of_honest_probabilities():
    estimate = performance_estimate("log_loss", pd.Series([0.2] * 100), HONEST, POLICY)

    assert estimate.value == pytest.approx(-(0.2 * np.log(0.2) + 0.8 * np.log(0.8)))
    assert estimate.low < estimate.value < estimate.high


def test_the_auc_to_expect_counts_each_pair_by_its_probability():
    estimate = performance_estimate("roc_auc", pd.Series([0.2] * 50 + [0.8] * 50), HONEST, POLICY)
    single_above_zero = (0.8 * 50) * (0.8 * 50)
    tied = (0.8 * 50) * (0.2 * 50) + (0.2 * 50) * (0.8 * 50)
    all_pairs = 50 * 50

    assert estimate.value == pytest.approx((single_above_zero + tied / 2) / all_pairs)


def test_an_overconfident_model_is_expected_to_do_worse_than_it_says():
    modest = Confidence(predicted=(0.0, 1.0), observed=(0.3, 0.7), rows=1_000)
    sure = pd.Series([0.05, 0.95] * 50)

    assert (
        performance_estimate("roc_auc", sure, modest, POLICY).value
        < performance_estimate("roc_auc", sure, HONEST, POLICY).value
    )


@pytest.mark.parametrize(("rows", "has_value"), [(49, False), (50, True)])
def test_too_few_predictions_are_noted_with_the_number_that_is_needed(rows, has_value):
    estimate = performance_estimate("log_loss", pd.Series([0.2] * rows), HONEST, POLICY)

    assert (estimate.value is not None, estimate.note) == (has_value, "" if has_value else "49 predictions, 50 needed")


def test_of_a_regression_nothing_is_estimated():
    assert (
        performance_estimate("rmse", pd.Series([0.2] * 100), HONEST, POLICY).note
        == "rmse cannot be estimated without labels, only roc_auc and log_loss"
    )


def landed(*pairs):
    return [
        Landed(
            estimate=PerformanceEstimate(
                metric="roc_auc", value=value, low=value - 0.01, high=value + 0.01, rows=1_000
            ),
            measured=measured,
        )
        for value, measured in pairs
    ]


def test_an_estimate_further_from_the_truth_than_no_change_is_switched_off_with_the_numbers():
    reason = distrust_reason(landed((0.80, 0.70), (0.80, 0.72)), expected=0.74, policy=POLICY)

    assert reason == (
        "estimates of roc_auc were off by 0.0900 on average in the last 2 windows with labels; assuming no change was "
        "off by 0.0300, chance explains 0.0100"
    )


def test_an_estimate_nearer_than_no_change_is_believed():
    assert distrust_reason(landed((0.72, 0.70), (0.71, 0.70)), expected=0.80, policy=POLICY) is None


def test_an_estimate_as_near_as_chance_allows_is_believed():
    assert distrust_reason(landed((0.805, 0.80), (0.795, 0.80)), expected=0.80, policy=POLICY) is None


def test_one_window_switches_nothing_off():
    assert distrust_reason(landed((0.90, 0.70)), expected=0.70, policy=POLICY) is None


def test_old_windows_are_forgiven():
    past = landed((0.90, 0.70), (0.71, 0.70), (0.71, 0.70), (0.71, 0.70))

    assert distrust_reason(past, expected=0.80, policy=POLICY) is None


def test_where_a_rule_changed_the_estimate_is_wrong_and_switched_off():
    shown = pd.Series(np.random.default_rng(0).random(2_000))

    estimate = performance_estimate("roc_auc", shown, HONEST, POLICY)
    reason = distrust_reason([Landed(estimate=estimate, measured=0.60)] * 2, expected=0.70, policy=POLICY)

    assert estimate.value == pytest.approx(5 / 6, abs=0.01)
    assert reason is not None
