"""Judge a retraining schedule by the matrix: against none, the best in hindsight, and random ones.

A schedule is the ascending numbers of the windows at whose end a model was trained that then went live; the first
model is no part of it. Scores are means over the served windows for which the metric is defined, each counting the
same. `scores` is the matrix of `tasks/simulation/backtest/matrix.py`: row the model, column the window.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

Schedule = tuple[int, ...]


class Best(NamedTuple):
    """The best schedule of its number of retrains."""

    score: float
    schedule: Schedule


class Cheapest(NamedTuple):
    """Which policy costs least from a price on."""

    price: float
    policy: str


def serving(first: int, count: int, schedule: Schedule) -> "np.ndarray":
    """Return the model that serves each of the windows `first + 1` to `count - 1`."""
    import numpy as np

    models = np.array([first, *schedule])
    return models[np.searchsorted(models, np.arange(first + 1, count), side="left") - 1]


def window_scores(scores: "np.ndarray", first: int, schedule: Schedule) -> "np.ndarray":
    """Return the metric of each served window under a schedule; NaN where it is not defined."""
    import numpy as np

    count = len(scores)
    return scores[serving(first, count, schedule), np.arange(first + 1, count)]


def schedule_score(scores: "np.ndarray", first: int, schedule: Schedule) -> float:
    """Return the mean metric under a schedule."""
    import numpy as np

    return float(np.nanmean(window_scores(scores, first, schedule)))


def best_schedules(scores: "np.ndarray", first: int, most: int, *, greater_is_better: bool) -> list[Best]:
    """Return the best schedule with exactly 0, 1, ... `most` retrains, in hindsight, by dynamic programming.

    `served[m]` is the best sum over the windows up to m if the newest model was trained after m: the next retrain
    extends it by the windows that the model serves until then. A model that could not be trained serves none.
    """
    import numpy as np

    count = len(scores)
    sign = 1.0 if greater_is_better else -1.0
    sums = np.cumsum(_counted_gains(sign * scores), axis=1)
    last = count - 1
    served = np.full(count, -np.inf)
    served[first] = 0.0
    froms: list[np.ndarray] = []
    schedules = [_best(scores, first, served, sums, froms)]
    for _ in range(min(most, last - 1 - first)):
        extended = served[:, None] + sums
        later = np.arange(count)[None, :] > np.arange(count)[:, None]
        extended = np.where(later, extended, -np.inf)
        extended[:, last] = -np.inf
        froms.append(extended.argmax(axis=0))
        served = extended.max(axis=0)
        schedules.append(_best(scores, first, served, sums, froms))
    return schedules


def best_at_most(schedules: Sequence[Best], retrains: int, *, greater_is_better: bool) -> Best:
    """Return the best of the schedules with up to `retrains` retrains; `schedules` as of `best_schedules`."""
    pick = max if greater_is_better else min
    return pick(schedules[: retrains + 1], key=lambda schedule: schedule.score)


def random_schedules(moments: Sequence[int], retrains: int, count: int, seed: int) -> list[Schedule]:
    """Return `count` schedules, each of as many retrains at moments drawn without regard to anything."""
    import numpy as np

    chance = np.random.default_rng(seed)
    return [tuple(sorted(chance.choice(list(moments), retrains, replace=False).tolist())) for _ in range(count)]


def percentile(score: float, others: Sequence[float], *, greater_is_better: bool) -> float:
    """Return the percentage of the other scores that this one is better than; ties count half."""
    sign = 1 if greater_is_better else -1
    beaten = sum(sign * other < sign * score for other in others)
    tied = sum(other == score for other in others)
    return 100 * (beaten + tied / 2) / len(others)


def achievable_share(score: float, never: float, best: float) -> float | None:
    """Return the share of what was to be gained over never retraining that was; None where there was nothing."""
    return None if best == never else (score - never) / (best - never)


def total_cost(score: float, retrains: int, windows: int, price: float, *, greater_is_better: bool) -> float:
    """Return the metric lost over all windows, with its sign turned so that less is better, and the retrains' price."""
    return (-score if greater_is_better else score) * windows + price * retrains


def highest_price(schedules: Sequence[Best], windows: int, *, greater_is_better: bool) -> float:
    """Return the price of a retrain from which even the best schedule in hindsight makes none; at least 0."""
    costs = [total_cost(schedule.score, 0, windows, 0.0, greater_is_better=greater_is_better) for schedule in schedules]
    return max([0.0, *((costs[0] - cost) / retrains for retrains, cost in enumerate(costs) if retrains)])


def prices_up_to(highest: float, count: int) -> list[float]:
    """Return `count` prices in equal steps from 0 to the highest."""
    return [highest * number / (count - 1) for number in range(count)]


def cost_area(costs: Sequence[float], never: float) -> float:
    """Return the mean cost over equally spaced prices beyond that of never retraining; below zero it pays."""
    import numpy as np

    return float(np.trapezoid(np.asarray(costs) - never) / (len(costs) - 1))


def cheapest_by_price(lines: Mapping[str, tuple[float, int]], highest: float) -> list[Cheapest]:
    """Return which policy is cheapest from which price on, from 0 up to the highest.

    `lines` maps a policy to its cost without the retrains' price and to its number of retrains. Of those that cost
    the same the one with fewer retrains is named.
    """
    price, chosen = 0.0, min(lines, key=lambda name: (lines[name][0], lines[name][1]))
    ranges = [Cheapest(price, chosen)]
    while True:
        cost, retrains = lines[chosen]
        crossings = {
            name: (other - cost) / (retrains - fewer) for name, (other, fewer) in lines.items() if fewer < retrains
        }
        if not crossings or (price := min(crossings.values())) > highest:
            return ranges
        chosen = min((name for name in crossings if crossings[name] == price), key=lambda name: lines[name][1])
        ranges.append(Cheapest(price, chosen))


def _counted_gains(gains: "np.ndarray") -> "np.ndarray":
    """Return what each window adds: nothing where no model has a metric, minus infinity for a missing model."""
    import numpy as np

    later = np.triu(np.ones(gains.shape, dtype=bool), 1)
    missing = later & np.isnan(gains) & ~np.isnan(gains).all(axis=0)
    return np.where(missing, -np.inf, np.nan_to_num(gains))


def _best(
    scores: "np.ndarray", first: int, served: "np.ndarray", sums: "np.ndarray", froms: "Sequence[np.ndarray]"
) -> Best:
    """Return the schedule behind the best last model; `froms` holds, for each retrain, the model before it."""
    model = int((served + sums[:, -1]).argmax())
    models = [model]
    for before in reversed(froms):
        models.append(int(before[models[-1]]))
    schedule = tuple(reversed(models[:-1]))
    return Best(schedule_score(scores, first, schedule), schedule)
