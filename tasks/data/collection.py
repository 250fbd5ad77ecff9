"""Bring what a source has, up to a moment, into the stored observations: each row once, bad rows aside."""

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from tasks import artifacts, retries
from tasks.data import validation
from tasks.data.store import Written, latest
from tasks.data.validation import BatchPolicy
from tasks.errors import BatchRefusedError
from tasks.labels import as_known
from tasks.usecases import UseCase, use_case
from tasks.windows import Window, on_grid, periods

if TYPE_CHECKING:
    import pandas as pd
from tasks.data.tables import observations, quarantine

MOST_FILES = 500
"""Number of data files above which the observations are compacted."""


_UNTOUCHED = (
    "Nothing of this batch was stored; the next run takes it again. "
    "If the batch is right after all, run collect once with a policy that allows it"
)


class Collected(BaseModel):
    """What became of the rows of one period."""

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


@task(cache_policy=NO_CACHE)
def list_windows(usecase: str, as_of: datetime) -> list[Window]:
    """Return the periods that a collection at `as_of` has to read."""
    problem = use_case(usecase)
    stored = observations(problem).read(columns=[problem.event_time])
    return windows_to_collect(problem, latest(stored[problem.event_time]), as_of)


@task(**retries.RETRIED, task_run_name="{window}")
def collect_window(usecase: str, window: Window, as_of: datetime, policy: BatchPolicy) -> Collected:
    """Read one period, set bad rows aside, and store the good ones.

    The quarantine is written first: killed between the two writes, a rerun finds the same bad rows there.

    Raises:
        BatchRefusedError: the batch is bad as a whole; nothing of it was stored.
        SourceError: the source did not answer, after three more tries.
    """
    problem = use_case(usecase)
    rows = _read(problem, window, as_of)
    faults = _judged(rows, problem, window, policy)
    bad = faults != ""
    records = quarantine_records(rows[bad], faults[bad], problem, as_of)
    aside = quarantine(problem).append_new(quarantine(problem).rows(records).drop_duplicates("id"))
    stored = _stored(held(rows[~bad], problem), problem, as_of)
    observations(problem).compact(MOST_FILES)
    return Collected(
        window=window,
        version=stored.version,
        inserted=stored.inserted,
        updated=stored.updated,
        quarantined=aside.inserted,
    )


def _read(problem: UseCase, window: Window, as_of: datetime) -> "pd.DataFrame":
    """Return the period's rows as known at `as_of`; an empty frame where the source has none."""
    import pandas as pd

    chunks = [chunk for chunk in problem.source.rows(window.start, window.end) if len(chunk)]
    if not chunks:
        return pd.DataFrame(columns=list(problem.columns)).astype(problem.dtypes)
    rows = validation.with_declared_dtypes(pd.concat(chunks, ignore_index=True), problem)
    if fault := validation.shape_fault(rows, problem):
        raise BatchRefusedError(f"{problem.name} {window}: {fault}. {_UNTOUCHED}")
    return as_known(rows, problem, as_of)


def _judged(rows: "pd.DataFrame", problem: UseCase, window: Window, policy: BatchPolicy) -> "pd.Series":
    """Return each row's faults; raise if the batch is bad as a whole."""
    faults = validation.row_faults(rows, problem)
    bad = faults[(faults != "") & rows[problem.event_time].notna()]
    complete = window.length == problem.period
    fault = validation.batch_fault(len(rows), bad, _usual(problem, window), policy, complete=complete)
    if fault is not None:
        raise BatchRefusedError(f"{problem.name} {window}: {fault}. {_UNTOUCHED}")
    return faults


def _usual(problem: UseCase, window: Window) -> list[int]:
    """Return the stored row counts of the periods just before `window` that have any, oldest first."""
    before = Window(start=window.start - validation.USUAL_PERIODS * problem.period, end=window.start)
    stored = observations(problem).read(before, [problem.event_time])
    back = ((window.start - stored[problem.event_time]) / problem.period).apply("ceil")
    return back.value_counts().sort_index(ascending=False).tolist()


def _stored(good: "pd.DataFrame", problem: UseCase, as_of: datetime) -> Written:
    """Store good rows; a moment earlier than what is stored adds rows, but must not take back what is known since."""
    table = observations(problem)
    times = table.read(columns=[problem.event_time, problem.label_time])
    known_later = (times[problem.event_time] >= as_of) | (times[problem.label_time] > as_of)
    return table.append_new(good) if known_later.any() else table.upsert(good)


@task(cache_policy=NO_CACHE)
def tell_collected(usecase: str, collected: list[Collected]) -> None:
    """Show what became of the rows of each period."""
    totals = {name: sum(getattr(one, name) for one in collected) for name in ("inserted", "updated", "quarantined")}
    rows = [{"window": str(one.window), **one.model_dump(exclude={"window"})} for one in collected]
    artifacts.show_table(
        f"{usecase} collected", rows, f"{usecase}: {totals}" if rows else "nothing to do: no time passed"
    )
