"""Look at windows beside what is ordinary for a version, and keep what was seen, each window once."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from tasks import registry, scouting, training, watching
from tasks.checks import Check, Performance
from tasks.collection import rows_at
from tasks.datasets import Dataset, arrow_schema
from tasks.metrics import score
from tasks.registry import Champion
from tasks.scoring import IN_TRAINING, MODEL_VERSION, PREDICTION, predicted
from tasks.scouting import Scouted, Scouts
from tasks.settings import Settings
from tasks.signals.health import FaultPolicy
from tasks.usecases import UseCase
from tasks.watching import Look, Watch
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd

MOMENT = timedelta(microseconds=1)


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


def broken_windows(
    problem: UseCase, until: datetime, policy: FaultPolicy, known: Collection[tuple[str, str]]
) -> list[Window]:
    """Return the windows that end by `until` whose data were broken at the last look.

    Faults that last, or are `known` by kind and column to be none, break nothing.
    """
    kept = looks(problem).read().sort_values(["window_end", "window_start"])
    stored = [Look.model_validate_json(body) for body in kept[kept["window_end"] <= until]["body"]]
    seen = watching.without(stored, known)
    lasts = watching.lasting(seen, policy)
    return [one.window for one in seen if watching.broken(one, lasts)]


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


def seen_looks(problem: UseCase, live: Champion, watch: Watch, window: Window, as_of: datetime) -> list[Look]:
    """Return the looks by these limits up to this window's, as known at `as_of`, which is not before its end."""
    span = Window(start=window.start - problem.look_back - problem.window, end=window.end)
    rows = rows_at(problem, as_of, span)
    said = fair_predictions(problem, rows, live.version)
    stored = stored_looks(problem, watch.id, window.end)
    before = brought_up_to_date(problem, watch, stored, rows, said, as_of)
    inside = rows[problem.event_time] >= window.start
    good = watching.last_good(before)
    return [*before, watching.looked(problem, watch, rows[inside], said[inside], window, as_of, good)]


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
        new_faults=watching.beside(newest, known),
        warnings=watching.warnings(newest),
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
