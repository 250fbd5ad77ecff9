"""Look at the newest window beside what the champion was trained on, and ask for a retrain where that is decided."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks import drift, ledger, outages, registry, reporting, training
from tasks.collection import observations, rows_at
from tasks.datasets import Dataset, arrow_schema
from tasks.drift import ColumnDrift, DriftPolicy
from tasks.ledger import ANSWERS, Decision
from tasks.metrics import score
from tasks.policy import Check, History, Performance
from tasks.registry import Champion
from tasks.scoring import IN_TRAINING, MODEL_VERSION, PREDICTION, predicted
from tasks.settings import Settings
from tasks.usecases import UseCase, use_case
from tasks.windows import Window, window_before

if TYPE_CHECKING:
    import pandas as pd

DRIFT_DETECTED = "drift.detected"
TARGET_DRIFT = "target"


def checks(problem: UseCase) -> Dataset:
    """Return the table of checks: one row a window, column and role; a window checked again replaces its rows."""
    texts = ("column", "role", "method", "note", "model_version", "report_url", "evidently_url", "evidently_run")
    numbers = ("value", "threshold", "drifted", "reference_missing", "current_missing", "rows")
    times = ("as_of", "window_start", "window_end")
    columns = (
        dict.fromkeys(texts, "str") | dict.fromkeys(numbers, "float64") | dict.fromkeys(times, "datetime64[us, UTC]")
    )
    key = ("window_start", "window_end", "column", "role")
    return Dataset(Settings().tables / problem.name / "checks", arrow_schema(columns), key)


def live_predictions(problem: UseCase, window: Window, as_of: datetime) -> "pd.DataFrame":
    """Return the window's observed rows that were predicted, as known at `as_of`, with what was predicted when."""
    rows = rows_at(problem, as_of, window)
    names = [*problem.key, *training.columns_of(PREDICTION, problem), MODEL_VERSION, IN_TRAINING]
    told = predicted(problem).read(window)[names]
    return rows.merge(told, on=list(problem.key), validate="1:1")


def performance(live: "pd.DataFrame", problem: UseCase, expected: float) -> Performance:
    """Return the metric over predictions of rows that their model had not been trained on and whose label is known."""
    fair = live[live[problem.target].notna() & ~live[IN_TRAINING].astype(bool)]
    value = score(problem.metric, training.targets(fair, problem), training.from_columns(fair, PREDICTION, problem))
    return Performance(metric=problem.metric, value=value, labelled=len(fair), expected=expected)


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
    seen = check.performance
    columns = [("feature", one) for one in check.features] + [("outcome", one) for one in check.outcomes]
    found = [{"role": role, **_numbers(one)} for role, one in columns]
    found.append(
        {
            "role": "performance",
            "column": seen.metric,
            "value": seen.value,
            "threshold": seen.expected,
            "note": f"{seen.labelled} labelled rows; the threshold is the value at promotion",
        }
    )
    found.append({"role": "window", "column": "drifted share", "value": check.drifted_share, "note": check.note})
    return [common | one for one in found]


def _numbers(one: ColumnDrift) -> dict[str, Any]:
    return one.model_dump() | {"drifted": None if one.drifted is None else float(one.drifted)}


@task(**outages.RETRIED)
def measure(usecase: str, live: Champion, as_of: datetime, policy: DriftPolicy) -> Check:
    """Compare the window before `as_of` with the champion's training rows; keep report, snapshot and numbers."""
    problem = use_case(usecase)
    window = window_before(as_of, problem.window)
    current = rows_at(problem, as_of, window)
    reference = training.labelled(
        observations(problem).read(live.trained, version=live.dataset_version), problem, live.trained_until
    )
    judged = live_predictions(problem, window, as_of)
    check = Check(
        usecase=usecase,
        as_of=as_of,
        window=window,
        model_version=live.version,
        rows=len(current),
        performance=performance(judged, problem, live.expected_score),
    )
    if min(len(current), len(reference)) < policy.min_rows:
        found = f"{len(current)} rows in the window and {len(reference)} in the reference"
        check = check.model_copy(update={"note": f"{found}, {policy.min_rows} of each needed to tell drift"})
        checks(problem).upsert(checks(problem).rows(check_records(check, "")))
        return check
    return _compared(problem, live, check, reference, current, policy)


def _compared(
    problem: UseCase,
    live: Champion,
    check: Check,
    reference: "pd.DataFrame",
    current: "pd.DataFrame",
    policy: DriftPolicy,
) -> Check:
    """Return the check with its drift, having kept the report and the numbers."""
    model = registry.load(live)
    sides = [with_outcomes(side, model, problem, policy) for side in (reference, current)]
    compared_as = kinds(problem, sides[1])
    outcomes = {PREDICTION, TARGET_DRIFT}
    name = f"{check.window} version {live.version}"
    found, snapshot = drift.compared(
        sides[0], sides[1], compared_as, policy, outcomes=outcomes, until=check.window.end, name=name
    )
    page = f"{problem.name}/{check.window.start:%Y-%m-%d}-{check.window.end:%Y-%m-%dT%H%M}.html"
    drift.save_html(snapshot, Settings().reports / page)
    run, url = drift.publish(snapshot, problem.name, _replaced_run(problem, check.window))
    whole = check.model_copy(
        update={
            "features": tuple(one for one in found if one.column not in outcomes),
            "outcomes": tuple(one for one in found if one.column in outcomes),
            "report_url": f"{Settings().reports_url}/{page}",
            "evidently_url": url,
        }
    )
    checks(problem).upsert(checks(problem).rows(check_records(whole, run)))
    return whole


def with_outcomes(rows: "pd.DataFrame", model: Any, problem: UseCase, policy: DriftPolicy) -> "pd.DataFrame":
    """Return a sample of the features with the model's prediction (of several classes the likeliest) and the target,
    where it is known."""
    import numpy as np

    some = drift.sampled(rows, policy.max_rows)
    known = training.features(some, problem)
    said = training.predictions(model, some, problem)
    if problem.classes:
        said = np.array(problem.classes)[said.argmax(axis=1)]
    return known.assign(**{PREDICTION: said, TARGET_DRIFT: some[problem.target]})


def kinds(problem: UseCase, current: "pd.DataFrame") -> dict[str, drift.Kind]:
    """Return which columns are compared and how; the target only where labels have arrived."""
    found: dict[str, drift.Kind] = dict.fromkeys(problem.numeric, "numeric")
    found.update(dict.fromkeys(problem.categorical, "categorical"))
    found[PREDICTION] = "categorical" if problem.classes else "numeric"
    if current[TARGET_DRIFT].notna().any():
        found[TARGET_DRIFT] = "categorical" if problem.kind == "classification" else "numeric"
    return found


def _replaced_run(problem: UseCase, window: Window) -> str:
    """Return the id of the Evidently run that showed this window before, or an empty string."""
    kept = checks(problem).read()
    same = kept[(kept["window_start"] == window.start) & (kept["window_end"] == window.end)]
    return "" if same.empty else str(same["evidently_run"].iloc[0])


@task(cache_policy=NO_CACHE)
def history(usecase: str, live: Champion, as_of: datetime) -> History:
    """Return what bears on the next retrain: when the last was, how many labels are new, what is unanswered."""
    problem = use_case(usecase)
    past = ledger.decisions(usecase, as_of)
    since = Window(start=live.trained_until, end=as_of) if live.trained_until < as_of else None
    new = 0
    if since is not None:
        new = int(rows_at(problem, as_of, since, columns=())[problem.target].notna().sum())
    ends = [one.as_of for one in past if one.kind in ANSWERS]
    return History(last_retrain=max(ends, default=None), new_rows=new, unanswered=ledger.open_request(past))


@task(cache_policy=NO_CACHE)
def show_check(check: Check, reason: str | None) -> None:
    """Show the check's numbers as a table, and its links and outcome as a page."""
    columns = [("feature", one) for one in check.features] + [("outcome", one) for one in check.outcomes]
    rows = [{"role": role, **one.model_dump()} for role, one in columns]
    reporting.show_table(f"{check.usecase} drift", rows, f"{check.usecase} {check.window} {check.note}")
    seen = check.performance
    told = f"retrain: {reason}" if reason else "no retrain"
    facts = {
        "window": check.window,
        "rows": check.rows,
        "champion": f"version {check.model_version}",
        "features drifting": f"{len(check.drifting)} of {len(check.features)}: {', '.join(check.drifting)}",
        f"{seen.metric} on {seen.labelled} labelled rows": "unknown" if seen.value is None else seen.value,
        f"{seen.metric} at promotion": seen.expected,
        "note": check.note,
    }
    links = f"[Evidently report]({check.report_url}) · [in Evidently's UI]({check.evidently_url})"
    page = f"# {told}\n\n{links if check.report_url else ''}\n\n{reporting.as_markdown(facts)}"
    reporting.show_markdown(f"{check.usecase} check", page, told)


@task(cache_policy=NO_CACHE)
def ask_for_retrain(check: Check, reason: str, past: History) -> str:
    """Keep the request in the ledger and tell the automations; one that is unanswered is told again.

    The ledger comes first: an event that is lost is emitted again by the next check.
    """
    seen = check.performance.model_dump()
    facts = {"window": str(check.window), "drifted_share": check.drifted_share, **seen, "report": check.report_url}
    asked = past.unanswered or Decision(
        usecase=check.usecase, kind="retrain asked", as_of=check.as_of, reason=reason, facts=facts
    )
    ledger.record(asked)
    tell_automations(check.usecase, asked.id)
    return asked.id


def tell_automations(usecase: str, decision: str) -> None:
    """Emit `drift.detected`; its payload is one string, the decision's id: all else stands in the ledger."""
    from prefect.events import emit_event

    resource = {"prefect.resource.id": f"evergreen.use-case.{usecase}", "prefect.resource.name": usecase}
    emit_event(event=DRIFT_DETECTED, resource=resource, payload={"decision": decision})
