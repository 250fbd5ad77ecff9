"""Gather how a use case stands, from the tables and, where it answers, from Prefect."""

from datetime import datetime
from typing import TYPE_CHECKING

from tasks import artifacts, runs
from tasks.data import ledger
from tasks.data.quarantine import still_aside
from tasks.data.store import latest
from tasks.data.tables import checks, observations
from tasks.data.watermarks import feed_state
from tasks.status_page import CheckSummary, Status, Stored, page, summary
from tasks.steps import step
from tasks.usecases import UseCase, use_case

if TYPE_CHECKING:
    import pandas as pd


def current_status(usecase: str, as_of: datetime) -> Status:
    """Return how a use case stands at a moment; what only a server knows is left out while that is down."""
    problem = use_case(usecase)
    return Status(
        usecase=usecase,
        as_of=as_of,
        decisions=tuple(ledger.decisions(usecase, as_of)),
        checks=check_summaries(checks(problem).read(), as_of),
        stored=stored_counts(problem, as_of),
        feed=feed_state(problem, as_of),
        next_runs=runs.next_runs(usecase),
    )


def check_summaries(check_rows: "pd.DataFrame", as_of: datetime) -> tuple[CheckSummary, ...]:
    """Return the checks that were made up to a moment, newest first; `check_rows` is the table of checks."""
    made = check_rows[check_rows["as_of"] <= as_of].sort_values("as_of", ascending=False)
    return tuple(_check_summary(rows) for _, rows in made.groupby(["as_of", "window_start"], sort=False))


def _check_summary(rows: "pd.DataFrame") -> CheckSummary:
    features, performance = rows[rows["role"] == "feature"], rows[rows["role"] == "performance"]
    first = rows.iloc[0]
    measured = {} if performance.empty else _performance_fields(performance.iloc[0])
    return CheckSummary(
        as_of=first["as_of"].to_pydatetime(),
        model_version=first["model_version"],
        rows=int(first["rows"]),
        drifting=int((features["drifted"] == 1).sum()),
        compared=int(features["drifted"].notna().sum()),
        report_url=_text(first["report_url"]),
        **measured,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _performance_fields(row: "pd.Series") -> dict:
    value, expected = (None if row[name] != row[name] else float(row[name]) for name in ("value", "threshold"))
    return {"metric": row["column"], "value": value, "expected": expected}


def stored_counts(problem: UseCase, as_of: datetime) -> Stored:
    """Return how many rows and labels had come by a moment, the newest of each, and what is set aside by reason."""
    rows = observations(problem).read(columns=[problem.event_time, problem.label_time, problem.target])
    stored_rows = rows[rows[problem.event_time] < as_of]
    labelled = stored_rows[(stored_rows[problem.label_time] <= as_of) & stored_rows[problem.target].notna()]
    aside = still_aside(problem, as_of)
    reasons = aside["reasons"].str.split("; ").explode().value_counts()
    return Stored(
        rows=len(stored_rows),
        labelled=len(labelled),
        newest_row=latest(stored_rows[problem.event_time]),
        newest_label=latest(labelled[problem.label_time]),
        quarantined={str(reason): int(count) for reason, count in reasons.items()},
        in_quarantine=len(aside),
    )


@step()
def show_status(usecase: str, as_of: datetime) -> str:
    """Show how a use case stands as a page; return it in a line."""
    status = current_status(usecase, as_of)
    artifacts.show_markdown(f"{usecase} status", page(status), summary(status))
    return summary(status)
