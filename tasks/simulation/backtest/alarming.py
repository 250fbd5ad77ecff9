"""Say whether the calibrated alarm rings: limits from a model's own training rows, each later window beside them."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from tasks import predictions
from tasks.data.tables import rows_at
from tasks.monitoring import limits as monitoring_limits
from tasks.monitoring import look as monitoring_look
from tasks.monitoring.limits import Watch, WatchPolicy
from tasks.monitoring.look import Look
from tasks.monitoring.signals.health import FaultPolicy
from tasks.simulation.backtest.matrix import Plan
from tasks.training import folds
from tasks.usecases import UseCase, use_case

if TYPE_CHECKING:
    import pandas as pd

FEWEST_ROWS = FaultPolicy().min_rows
DAYS_PER_YEAR = 365.25
SIGHT = 6
"""Windows back within which a fault or an alarm may have begun."""
MOST_REASONS = 3


def alarm_of(plan: Plan) -> Callable[[int, int], str | None]:
    """Return a function that gives the reason of a model's alarm at the end of a window, or None while it is silent.

    It looks once a window and rings for nothing once a year, its default. Features, pairs of them and the target are
    watched; predictions are not, of which the models of a matrix keep none. Labels are as known at each window's end.
    """
    problem = use_case(plan.usecase)
    policy = WatchPolicy(checks_per_year=DAYS_PER_YEAR / (problem.window.total_seconds() / 86_400))

    @cache
    def watch(model: int) -> Watch | None:
        until = plan.windows[model].end
        rows = rows_at(problem, until, folds.training_window(problem, until), version=plan.dataset_version)
        if len(folds.labelled(rows, problem, until)) < FEWEST_ROWS:
            return None
        return monitoring_limits.learned_watch(problem, rows, until, None, policy)

    @cache
    def look(model: int, window: int) -> Look | None:
        now, limits = plan.windows[window], watch(model)
        rows = rows_at(problem, now.end, now, version=plan.dataset_version)
        if limits is None or rows.empty:
            return None
        return monitoring_look.window_look(problem, limits, rows, _unsaid(problem, rows), now, now.end)

    def reason(model: int, now: int) -> str | None:
        recent_checks = [look(model, number) for number in range(max(model + 1, now - SIGHT + 1), now + 1)]
        alarm = monitoring_look.rung([check for check in recent_checks if check is not None], policy)
        return None if alarm is None or recent_checks[-1] is None else "; ".join(alarm.reasons[:MOST_REASONS])

    return reason


def _unsaid(problem: UseCase, rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return that nothing was predicted for the rows."""
    return rows.reindex(columns=predictions.columns_of(predictions.PREDICTION, problem)).astype(float)
