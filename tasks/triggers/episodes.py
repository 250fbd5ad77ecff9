"""Follow a drift from the first alarm until something closes it: one drift, one episode, one retrain at a time."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.monitoring.signals.models import Alarm, severity

CLOSES: tuple[ledger.Kind, ...] = ("promoted", "rolled back", "episode closed")


class Episode(BaseModel):
    """A drift that is not over: what opened it and how far it has come."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Of the decision that opened it."""
    opened: AwareDatetime
    reason: str
    asked: AwareDatetime | None = None
    """When a retrain was asked for last."""
    refused: AwareDatetime | None = None
    """When a challenger was refused last."""
    refusal: str = ""
    severity: float
    """How many times its limit the worst signal lay away when a retrain was asked for last, or else at the opening."""
    muted_until: AwareDatetime | None = None


def open_episode(past: Sequence[Decision]) -> Episode | None:
    """Return the episode that stands open after these decisions, oldest first, or None."""
    standing: Episode | None = None
    for decision in past:
        standing = after(standing, decision)
    return standing


def after(standing: Episode | None, decision: Decision) -> Episode | None:
    """Return how an episode stands after one more decision."""
    if standing is None:
        return _opened(decision) if decision.kind == "drift found" else None
    if decision.kind in CLOSES:
        return None
    changes = {
        "retrain asked": {"asked": decision.as_of, "severity": decision.facts.get("severity", standing.severity)},
        "refused": {"refused": decision.as_of, "refusal": decision.reason},
        "muted": {"muted_until": decision.facts.get("until")},
    }.get(decision.kind, {})
    return Episode.model_validate(standing.model_dump() | changes)


def opening(usecase: str, as_of: datetime, alarm: Alarm, facts: dict) -> Decision:
    """Return the decision that opens an episode."""
    reason = "; ".join(alarm.reasons)
    episode_facts = facts | {"severity": severity(alarm), "families": list(alarm.families)}
    return Decision(usecase=usecase, kind="drift found", as_of=as_of, reason=reason, facts=episode_facts)


def closing(usecase: str, as_of: datetime, episode: Episode, reason: str) -> Decision:
    """Return the decision that closes an episode for another reason than a new model."""
    facts = {"opened": episode.opened.isoformat()}
    return Decision(usecase=usecase, kind="episode closed", as_of=as_of, reason=reason, facts=facts, answers=episode.id)


def muting(usecase: str, now: datetime, until: datetime, reason: str, past: Sequence[Decision]) -> Decision:
    """Return the decision with which a person mutes the open episode.

    Raises:
        ValueError: no episode is open, or the date is not ahead.
    """
    standing = open_episode(past)
    if standing is None:
        raise ValueError(f"expected an open episode of {usecase} to mute, found none")
    if until <= now:
        raise ValueError(f"expected a date after {now:%Y-%m-%d %H:%M} to mute until, found {until:%Y-%m-%d %H:%M}")
    facts = {"until": until.isoformat(), "episode": standing.id}
    return Decision(usecase=usecase, kind="muted", as_of=now, reason=reason, facts=facts)


def _opened(decision: Decision) -> Episode:
    return Episode(
        id=decision.id,
        opened=decision.as_of,
        reason=decision.reason,
        severity=float(decision.facts.get("severity", 0.0)),
    )
