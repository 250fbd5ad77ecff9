"""Play history under a policy: ask it at the end of every window, and let the gate judge what it asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tasks.simulation.backtest.matrix import Matrix, Plan, settled_at, visible
from tasks.triggers.moment import DecisionMoment, Policy

if TYPE_CHECKING:
    import numpy as np

DriftedShare = Callable[[int, int], float | None]
"""The share of features that drifted between the rows a model was trained on and those of a window."""
AlarmReason = Callable[[int, int], str | None]
"""Why the alarm of a model rings at the end of a window."""


class BacktestGate(BaseModel):
    """What a challenger must show in a backtest before it goes live."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    blocks: int = Field(
        ge=1, le=24, description="Newest labelled windows, unseen by either, on which challenger and champion compare"
    )
    min_gain: float = Field(
        ge=0, description="The gain over the champion must exceed this, in units of the metric; a tie keeps it"
    )


class RequestedRetrain(BaseModel):
    """One retrain that a policy asked for."""

    model_config = ConfigDict(frozen=True)

    window: int
    reason: str
    refusal: str | None
    """Why the gate kept the champion, or None: the challenger went live."""


class Outcome(BaseModel):
    """What a policy did with a history."""

    model_config = ConfigDict(frozen=True)

    policy: str
    asked: tuple[RequestedRetrain, ...]

    @property
    def live(self) -> tuple[int, ...]:
        """The schedule: the retrains that went live."""
        return tuple(request.window for request in self.asked if request.refusal is None)


@dataclass(frozen=True, eq=False, kw_only=True)
class BacktestHistory:
    """All that a policy is played on."""

    plan: Plan
    models: Matrix
    scouts: Matrix
    greater_is_better: bool
    drifted: DriftedShare = lambda _model, _window: None
    alarm: AlarmReason = lambda _model, _window: None


def policy_outcome(
    name: str, policy: Policy, history: BacktestHistory, gate: BacktestGate, price: float | None = None
) -> Outcome:
    """Return the retrains of a history under a policy; each decision uses only what was known at its moment."""
    champion = history.plan.first
    asked: list[RequestedRetrain] = []
    for now in range(history.plan.first + 1, len(history.plan.windows) - 1):
        moment = moment_at(history, now, champion, asked, price)
        reason = policy(moment)
        if reason is None:
            continue
        refusal = gate_refusal(history, now, champion, gate)
        asked.append(RequestedRetrain(window=now, reason=reason, refusal=refusal))
        champion = now if refusal is None else champion
    return Outcome(policy=name, asked=tuple(asked))


def moment_at(
    history: BacktestHistory, now: int, champion: int, asked: list[RequestedRetrain], price: float | None = None
) -> DecisionMoment:
    """Return what is known at the end of window `now`."""
    import numpy as np

    settled, numbers = settled_at(now, history.models), np.arange(len(history.plan.windows))
    trained = np.isin(numbers, [champion, history.plan.first, *(request.window for request in asked)])
    trained |= numbers < history.plan.first
    return DecisionMoment(
        now=now,
        first=history.plan.first,
        champion=champion,
        asked=tuple(request.window for request in asked),
        live=tuple(request.window for request in asked if request.refusal is None),
        greater_is_better=history.greater_is_better,
        scores=visible(history.models.settled_scores, trained, settled),
        scouts=visible(history.scouts.settled_scores, numbers <= now, settled),
        parts=visible(history.models.parts, trained, settled),
        scout_parts=visible(history.scouts.parts, numbers <= now, settled),
        rows=np.where(settled, history.models.counts, 0),
        price=price,
        drifted_share=partial(history.drifted, champion, now),
        alarm=partial(history.alarm, champion, now),
        errors=partial(_errors, history.models, champion, now),
    )


def gate_refusal(history: BacktestHistory, now: int, champion: int, gate: BacktestGate) -> str | None:
    """Say why a challenger trained at the end of window `now` must not go live, or None if it may.

    As in a retrain, its stand-in on each of the newest labelled windows is the model trained just before it, and only
    windows count that the champion was not trained on. What cannot be computed refuses.
    """
    import numpy as np

    if not history.models.trained[now]:
        return "too few labelled rows to train a challenger"
    settled = np.flatnonzero(settled_at(now, history.models) & (history.models.counts > 0))
    fair = [int(number) for number in settled if number > champion][-gate.blocks :]
    before = [number - 1 for number in fair]
    gains = history.models.settled_scores[before, fair] - history.models.settled_scores[champion, fair]
    gains = gains if history.greater_is_better else -gains
    have = ~np.isnan(gains)
    if not have.any():
        return "no labelled window that neither challenger nor champion has seen"
    mean = float(np.average(gains[have], weights=history.models.counts[fair][have]))
    if mean > gate.min_gain:
        return None
    return f"gain {mean:+.4f} over the champion on {int(have.sum())} windows, more than {gate.min_gain} needed"


def _errors(models: Matrix, champion: int, now: int) -> "list[np.ndarray]":
    """Return the champion's row losses of each settled window after its training."""
    import numpy as np

    losses = models.losses[champion]
    assert losses is not None
    later = np.arange(champion + 1, len(models.counts))
    edges = np.cumsum(models.counts[later])[:-1]
    pieces = np.split(losses, edges)
    return [piece for number, piece in zip(later, pieces, strict=True) if models.landed[number] <= now and len(piece)]
