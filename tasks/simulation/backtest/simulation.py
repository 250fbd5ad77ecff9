"""Play history under a policy: ask it at the end of every window, and let the gate judge what it asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tasks.simulation.backtest.matrix import Matrix, Plan, known_at, visible
from tasks.triggers.moment import Moment, Policy

if TYPE_CHECKING:
    import numpy as np

Share = Callable[[int, int], float | None]
"""The share of features that drifted between the rows a model was trained on and those of a window."""
Told = Callable[[int, int], str | None]
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


class Asked(BaseModel):
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
    asked: tuple[Asked, ...]

    @property
    def live(self) -> tuple[int, ...]:
        """The schedule: the retrains that went live."""
        return tuple(one.window for one in self.asked if one.refusal is None)


@dataclass(frozen=True, eq=False, kw_only=True)
class History:
    """All that a policy is played on."""

    plan: Plan
    models: Matrix
    scouts: Matrix
    greater_is_better: bool
    drifted: Share = lambda _model, _window: None
    alarm: Told = lambda _model, _window: None


def played(name: str, policy: Policy, history: History, gate: BacktestGate, price: float | None = None) -> Outcome:
    """Return what becomes of a history under a policy; each decision sees only what was known at its moment."""
    champion = history.plan.first
    asked: list[Asked] = []
    for now in range(history.plan.first + 1, len(history.plan.windows) - 1):
        seen = moment_at(history, now, champion, asked, price)
        reason = policy(seen)
        if reason is None:
            continue
        refusal = gate_refusal(history, now, champion, gate)
        asked.append(Asked(window=now, reason=reason, refusal=refusal))
        champion = now if refusal is None else champion
    return Outcome(policy=name, asked=tuple(asked))


def moment_at(history: History, now: int, champion: int, asked: list[Asked], price: float | None = None) -> Moment:
    """Return what is known at the end of window `now`."""
    import numpy as np

    known, numbers = known_at(now, history.models), np.arange(len(history.plan.windows))
    trained = np.isin(numbers, [champion, history.plan.first, *(one.window for one in asked)])
    trained |= numbers < history.plan.first
    return Moment(
        now=now,
        first=history.plan.first,
        champion=champion,
        asked=tuple(one.window for one in asked),
        live=tuple(one.window for one in asked if one.refusal is None),
        greater_is_better=history.greater_is_better,
        scores=visible(history.models.seen, trained, known),
        scouts=visible(history.scouts.seen, numbers <= now, known),
        parts=visible(history.models.parts, trained, known),
        scout_parts=visible(history.scouts.parts, numbers <= now, known),
        rows=np.where(known, history.models.counts, 0),
        price=price,
        drifted_share=partial(history.drifted, champion, now),
        alarm=partial(history.alarm, champion, now),
        errors=partial(_errors, history.models, champion, now),
    )


def gate_refusal(history: History, now: int, champion: int, gate: BacktestGate) -> str | None:
    """Say why a challenger trained at the end of window `now` must not go live, or None if it may.

    As in a retrain, its stand-in on each of the newest labelled windows is the model trained just before it, and only
    windows count that the champion has not seen. What cannot be computed refuses.
    """
    import numpy as np

    if not history.models.trained[now]:
        return "too few labelled rows to train a challenger"
    known = np.flatnonzero(known_at(now, history.models) & (history.models.counts > 0))
    fair = [int(number) for number in known if number > champion][-gate.blocks :]
    before = [number - 1 for number in fair]
    gains = history.models.seen[before, fair] - history.models.seen[champion, fair]
    gains = gains if history.greater_is_better else -gains
    have = ~np.isnan(gains)
    if not have.any():
        return "no labelled window that neither challenger nor champion has seen"
    mean = float(np.average(gains[have], weights=history.models.counts[fair][have]))
    if mean > gate.min_gain:
        return None
    return f"gain {mean:+.4f} over the champion on {int(have.sum())} windows, more than {gate.min_gain} needed"


def _errors(models: Matrix, champion: int, now: int) -> "list[np.ndarray]":
    """Return the champion's row losses of each known window after its training."""
    import numpy as np

    losses = models.losses[champion]
    assert losses is not None
    later = np.arange(champion + 1, len(models.counts))
    edges = np.cumsum(models.counts[later])[:-1]
    pieces = np.split(losses, edges)
    return [piece for number, piece in zip(later, pieces, strict=True) if models.landed[number] <= now and len(piece)]
