"""Say whether the calibrated alarm rings: limits from a model's own training rows, each later window beside them."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from tasks import training, watching
from tasks.backtest.matrix import Plan
from tasks.collection import rows_at
from tasks.signals.health import FaultPolicy
from tasks.usecases import UseCase, use_case
from tasks.watching import Look, Watch, WatchPolicy

if TYPE_CHECKING:
    import pandas as pd

FEWEST_ROWS = FaultPolicy().min_rows
DAYS_PER_YEAR = 365.25
SIGHT = 6
"""Windows back within which a fault or an alarm may have begun."""
TOLD = 3


def alarm_of(plan: Plan) -> Callable[[int, int], str | None]:
    """Return what tells why the alarm of a model rings at the end of a window, or None while it is silent.

    It looks once a window and rings for nothing once a year, its default. Features, pairs of them and the target are
    watched; predictions are not, of which the models of a matrix keep none. Labels are as known at each window's end.
    """
    problem = use_case(plan.usecase)
    policy = WatchPolicy(checks_per_year=DAYS_PER_YEAR / (problem.window.total_seconds() / 86_400))

    @cache
    def watch(model: int) -> Watch | None:
        until = plan.windows[model].end
        rows = rows_at(problem, until, training.training_window(problem, until), version=plan.dataset_version)
        if len(training.labelled(rows, problem, until)) < FEWEST_ROWS:
            return None
        return watching.learned_watch(problem, rows, until, None, policy)

    @cache
    def look(model: int, window: int) -> Look | None:
        now, limits = plan.windows[window], watch(model)
        rows = rows_at(problem, now.end, now, version=plan.dataset_version)
        if limits is None or rows.empty:
            return None
        return watching.looked(problem, limits, rows, _unsaid(problem, rows), now, now.end)

    def reason(model: int, now: int) -> str | None:
        seen = [look(model, one) for one in range(max(model + 1, now - SIGHT + 1), now + 1)]
        found = watching.rung([one for one in seen if one is not None], policy)
        return None if found is None or seen[-1] is None else "; ".join(found.reasons[:TOLD])

    return reason


def _unsaid(problem: UseCase, rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return that nothing was predicted for the rows."""
    return rows.reindex(columns=training.columns_of(watching.PREDICTION, problem)).astype(float)
