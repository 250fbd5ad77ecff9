"""Know up to when the source was read: checks end there, and a feed that is read too seldom is told of itself."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from tasks import events, retries
from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.data.tables import COLLECTED_UNTIL, watermarks
from tasks.durations import in_words
from tasks.steps import step
from tasks.usecases import UseCase, use_case

MOST_FILES = 100
"""Number of data files above which the watermarks are compacted."""
USUAL_GAPS = 20
"""How many of the newest gaps between collections tell how long one usually is."""
FEWEST_GAPS = 3
"""Gaps needed to tell that; with fewer, a window of the use case stands for it."""
LATE = 2
"""How many times the usual gap passes before the feed is late: a run is missing then, and the next one due."""
UNMARKED = "no collection has recorded yet up to when it read the source: checks end at the moment of their run"


def marks_at(problem: UseCase, as_of: datetime) -> list[datetime]:
    """Return the watermarks up to `as_of`, oldest first: what later runs have read is not known then."""
    stored = watermarks(problem).read()[COLLECTED_UNTIL]
    return [mark.to_pydatetime() for mark in stored[stored <= as_of].sort_values()]


def checked_until(problem: UseCase, as_of: datetime) -> datetime:
    """Return the moment at which a check at `as_of` ends: up to there all rows are stored that the source had.

    That is the newest watermark. Where there is none, because the state is older than watermarks or the moment older
    than the first collection, it is `as_of`, so that a feed that has stopped shows.
    """
    return max(marks_at(problem, as_of), default=as_of)


def usual_gap(marks: Sequence[datetime], window: timedelta) -> timedelta:
    """Return how long it usually takes from one collection to the next: the median of the newest gaps."""
    gaps = sorted([after - before for before, after in pairwise(marks)][-USUAL_GAPS:])
    return gaps[len(gaps) // 2] if len(gaps) >= FEWEST_GAPS else window


def late_reason(marks: Sequence[datetime], window: timedelta, as_of: datetime) -> str | None:
    """Say since when the source was not read, or None where that is not longer than usual; `marks` oldest first."""
    if not marks:
        return None
    silent, usual = as_of - marks[-1], usual_gap(marks, window)
    if silent <= LATE * usual:
        return None
    return (
        f"the source was last read up to {marks[-1]:%Y-%m-%d %H:%M}, {in_words(silent)} ago; {in_words(usual)} "
        "is usual from one collection to the next: look at the runs of `collect`"
    )


def feed_state(problem: UseCase, as_of: datetime) -> str:
    """Say up to when the source was read, and whether that is too long ago."""
    marks = marks_at(problem, as_of)
    if not marks:
        return UNMARKED
    late = late_reason(marks, problem.window, as_of)
    return f"late: {late}" if late else f"read up to {marks[-1]:%Y-%m-%d %H:%M}, {in_words(as_of - marks[-1])} ago"


@step(**retries.RETRIED)
def mark_collected(usecase: str, as_of: datetime) -> None:
    """Record that all periods up to `as_of` were read and stored; recorded again, it stays as it is.

    A run that fails in one of its periods does not come here, and one that is killed before this is repeated by the
    next: a watermark may come late, never early.
    """
    table = watermarks(use_case(usecase))
    table.append_new(table.rows([{COLLECTED_UNTIL: as_of}]))
    table.compact(MOST_FILES)


@step()
def show_late_feed(usecase: str, as_of: datetime) -> str | None:
    """Keep in the ledger, and tell the automations, that the source is read too seldom, once until it is read again.

    The rows that came are as good as before, so nothing is held back by it. Returns the reason, or None.
    """
    problem = use_case(usecase)
    marks = marks_at(problem, as_of)
    reason = late_reason(marks, problem.window, as_of)
    if reason is None:
        return None
    facts = {
        COLLECTED_UNTIL: marks[-1].isoformat(),
        "usual_gap_seconds": usual_gap(marks, problem.window).total_seconds(),
    }
    late = Decision(usecase=usecase, kind="feed late", as_of=as_of, reason=reason, facts=facts)
    if ledger.record_unless(late, lambda past: _recorded_before(late, past)) is None:
        events.tell("feed.late", usecase, late.id, reason)
    return reason


def _recorded_before(late: Decision, past: Sequence[Decision]) -> str | None:
    """Say that the same silence is in the ledger, or None."""
    same = [
        entry
        for entry in past
        if entry.kind == late.kind and entry.facts[COLLECTED_UNTIL] == late.facts[COLLECTED_UNTIL]
    ]
    return f"in the ledger since {same[0].as_of}" if same else None
