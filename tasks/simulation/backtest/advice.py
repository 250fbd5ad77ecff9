"""Turn the verdicts of a backtest into advice: which policy, how sure, and does a choice made earlier hold later."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tasks.durations import in_words
from tasks.simulation.backtest import schedules
from tasks.simulation.backtest.judging import OWN, Bench, PolicyVerdict, gain_interval
from tasks.simulation.backtest.schedules import Cheapest

if TYPE_CHECKING:
    import numpy as np


class AdvisedPolicy(NamedTuple):
    """The policy that is advised, and those whose gain does not differ from its gain."""

    verdict: PolicyVerdict
    alike: tuple[str, ...]


class ChoiceCheck(NamedTuple):
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


def advised_policy(results: Sequence[PolicyVerdict], bench: Bench, price: float | None = None) -> AdvisedPolicy:
    """Return the policy to take: the cheapest at a price; without one, the rarest of those as good as the best."""
    if price is None:
        top = min(results, key=lambda result: result.regret_to_never)
        good = [
            result for result in results if result is top or gain_interval(bench, result.outcome, top.outcome)[1] >= 0
        ]
        pick = min(good, key=lambda result: (result.asked, result.regret_to_never))
    else:
        pick = min(results, key=lambda result: (bench.cost(result.outcome, price), result.asked))
    return AdvisedPolicy(
        pick, tuple(result.policy for result in results if result is not pick and _alike(result, pick, bench))
    )


def advice_sentence(pick: AdvisedPolicy, results: Sequence[PolicyVerdict], bench: Bench, metric: str) -> str:
    """Say which policy to take, how sure that is, and what the system's own and the most eager would buy."""
    result = pick.verdict
    over = f"over {bench.windows} windows of {in_words(bench.history.plan.windows[0].length)}"
    if result.asked == 0:
        advice_text = f"Keep the first model ({result.policy}): mean {metric} {result.score:.4g} {over}."
    else:
        advice_text = (
            f"Retrain by this rule: {result.policy}. Mean {metric} {result.score:.4g} with "
            f"{_retrains(result.asked)} {over}, {_signed(-result.regret_to_never)} beside never retraining "
            f"({_signed(result.low)} to {_signed(result.high)} with 90 % certainty)."
        )
    if len(pick.alike) == len(results) - 1 > 0:
        advice_text += " This history is too short or too noisy to separate any other policy from it by its gain."
    elif pick.alike:
        advice_text += f" No clear difference in gain from it: {', '.join(pick.alike)}."
    most = max(results, key=lambda other: other.asked)
    others = [other for other in results if other.policy == OWN or other is most]
    return " ".join(
        [advice_text, *(_more(other, result, bench) for other in others[::-1] if other.asked > result.asked)]
    )


def _more(other: PolicyVerdict, base: PolicyVerdict, bench: Bench) -> str:
    """Say what a policy that retrains more often would buy beyond the chosen one."""
    low, high = gain_interval(bench, other.outcome, base.outcome)
    gain = _signed(base.regret_to_never - other.regret_to_never)
    more = _retrains(other.asked - base.asked)
    gain_text = f"{more} more ({other.policy}) would gain {gain} ({_signed(low)} to {_signed(high)})"
    if low > 0:
        return f"{gain_text}."
    return f"{gain_text}: {'it does harm' if high < 0 else 'no more than noise'}."


def cheapest_policies(results: Sequence[PolicyVerdict], bench: Bench) -> list[Cheapest]:
    """Return which of the policies is cheapest from which price of a retrain on."""
    lines = {result.policy: (bench.cost(result.outcome, 0.0), result.asked) for result in results}
    return schedules.cheapest_by_price(lines, bench.prices[-1])


def choice_check(results: Sequence[PolicyVerdict], bench: Bench, price: float) -> ChoiceCheck:
    """Choose by cost on the first half of the served windows, and return the score of that choice on the second."""
    middle = bench.first + 1 + (len(bench.scores) - bench.first - 1) // 2
    early = min(results, key=lambda result: (_cost_within(result, bench, price, bench.first + 1, middle), result.asked))
    late = min(
        results, key=lambda result: (_cost_within(result, bench, price, middle, len(bench.scores)), result.asked)
    )
    return ChoiceCheck(
        early.policy,
        late.policy,
        _score_within(early, bench, middle, len(bench.scores)),
        _score_within(late, bench, middle, len(bench.scores)),
    )


def staleness(bench: Bench) -> list[Staleness]:
    """Return what each age of a model costs, with a 90 % interval, for ages with at least three windows."""
    from tasks.simulation.backtest.judging import block_interval

    count, ages = len(bench.scores), []
    for age in range(1, count - bench.first - 3):
        windows = range(bench.first + 1 + age, count)
        lost = [bench.gained(bench.scores[j - 1, j], bench.scores[j - 1 - age, j]) for j in windows]
        defined_losses = [float(loss) for loss in lost if loss == loss]
        if len(defined_losses) >= 3:
            ages.append(Staleness(age, sum(defined_losses) / len(defined_losses), *block_interval(defined_losses)))
    return ages


def served_band(result: PolicyVerdict, bench: Bench) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Return the live metric of each served window and a 90 % interval of it, from the pieces of the window."""
    import numpy as np

    models = schedules.serving(bench.first, len(bench.scores), result.outcome.live)
    windows = np.arange(bench.first + 1, len(bench.scores))
    middle, pieces = bench.scores[models, windows], bench.history.models.parts[models, windows]
    half = 1.645 * pieces.std(axis=1, ddof=1) / pieces.shape[1] ** 0.5
    return middle, middle - half, middle + half


def _alike(result: PolicyVerdict, other: PolicyVerdict, bench: Bench) -> bool:
    low, high = gain_interval(bench, result.outcome, other.outcome)
    return low <= 0 <= high


def _score_within(result: PolicyVerdict, bench: Bench, start: int, end: int) -> float:
    import numpy as np

    scores = schedules.window_scores(bench.scores, bench.first, result.outcome.live)
    return float(np.nanmean(scores[start - bench.first - 1 : end - bench.first - 1]))


def _cost_within(result: PolicyVerdict, bench: Bench, price: float, start: int, end: int) -> float:
    """Return the metric lost in windows from `start` to before `end`, and the price of the retrains asked for there."""
    asked = sum(start - 1 <= request.window < end - 1 for request in result.outcome.asked)
    score = _score_within(result, bench, start, end)
    return schedules.total_cost(score, asked, end - start, price, greater_is_better=bench.greater)


def _signed(value: float) -> str:
    """Return a gain with its sign and two digits that matter; nothing has no sign."""
    return f"{value:+.2g}" if abs(value) > 1e-12 else "0"


def _retrains(count: int) -> str:
    return f"{count} retrain" if count == 1 else f"{count} retrains"
