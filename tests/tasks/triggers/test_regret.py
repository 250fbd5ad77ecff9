"""When has keeping the live model cost enough?"""

import re

import numpy as np
import pytest

from tasks.training.scouts import PARTS
from tasks.triggers.regret import RegretPolicy, is_resting, is_spent, lost_by_never, regret, regrets, variance_between

POLICY = RegretPolicy(certainty=2.0, worth=1.0, margin=2.0, rest=2, most_share=1 / 3)


def ageing(model, window):
    """A model loses a hundredth with each window of its age beyond the first."""
    return 0.9 - (window - model - 1) / 100


def flat(model, window):
    return 0.9


def turned_at(window):
    """Models from before a window lose a tenth from it on."""
    return lambda model, at: 0.8 if model < window <= at else 0.9


def test_regret_is_what_the_newest_scout_gains_over_that_of_the_live_models_age(moment):
    costs, within = regrets(moment(9, 5, flat, ageing), 0)

    assert costs == pytest.approx([0.01, 0.02, 0.03, 0.04])
    assert within == pytest.approx([0, 0, 0, 0])


def test_of_an_error_regret_is_what_the_newest_scout_saves(moment):
    costs, _ = regrets(moment(9, 5, flat, ageing, greater_is_better=False), 0)

    assert costs == pytest.approx([-0.01, -0.02, -0.03, -0.04])


def test_the_window_after_the_training_is_no_evidence(moment):
    assert regret(moment(9, 5, flat, ageing, champion=4)) is None
    assert len(regrets(moment(9, 5, flat, ageing), 3)[0]) == 1


def test_the_noise_within_a_window_is_the_variance_of_its_pieces_mean(moment):
    now = moment(9, 2, flat, ageing)
    pieces = np.array([0.0, 0.02, 0.04, 0.06])
    now.scout_parts[1, 2] = now.scout_parts[0, 2] + pieces

    assert regrets(now, 0)[1] == pytest.approx([pieces.var(ddof=1) / PARTS])


def test_the_surest_run_of_newest_windows_is_summed(moment):
    """Two windows of regret .1 after five of none: two are surer than one, and longer runs only add noise."""
    now = moment(12, 8, flat, turned_at(6))
    now.scout_parts[0, :, ::2] += 0.01

    live_regret = regret(now)

    assert live_regret.windows == 2
    assert live_regret.total == pytest.approx(0.2)


def test_the_variance_from_window_to_window_does_not_count_a_steady_trend(moment):
    """Costs 0, .02, 0, .02: squared differences .0004 each, halved, by the median of a squared normal."""
    now = moment(9, 5, flat, lambda model, window: 0.9 - (0.02 if model == 0 and window % 2 else 0.0))

    assert variance_between(now) == pytest.approx(0.0004 / 2 / 0.455)
    assert variance_between(moment(9, 3, flat, ageing)) == 0.0


def test_what_never_retraining_would_have_lost_is_a_mean_over_windows(moment):
    assert lost_by_never(moment(9, 5, flat, ageing, champion=3)) == pytest.approx((0.01 + 0.02 + 0.03 + 0.04) / 4)
    assert lost_by_never(moment(9, 5, flat, ageing, greater_is_better=False)) == 0.0


def test_a_model_that_does_not_age_stays_live(moment):
    assert POLICY(moment(30, 25, flat, flat)) is None


def test_a_model_whose_age_costs_is_retrained(moment):
    reason = POLICY(moment(30, 8, flat, turned_at(5), metric="rmse", price=0.1))

    # The threshold is a margin of 2 times the price.
    assert re.fullmatch(
        r"retraining is worth it: the model's age cost 0\.30 RMSE over 3 windows "
        r"\(\S+ standard errors; threshold 0\.20\)",
        reason,
    )


def test_regret_that_may_be_noise_asks_for_nothing(moment):
    """Costs waver between -.1 and .12."""
    now = moment(30, 12, flat, lambda model, at: 0.9 - ((0.12 if at % 2 else -0.1) if model == 0 else 0.0))

    assert POLICY(now) is None


@pytest.mark.parametrize(("price", "asks"), [(0.14, True), (0.16, False)])
def test_at_a_price_the_regret_must_reach_its_multiple(moment, price, asks):
    """Three windows of .1 are .3."""
    assert (POLICY(moment(30, 8, flat, turned_at(5), price=price)) is not None) is asks


@pytest.mark.parametrize(("worth", "asks"), [(1.7, True), (1.9, False)])
def test_without_a_price_regret_must_reach_so_many_windows_of_what_never_would_lose(moment, worth, asks):
    """Never lost .1 in windows 6 to 10 of nine: .5 / 9 on average. The model of 6 lost .05 in windows 9 and 10."""

    def scout(model, at):
        return 0.9 - (0.1 if model < 5 <= at else 0.0) - (0.05 if model in (5, 6, 7) and at >= 9 else 0.0)

    now = moment(30, 10, flat, scout, champion=6, asked=(6,), live=(6,))

    assert (RegretPolicy(certainty=2, worth=worth)(now) is not None) is asks


@pytest.mark.parametrize(
    ("asked", "champion", "resting"),
    [((), 0, False), ((9,), 9, True), ((8,), 8, False), ((8,), 0, True), ((6,), 0, False), ((2, 6), 0, True)],
    ids=["none", "just now", "two ago", "refused two ago", "refused four ago", "refused twice"],
)
def test_after_a_request_it_rests_twice_as_long_for_each_refusal(moment, asked, champion, resting):
    assert is_resting(moment(30, 10, flat, asked=asked, champion=champion), 2) is resting


@pytest.mark.parametrize(("now", "spent"), [(2, True), (3, False), (4, False)])
def test_requests_are_a_share_of_the_windows_beyond_the_first(moment, now, spent):
    assert is_spent(moment(30, now, flat, asked=(1,)), 1 / 3) is spent
