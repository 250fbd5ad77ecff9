"""Compare the newest window with what the champion was trained on, draw it, and keep the numbers."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks import lasting, retries
from tasks.data import ledger
from tasks.data.tables import observations, rows_at
from tasks.data.watermarks import checked_until, feed_state
from tasks.monitoring import dashboard, drift_report, profile
from tasks.monitoring.accepted import accepted_faults
from tasks.monitoring.check import Check, performance, window_check
from tasks.monitoring.drift_numbers import OF_A_COLUMN, drawing
from tasks.monitoring.drift_report import DriftPolicy
from tasks.monitoring.history import changeable_span, keep_looks, looks_at
from tasks.monitoring.limits import WatchPolicy
from tasks.monitoring.look import without_accepted
from tasks.predictions import MODEL_VERSION, PREDICTION
from tasks.registry import models, tracking
from tasks.registry.models import Champion
from tasks.scoring.scoring import scored_observations
from tasks.settings import Settings
from tasks.steps import step
from tasks.training import estimators, folds
from tasks.usecases import UseCase, use_case
from tasks.windows import Window, window_before

if TYPE_CHECKING:
    import pandas as pd
from tasks.data.tables import checks

TARGET_DRIFT = "target"


def column_records(check: Check) -> list[dict[str, Any]]:
    """Return what Evidently drew of each column, and whether our limits say that it drifted, which counts."""
    return [
        {"role": role, **column.model_dump(), "drifted": _beyond(check, column.column)}
        for role, columns in (("feature", check.features), ("outcome", check.outcomes))
        for column in columns
    ]


def _beyond(check: Check, column: str) -> float | None:
    """Return 1 where a statistic of the column lies beyond its limit, 0 where none does, None where none is told."""
    measured = [
        signal
        for signal in check.signals
        if signal.column == column and signal.family in OF_A_COLUMN and signal.value is not None
    ]
    return float(any(signal.exceeded for signal in measured)) if measured else None


def check_records(check: Check, evidently_run: str) -> list[dict[str, Any]]:
    """Return the records of the table of checks for one check."""
    common = {
        "as_of": check.as_of,
        "window_start": check.window.start,
        "window_end": check.window.end,
        "model_version": check.model_version,
        "report_url": check.report_url,
        "evidently_url": check.evidently_url,
        "evidently_run": evidently_run,
        "rows": float(check.rows),
    }
    live_performance = check.performance
    records = column_records(check)
    records.append(
        {
            "role": "performance",
            "column": live_performance.metric,
            "value": live_performance.value,
            "threshold": live_performance.expected,
            "note": f"{live_performance.labelled:,} labelled rows; the threshold is the value at promotion",
        }
    )
    records.append({"role": "window", "column": "drifted share", "value": check.drifted_share, "note": check.note})
    return [common | record for record in records]


@step(**retries.RETRIED)
def measure(usecase: str, live: Champion, as_of: datetime, policy: WatchPolicy) -> Check:
    """Look at the newest collected window beside the champion's limits, and keep the looks.

    It ends where the newest collection did, and is looked at as that left it, so that a second check before the next
    collection finds the same. Older windows whose labels have come since are looked at again.
    """
    problem = use_case(usecase)
    until = checked_until(problem, as_of)
    window = window_before(until, problem.window)
    watch = profile.watch_of(problem, live, policy)
    rows = scored_observations(problem, changeable_span(problem, window), until)
    looks = looks_at(problem, live, watch, rows, window, until)
    keep_looks(problem, looks)
    judged = without_accepted(looks, accepted_faults(ledger.decisions(usecase, as_of)))
    predicted = rows[rows[MODEL_VERSION].notna() & (rows[problem.event_time] >= window.start)]
    check = window_check(problem, watch, judged, live.version, performance(predicted, problem, live.expected_score))
    return check.model_copy(update={"as_of": as_of, "feed": feed_state(problem, as_of)})


@step(**retries.RETRIED)
def keep_check(check: Check, live: Champion, policy: DriftPolicy) -> Check:
    """Draw the check's columns with Evidently, keep its numbers, and return it with what was drawn and where.

    Nothing is drawn of fewer rows than the policy wants, nor in memory, where nobody looks.
    """
    problem = use_case(check.usecase)
    drawn, evidently_run = check, ""
    if lasting.memory() is None:
        drawn, evidently_run = _drawn(problem, live, check, policy)
    checks(problem).upsert(checks(problem).rows(check_records(drawn, evidently_run)))
    return drawn


def _drawn(problem: UseCase, live: Champion, check: Check, policy: DriftPolicy) -> tuple[Check, str]:
    """Return the check with its drift and the id of its Evidently run, having kept the report."""
    current = rows_at(problem, check.window.end, check.window)
    stored = observations(problem).read(live.trained, version=live.dataset_version)
    reference = folds.labelled(stored, problem, live.trained_until)
    if min(len(current), len(reference)) < policy.min_rows:
        few = f"{len(current):,} rows in the window and {len(reference):,} in the reference"
        return check.model_copy(update={"note": f"{few}: {policy.min_rows:,} of each are needed to draw drift"}), ""
    return _compared(problem, live, check, reference, current, policy)


def _compared(
    problem: UseCase,
    live: Champion,
    check: Check,
    reference: "pd.DataFrame",
    current: "pd.DataFrame",
    policy: DriftPolicy,
) -> tuple[Check, str]:
    """Return the check with its drift and the id of its Evidently run, having kept the report."""
    model = models.load(live)
    sides = [with_outcomes(side, model, problem, policy) for side in (reference, current)]
    compared_as = kinds(problem, sides[1])
    outcomes = {PREDICTION, TARGET_DRIFT}
    name = f"{check.window} version {live.version}"
    columns, snapshot = drift_report.drift_comparison(
        sides[0], sides[1], compared_as, policy, until=check.window.end, name=name, drawing=drawing(check)
    )
    page = f"{problem.name}/{check.window.start:%Y-%m-%d}-{check.window.end:%Y-%m-%dT%H%M}.html"
    dashboard.save_html(snapshot, Settings().reports / page)
    run, url = dashboard.publish(snapshot, problem.name, problem.metric, _replaced_run(problem, check.window))
    drawn = {
        "features": tuple(column for column in columns if column.column not in outcomes),
        "outcomes": tuple(column for column in columns if column.column in outcomes),
        "report_url": f"{Settings().reports_url}/{page}",
        "evidently_url": url,
    }
    return check.model_copy(update=drawn), run


def with_outcomes(rows: "pd.DataFrame", model: Any, problem: UseCase, policy: DriftPolicy) -> "pd.DataFrame":
    """Return a sample of the features with the model's prediction (of several classes the likeliest) and the target,
    where it is known."""
    import numpy as np

    some = drift_report.sampled(rows, policy.max_rows)
    inputs = estimators.features(some, problem)
    prediction = estimators.predictions(model, some, problem)
    if problem.classes:
        prediction = np.array(problem.classes)[prediction.argmax(axis=1)]
    return inputs.assign(**{PREDICTION: prediction, TARGET_DRIFT: some[problem.target]})


def kinds(problem: UseCase, current: "pd.DataFrame") -> dict[str, drift_report.Kind]:
    """Return which columns are compared and how; the target only where labels have arrived."""
    kind_by_column: dict[str, drift_report.Kind] = dict.fromkeys(problem.numeric, "numeric")
    kind_by_column.update(dict.fromkeys(problem.categorical, "categorical"))
    kind_by_column[PREDICTION] = "categorical" if problem.classes else "numeric"
    if current[TARGET_DRIFT].notna().any():
        kind_by_column[TARGET_DRIFT] = "categorical" if problem.kind == "classification" else "numeric"
    return kind_by_column


def _replaced_run(problem: UseCase, window: Window) -> str:
    """Return the id of the Evidently run that showed this window before, or an empty string."""
    stored = checks(problem).read(columns=("window_start", "window_end", "evidently_run"))
    same = stored[(stored["window_start"] == window.start) & (stored["window_end"] == window.end)]
    return "" if same.empty else str(same["evidently_run"].iloc[0])


@step(**retries.RETRIED)
def log_numbers(check: Check, live: Champion) -> None:
    """Keep the check's numbers beside the champion's own in MLflow, dated by the end of the window."""
    tracking.log_check(live.run_id, drawing(check).numbers, check.window.end)
