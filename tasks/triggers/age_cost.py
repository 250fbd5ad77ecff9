"""Measure what the live model's age costs: scouts, small models of its age and of the newest, window by window.

A scout is fitted on the rows that a retrain would learn from. The one fitted just before a window and the one of the
live model's age judge the same rows; the difference is what a retrain would have brought (`tasks.triggers.regret`).
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tasks.data.tables import rows_at, scouts_of
from tasks.metrics import metric, score
from tasks.registry import models
from tasks.registry.models import Champion
from tasks.training import estimators, folds
from tasks.training.scouts import FEWEST_ROWS, PARTS, SETTLED, history_windows, scout, scout_rows
from tasks.triggers.moment import DecisionMoment
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

Read = Callable[[datetime, Window], "pd.DataFrame"]
"""The observed rows of a window, labels as usable at a moment."""
Pair = tuple[int, int]
"""A scout, by the window that it was fitted at the end of, and the window that it is judged on."""
MOST_WINDOWS = 60
"""Windows back that are looked at."""


class Scouted(BaseModel):
    """How one scout did on one window; windows go by their number in the use case's history."""

    model_config = ConfigDict(frozen=True)

    scout: int
    """Number of the window that it was fitted at the end of."""
    window: int
    rows: int
    """Labelled rows that it was judged on."""
    value: float | None
    """The metric; None where it is not defined, or the scout had too few rows to learn from."""
    parts: tuple[float | None, ...]
    """The metric by piece of the window, equal in rows and in order of time."""


class Scouts(BaseModel):
    """What scouts tell of the age of the live model."""

    model_config = ConfigDict(frozen=True)

    origin: AwareDatetime
    """Start of window 0."""
    length: timedelta
    """Of a window."""
    now: int
    """The newest whole window."""
    first: int
    """The window in which the first model went live, or the oldest that is looked at."""
    champion: int
    """The window in which the live model was trained."""
    greater_is_better: bool
    metric: str = ""
    results: tuple[Scouted, ...] = ()

    def number(self, moment: datetime) -> int:
        """Return the window that a moment lies in, or ends; the first moment of a window belongs to the one before."""
        return numbered(self.origin, self.length, moment)


def numbered(origin: datetime, length: timedelta, moment: datetime) -> int:
    """Return the number of the window that a moment lies in, or ends."""
    return -(-(moment - origin) // length) - 1


def scouts_at(problem: UseCase, as_of: datetime, first_until: datetime, until: datetime) -> Scouts:
    """Return whose age is to be told at `as_of`: of the live model, which learned up to `until`, and of the first."""
    origin, length = problem.history_start, problem.window
    now = (as_of - origin) // length - 1
    return Scouts(
        origin=origin,
        length=length,
        now=now,
        first=max(numbered(origin, length, first_until), now - MOST_WINDOWS),
        champion=numbered(origin, length, until),
        greater_is_better=metric(problem.metric).greater_is_better,
        metric=problem.metric,
    )


def wanted(scouts: Scouts) -> list[Pair]:
    """Return the pairs that tell the age of the live model, and of the first; the window after a fit tells nothing."""
    later = range(scouts.first + 2, scouts.now + 1)
    each = [
        (model, window) for window in later for model in (window - 1, scouts.first, scouts.champion) if model < window
    ]
    return sorted(set(each))


def completed(
    problem: UseCase,
    scouts: Scouts,
    stored: Sequence[Scouted],
    as_of: datetime,
    read: Read,
    shelf: "dict[int, Pipeline | None]",
) -> Scouts:
    """Return the scouts with what is wanted of them: what is stored, and the rest measured now, as far as it can be."""
    pairs = wanted(scouts)
    stored_results = {(result.scout, result.window): result for result in stored}
    missing = [pair for pair in pairs if pair not in stored_results]
    results = [stored_results[pair] for pair in pairs if pair in stored_results]
    return scouts.model_copy(update={"results": (*results, *scouted(problem, missing, as_of, read, shelf))})


def declared(problem: UseCase) -> str:
    """Return a name for what scouts learn and are judged by; another declaration has another."""
    parts = (
        problem.numeric,
        problem.categorical,
        problem.target,
        problem.metric,
        problem.window,
        problem.train_on,
        problem.history_start,
    )
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:12]


def scouted(
    problem: UseCase, pairs: Collection[Pair], as_of: datetime, read: Read, shelf: "dict[int, Pipeline | None]"
) -> list[Scouted]:
    """Return how scouts did on windows whose labels have settled by `as_of`; pairs of other windows are left out.

    Labels have settled where nearly as large a share of the rows has one as in the oldest of the windows. Scouts on
    the `shelf` are not fitted again.
    """
    windows = history_windows(problem, as_of)
    if not pairs:
        return []
    judged = {window: read(as_of, windows[window]) for window in sorted({window for _, window in pairs})}
    shares = {window: _labelled_share(rows, problem) for window, rows in judged.items()}
    usual = _labelled_share(read(as_of, windows[min(pairs)[0]]), problem)
    results = []
    for model, window in sorted(pairs):
        if shares[window] == 0 or shares[window] < SETTLED * usual:
            continue
        if model not in shelf:
            shelf[model] = _fitted(problem, windows[model].end, read)
        rows = judged[window][judged[window][problem.target].notna()]
        results.append(_judged(problem, shelf[model], rows, (model, window)))
    return results


def _labelled_share(rows: "pd.DataFrame", problem: UseCase) -> float:
    return float(rows[problem.target].notna().mean()) if len(rows) else 0.0


def _fitted(problem: UseCase, until: datetime, read: Read) -> "Pipeline | None":
    """Return the scout fitted at a moment, or None where there are too few rows to learn from."""
    rows = folds.labelled(read(until, folds.training_window(problem, until)), problem, until)
    rows = scout_rows(rows, problem)
    if len(rows) < FEWEST_ROWS or (problem.kind != "regression" and rows[problem.target].nunique() < 2):
        return None
    return estimators.fitted(estimators.pipeline(problem, scout(problem)), rows, problem)


def _judged(problem: UseCase, model: "Pipeline | None", rows: "pd.DataFrame", pair: Pair) -> Scouted:
    import numpy as np

    ordered = rows.sort_values(problem.event_time, kind="stable")
    if model is None:
        return Scouted(scout=pair[0], window=pair[1], rows=len(rows), value=None, parts=(None,) * PARTS)
    target, predicted = estimators.targets(ordered, problem), estimators.predictions(model, ordered, problem)
    pieces = np.array_split(np.arange(len(ordered)), PARTS)
    return Scouted(
        scout=pair[0],
        window=pair[1],
        rows=len(ordered),
        value=score(problem.metric, target, predicted),
        parts=tuple(score(problem.metric, target[piece], predicted[piece]) for piece in pieces),
    )


def moment_of(scouts: Scouts, asked: Sequence[datetime]) -> DecisionMoment:
    """Return what a retraining policy may know; `asked` are the moments at which retrains were asked for."""
    import numpy as np

    count = max(scouts.now, scouts.champion) + 1
    values, rows = np.full((count, count), np.nan), np.zeros(count, dtype=int)
    parts = np.full((count, count, PARTS), np.nan)
    for result in scouts.results:
        values[result.scout, result.window] = np.nan if result.value is None else result.value
        parts[result.scout, result.window] = [np.nan if part is None else part for part in result.parts]
        rows[result.window] = result.rows
    unknown = np.full_like(values, np.nan)
    return DecisionMoment(
        now=scouts.now,
        first=scouts.first,
        champion=scouts.champion,
        asked=tuple(map(scouts.number, asked)),
        live=(),
        greater_is_better=scouts.greater_is_better,
        metric=scouts.metric,
        scores=unknown,
        scouts=values,
        parts=np.full_like(parts, np.nan),
        scout_parts=parts,
        rows=rows,
    )


def scouts_with_costs(problem: UseCase, live: Champion, as_of: datetime) -> Scouts:
    """Return what the age of the live model costs as far as labels tell at `as_of`; what is new is kept."""
    stored_rows = scouts_of(problem).read()
    name = declared(problem)
    stored = [Scouted.model_validate_json(body) for body in stored_rows[stored_rows["declared"] == name]["body"]]
    first = models.first_version(problem.name).trained_until
    whose = scouts_at(problem, as_of, first, live.trained_until)
    scouts = completed(problem, whose, stored, as_of, partial(rows_at, problem), {})
    records = [
        {
            "declared": name,
            "scout": float(result.scout),
            "window": float(result.window),
            "body": result.model_dump_json(),
        }
        for result in scouts.results
    ]
    scouts_of(problem).append_new(scouts_of(problem).rows(records))
    return scouts
