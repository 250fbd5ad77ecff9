"""How much better is one model than another, and how sure is that?"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, mean_absolute_error, roc_auc_score, root_mean_squared_error

from tasks.training.comparison import (
    BootstrapEstimate,
    Try,
    affordable_share,
    concordances,
    draws,
    gain_estimate,
    resampled_scores,
    time_pieces,
)
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
CHANCE = np.random.default_rng(0)
ROWS = 300
PIECES = CHANCE.integers(0, 5, ROWS)
LABELS = CHANCE.integers(0, 2, ROWS)
CHANCES = np.round(CHANCE.uniform(0.1, 0.9, ROWS), 1)  # many ties
TIMES = [2, 0, 1, 3, 1]
"""How often each of the five pieces is drawn."""
REPEATED = np.concatenate([np.tile(np.flatnonzero(piece == PIECES), times) for piece, times in enumerate(TIMES)])


def days(*numbers):
    return pd.Series([JAN_1 + timedelta(days=number) for number in numbers]).astype("datetime64[us, UTC]")


def over(first, last):
    return Window(start=JAN_1 + timedelta(days=first), end=JAN_1 + timedelta(days=last))


def test_a_pair_is_concordant_where_the_one_is_ranked_above_the_zero_and_half_where_they_tie():
    target, prediction, pieces = np.array([1, 0, 0, 1]), np.array([0.5, 0.4, 0.5, 0.1]), np.array([0, 0, 1, 1])

    # the one of piece 0 (.5) against the zeros .4 and .5; the one of piece 1 (.1) against the same
    assert concordances(target, prediction, pieces, 2).tolist() == [[1.0, 0.5], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("roc_auc", roc_auc_score),
        ("log_loss", log_loss),
        ("rmse", root_mean_squared_error),
        ("mae", mean_absolute_error),
    ],
)
def test_a_draw_of_pieces_scores_exactly_as_its_rows_repeated_do(name, of):
    scores = resampled_scores(name, LABELS, CHANCES, PIECES, np.array([[1.0] * 5, TIMES]))

    assert scores == pytest.approx([of(LABELS, CHANCES), of(LABELS[REPEATED], CHANCES[REPEATED])], rel=1e-12)


def test_so_it_does_with_a_column_of_chances_for_each_of_several_classes():
    chances = CHANCE.dirichlet([1, 1, 1], ROWS)
    target = CHANCE.integers(0, 3, ROWS)

    scores = resampled_scores("log_loss", target, chances, PIECES, np.array([TIMES]))

    assert scores == pytest.approx([log_loss(target[REPEATED], chances[REPEATED])], rel=1e-12)


def test_a_score_of_predictions_that_are_not_finite_is_not_defined():
    broken = np.where(np.arange(ROWS) == 7, np.nan, CHANCES)

    assert np.isnan(resampled_scores("log_loss", LABELS, broken, PIECES, np.array([TIMES]))).all()


def test_the_first_row_of_weights_is_the_evidence_itself_and_the_others_weigh_as_much_in_all():
    weights = draws(4, 50, np.random.default_rng(0))

    assert weights[0].tolist() == [1, 1, 1, 1]
    assert weights.sum(axis=1) == pytest.approx(np.full(51, 4.0))


def test_the_variance_of_a_mean_of_few_pieces_is_not_underrated():
    values = np.array([1.0, 2.0, 4.0])
    drawn = draws(3, 40_000, np.random.default_rng(0))[1:]

    # the unbiased variance of the mean of three: s2 / 3, where s2 = ((4/3)^2 + (1/3)^2 + (5/3)^2) / 2
    assert ((drawn @ values) / 3).var() == pytest.approx((16 + 1 + 25) / 9 / 2 / 3, rel=0.03)


def test_a_block_of_27_days_is_cut_into_pieces_of_three_whole_days():
    times = days(*np.arange(0, 27, 1 / 24))

    numbers = time_pieces(times, pd.Series(0, index=times.index))

    assert pd.Series(numbers).groupby(np.arange(len(times)) // 24).nunique().tolist() == [1] * 27
    assert np.bincount(numbers).tolist() == [3 * 24] * 9


def test_a_block_of_two_days_is_cut_into_six_pieces():
    times = days(*np.arange(0, 2, 1 / 240))

    assert len(set(time_pieces(times, pd.Series(0, index=times.index)))) == 6


def test_pieces_have_twenty_rows_on_average_or_are_fewer():
    times = days(*np.arange(0, 30, 0.5))  # 60 rows

    assert len(set(time_pieces(times, pd.Series(0, index=times.index)))) == 60 // 20


def test_no_piece_reaches_over_two_blocks():
    times = days(*np.arange(0, 20, 1 / 24))
    blocks = pd.Series(np.arange(len(times)) // 240)

    numbers = pd.Series(time_pieces(times, blocks))

    assert numbers.groupby(blocks).agg(["min", "max"]).to_numpy().tolist() == [[0, 5], [6, 11]]


def test_the_gain_is_the_difference_of_the_blocks_mean_scores_weighted_by_rows():
    target, blocks = np.zeros(60), np.repeat([0, 1], [40, 20])
    new, old = np.where(blocks == 0, 1.0, 2.0), np.where(blocks == 0, 2.0, 5.0)

    gain = gain_estimate("mae", target, new, old, blocks, np.arange(60) // 10)

    assert gain.value == pytest.approx((40 * 1 + 20 * 3) / 60)
    assert gain.freedom == (4 - 1) + (2 - 1)


def test_a_lower_error_is_a_gain_and_so_is_a_higher_auc():
    blocks = np.zeros(ROWS, dtype=int)

    better = gain_estimate("roc_auc", LABELS, LABELS * 1.0, CHANCES, blocks, PIECES)
    worse = gain_estimate("rmse", LABELS, CHANCES, LABELS * 1.0, blocks, PIECES)

    assert better.low(0.01) > 0.3
    assert worse.high(0.01) < -0.3


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    estimates = [
        gain_estimate("rmse", LABELS, CHANCES, CHANCES**2, np.zeros(ROWS, dtype=int), PIECES, seed=seed)
        for seed in (1, 1, 2)
    ]

    assert estimates[0] == estimates[1] != estimates[2]


def test_equal_predictions_have_no_gain_and_no_doubt():
    gain = gain_estimate("roc_auc", LABELS, CHANCES, CHANCES, np.zeros(ROWS, dtype=int), PIECES)

    assert (gain.value, gain.error, gain.low(0.05), gain.chance_of_more()) == (0, 0, 0, 1)


def test_a_gain_from_one_piece_of_time_is_not_defined():
    assert gain_estimate("mae", LABELS, CHANCES, CHANCES, np.zeros(ROWS, int), np.zeros(ROWS, int)) is None


def test_a_ranking_of_one_class_has_no_gain():
    ones = np.ones(ROWS, dtype=int)

    assert gain_estimate("roc_auc", ones, CHANCES, CHANCES, np.zeros(ROWS, int), PIECES) is None


def test_an_interval_of_few_pieces_is_wide_as_students_t_says():
    estimate = BootstrapEstimate(value=1.0, error=0.5, freedom=5)

    # the table's t of 5 degrees of freedom, one-sided 2.5 %: 2.571
    assert (estimate.low(0.025), estimate.high(0.025)) == pytest.approx((1 - 0.5 * 2.571, 1 + 0.5 * 2.571), abs=1e-3)


def test_the_chance_of_a_value_so_low_is_that_of_students_t():
    assert BootstrapEstimate(value=-2.571, error=1.0, freedom=5).chance_of_more() == pytest.approx(0.025, abs=1e-4)


def test_of_two_equal_models_the_newer_seems_better_as_often_as_stated():
    """1,000 comparisons of two noises, on days of which each has its own luck: about 5 % of them, never twice that."""
    chance = np.random.default_rng(5)
    day, blocks = np.repeat(np.arange(24), 10), np.repeat([0, 1], 120)

    def gain_of_equal_models(_):
        new, old = (chance.normal(size=240) + chance.normal(size=24)[day] for _ in range(2))
        return gain_estimate("rmse", np.zeros(240), new, old, blocks, day // 2)

    surely_better = [gain_of_equal_models(number).low(0.05) > 0 for number in range(1000)]

    assert 0.02 < np.mean(surely_better) < 0.08


def test_the_first_try_may_spend_half_of_the_error_budget():
    assert affordable_share([], over(0, 28)) == 0.5


def test_a_second_and_a_third_try_on_the_same_evidence_may_spend_half_of_what_is_left():
    past = [Try(over=over(0, 28), share=0.5)]
    assert affordable_share(past, over(7, 35)) == (1 - 0.5) / 2

    past = [*past, Try(over=over(7, 35), share=0.25)]
    assert affordable_share(past, over(7, 35)) == (1 - 0.5 - 0.25) / 2


@pytest.mark.parametrize(("first", "share"), [(27, 0.25), (28, 0.5), (29, 0.5)], ids=["overlaps", "touches", "later"])
def test_evidence_that_does_not_overlap_costs_nothing(first, share):
    assert affordable_share([Try(over=over(0, 28), share=0.5)], over(first, 60)) == share


def test_however_many_tries_there_are_on_overlapping_evidence_they_spend_no_more_than_the_budget():
    past = []
    for week in range(50):
        stretch = over(7 * week, 7 * week + 56)
        past.append(Try(over=stretch, share=affordable_share(past, stretch)))

    spent = [sum(earlier.share for earlier in past[week : week + 8]) for week in range(50)]

    assert max(spent) <= 1
    assert past[-1].share > 0.05


def test_a_block_that_makes_just_six_pieces_of_whole_days_is_cut_so():
    times = days(*np.arange(0, 13, 1 / 24))

    numbers = time_pieces(times, pd.Series(0, index=times.index))

    # 13 days are cut into pieces of two, since 13^(1/3) is 2.35; the odd day goes to the last
    assert np.bincount(numbers).tolist() == [2 * 24] * 5 + [3 * 24]


def test_evidence_that_begins_where_a_later_try_s_ended_is_its_own_too():
    assert affordable_share([Try(over=over(28, 56), share=0.5)], over(0, 28)) == 0.5
