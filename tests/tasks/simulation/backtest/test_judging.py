"""What was a policy worth, beside never, the best and chance?"""

import numpy as np
import pytest

from tasks.simulation.backtest.advice import advice_sentence, advised_policy, cheapest_policies, choice_check, staleness
from tasks.simulation.backtest.judging import Bench, block_interval, policy_verdict, policy_verdicts
from tasks.simulation.backtest.schedules import Cheapest
from tasks.simulation.backtest.simulation import BacktestGate
from tasks.triggers.simple_policies import EveryWindows, Never

GATE = BacktestGate(blocks=1, min_gain=0.0)


def turned(model, window):
    """From window 4 on, models from before lose two tenths."""
    return 0.6 if model < 4 <= window else 0.8


def at_five(moment):
    return "now" if moment.now == 5 else None


@pytest.fixture
def bench(history):
    """Ten windows that the models 0 to 8 serve; what they predict turns in the fourth."""
    return Bench(history(11, turned), GATE)


def test_a_verdict_counts_what_was_asked_for_and_what_went_live(bench):
    verdict = policy_verdict("every window", EveryWindows(windows=1), bench)

    assert (verdict.asked, verdict.promoted) == (9, 1)
    assert verdict.outcome.live == (5,)


def test_a_verdict_stands_beside_never_and_the_best_in_hindsight(bench):
    """Windows 1 to 3 score .8 under any; model 5 serves 6 to 10; the best model, that of 4, serves 5 to 10."""
    verdict = policy_verdict("at five", at_five, bench)

    assert verdict.score == pytest.approx((3 * 0.8 + 2 * 0.6 + 5 * 0.8) / 10)
    assert verdict.regret_to_never == pytest.approx(-0.5 * 0.2)
    assert verdict.regret_to_best == pytest.approx(0.1 * 0.2)
    assert verdict.share == pytest.approx(5 / 6)


def test_a_verdict_stands_among_random_schedules_with_as_many_retrains(bench):
    """Of nine moments only the fourth does better, and that one is as good as itself."""
    verdict = policy_verdict("at five", at_five, bench)

    assert verdict.percentile == pytest.approx(100 * (7 + 0.5) / 9, abs=5)


def test_never_gains_nothing_and_has_no_share(bench):
    verdict = policy_verdict("never", Never(), bench)

    assert (verdict.asked, verdict.share, verdict.regret_to_never, verdict.cost_area) == (0, None, 0.0, 0.0)
    assert (verdict.low, verdict.high) == (0.0, 0.0)


def test_a_cost_area_is_a_share_of_what_the_best_gains(bench):
    """One retrain gains 1.0; prices go from 0 to 1.2, what the best gains: 1.0 - 0.6 on average, of 1.2."""
    assert bench.prices[-1] == pytest.approx(1.2)
    assert policy_verdict("at five", at_five, bench).cost_area == pytest.approx((0.6 - 1.0) / 1.2)


def test_a_policy_that_uses_the_price_is_played_at_each(bench):
    """It retrains at the seventeen prices 0, .06, ... .96, each time for a gain of 1."""

    class Frugal:
        uses_price = True

        def __call__(self, moment):
            return "cheap" if moment.now == 5 and moment.price is not None and moment.price < 0.99 else None

    area = policy_verdict("frugal", Frugal(), bench).cost_area

    assert area == pytest.approx((sum(price - 1 for price in bench.prices[:17]) + 1 / 2) / 20 / 1.2)
    assert area < policy_verdict("at five", at_five, bench).cost_area


def test_an_interval_holds_the_mean_and_narrows_with_more_values():
    values = np.random.default_rng(0).uniform(size=400).tolist()
    few, many = block_interval(values[:10]), block_interval(values)

    assert few[0] < sum(values[:10]) / 10 < few[1]
    assert many[0] < sum(values) / 400 < many[1]
    assert many[1] - many[0] < few[1] - few[0]
    assert block_interval([0.25] * 8) == (0.25, 0.25)


def test_neighbours_that_resemble_each_other_widen_an_interval():
    """The same hundred values, mixed and in two runs: a bootstrap of single values could not tell them apart."""
    mixed, runs = block_interval([0.0, 1.0] * 50), block_interval([0.0] * 50 + [1.0] * 50)

    assert runs[1] - runs[0] > 1.5 * (mixed[1] - mixed[0])


def test_without_a_price_the_rarest_of_those_as_good_as_the_best_is_advised(bench):
    verdicts = policy_verdicts({"never": Never(), "at five": at_five, "every window": EveryWindows(windows=1)}, bench)

    pick = advised_policy(verdicts, bench)

    assert pick.verdict.policy == "at five"
    assert pick.alike == ("every window",)


@pytest.mark.parametrize(("price", "policy"), [(0.0, "at five"), (0.99, "at five"), (1.01, "never")])
def test_at_a_price_the_cheapest_is_advised(bench, price, policy):
    verdicts = policy_verdicts({"never": Never(), "at five": at_five, "every window": EveryWindows(windows=1)}, bench)

    assert advised_policy(verdicts, bench, price).verdict.policy == policy


def test_the_advice_says_what_retraining_always_would_buy(bench):
    verdicts = policy_verdicts({"never": Never(), "at five": at_five, "every window": EveryWindows(windows=1)}, bench)

    sentence = advice_sentence(advised_policy(verdicts, bench), verdicts, bench, "roc_auc")

    assert sentence.startswith(
        "Retrain by this rule: at five. Mean roc_auc 0.76 with 1 retrain over 10 windows of 7 days, "
    )
    assert sentence.endswith("8 retrains more (every window) would gain 0 (0 to 0): no more than noise.")


def test_where_no_policy_differs_the_advice_names_no_better_policy(bench):
    verdicts = policy_verdicts({"never": Never(), "also never": Never()}, bench)

    sentence = advice_sentence(advised_policy(verdicts, bench), verdicts, bench, "roc_auc")

    assert sentence == (
        "Keep the first model (never): mean roc_auc 0.66 over 10 windows of 7 days. This history is too short or too "
        "noisy to separate any other policy from it by its gain."
    )


def test_the_choice_flips_where_a_retrain_costs_what_it_gains(bench):
    verdicts = policy_verdicts({"never": Never(), "at five": at_five, "every window": EveryWindows(windows=1)}, bench)

    assert cheapest_policies(verdicts, bench) == [Cheapest(0.0, "at five"), Cheapest(pytest.approx(1.0), "never")]


def test_a_choice_made_on_the_first_half_is_checked_on_the_second(bench):
    """In windows 1 to 5 a retrain gains nothing yet, in 6 to 10 it gains two tenths."""
    verdicts = policy_verdicts({"never": Never(), "at five": at_five}, bench)

    assert choice_check(verdicts, bench, price=0.1) == ("never", "at five", pytest.approx(0.6), pytest.approx(0.8))


def test_staleness_is_what_an_age_loses_against_the_freshest(history):
    ageing = Bench(history(8, lambda model, window: 0.9 - (window - model) / 100), GATE)

    ages = staleness(ageing)

    assert [(age.windows, age.loss) for age in ages] == [(n, pytest.approx(n / 100)) for n in (1, 2, 3, 4)]
