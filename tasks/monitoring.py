"""Look at the newest window beside what the champion was trained on, and ask for a retrain where that is decided."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks import (
    dashboards,
    drift,
    episodes,
    events,
    ledger,
    outages,
    profiles,
    registry,
    reporting,
    scouting,
    tracking,
    training,
    watching,
)
from tasks.acceptance import accepted
from tasks.checks import Check, History, Performance
from tasks.collection import observations, rows_at
from tasks.datasets import Dataset, arrow_schema
from tasks.drawing import OF_A_COLUMN, drawing
from tasks.drift import DriftPolicy
from tasks.ledger import Decision
from tasks.metrics import score
from tasks.policy import RetrainPolicy, harmless_reason, holding_reason, known_history, wanted_reason
from tasks.registry import Champion
from tasks.scoring import IN_TRAINING, MODEL_VERSION, PREDICTION, predicted
from tasks.scouting import Scouted, Scouts
from tasks.settings import Settings
from tasks.usecases import UseCase, use_case
from tasks.watching import Look, Watch
from tasks.windows import Window, window_before

if TYPE_CHECKING:
    import pandas as pd

TARGET_DRIFT = "target"
EVENTS: Mapping[ledger.Kind, events.Kind] = {"fault": "data.fault", "drift found": "drift.found"}
MOMENT = timedelta(microseconds=1)


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


def looks(problem: UseCase) -> Dataset:
    """Return the table of looks: one row a window, replaced when it is looked at again; `body` is the look as JSON."""
    columns = dict.fromkeys(("watch", "body"), "str")
    times = dict.fromkeys(("as_of", "window_start", "window_end"), "datetime64[us, UTC]")
    return Dataset(
        Settings().tables / problem.name / "looks", arrow_schema(columns | times), ("window_start", "window_end")
    )


def stored_looks(problem: UseCase, watch: str, until: datetime) -> list[Look]:
    """Return the looks at windows that end before `until` beside these limits, in order of time."""
    kept = looks(problem).read()
    same = kept[(kept["watch"] == watch) & (kept["window_end"] < until)].sort_values(["window_end", "window_start"])
    return [Look.model_validate_json(body) for body in same["body"]]


def newest_look(problem: UseCase, until: datetime) -> Look | None:
    """Return the look at the newest window that ends by `until`, or None."""
    kept = looks(problem).read()
    known = kept[kept["window_end"] <= until].sort_values(["window_end", "as_of"])
    return None if known.empty else Look.model_validate_json(known["body"].iloc[-1])


def keep_looks(problem: UseCase, found: Sequence[Look]) -> None:
    """Keep looks, each window's once."""
    records = [
        {
            "as_of": one.as_of,
            "window_start": one.window.start,
            "window_end": one.window.end,
            "watch": one.watch,
            "body": one.model_dump_json(),
        }
        for one in found
    ]
    looks(problem).upsert(looks(problem).rows(records))


def scouts_of(problem: UseCase) -> Dataset:
    """Return the table of scouts: one row a scout and window; `body` is what it did as JSON."""
    columns = dict.fromkeys(("declared", "body"), "str") | dict.fromkeys(("scout", "window"), "float64")
    return Dataset(Settings().tables / problem.name / "scouts", arrow_schema(columns), ("declared", "scout", "window"))


def told_scouts(problem: UseCase, live: Champion, as_of: datetime) -> Scouts:
    """Return what the age of the live model costs as far as labels tell at `as_of`; what is new is kept."""
    kept = scouts_of(problem).read()
    name = scouting.declared(problem)
    stored = [Scouted.model_validate_json(body) for body in kept[kept["declared"] == name]["body"]]
    first = registry.first_version(problem.name).trained_until
    whose = scouting.scouts_at(problem, as_of, first, live.trained_until)
    told = scouting.completed(problem, whose, stored, as_of, partial(rows_at, problem), {})
    records = [
        {"declared": name, "scout": float(one.scout), "window": float(one.window), "body": one.model_dump_json()}
        for one in told.found
    ]
    scouts_of(problem).append_new(scouts_of(problem).rows(records))
    return told


def fair_predictions(problem: UseCase, rows: "pd.DataFrame", version: str) -> "pd.DataFrame":
    """Return what a version predicted live for rows that it had not learned from, by the index of `rows`."""
    names = training.columns_of(PREDICTION, problem)
    if rows.empty:
        return rows.reindex(columns=names).astype(float)
    start, end = rows[problem.event_time].min(), rows[problem.event_time].max()
    told = predicted(problem).read(Window(start=start, end=end + MOMENT))
    fair = told[(told[MODEL_VERSION] == version) & ~told[IN_TRAINING].astype(bool)]
    keys = list(problem.key)
    return rows[keys].merge(fair[[*keys, *names]], on=keys, how="left", validate="1:1").set_index(rows.index)[names]


def brought_up_to_date(
    problem: UseCase, watch: Watch, before: Sequence[Look], rows: "pd.DataFrame", said: "pd.DataFrame", as_of: datetime
) -> list[Look]:
    """Return earlier looks, those anew whose window has got other rows or labels since.

    `rows` and their predictions reach back as far as anything may still change.
    """
    times = rows[problem.event_time]
    found: list[Look] = []
    for one in before:
        inside = (times >= one.window.start) & (times < one.window.end)
        now = int(inside.sum()), int(rows.loc[inside, problem.target].notna().sum())
        changeable = one.window.start >= as_of - problem.look_back - problem.window
        if changeable and now != (one.rows, one.labelled):
            good = watching.last_good(found)
            one = watching.looked(problem, watch, rows[inside], said[inside], one.window, as_of, good)
        found.append(one)
    return found


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


def column_records(check: Check) -> list[dict[str, Any]]:
    """Return what Evidently drew of each column, and whether our limits say that it drifted, which counts."""
    return [
        {"role": role, **one.model_dump(), "drifted": _beyond(check, one.column)}
        for role, columns in (("feature", check.features), ("outcome", check.outcomes))
        for one in columns
    ]


def _beyond(check: Check, column: str) -> float | None:
    """Return 1 where a statistic of the column lies beyond its limit, 0 where none does, None where none is told."""
    told = [
        one for one in check.signals if one.column == column and one.family in OF_A_COLUMN and one.value is not None
    ]
    return float(any(one.exceeded for one in told)) if told else None


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
    found = column_records(check)
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


@task(**outages.RETRIED)
def measure(usecase: str, live: Champion, as_of: datetime, policy: DriftPolicy, retraining: RetrainPolicy) -> Check:
    """Look at the window before `as_of` beside the champion's limits; keep looks, report, snapshot and numbers.

    Older windows whose labels have come since are looked at again.
    """
    problem = use_case(usecase)
    window = window_before(as_of, problem.window)
    watch = profiles.watch_of(problem, live, retraining.watch)
    found = _seen(problem, live, watch, window, as_of)
    keep_looks(problem, found)
    seen = watching.without(found, accepted(ledger.decisions(usecase, as_of)))
    current = rows_at(problem, as_of, window)
    reference = training.labelled(
        observations(problem).read(live.trained, version=live.dataset_version), problem, live.trained_until
    )
    judged = live_predictions(problem, window, as_of)
    check = judged_check(problem, watch, seen, live.version, performance(judged, problem, live.expected_score))
    if retraining.regret is not None:
        check = check.model_copy(update={"scouts": told_scouts(problem, live, as_of)})
    if min(len(current), len(reference)) < policy.min_rows:
        few = f"{len(current)} rows in the window and {len(reference)} in the reference"
        check = check.model_copy(update={"note": f"{few}, {policy.min_rows} of each needed to draw drift"})
        checks(problem).upsert(checks(problem).rows(check_records(check, "")))
        return check
    return _compared(problem, live, check, reference, current, policy)


def judged_check(problem: UseCase, watch: Watch, seen: Sequence[Look], version: str, found: Performance) -> Check:
    """Return what the newest of the looks, in order of time and at the same limits, amounts to."""
    newest, before = seen[-1], seen[:-1]
    policy = watch.policy
    known = before[-1].faults if before else ()
    lasts = watching.lasting(seen, policy.faults)
    distrust = watching.distrusted(seen, found.expected, policy.estimation)
    return Check(
        usecase=problem.name,
        as_of=newest.as_of,
        window=newest.window,
        model_version=version,
        rows=newest.rows,
        performance=found,
        signals=newest.signals,
        faults=watching.broken(newest, lasts),
        new_faults=watching.broken(newest, known),
        lasting=lasts,
        new_lasting=tuple(
            one for one in lasts if one in watching.broken(newest, watching.lasting(before, policy.faults))
        ),
        alarm=watching.rung(seen, policy),
        labels_prompt=newest in watching.ripe(seen),
        quiet=watching.quiet(seen, policy),
        estimate=None if distrust else newest.estimate,
        distrust=distrust,
        limits=watch.note,
        reference_rows=watch.limits.rows,
    )


def _seen(problem: UseCase, live: Champion, watch: Watch, window: Window, as_of: datetime) -> list[Look]:
    """Return the looks by these limits up to this window's, as known at `as_of`."""
    span = Window(start=window.start - problem.look_back - problem.window, end=as_of)
    rows = rows_at(problem, as_of, span)
    said = fair_predictions(problem, rows, live.version)
    stored = stored_looks(problem, watch.id, window.end)
    before = brought_up_to_date(problem, watch, stored, rows, said, as_of)
    inside = rows[problem.event_time] >= window.start
    good = watching.last_good(before)
    return [*before, watching.looked(problem, watch, rows[inside], said[inside], window, as_of, good)]


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
        sides[0], sides[1], compared_as, policy, until=check.window.end, name=name, drawing=drawing(check)
    )
    page = f"{problem.name}/{check.window.start:%Y-%m-%d}-{check.window.end:%Y-%m-%dT%H%M}.html"
    dashboards.save_html(snapshot, Settings().reports / page)
    run, url = dashboards.publish(snapshot, problem.name, problem.metric, _replaced_run(problem, check.window))
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

    def labelled_since(start: datetime) -> int:
        if start >= as_of:
            return 0
        rows = rows_at(problem, as_of, Window(start=start, end=as_of), columns=())
        return int(rows[problem.target].notna().sum())

    return known_history(past, labelled_since, live.trained_until, as_of)


@task(cache_policy=NO_CACHE)
def keep_findings(check: Check, past: History) -> None:
    """Keep in the ledger, and tell the automations, that a fault is new, that a drift begins, or that it is over."""
    for one in findings(check, past):
        ledger.record(one)
        if one.kind in EVENTS:
            events.tell(EVENTS[one.kind], check.usecase, one.id, one.reason)


def findings(check: Check, past: History) -> list[Decision]:
    """Return the decisions that a check makes beside that on a retrain."""
    found = []
    facts = {"window": str(check.window), "report": check.report_url, "model_version": check.model_version}
    if check.new_faults:
        told = "; ".join(one.sentence for one in check.new_faults)
        known = facts | {"faults": [one.model_dump(mode="json") for one in check.new_faults]}
        found.append(Decision(usecase=check.usecase, kind="fault", as_of=check.as_of, reason=told, facts=known))
    if check.new_lasting:
        told = "taken for how the world is now, since it lasts: " + "; ".join(one.sentence for one in check.new_lasting)
        known = facts | {"faults": [one.model_dump(mode="json") for one in check.new_lasting]}
        found.append(Decision(usecase=check.usecase, kind="fault lasts", as_of=check.as_of, reason=told, facts=known))
    if check.alarm is not None and past.episode is None:
        found.append(episodes.opening(check.usecase, check.as_of, check.alarm, facts))
    if past.episode is not None and past.unanswered is None and check.quiet:
        told = "the newest checks were all within their limits"
        found.append(episodes.closing(check.usecase, check.as_of, past.episode, told))
    return found


@task(**outages.RETRIED)
def log_numbers(check: Check, live: Champion) -> None:
    """Keep the check's numbers beside the champion's own in MLflow, dated by the end of the window."""
    tracking.log_check(live.run_id, drawing(check).numbers, check.window.end)


@task(cache_policy=NO_CACHE)
def show_check(check: Check, reason: str | None, past: History, policy: RetrainPolicy) -> None:
    """Show the check's numbers as a table, and its links and outcome as a page."""
    rows = [one.model_dump() for one in check.signals if one.exceeded] or column_records(check)
    reporting.show_table(f"{check.usecase} drift", rows, f"{check.usecase} {check.window} {check.note}")
    seen = check.performance
    told = f"retrain: {reason}" if reason else "no retrain"
    facts = {
        "window": check.window,
        "rows": check.rows,
        "champion": f"version {check.model_version}",
        "features beyond their limits": ", ".join(check.drifting) or "none",
        "share of them": "unknown" if check.drifted_share is None else f"{check.drifted_share:.1%}",
        f"{seen.metric} on {seen.labelled} labelled rows": "unknown" if seen.value is None else seen.value,
        f"{seen.metric} at promotion": seen.expected,
        "data faults": "; ".join(one.sentence for one in check.faults) or "none",
        "faults that last, taken for how the world is now": "; ".join(one.sentence for one in check.lasting) or "none",
        "alarm": "; ".join(check.alarm.reasons) if check.alarm else "silent",
        "a retrain would be wanted because": wanted_reason(check, past, policy) or "",
        "held back because": holding_reason(check, past, policy) or "",
        "warning only": harmless_reason(check, policy) or "",
        "open episode": f"since {past.episode.opened:%Y-%m-%d %H:%M}" if past.episode else "none",
        f"{seen.metric} estimated before labels": estimate_told(check),
        "limits": check.limits,
        "note": check.note,
    }
    links = f"[Evidently report]({check.report_url}) · [in Evidently's UI]({check.evidently_url})"
    page = f"# {told}\n\n{links if check.report_url else ''}\n\n{reporting.as_markdown(facts)}"
    reporting.show_markdown(f"{check.usecase} check", page, told)


def estimate_told(check: Check) -> str:
    """Say what the metric may be expected to become, and what that is worth."""
    if check.distrust is not None:
        return f"switched off: {check.distrust}"
    guess = check.estimate
    if guess is None:
        return "not estimated"
    if guess.value is None:
        return guess.note
    return (
        f"{guess.value:.4f} ({guess.low:.4f} to {guess.high:.4f}), from the model's own confidence: "
        f"it cannot see that the rule itself has changed"
    )


@task(cache_policy=NO_CACHE)
def ask_for_retrain(check: Check, reason: str, past: History) -> str:
    """Keep the request in the ledger and tell the automations; one that is unanswered is told again.

    The ledger comes first: an event that is lost is emitted again by the next check.
    """
    seen = check.performance.model_dump()
    facts = {"window": str(check.window), "drifted_share": check.drifted_share, **seen, "report": check.report_url}
    facts |= {"severity": episodes.severity(check.alarm)}
    asked = past.unanswered or Decision(
        usecase=check.usecase, kind="retrain asked", as_of=check.as_of, reason=reason, facts=facts
    )
    ledger.record(asked)
    tell_automations(check.usecase, asked.id, asked.reason)
    return asked.id


def tell_automations(usecase: str, decision: str, reason: str = "") -> None:
    """Ask the automations for the retrain that a decision in the ledger wants."""
    events.tell("drift.detected", usecase, decision, reason)
