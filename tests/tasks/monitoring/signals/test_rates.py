"""How often does the rule ring by chance?"""

import numpy as np
import pytest

from tasks.monitoring.signals.rates import onset_rate, rings


def normal_tail(limit):
    return {0.0: 0.5, 1.0: 0.158655, 2.0: 0.0227501}[limit]


@pytest.mark.parametrize("limit", [0.0, 1.0, 2.0])
def test_a_single_check_begins_to_ring_where_it_is_beyond_and_the_check_before_was_not(limit):
    beyond = normal_tail(limit)

    assert onset_rate(1, 1, 1)(np.array([limit])) == pytest.approx([beyond * (1 - beyond)], rel=1e-3)


@pytest.mark.parametrize("limit", [0.0, 1.0, 2.0])
def test_two_of_the_last_three_begin_to_ring_in_three_patterns_of_four_checks(limit):
    p = normal_tail(limit)
    out_out_in_in = (1 - p) * (1 - p) * p * p
    out_in_out_in = (1 - p) * p * (1 - p) * p
    in_in_out_in = p * p * (1 - p) * p

    expected = out_out_in_in + out_in_out_in + in_in_out_in

    assert onset_rate(2, 3, 1)(np.array([limit])) == pytest.approx([expected], rel=1e-3)


def test_the_rule_holds_where_the_newest_is_beyond_and_enough_of_the_last_are():
    beyond = np.array([True, False, True, False, False, True, True, False])

    assert rings(beyond, 2, 3).tolist() == [False, False, True, False, False, False, True, False]


def test_windows_that_overlap_begin_to_ring_less_often_than_separate_windows_at_a_single_check():
    limits = np.array([1.0, 2.0, 3.0])

    assert (onset_rate(1, 1, 28)(limits) < onset_rate(1, 1, 1)(limits)).all()


def test_waiting_for_a_second_check_rules_out_little_where_windows_overlap():
    limits = np.array([2.0, 3.0])

    single, twice = onset_rate(1, 1, 28)(limits), onset_rate(2, 3, 28)(limits)

    assert (twice > 0.4 * single).all()
    assert (onset_rate(2, 3, 1)(limits) < 0.1 * onset_rate(1, 1, 1)(limits)).all()


def test_the_rate_of_overlapping_windows_is_that_of_a_long_series_simulated_anew():
    rng = np.random.default_rng(42)
    steps = np.concatenate([[0.0], np.cumsum(rng.standard_normal(400_000))])
    series = (steps[4:] - steps[:-4]) / 2
    held = rings(series > 2.5, 2, 3)

    onsets = (held[1:] & ~held[:-1]).mean()

    assert onset_rate(2, 3, 4)(np.array([2.5])) == pytest.approx([onsets], rel=0.15)


def test_the_rate_falls_with_the_limit_to_the_end_of_the_table_and_is_that_of_zero_below_it():
    rate = onset_rate(2, 3, 4)

    assert (np.diff(np.log(rate(np.arange(0, 12, 0.5)))) < 0).all()
    assert rate(np.array([-3.0])) == rate(np.array([0.0]))
