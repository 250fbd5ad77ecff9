"""Turn the verdicts of a backtest into advice: which policy, how sure, and does a choice made earlier hold later."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tasks.durations import in_words
from tasks.simulation.backtest import schedules
from tasks.simulation.backtest.judging import OWN, Bench, Verdict, gain_interval
from tasks.simulation.backtest.schedules import Cheapest

if TYPE_CHECKING:
    import numpy as np


class Chosen(NamedTuple):
    """The policy that is advised, and those that cannot be told apart from it by what they gain."""

    verdict: Verdict
    alike: tuple[str, ...]


class Check(NamedTuple):
    """What the choice on the first part of history was worth on the second."""

    policy: str
    best_later: str
    score_later: float
    best_score_later: float


class Staleness(NamedTuple):
    """What a model of an age loses against one that was trained just before, in units of the metric."""

    windows: int
    loss: float
    low: float
    high: float


def chosen(found: Sequence[Verdict], bench: Bench, price: float | None = None) -> Chosen:
    """Return the policy to take: the cheapest at a price; without one, the rarest of those as good as the best."""
    if price is None:
        top = min(found, key=lambda one: one.regret_to_never)
        good = [one for one in found if one is top or gain_interval(bench, one.outcome, top.outcome)[1] >= 0]
        pick = min(good, key=lambda one: (one.asked, one.regret_to_never))
    else:
        pick = min(found, key=lambda one: (bench.cost(one.outcome, price), one.asked))
    return Chosen(pick, tuple(one.policy for one in found if one is not pick and _alike(one, pick, bench)))


def sentence(pick: Chosen, found: Sequence[Verdict], bench: Bench, metric: str) -> str:
    """Say which policy to take, how sure that is, and what the system's own and the most eager would buy."""
    one = pick.verdict
    over = f"over {bench.windows} windows of {in_words(bench.history.plan.windows[0].length)}"
    if one.asked == 0:
        told = f"Keep the first model ({one.policy}): mean {metric} {one.score:.4g} {over}."
    else:
        told = (
            f"Retrain by this rule: {one.policy}. Mean {metric} {one.score:.4g} with {_retrains(one.asked)} {over}, "
            f"{_signed(-one.regret_to_never)} beside never retraining ({_signed(one.low)} to {_signed(one.high)} with "
            f"90 % certainty)."
        )
    if len(pick.alike) == len(found) - 1 > 0:
        told += " This history is too short or too noisy to tell any other policy apart from it by what it gains."
    elif pick.alike:
        told += f" Cannot be told apart from it by what they gain: {', '.join(pick.alike)}."
    most = max(found, key=lambda other: other.asked)
    others = [other for other in found if other.policy == OWN or other is most]
    return " ".join([told, *(_more(other, one, bench) for other in others[::-1] if other.asked > one.asked)])


def _more(other: Verdict, one: Verdict, bench: Bench) -> str:
    """Say what a policy that retrains more often would buy beyond the chosen one."""
    low, high = gain_interval(bench, other.outcome, one.outcome)
    gain = _signed(one.regret_to_never - other.regret_to_never)
    more = _retrains(other.asked - one.asked)
    told = f"{more} more ({other.policy}) would gain {gain} ({_signed(low)} to {_signed(high)})"
    if low > 0:
        return f"{told}."
    return f"{told}: {'it does harm' if high < 0 else 'nothing that can be told from noise'}."


def flips(found: Sequence[Verdict], bench: Bench) -> list[Cheapest]:
    """Return which of the policies is cheapest from which price of a retrain on."""
    lines = {one.policy: (bench.cost(one.outcome, 0.0), one.asked) for one in found}
    return schedules.cheapest_by_price(lines, bench.prices[-1])


def check(found: Sequence[Verdict], bench: Bench, price: float) -> Check:
    """Choose by cost on the first half of the served windows, and tell what that was worth on the second."""
    middle = bench.first + 1 + (len(bench.scores) - bench.first - 1) // 2
    early = min(found, key=lambda one: (_cost_within(one, bench, price, bench.first + 1, middle), one.asked))
    late = min(found, key=lambda one: (_cost_within(one, bench, price, middle, len(bench.scores)), one.asked))
    return Check(
        early.policy,
        late.policy,
        _score_within(early, bench, middle, len(bench.scores)),
        _score_within(late, bench, middle, len(bench.scores)),
    )


def staleness(bench: Bench) -> list[Staleness]:
    """Return what each age of a model costs, with a 90 % interval, for ages that at least three windows tell."""
    from tasks.simulation.backtest.judging import block_interval

    count, found = len(bench.scores), []
    for age in range(1, count - bench.first - 3):
        windows = range(bench.first + 1 + age, count)
        lost = [bench.gained(bench.scores[j - 1, j], bench.scores[j - 1 - age, j]) for j in windows]
        known = [float(one) for one in lost if one == one]
        if len(known) >= 3:
            found.append(Staleness(age, sum(known) / len(known), *block_interval(known)))
    return found


def served_band(one: Verdict, bench: Bench) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Return the live metric of each served window and a 90 % interval of it, from the pieces of the window."""
    import numpy as np

    models = schedules.serving(bench.first, len(bench.scores), one.outcome.live)
    windows = np.arange(bench.first + 1, len(bench.scores))
    middle, pieces = bench.scores[models, windows], bench.history.models.parts[models, windows]
    half = 1.645 * pieces.std(axis=1, ddof=1) / pieces.shape[1] ** 0.5
    return middle, middle - half, middle + half


def _alike(one: Verdict, other: Verdict, bench: Bench) -> bool:
    low, high = gain_interval(bench, one.outcome, other.outcome)
    return low <= 0 <= high


def _score_within(one: Verdict, bench: Bench, start: int, end: int) -> float:
    import numpy as np

    scores = schedules.window_scores(bench.scores, bench.first, one.outcome.live)
    return float(np.nanmean(scores[start - bench.first - 1 : end - bench.first - 1]))


def _cost_within(one: Verdict, bench: Bench, price: float, start: int, end: int) -> float:
    """Return the metric lost in windows from `start` to before `end`, and the price of the retrains asked for there."""
    asked = sum(start - 1 <= request.window < end - 1 for request in one.outcome.asked)
    score = _score_within(one, bench, start, end)
    return schedules.total_cost(score, asked, end - start, price, greater_is_better=bench.greater)


def _signed(value: float) -> str:
    """Return a gain with its sign and two digits that matter; nothing has no sign."""
    return f"{value:+.2g}" if abs(value) > 1e-12 else "0"


def _retrains(count: int) -> str:
    return f"{count} retrain" if count == 1 else f"{count} retrains"
