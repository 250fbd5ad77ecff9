"""Bring what a source has, up to a moment, into the stored observations: each row once, bad rows aside."""

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks import artifacts, retries
from tasks.data import validation
from tasks.data.store import Written, latest
from tasks.data.validation import BatchPolicy
from tasks.errors import BatchRefusedError
from tasks.labels import as_known
from tasks.steps import logger, step
from tasks.usecases import UseCase, use_case
from tasks.windows import Window, on_grid, periods

if TYPE_CHECKING:
    import pandas as pd
from tasks.data.tables import observations, quarantine

MOST_FILES = 500
"""Number of data files above which the observations are compacted."""
PIECE_ROWS = 50_000
"""Rows that are read and stored at once, about: consecutive periods are, as far as they hold fewer."""
MOST_PERIODS = 1_000
GROWTH = 8
"""How many times as many periods a piece may hold as the one before: how many rows they hold is only guessed."""


_UNTOUCHED = (
    "Nothing of this batch was stored; the next run takes it again. "
    "If the batch is right after all, run collect once with a policy that allows it"
)


class Collected(BaseModel):
    """What became of the rows of consecutive periods that were stored at once."""

    model_config = ConfigDict(frozen=True)

    window: Window
    version: int | None
    inserted: int = 0
    updated: int = 0
    quarantined: int = 0


def windows_to_collect(problem: UseCase, newest: datetime | None, as_of: datetime) -> list[Window]:
    """Return the periods to read at `as_of`, oldest first: all since the newest stored row, and the look-back."""
    start = problem.history_start
    if newest is not None:
        back_to = min(newest, as_of - problem.look_back)
        start = max(start, on_grid(back_to, problem.period))
    if start >= as_of:
        return []
    return periods(Window(start=start, end=as_of), problem.period)


def quarantine_records(
    bad: "pd.DataFrame", faults: "pd.Series", problem: UseCase, as_of: datetime
) -> list[dict[str, Any]]:
    """Return the quarantine's records for the `bad` rows; the same row with the same faults has the same id."""
    texts = [json.dumps(row, default=str, sort_keys=True) for row in bad.to_dict("records")]
    times = bad[problem.event_time]
    return [
        {
            "id": hashlib.sha256(f"{text} {why}".encode()).hexdigest(),
            "row": text,
            "reasons": why,
            "source": str(problem.source),
            "event_time": None if time != time else time.to_pydatetime(),
            "quarantined_at": as_of,
        }
        for text, why, time in zip(texts, faults, times, strict=True)
    ]


def held(rows: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the schema's columns of good rows in their declared dtypes; no value changes."""
    return rows[list(problem.columns)].astype(problem.dtypes)


@step()
def list_windows(usecase: str, as_of: datetime) -> list[Window]:
    """Return the periods that a collection at `as_of` has to read."""
    problem = use_case(usecase)
    stored = observations(problem).read(columns=[problem.event_time])
    return windows_to_collect(problem, latest(stored[problem.event_time]), as_of)


@step(**retries.RETRIED)
def collect_periods(usecase: str, windows: list[Window], as_of: datetime, policy: BatchPolicy) -> list[Collected]:
    """Read periods, oldest first, set bad rows aside, and store the good ones; return what became of each piece.

    Consecutive periods are read in pieces of about `PIECE_ROWS` rows and judged period by period. Killed between two
    pieces, the next run goes on from the last one that was stored.

    Raises:
        BatchRefusedError: a period is bad as a whole; the ones before it were stored, nothing of it was.
        SourceError: the source did not answer, after three more tries.
    """
    problem = use_case(usecase)
    collected: list[Collected] = []
    size = 1
    while windows:
        piece, windows = windows[:size], windows[size:]
        done, rows = _collected(problem, piece, as_of, policy)
        collected += done
        size = min(max(PIECE_ROWS * len(piece) // max(rows, 1), 1), GROWTH * size, MOST_PERIODS)
        if windows:
            logger().info("%s: collected up to %s, %s periods to go", usecase, piece[-1].end, len(windows))
    observations(problem).compact(MOST_FILES)
    return collected


def _collected(
    problem: UseCase, piece: list[Window], as_of: datetime, policy: BatchPolicy
) -> tuple[list[Collected], int]:
    """Store a piece at once, or, where a period of it is refused, one period after the other up to that one.

    Returns what became of it, and how many rows the source had.
    """
    try:
        return _stored_piece(problem, piece, as_of, policy)
    except BatchRefusedError:
        if len(piece) == 1:
            raise
    parts = [_stored_piece(problem, [window], as_of, policy) for window in piece]
    return [period for done, _ in parts for period in done], sum(rows for _, rows in parts)


def _stored_piece(
    problem: UseCase, piece: list[Window], as_of: datetime, policy: BatchPolicy
) -> tuple[list[Collected], int]:
    """Store a piece at once.

    The quarantine is written first: killed between the two writes, a rerun finds the same bad rows there.
    """
    whole = Window(start=piece[0].start, end=piece[-1].end)
    rows = _read(problem, whole, as_of)
    faults = _judged(rows, problem, piece, policy)
    bad = faults != ""
    records = quarantine_records(rows[bad], faults[bad], problem, as_of)
    aside = quarantine(problem).append_new(quarantine(problem).rows(records).drop_duplicates("id"))
    stored = _stored(held(rows[~bad], problem), problem, as_of)
    done = Collected(
        window=whole,
        version=stored.version,
        inserted=stored.inserted,
        updated=stored.updated,
        quarantined=aside.inserted,
    )
    return [done], len(rows)


def _read(problem: UseCase, window: Window, as_of: datetime) -> "pd.DataFrame":
    """Return the rows of a window as known at `as_of`; an empty frame where the source has none."""
    import pandas as pd

    chunks = [chunk for chunk in problem.source.rows(window.start, window.end) if len(chunk)]
    if not chunks:
        return pd.DataFrame(columns=list(problem.columns)).astype(problem.dtypes)
    rows = validation.with_declared_dtypes(pd.concat(chunks, ignore_index=True), problem)
    if fault := validation.shape_fault(rows, problem):
        raise BatchRefusedError(f"{problem.name} {window}: {fault}. {_UNTOUCHED}")
    return as_known(rows, problem, as_of)


def _judged(rows: "pd.DataFrame", problem: UseCase, piece: list[Window], policy: BatchPolicy) -> "pd.Series":
    """Return each row's faults; raise if a period is bad as a whole."""
    times = rows[problem.event_time]
    number = (times - piece[0].start) // problem.period
    faults = validation.row_faults(rows, problem, number)
    usual = _usual(problem, piece[0])
    for place, window in enumerate(piece):
        inside = (number == place) | times.isna()
        bad = faults[inside & (faults != "") & times.notna()]
        complete = window.length == problem.period
        fault = validation.batch_fault(int(inside.sum()), bad, usual, policy, complete=complete)
        if fault is not None:
            raise BatchRefusedError(f"{problem.name} {window}: {fault}. {_UNTOUCHED}")
        good = int((inside & (faults == "")).sum())
        usual = [*usual, good][-validation.USUAL_PERIODS :] if good else usual
    return faults


def _usual(problem: UseCase, window: Window) -> list[int]:
    """Return the stored row counts of the periods just before `window` that have any, oldest first."""
    before = Window(start=window.start - validation.USUAL_PERIODS * problem.period, end=window.start)
    stored = observations(problem).read(before, [problem.event_time])
    back = ((window.start - stored[problem.event_time]) / problem.period).apply("ceil")
    return back.value_counts().sort_index(ascending=False).tolist()


def _stored(good: "pd.DataFrame", problem: UseCase, as_of: datetime) -> Written:
    """Store good rows; a moment earlier than what is stored adds rows, but must not take back what is known since.

    A key that stands in several periods of the piece is stored as one period after the other would have stored it.
    """
    table = observations(problem)
    times = table.read(columns=[problem.event_time, problem.label_time])
    later = ((times[problem.event_time] >= as_of) | (times[problem.label_time] > as_of)).any()
    rows = good.drop_duplicates(list(problem.key), keep="first" if later else "last")
    return table.append_new(rows) if later else table.upsert(rows)


@step()
def show_collected(usecase: str, collected: list[Collected]) -> None:
    """Show what became of the rows of each piece of history."""
    rows = [{"window": str(piece.window), **piece.model_dump(exclude={"window"})} for piece in collected]
    artifacts.show_table(
        f"{usecase} collected",
        rows,
        f"{usecase}: {_totals(collected)}" if rows else "nothing to do: no time has passed since the last collection",
    )


def _totals(collected: list[Collected]) -> str:
    inserted, updated, quarantined = (
        sum(getattr(piece, name) for piece in collected) for name in ("inserted", "updated", "quarantined")
    )
    return f"{inserted:,} new rows, {updated:,} updated, {quarantined:,} quarantined"
