"""Say in a few numbers a column what the rows looked like that a model learned from."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks.data.tables import observations
from tasks.monitoring.limits import Watch, WatchPolicy, learned_watch
from tasks.registry import tracking
from tasks.registry.models import Champion
from tasks.training import estimators
from tasks.usecases import UseCase

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MOST_LEVELS = 50
WATCH = "watch"


def profile(rows: "pd.DataFrame", problem: UseCase) -> dict[str, Any]:
    """Return what labelled rows look like, as JSON values: their number, and each feature and the target by name.

    A column tells the share of missing values; a number's mean, standard deviation and quantiles; a category's
    commonest levels with their shares of the values that are there, and the share of all others.
    """
    inputs = estimators.features(rows, problem)
    columns = {name: _numeric(inputs[name]) for name in problem.numeric}
    columns |= {name: _categorical(inputs[name]) for name in problem.categorical}
    of_target = _numeric if problem.kind == "regression" else _categorical
    columns[problem.target] = of_target(rows[problem.target])
    return {"rows": len(rows), "columns": columns}


def watch_entry(watch: Watch) -> dict[str, Any]:
    """Return what a version is watched by as the entry of its profile."""
    return {WATCH: watch.model_dump(mode="json")}


def limit_numbers(watch: Watch) -> dict[str, float]:
    """Return the handful of numbers by which one version's limits are compared with another's."""
    limits = watch.limits
    return {
        "statistics": len(limits.statistics),
        "false alarms a year": limits.policy.false_alarms_per_year,
        "checks a year": limits.checks_per_year,
        "reference blocks": limits.blocks,
        "reference rows": limits.rows,
        "fallback": float(limits.basis != "windows"),
    }


def learned(problem: UseCase, rows: "pd.DataFrame", until: datetime, run_id: str, policy: WatchPolicy) -> Watch:
    """Return what is ordinary for the model of a run, by the rows of its training window and its rolling predictions.

    A run that kept none of those leaves out what needs them.
    """
    predictions = tracking.unseen_predictions(run_id)
    if predictions is None:
        return learned_watch(problem, rows, until, None, policy)
    names = list(problem.key)
    unseen = rows[names].merge(predictions, on=names, how="left", validate="1:1").set_index(rows.index)
    return learned_watch(problem, rows, until, unseen, policy)


def watch_of(problem: UseCase, live: Champion, policy: WatchPolicy) -> Watch:
    """Return what the live version is watched by: as stored at promotion, or found anew for another policy."""
    stored = tracking.profile_at(live.profile).get(WATCH) if live.profile else None
    if stored is not None:
        watch = Watch.model_validate(stored)
        if watch.policy == policy:
            return watch
    rows = observations(problem).read(live.trained, version=live.dataset_version)
    return learned(problem, rows, live.trained_until, live.run_id, policy)


def _numeric(values: "pd.Series") -> dict[str, Any]:
    present = values.dropna().astype(float)
    entry: dict[str, Any] = {"kind": "numeric", "missing": _missing(values)}
    if present.empty:
        return entry
    quantiles = {str(at): float(present.quantile(at)) for at in QUANTILES}
    return entry | {"mean": float(present.mean()), "sd": float(present.std(ddof=0)), "quantiles": quantiles}


def _categorical(values: "pd.Series") -> dict[str, Any]:
    shares = values.value_counts(normalize=True)
    levels = {str(level): float(share) for level, share in shares.head(MOST_LEVELS).items()}
    others = float(shares.iloc[MOST_LEVELS:].sum())
    return {"kind": "categorical", "missing": _missing(values), "levels": levels, "others": others}


def _missing(values: "pd.Series") -> float:
    return float(values.isna().mean()) if len(values) else 0.0
