"""What was a schedule of retrains worth, and what could have been had?"""

from itertools import combinations

import numpy as np
import pytest

from tasks.simulation.backtest.schedules import (
    Best,
    Cheapest,
    achievable_share,
    best_at_most,
    best_schedules,
    cheapest_by_price,
    cost_area,
    highest_price,
    percentile,
    prices_up_to,
    random_schedules,
    schedule_score,
    serving,
    total_cost,
    window_scores,
)

GAP = float("nan")
SCORES = np.array(
    [
        [GAP, 0.8, 0.6, 0.5, 0.4],
        [GAP, GAP, 0.7, 0.5, 0.5],
        [GAP, GAP, GAP, 0.9, 0.8],
        [GAP, GAP, GAP, GAP, 0.6],
        [GAP, GAP, GAP, GAP, GAP],
    ]
)
"""Row: the model trained at the end of that window. Column: the window it is measured on."""


@pytest.mark.parametrize(
    ("schedule", "models"),
    [((), [0, 0, 0, 0]), ((1,), [0, 1, 1, 1]), ((2, 3), [0, 0, 2, 3]), ((1, 2, 3), [0, 1, 2, 3])],
    ids=["never", "once", "twice", "always"],
)
def test_a_model_serves_from_the_window_after_the_one_at_whose_end_it_was_trained(schedule, models):
    assert serving(0, 5, schedule).tolist() == models


def test_a_history_may_begin_before_the_first_model():
    assert serving(2, 6, (4,)).tolist() == [2, 2, 4]


def test_a_windows_score_is_that_of_the_model_that_served_it():
    assert window_scores(SCORES, 0, (2,)).tolist() == [0.8, 0.6, 0.9, 0.8]


def test_a_schedules_score_is_the_mean_over_the_windows_served():
    assert schedule_score(SCORES, 0, (2,)) == pytest.approx((0.8 + 0.6 + 0.9 + 0.8) / 4)


def test_a_window_without_a_metric_is_left_out_of_the_mean():
    scores = SCORES.copy()
    scores[:, 3] = GAP

    assert schedule_score(scores, 0, (2,)) == pytest.approx((0.8 + 0.6 + 0.8) / 3)


def test_the_best_schedule_of_each_number_of_retrains_is_the_best_in_hindsight():
    schedules = best_schedules(SCORES, 0, 3, greater_is_better=True)

    assert [best.schedule for best in schedules] == [(), (2,), (1, 2), (1, 2, 3)]
    assert [best.score for best in schedules] == pytest.approx([2.3 / 4, 3.1 / 4, 3.2 / 4, 3.0 / 4])


def test_of_an_error_the_best_schedule_is_that_with_the_least():
    schedules = best_schedules(1 - SCORES, 0, 1, greater_is_better=False)

    assert schedules[1] == Best(pytest.approx((0.2 + 0.4 + 0.1 + 0.2) / 4), (2,))


@pytest.mark.parametrize("retrains", [0, 1, 2, 5, 9])
@pytest.mark.parametrize("greater", [True, False])
def test_no_schedule_of_as_many_retrains_beats_the_best(retrains, greater):
    scores = np.where(np.triu(np.ones((12, 12)), 1) > 0, np.random.default_rng(0).uniform(size=(12, 12)), GAP)
    every = [schedule_score(scores, 1, schedule) for schedule in combinations(range(2, 11), retrains)]

    best = best_schedules(scores, 1, 9, greater_is_better=greater)[retrains]

    assert best.score == pytest.approx(max(every) if greater else min(every))
    assert schedule_score(scores, 1, best.schedule) == best.score


def test_no_more_retrains_are_planned_than_there_are_moments():
    assert len(best_schedules(SCORES, 0, 50, greater_is_better=True)) == 4


def test_a_schedule_with_fewer_retrains_may_be_the_best_with_at_most_so_many():
    schedules = [Best(0.5, ()), Best(0.8, (2,)), Best(0.7, (1, 2))]

    assert best_at_most(schedules, 2, greater_is_better=True).schedule == (2,)
    assert best_at_most(schedules, 0, greater_is_better=True).schedule == ()
    assert best_at_most(schedules, 2, greater_is_better=False).schedule == ()


def test_random_schedules_have_as_many_retrains_in_order_and_come_again_from_their_seed():
    schedules = random_schedules(range(3, 9), 4, 50, seed=7)

    assert {len(set(schedule)) for schedule in schedules} == {4}
    assert all(list(schedule) == sorted(schedule) and set(schedule) <= set(range(3, 9)) for schedule in schedules)
    assert schedules == random_schedules(range(3, 9), 4, 50, seed=7)
    assert schedules != random_schedules(range(3, 9), 4, 50, seed=8)


@pytest.mark.parametrize(
    ("score", "greater", "expected"), [(0.6, True, 62.5), (0.6, False, 37.5), (0.9, True, 100.0), (0.1, True, 0.0)]
)
def test_a_percentile_counts_what_is_beaten_and_half_of_what_is_tied(score, greater, expected):
    assert percentile(score, [0.4, 0.5, 0.6, 0.7], greater_is_better=greater) == expected


@pytest.mark.parametrize(("score", "share"), [(0.5, 0.0), (0.6, 0.5), (0.7, 1.0), (0.4, -0.5)])
def test_the_share_of_the_achievable_is_0_for_never_and_1_for_the_best(score, share):
    assert achievable_share(score, never=0.5, best=0.7) == pytest.approx(share)


def test_the_share_of_an_error_is_counted_the_same_way():
    assert achievable_share(60.0, never=100.0, best=50.0) == pytest.approx(40 / 50)


def test_where_nothing_was_to_be_gained_there_is_no_share():
    assert achievable_share(0.5, never=0.5, best=0.5) is None


def test_a_cost_is_the_metric_lost_and_the_price_of_the_retrains():
    assert total_cost(60.0, 3, 10, 5.0, greater_is_better=False) == 60 * 10 + 3 * 5
    assert total_cost(0.7, 3, 10, 0.1, greater_is_better=True) == pytest.approx(-0.7 * 10 + 3 * 0.1)


def test_from_the_highest_price_on_even_the_best_schedule_makes_no_retrain():
    schedules = [Best(0.5, ()), Best(0.6, (2,)), Best(0.8, (1, 2))]

    assert highest_price(schedules, 10, greater_is_better=True) == pytest.approx((0.8 - 0.5) * 10 / 2)


def test_where_no_retrain_gains_the_highest_price_is_nothing():
    assert highest_price([Best(0.5, ()), Best(0.4, (2,))], 10, greater_is_better=True) == 0.0


def test_prices_go_from_nothing_to_the_highest_in_equal_steps():
    assert prices_up_to(0.5, 3) == [0.0, 0.25, 0.5]


def test_a_cost_area_is_the_mean_over_prices_of_what_a_policy_costs_beyond_never():
    assert cost_area([-4.0, -2.0, 0.0], never=-1.0) == pytest.approx((-3 - 1) / 2 / 2 + (-1 + 1) / 2 / 2)


def test_the_cheapest_policy_flips_where_the_price_of_its_retrains_eats_its_gain():
    lines = {"never": (10.0, 0), "monthly": (4.0, 3), "daily": (3.0, 13), "bad": (9.0, 5)}

    ranges = cheapest_by_price(lines, highest=5.0)

    assert ranges == [Cheapest(0.0, "daily"), Cheapest(pytest.approx(1 / 10), "monthly"), Cheapest(2.0, "never")]


def test_a_flip_beyond_the_highest_price_is_left_out():
    assert cheapest_by_price({"never": (10.0, 0), "monthly": (4.0, 3)}, highest=1.9) == [Cheapest(0.0, "monthly")]


def test_of_two_policies_that_cost_the_same_the_one_with_fewer_retrains_is_named():
    assert cheapest_by_price({"weekly": (4.0, 9), "monthly": (4.0, 3)}, highest=1.0) == [Cheapest(0.0, "monthly")]
