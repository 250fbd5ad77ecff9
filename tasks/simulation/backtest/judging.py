"""Judge what each policy did with a history: beside never retraining, the best in hindsight, and chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tasks.simulation.backtest import schedules
from tasks.simulation.backtest.schedules import Best
from tasks.simulation.backtest.simulation import BacktestGate, BacktestHistory, Outcome, policy_outcome
from tasks.triggers.moment import Policy

if TYPE_CHECKING:
    import numpy as np

DRAWS = 400
"""Random schedules that a policy is compared with."""
PRICES = 21
NEVER = "never"
OWN = "regret"
"""The name of the system's own policy."""


class PolicyVerdict(BaseModel):
    """What a policy did, and what that was worth. Scores are means over windows."""

    model_config = ConfigDict(frozen=True)

    policy: str
    score: float
    asked: int
    promoted: int
    share: float | None
    """Of what the best schedule with at most as many retrains as were asked for gained over never; None: nothing."""
    percentile: float
    """Among random schedules with as many retrains as were asked for, ungated."""
    regret_to_never: float
    """Metric given away by not being never: negative where retraining gained."""
    regret_to_best: float
    low: float
    high: float
    """Interval of the gain over never retraining, from a block bootstrap over windows."""
    cost_area: float
    """Mean over prices of what it cost beyond never, as a share of what the best schedule gains at no price."""
    seconds: float
    """Of the fits that were asked for."""
    outcome: Outcome


@dataclass(frozen=True, eq=False)
class Bench:
    """A history, with what could have been done with it."""

    history: BacktestHistory
    gate: BacktestGate

    @property
    def first(self) -> int:
        """The first live model."""
        return self.history.plan.first

    @property
    def greater(self) -> bool:
        """Whether the metric is better when greater."""
        return self.history.greater_is_better

    @property
    def scores(self) -> "np.ndarray":
        """The matrix of models by windows."""
        return self.history.models.scores

    @property
    def moments(self) -> list[int]:
        """The windows at whose end a retrain could be asked for."""
        trained = self.history.models.trained
        return [number for number in self.history.plan.trained_at if number > self.first and trained[number]]

    @property
    def windows(self) -> int:
        """The served windows that have a metric."""
        import numpy as np

        return int((~np.isnan(self.scores[self.first])).sum())

    @cached_property
    def best(self) -> list[Best]:
        """The best schedule with exactly 0, 1, ... retrains."""
        return schedules.best_schedules(self.scores, self.first, len(self.moments), greater_is_better=self.greater)

    @cached_property
    def prices(self) -> list[float]:
        """Prices from nothing to that from which nothing pays."""
        highest = schedules.highest_price(self.best, self.windows, greater_is_better=self.greater)
        return schedules.prices_up_to(highest, PRICES)

    def best_with(self, retrains: int) -> Best:
        """Return the best schedule with at most so many retrains."""
        return schedules.best_at_most(self.best, retrains, greater_is_better=self.greater)

    def gained(self, score: float, other: float) -> float:
        """Return by how much a score is better than another."""
        return score - other if self.greater else other - score

    def cost(self, outcome: Outcome, price: float) -> float:
        """Return the metric lost under a policy, and the price of every retrain that it asked for."""
        score = schedules.schedule_score(self.scores, self.first, outcome.live)
        return schedules.total_cost(score, len(outcome.asked), self.windows, price, greater_is_better=self.greater)


def policy_verdict(name: str, policy: Policy, bench: Bench, price: float | None = None) -> PolicyVerdict:
    """Return what a policy did with a history at a price, and over all prices."""
    outcome = policy_outcome(name, policy, bench.history, bench.gate, price)
    score = schedules.schedule_score(bench.scores, bench.first, outcome.live)
    asked, never = len(outcome.asked), bench.best[0].score
    best = bench.best_with(asked).score
    low, high = gain_interval(bench, outcome)
    return PolicyVerdict(
        policy=name,
        score=score,
        asked=asked,
        promoted=len(outcome.live),
        share=schedules.achievable_share(score, never, best),
        percentile=_percentile(bench, score, asked),
        regret_to_never=bench.gained(never, score),
        regret_to_best=bench.gained(best, score),
        low=low,
        high=high,
        cost_area=_area(name, policy, bench, outcome),
        seconds=float(sum(bench.history.models.seconds[request.window] for request in outcome.asked)),
        outcome=outcome,
    )


def policy_verdicts(policies: Mapping[str, Policy], bench: Bench, price: float | None = None) -> list[PolicyVerdict]:
    """Return what each policy did, in the order given."""
    return [policy_verdict(name, policy, bench, price) for name, policy in policies.items()]


def gain_interval(bench: Bench, outcome: Outcome, other: Outcome | None = None) -> tuple[float, float]:
    """Return a 90 % interval of a policy's mean gain over another, or over never retraining."""
    base = () if other is None else other.live
    new, old = (schedules.window_scores(bench.scores, bench.first, schedule) for schedule in (outcome.live, base))
    gains = (new - old) if bench.greater else (old - new)
    return block_interval([float(gain) for gain in gains if gain == gain])


def block_interval(values: Sequence[float], level: float = 0.9, draws: int = 2_000) -> tuple[float, float]:
    """Return an interval of the mean of values in order of time, by a circular block bootstrap of fixed seed.

    Politis and Romano, A circular block-resampling procedure for stationary data, 1992; blocks of the cube root of the
    length, as neighbours resemble each other.
    """
    import numpy as np

    count = len(values)
    length = max(1, round(count ** (1 / 3)))
    starts = np.random.default_rng(0).integers(0, count, (draws, -(-count // length)))
    places = (starts[:, :, None] + np.arange(length)).reshape(draws, -1)[:, :count] % count
    means = np.asarray(values)[places].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _percentile(bench: Bench, score: float, retrains: int) -> float:
    drawn = schedules.random_schedules(bench.moments, retrains, DRAWS, seed=0)
    others = [schedules.schedule_score(bench.scores, bench.first, schedule) for schedule in drawn]
    return schedules.percentile(score, others, greater_is_better=bench.greater)


def _area(name: str, policy: Policy, bench: Bench, outcome: Outcome) -> float:
    """Return the cost area; a policy that uses the price is played again at each."""
    aware = getattr(policy, "uses_price", False)
    outcomes = [
        policy_outcome(name, policy, bench.history, bench.gate, price) if aware else outcome for price in bench.prices
    ]
    costs = [bench.cost(played_outcome, price) for played_outcome, price in zip(outcomes, bench.prices, strict=True)]
    gained = bench.gained(bench.best_with(len(bench.moments)).score, bench.best[0].score) * bench.windows
    area = schedules.cost_area(costs, bench.cost(Outcome(policy=NEVER, asked=()), 0.0))
    return area / gained if gained > 0 else area
