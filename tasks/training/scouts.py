"""Fit scouts: small models, trained anew at the end of each window, that show what a retrain would bring."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd

SCOUT_ROWS = 10_000
"""Rows, drawn with a fixed seed, that a scout is fitted on at most."""


FEWEST_ROWS = 50
"""Labelled rows below which no model is trained; its row then has no metric, and it can never go live."""


def scout(problem: UseCase) -> Any:
    """Return an unfitted small model of a fixed shape."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    small: Any = HistGradientBoostingRegressor
    if problem.kind != "regression":
        small = HistGradientBoostingClassifier
    return small(max_iter=40, learning_rate=0.15, max_leaf_nodes=15, early_stopping=False, random_state=0)


def scout_rows(labelled_rows: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the labelled rows that a scout is fitted on: the same ones in the same order, however they were stored."""
    ordered = labelled_rows.sort_values([problem.event_time, *problem.key], kind="stable", ignore_index=True)
    return ordered.sample(SCOUT_ROWS, random_state=0).sort_index() if len(ordered) > SCOUT_ROWS else ordered


PARTS = 4
"""Pieces of a window, equal in rows and in order of time, whose scores show how noisy the window's score is."""


SETTLED = 0.95
"""Share of a window's labels, of those that ever come, with which its metric counts as settled."""


def history_windows(problem: UseCase, end: datetime) -> tuple[Window, ...]:
    """Return the whole windows of the use case's history up to `end`, oldest first."""
    count = (end - problem.history_start) // problem.window
    starts = [problem.history_start + number * problem.window for number in range(count)]
    return tuple(Window(start=start, end=start + problem.window) for start in starts)
