"""How much do ordinary windows differ beyond sampling?"""

from statistics import NormalDist

import numpy as np
import pytest

from tasks.monitoring.signals.variation import GRID, deviation, learned_variation


def away(share, rows, center):
    statistic = np.array([share]), np.array([float(rows)]), np.array([center])
    sd = np.sqrt(statistic[2] * (1 - statistic[2]))
    return float(deviation(*statistic, sd, np.zeros(1), np.array([True]))[0] / sd[0] * rows**0.5)


def between_sds(blocks, rows=1_000):
    sizes = np.full(blocks.shape, float(rows))
    variation = learned_variation(blocks, sizes, np.ones(blocks.shape[1]), ["location"] * blocks.shape[1])
    return np.sqrt(variation.weights @ GRID)


def test_a_common_share_deviates_by_its_difference():
    assert away(0.55, 10_000, 0.5) == pytest.approx((0.55 - 0.5) / (0.5 * 0.5 / 10_000) ** 0.5)


def test_a_rare_count_deviates_by_the_normal_score_of_its_mid_p_value():
    half_of_none = 0.99**100 / 2

    assert away(0.0, 100, 0.01) == pytest.approx(NormalDist().inv_cdf(half_of_none))


def test_five_where_a_third_of_one_is_expected_are_about_four_sds_away_and_not_eight():
    plain = (5 - 0.3) / 0.3**0.5

    assert plain == pytest.approx(8.6, abs=0.05)
    assert away(0.005, 1_000, 0.0003) == pytest.approx(4.2, abs=0.2)


def test_of_a_share_that_never_occurred_thousands_are_still_far_away_and_no_infinity():
    assert 37 < away(0.9, 10_000, 1e-5) < 1e5


def test_skewness_is_taken_out_and_the_order_stays():
    means = np.linspace(-1, 3, 41)
    ones = np.ones(41)

    away = deviation(means, 100 * ones, 0 * ones, ones, 6 * ones, ones < 0)

    assert (np.diff(away) > 0).all()
    assert away[means.tolist().index(0)] == pytest.approx(0.6 / 6 / 10)


def test_windows_that_differ_by_sampling_alone_have_next_to_no_variation_of_their_own():
    blocks = np.random.default_rng(0).standard_normal((12, 100)) / 1_000**0.5

    assert between_sds(blocks).max() < 0.5 / 1_000**0.5


def test_variation_between_windows_is_estimated_for_many_columns_at_once():
    rng = np.random.default_rng(1)
    blocks = 0.1 * rng.standard_normal((12, 100)) + rng.standard_normal((12, 100)) / 1_000**0.5

    assert between_sds(blocks).mean() == pytest.approx(0.1, rel=0.15)


def test_an_unsteady_column_among_steady_columns_keeps_its_variation():
    rng = np.random.default_rng(2)
    blocks = rng.standard_normal((12, 40)) / 1_000**0.5
    blocks[:, 7] += 0.3 * rng.standard_normal(12)

    spreads = between_sds(blocks)

    assert 0.2 < spreads[7] < 0.45
    assert np.delete(spreads, 7).max() < 0.03


def test_blocks_in_a_trend_tell_less_than_the_same_blocks_in_no_order():
    trend = np.linspace(-0.5, 0.5, 12)
    dealt = trend[[4, 9, 1, 11, 0, 6, 3, 10, 2, 7, 5, 8]]
    sizes, sds = np.full((12, 1), 1_000.0), np.ones(1)

    in_order = learned_variation(trend[:, None], sizes, sds, ["location"])
    without = learned_variation(dealt[:, None], sizes, sds, ["location"])

    assert in_order.correlation > 0.4
    assert without.correlation == 0
    assert in_order.weights @ GRID > without.weights @ GRID


def test_a_block_without_the_statistic_is_left_out():
    blocks = np.array([[0.1], [np.nan], [0.3]])
    rows = np.array([[1_000.0], [0.0], [1_000.0]])

    variation = learned_variation(blocks, rows, np.ones(1), ["location"])

    assert variation.center == pytest.approx([(0.1 + 0.3) / 2])
