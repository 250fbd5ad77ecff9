"""Look at windows beside what is ordinary for a version, and keep what was seen, each window once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tasks.monitoring import look
from tasks.monitoring.limits import Watch
from tasks.monitoring.look import Look
from tasks.monitoring.signals.health import FaultPolicy
from tasks.registry.models import Champion
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
from tasks.data.tables import looks
from tasks.scoring.scoring import fair_predictions


def stored_looks(problem: UseCase, watch: str, until: datetime) -> list[Look]:
    """Return the looks at windows that end before `until` beside these limits, in order of time."""
    stored = looks(problem).read()
    same = stored[(stored["watch"] == watch) & (stored["window_end"] < until)].sort_values(
        ["window_end", "window_start"]
    )
    return [Look.model_validate_json(body) for body in same["body"]]


def newest_look(problem: UseCase, until: datetime) -> Look | None:
    """Return the look at the newest window that ends by `until`, or None."""
    stored = looks(problem).read()
    past = stored[stored["window_end"] <= until].sort_values(["window_end", "as_of"])
    return None if past.empty else Look.model_validate_json(past["body"].iloc[-1])


def keep_looks(problem: UseCase, new_looks: Sequence[Look]) -> None:
    """Keep looks, each window's once."""
    records = [
        {
            "as_of": new_look.as_of,
            "window_start": new_look.window.start,
            "window_end": new_look.window.end,
            "watch": new_look.watch,
            "body": new_look.model_dump_json(),
        }
        for new_look in new_looks
    ]
    looks(problem).upsert(looks(problem).rows(records))


def broken_windows(
    problem: UseCase, until: datetime, policy: FaultPolicy, accepted: Collection[tuple[str, str]]
) -> list[Window]:
    """Return the windows that end by `until` whose data were broken at the last look.

    Faults that last, or are `accepted` by kind and column, break nothing.
    """
    stored_rows = looks(problem).read().sort_values(["window_end", "window_start"])
    stored = [Look.model_validate_json(body) for body in stored_rows[stored_rows["window_end"] <= until]["body"]]
    judged = look.without(stored, accepted)
    lasts = look.lasting(judged, policy)
    return [judged_look.window for judged_look in judged if look.broken(judged_look, lasts)]


def brought_up_to_date(
    problem: UseCase,
    watch: Watch,
    before: Sequence[Look],
    rows: "pd.DataFrame",
    predicted: "pd.DataFrame",
    as_of: datetime,
) -> list[Look]:
    """Return earlier looks, those anew whose window has got other rows or labels since.

    `rows` and their predictions reach back as far as anything may still change.
    """
    times = rows[problem.event_time]
    updated: list[Look] = []
    for current in before:
        inside = (times >= current.window.start) & (times < current.window.end)
        now = int(inside.sum()), int(rows.loc[inside, problem.target].notna().sum())
        changeable = current.window.start >= as_of - problem.look_back - problem.window
        if changeable and now != (current.rows, current.labelled):
            good = look.last_good(updated)
            current = look.window_look(problem, watch, rows[inside], predicted[inside], current.window, as_of, good)
        updated.append(current)
    return updated


def changeable_span(problem: UseCase, window: Window) -> Window:
    """Return the event times up to the end of a window of rows that may still change, or whose labels may come."""
    return Window(start=window.start - problem.look_back - problem.window, end=window.end)


def looks_at(
    problem: UseCase, live: Champion, watch: Watch, rows: "pd.DataFrame", window: Window, as_of: datetime
) -> list[Look]:
    """Return the looks by these limits up to this window's, as known at `as_of`, which is not before its end.

    `rows` are those of the `changeable_span` with their predictions (see `scored_observations`).
    """
    fair = fair_predictions(problem, rows, live.version)
    stored = stored_looks(problem, watch.id, window.end)
    before = brought_up_to_date(problem, watch, stored, rows, fair, as_of)
    inside = rows[problem.event_time] >= window.start
    good = look.last_good(before)
    return [*before, look.window_look(problem, watch, rows[inside], fair[inside], window, as_of, good)]
