"""Tell on one page how a use case stands: from facts to markdown, and nothing else."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tasks import artifacts
from tasks.data.ledger import Decision, moves
from tasks.metrics import figure
from tasks.runs import NextRun
from tasks.triggers.episodes import open_episode

NEWEST = 10
"""How many decisions, and how many checks, are shown."""


OPENING: tuple[str, ...] = ("alarm", "retrain asked", "approval asked")
"""Kinds of decisions that stay open until another one answers them."""


class CheckSummary(BaseModel):
    """One look of `monitor`, in a line."""

    model_config = ConfigDict(frozen=True)

    as_of: AwareDatetime
    model_version: str
    rows: int
    drifting: int
    compared: int
    metric: str = ""
    value: float | None = None
    expected: float | None = None
    report_url: str = ""


class Stored(BaseModel):
    """How much is stored, how fresh it is, and what lies in quarantine."""

    model_config = ConfigDict(frozen=True)

    rows: int = 0
    labelled: int = 0
    newest_row: AwareDatetime | None = None
    newest_label: AwareDatetime | None = None
    quarantined: dict[str, int] = {}
    """Number of quarantined rows by reason, the commonest first; a row with two reasons counts in both."""
    in_quarantine: int = 0


class Status(BaseModel):
    """All that is shown of a use case at a moment."""

    model_config = ConfigDict(frozen=True)

    usecase: str
    as_of: AwareDatetime
    decisions: tuple[Decision, ...] = ()
    """All of them, oldest first."""
    checks: tuple[CheckSummary, ...] = ()
    stored: Stored = Stored()
    feed: str = ""
    """Up to when the source was read, and whether that is too long ago."""
    next_runs: tuple[NextRun, ...] | None = None
    """None where Prefect did not answer."""


def champion_text(status: Status) -> str:
    """Say which version is live and for how long."""
    past = moves(list(status.decisions))
    if not past:
        return "no model is live yet"
    last = past[-1]
    learned = last.facts.get("window") or last.facts.get("trained")
    text = f"version {last.facts['version']}, {last.kind} {last.as_of:%Y-%m-%d %H:%M} ({age(last.as_of, status.as_of)})"
    return f"{text}, learned from {learned}" if learned else text


def open_matters(history: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """Return the alarms, requests and questions that no other decision answers, oldest first."""
    answered = {decision.answers for decision in history}
    closed = {decision.answers for decision in history if decision.kind in ("promoted", "refused")}
    return tuple(
        decision
        for decision in history
        if decision.kind in OPENING
        and decision.id not in answered
        and not (decision.kind == "approval asked" and decision.answers in closed)
    )


def drift_text(status: Status) -> str:
    """Say since when a drift is open and why, and how far it has come: asked, refused, muted."""
    episode = open_episode(status.decisions)
    if episode is None:
        return "none"
    parts = [f"since {episode.opened:%Y-%m-%d %H:%M} ({age(episode.opened, status.as_of)}): {episode.reason}"]
    if episode.asked is not None:
        parts.append(f"a retrain was asked for at {episode.asked:%Y-%m-%d %H:%M}")
    if episode.refused is not None:
        parts.append(f"its challenger was refused at {episode.refused:%Y-%m-%d %H:%M}: {episode.refusal}")
    if episode.muted_until is not None and episode.muted_until > status.as_of:
        parts.append(f"muted until {episode.muted_until:%Y-%m-%d %H:%M}")
    return "; ".join(parts)


def age(then: datetime | None, now: datetime) -> str:
    """Say how long ago `then` was, in the largest unit of which there are two."""
    if then is None:
        return "never"
    if then > now:
        return "later than this moment"
    passed = now - then
    for unit, length in (("days", timedelta(days=1)), ("hours", timedelta(hours=1))):
        if passed >= 2 * length:
            return f"{passed / length:.0f} {unit} ago"
    return f"{passed / timedelta(minutes=1):.0f} minutes ago"


def summary(status: Status) -> str:
    """Say in a line how the use case stands."""
    waiting = len(open_matters(status.decisions))
    return f"{status.usecase}: {champion_text(status)}; {waiting} open"


def facts(status: Status) -> dict[str, str]:
    """Return the page's first table: what is live, how fresh the data is, what is set aside."""
    stored, now = status.stored, status.as_of
    return {
        "champion": champion_text(status),
        "open drift": drift_text(status),
        "feed": status.feed,
        "rows": f"{stored.rows:,}, the newest {age(stored.newest_row, now)}",
        "labels": f"{stored.labelled:,}, the newest {age(stored.newest_label, now)}",
        "quarantine": f"{stored.in_quarantine:,} rows",
    }


def sections(status: Status) -> dict[str, list[dict[str, str]]]:
    """Return the page's other tables by title, each as rows; an empty one has nothing to tell."""
    return {
        "Open": [_decision_row(decision) for decision in open_matters(status.decisions)],
        "Last checks": [_check_row(check) for check in status.checks[:NEWEST]],
        "Next runs": [{"flow": run.flow, "at": f"{run.at:%Y-%m-%d %H:%M}"} for run in status.next_runs or ()],
        "Quarantine": [{"reason": reason, "rows": f"{rows:,}"} for reason, rows in status.stored.quarantined.items()],
        "Last decisions": [_decision_row(decision) for decision in reversed(status.decisions[-NEWEST:])],
    }


def empty_text(title: str, status: Status) -> str:
    """Say why a section has no rows."""
    if title == "Next runs":
        return "Prefect does not answer." if status.next_runs is None else "No schedule is active."
    return "None."


def page(status: Status) -> str:
    """Return the whole as one page of markdown."""
    parts = [f"# {status.usecase} on {status.as_of:%Y-%m-%d %H:%M}", artifacts.as_markdown(facts(status))]
    for title, rows in sections(status).items():
        parts.append(f"## {title}")
        parts.append(artifacts.as_table(rows, list(rows[0])) if rows else empty_text(title, status))
    return "\n\n".join(parts)


def _decision_row(decision: Decision) -> dict[str, str]:
    return {
        "as of": f"{decision.as_of:%Y-%m-%d %H:%M}",
        "kind": decision.kind,
        "reason": decision.reason,
        "id": decision.id,
    }


def _check_row(check: CheckSummary) -> dict[str, str]:
    has_values = check.value is not None and check.expected is not None
    return {
        "as of": f"{check.as_of:%Y-%m-%d %H:%M}",
        "model": f"version {check.model_version}",
        "rows": f"{check.rows:,}",
        "drifting": f"{check.drifting} of {check.compared}",
        "performance": f"{check.metric} {figure(check.value)}, {figure(check.expected)} at promotion"
        if has_values
        else "unknown",
        "report": check.report_url,
    }
