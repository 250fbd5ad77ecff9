"""To which numbers is a window reduced?"""

import numpy as np
import pandas as pd
import pytest

from tasks.monitoring.signals.summaries import coded_window, learned_coding, window_numbers

RANKS = np.arange(2_560) / 2_560


def window_means(reference, window, kinds, most_pairs=10):
    coding = learned_coding(pd.DataFrame(reference), kinds, most_pairs)
    numbers = window_numbers(coded_window(pd.DataFrame(window), coding), coding)
    return {(column, name): mean for (_, column, name), mean in zip(numbers.names, numbers.mean, strict=True)}


def test_the_reference_itself_lies_at_zero_in_location_spread_skew_and_tails():
    means = window_means({"price": RANKS}, {"price": RANKS}, {"price": "numeric"})

    each = [means["price", name] for name in ("location", "spread", "skew", "tails")]
    assert each == pytest.approx([0, 0, 0, 0], abs=0.02)


def test_location_is_root_three_times_the_mean_rank_between_minus_one_and_one():
    upper_half = RANKS[RANKS >= 0.5]

    means = window_means({"price": RANKS}, {"price": upper_half}, {"price": "numeric"})

    assert means["price", "location"] == pytest.approx(3**0.5 * (0 + 1) / 2, abs=0.01)


def test_spread_is_the_mean_of_its_polynomial_where_all_values_are_the_median():
    means = window_means({"price": RANKS}, {"price": np.full(50, 0.5)}, {"price": "numeric"})

    assert means["price", "spread"] == pytest.approx(5**0.5 * (3 * 0**2 - 1) / 2, abs=0.01)


@pytest.mark.parametrize("scale", [1, 1_000])
def test_a_value_beyond_all_of_the_reference_counts_as_its_largest_however_far(scale):
    means = window_means({"price": RANKS}, {"price": np.full(50, 2.0 * scale)}, {"price": "numeric"})

    assert means["price", "location"] == pytest.approx(3**0.5)


def test_infinite_numbers_are_missing():
    means = window_means({"price": RANKS}, {"price": [np.inf, -np.inf, np.nan, 0.5]}, {"price": "numeric"})

    assert means["price", "share missing"] == 3 / 4


def test_a_number_of_two_values_has_a_location_only():
    means = window_means({"open": [0.0, 1.0] * 50}, {"open": [1.0] * 50}, {"open": "numeric"})

    assert [name for _, name in means] == ["location", "share missing"]


def test_a_constant_number_is_watched_for_other_values():
    means = window_means({"rate": [2.0] * 50}, {"rate": [2.0, 2.0, 2.0, 2.5]}, {"rate": "numeric"})

    assert means["rate", "share not as ever"] == 1 / 4


def test_of_a_category_the_shares_of_levels_and_of_unseen_levels_are_those_among_present_values():
    window = {"shop": ["a", "b", "z", "z", None]}

    means = window_means({"shop": ["a"] * 6 + ["b"] * 3 + ["c"]}, window, {"shop": "categorical"})

    assert means["shop", "share of a"] == 1 / 4
    assert means["shop", "share unseen"] == 2 / 4
    assert means["shop", "share missing"] == 1 / 5


def test_of_two_levels_the_share_of_the_first_is_enough():
    means = window_means({"vip": [True, False, False]}, {"vip": [True, True, False]}, {"vip": "categorical"})

    assert means == {("vip", "share of False"): 1 / 3, ("vip", "share unseen"): 0, ("vip", "share missing"): 0}


def test_a_correlation_that_flips_changes_its_statistic_with_the_same_margins():
    both = {"a": RANKS, "b": RANKS}
    kinds = {"a": "numeric", "b": "numeric"}

    before, after = window_means(both, both, kinds), window_means(both, {"a": RANKS, "b": RANKS[::-1]}, kinds)

    assert before["a & b", "correlation"] == pytest.approx(1, abs=0.01)
    assert after["a & b", "correlation"] == pytest.approx(-1, abs=0.01)
    assert after["b", "location"] == pytest.approx(before["b", "location"], abs=0.02)


def test_a_column_that_moved_as_a_whole_is_no_change_of_correlation():
    rng = np.random.default_rng(0)
    both = {"a": rng.random(5_000), "b": rng.random(5_000)}
    kinds = {"a": "numeric", "b": "numeric"}

    means = window_means(both, both | {"a": both["a"] + 5, "b": both["b"] + 5}, kinds)

    assert means["a & b", "correlation"] == pytest.approx(0, abs=1e-9)


def test_a_rare_value_makes_no_correlations():
    rare = {"a": [1.0] * 3 + [0.0] * 97, "b": list(range(100))}

    coding = learned_coding(pd.DataFrame(rare), {"a": "numeric", "b": "numeric"}, 10)

    assert coding.pairs == ()


def test_only_the_most_correlated_pairs_are_watched():
    columns = {"a": RANKS, "b": RANKS[::-1], "c": np.random.default_rng(0).permutation(RANKS)}

    coding = learned_coding(pd.DataFrame(columns), dict.fromkeys(columns, "numeric"), 1)

    assert coding.pairs == (("a", "b"),)


def test_of_classes_the_loss_is_the_mean_squared_error_and_the_bias_the_mean_error():
    kinds = {"prediction": "numeric", "target": "categorical"}
    reference = {"prediction": RANKS, "target": (RANKS > 0.5).astype(float)}

    means = window_means(reference, {"prediction": [0.2, 0.6, np.nan, 0.5], "target": [0, 1, 1, np.nan]}, kinds)

    assert means["prediction", "loss"] == pytest.approx((0.2**2 + 0.4**2) / 2)
    assert means["prediction", "bias"] == pytest.approx((-0.2 + 0.4) / 2)


def test_of_numbers_the_loss_is_the_mean_absolute_error_capped_at_the_reference():
    kinds = {"prediction": "numeric", "target": "numeric"}
    reference = {"prediction": np.zeros(100), "target": np.tile([1.0, -1.0], 50)}

    means = window_means(reference, {"prediction": [0.0, 0.0], "target": [0.5, 1_000.0]}, kinds)

    assert means["prediction", "loss"] == (0.5 + 1.0) / 2


def test_an_error_that_goes_along_with_a_feature_is_measured_though_the_bias_is_zero():
    kinds = {"a": "numeric", "prediction": "numeric", "target": "numeric"}
    rng = np.random.default_rng(0)
    a = rng.random(2_000)
    reference = {"a": a, "prediction": a, "target": a + rng.choice([-1.0, 1.0], 2_000)}
    changed = {"a": [0.0] * 50 + [1.0] * 50, "prediction": np.zeros(100), "target": [-0.5] * 50 + [0.5] * 50}

    means = window_means(reference, changed, kinds)

    assert means["prediction", "bias"] == 0
    assert means["a", "error along it"] == pytest.approx(0.5 * 3**0.5, abs=0.05)


def test_without_labels_the_outcomes_are_named_and_unknown():
    kinds = {"prediction": "numeric", "target": "categorical"}
    reference = {"prediction": RANKS, "target": (RANKS > 0.5).astype(float)}

    means = window_means(reference, {"prediction": [0.2, 0.6]}, kinds)

    assert np.isnan(means["prediction", "loss"])
    assert np.isnan(means["target", "share unseen"])
    assert not np.isnan(means["prediction", "location"])


def test_a_class_is_the_same_whether_it_comes_as_whole_number_or_with_gaps_as_float():
    kinds = {"prediction": "numeric", "target": "categorical"}
    reference = {"prediction": RANKS, "target": (RANKS > 0.75).astype(float)}

    means = window_means(reference, {"prediction": [0.2, 0.6, 0.7], "target": [0, 1, 1]}, kinds)

    assert (means["target", "share of 0.0"], means["target", "share unseen"]) == (1 / 3, 0)
