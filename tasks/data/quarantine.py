"""Take quarantined rows back that are good by the present schema: each once, over nothing that is stored better."""

import json
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tasks import artifacts, retries
from tasks.data import validation
from tasks.data.collection import held
from tasks.data.sources.frames import plain_frame, table_of
from tasks.data.sources.layout import UNPARSED, Layout
from tasks.data.store import differences
from tasks.data.tables import observations, quarantine
from tasks.steps import step
from tasks.usecases import UseCase, use_case
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
from tasks.data.tables import readmissions

STORED_BETTER = "stored in another form, with its label or without one on either side"


class Readmission(BaseModel):
    """What became of the quarantined rows that were looked at again."""

    model_config = ConfigDict(frozen=True)

    looked_at: int = 0
    readmitted: int = 0
    """Records of the quarantine; several may tell of one row."""
    inserted: int = 0
    completed: int = 0
    """Rows that were stored without their label, and now have it."""
    remaining: dict[str, int] = {}
    """Number of records that stay, by what speaks against them now; one with two reasons counts in both."""


def still_aside(problem: UseCase, as_of: datetime) -> "pd.DataFrame":
    """Return the quarantine's records that were set aside by `as_of` and not readmitted by then, oldest first."""
    aside, back = quarantine(problem).read(), readmissions(problem).read()
    gone = back.loc[back["readmitted_at"] <= as_of, "id"]
    here = (aside["quarantined_at"] <= as_of) & ~aside["id"].isin(gone)
    return aside[here].sort_values("quarantined_at", kind="stable").reset_index(drop=True)


def chosen(records: "pd.DataFrame", over: Window | None, because: str) -> "pd.DataFrame":
    """Return the records whose event time lies in the window and whose reasons contain a text; empty means any.

    A row that gave way to a later one of its key is not among them: it was not bad.
    """
    reasons = records["reasons"]
    wanted = reasons.str.contains(because, regex=False) & ~reasons.str.contains(validation.REPEATED, regex=False)
    if over is not None:
        wanted &= (records["event_time"] >= over.start) & (records["event_time"] < over.end)
    return records[wanted]


def restored(records: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the rows that records hold, by the index of these, in the schema's columns and dtypes as far as they fit.

    A cell that is not of its dtype is missing, and told in `_unparsed` with what could not be read when it was set
    aside; columns that the schema has got since are missing.
    """
    rows = [json.loads(row) for row in records["row"]]
    columns = {name: [_text(row.get(name)) for row in rows] for name in problem.columns}
    frame = plain_frame(table_of(columns), Layout(event_time=problem.event_time, dtypes=problem.dtypes))
    now = frame[UNPARSED].fillna("").tolist() if UNPARSED in frame else [""] * len(rows)
    faults = ["; ".join(filter(None, (_text(row.get(UNPARSED)), fault))) for row, fault in zip(rows, now, strict=True)]
    return validation.with_declared_dtypes(frame.assign(**{UNPARSED: faults}).set_index(records.index), problem)


def faults_now(rows: "pd.DataFrame", problem: UseCase) -> "pd.Series":
    """Return by row what the present schema says against it, empty for good ones, or what a column's type is wrong."""
    import pandas as pd

    if fault := validation.shape_fault(rows, problem):
        return pd.Series(fault, index=rows.index)
    return validation.row_faults(rows, problem)


def merged(stored: "pd.DataFrame", good: "pd.DataFrame", problem: UseCase) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the good rows whose key is not stored yet, and those that complete a stored row by its label.

    All else that is stored stays: the source has told it as a good row, and it may be newer.
    """
    new, other = differences(stored, good, problem.key)
    names = list(problem.key)
    bare = stored.loc[stored[problem.target].isna(), names]
    completes = other[names].merge(bare, on=names, how="left", indicator=True)["_merge"].to_numpy() == "both"
    return new, other[completes & other[problem.target].notna().to_numpy()]


@step(**retries.RETRIED)
def readmit_rows(usecase: str, over: Window | None, because: str, as_of: datetime) -> Readmission:
    """Store the quarantined rows that are good now, each once, and keep which they were.

    Of several records of one key the newest counts, and the others share its fate. The observations are written
    first: killed between the two writes, a rerun finds the same rows there and only keeps that they are back.
    """
    problem = use_case(usecase)
    records = chosen(still_aside(problem, as_of), over, because)
    if records.empty:
        return Readmission()
    rows = restored(records, problem)
    newest = rows.drop_duplicates(list(problem.key), keep="last")
    faults = faults_now(newest, problem)
    good = held(newest[faults == ""], problem)
    table = observations(problem)
    new, completing = merged(table.read(), good, problem)
    inserted, completed = table.append_new(new).inserted, table.upsert(completing).updated
    refused = _refused(table.read(), good, problem)
    reasons = _by_key(rows, faults.mask(faults.index.isin(refused), STORED_BETTER), problem)
    back = records[reasons == ""]
    readmitted = back[["id", "reasons"]].assign(readmitted_at=as_of)
    readmissions(problem).append_new(readmissions(problem).rows(readmitted.to_dict("records")))
    return Readmission(
        looked_at=len(records),
        readmitted=len(back),
        inserted=inserted,
        completed=completed,
        remaining=reasons[reasons != ""].str.split("; ").explode().value_counts().to_dict(),
    )


@step()
def show_readmission(usecase: str, readmission: Readmission) -> str:
    """Show what was readmitted and why the rest stays; return it in a sentence."""
    sentence = (
        f"{usecase}: {readmission.readmitted:,} of {readmission.looked_at:,} quarantined rows readmitted "
        f"({readmission.inserted:,} new, {readmission.completed:,} completed by their label)"
    )
    if not readmission.looked_at:
        sentence = f"{usecase}: nothing to readmit: no quarantined row has this event time and these reasons"
    rows = [{"reason now": reason, "rows": count} for reason, count in readmission.remaining.items()]
    artifacts.show_table(f"{usecase} readmitted", rows, sentence)
    return sentence


def _refused(stored: "pd.DataFrame", good: "pd.DataFrame", problem: UseCase) -> "pd.Index":
    """Return the index of the good rows that are not stored as they are."""
    new, other = differences(stored, good, problem.key)
    return new.index.append(other.index)


def _by_key(rows: "pd.DataFrame", reasons: "pd.Series", problem: UseCase) -> "pd.Series":
    """Return for each row the reasons of the newest row of its key."""
    names = list(problem.key)
    newest = rows.loc[reasons.index, names].assign(_reasons=reasons)
    return rows[names].merge(newest, on=names, how="left", validate="m:1").set_index(rows.index)["_reasons"]


def _text(value: object) -> str | None:
    """Return a JSON value as text; None where it is missing."""
    return None if value is None or value != value or value == "NaT" else str(value)
