"""Look at windows beside what is ordinary for a version, and keep what was seen, each window once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tasks.monitoring.limits import Watch
from tasks.monitoring.look import (
    Look,
    blocking_faults,
    last_good_window,
    lasting_faults,
    window_look,
    without_accepted,
)
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
    ended = stored[stored["window_end"] <= until].sort_values(["window_end", "as_of"])
    return None if ended.empty else Look.model_validate_json(ended["body"].iloc[-1])


def keep_looks(problem: UseCase, new_looks: Sequence[Look]) -> None:
    """Keep looks, each window's once."""
    records = [
        {
            "as_of": look.as_of,
            "window_start": look.window.start,
            "window_end": look.window.end,
            "watch": look.watch,
            "body": look.model_dump_json(),
        }
        for look in new_looks
    ]
    looks(problem).upsert(looks(problem).rows(records))


def broken_windows(
    problem: UseCase, until: datetime, policy: FaultPolicy, accepted_names: Collection[tuple[str, str]]
) -> list[Window]:
    """Return the windows that end by `until` whose data were broken at the last look.

    Faults that last, or that a person has accepted by kind and column, break nothing.
    """
    table = looks(problem).read().sort_values(["window_end", "window_start"])
    stored = [Look.model_validate_json(body) for body in table[table["window_end"] <= until]["body"]]
    valid_looks = without_accepted(stored, accepted_names)
    lasts = lasting_faults(valid_looks, policy)
    return [look.window for look in valid_looks if blocking_faults(look, lasts)]


def updated_looks(
    problem: UseCase,
    watch: Watch,
    before: Sequence[Look],
    rows: "pd.DataFrame",
    predicted_rows: "pd.DataFrame",
    as_of: datetime,
) -> list[Look]:
    """Return earlier looks, those anew whose window has got other rows or labels since.

    `rows` and their predictions reach back as far as anything may still change.
    """
    times = rows[problem.event_time]
    updated: list[Look] = []
    for look in before:
        inside = (times >= look.window.start) & (times < look.window.end)
        now = int(inside.sum()), int(rows.loc[inside, problem.target].notna().sum())
        changeable = look.window.start >= as_of - problem.look_back - problem.window
        if changeable and now != (look.rows, look.labelled):
            good = last_good_window(updated)
            look = window_look(problem, watch, rows[inside], predicted_rows[inside], look.window, as_of, good)
        updated.append(look)
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
    before = updated_looks(problem, watch, stored, rows, fair, as_of)
    inside = rows[problem.event_time] >= window.start
    good = last_good_window(before)
    return [*before, window_look(problem, watch, rows[inside], fair[inside], window, as_of, good)]
