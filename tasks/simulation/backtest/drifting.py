"""Say how many features Evidently's default preset calls drifted since a model was trained."""

from collections.abc import Callable
from functools import cache

from tasks.data.tables import rows_at
from tasks.monitoring.drift_report import DriftPolicy, Kind, drift_comparison
from tasks.simulation.backtest.matrix import Plan
from tasks.training import folds
from tasks.usecases import use_case

PRESET = DriftPolicy(
    numeric_threshold=0.1, categorical_threshold=0.1, missing_threshold=1.0, min_rows=1_000, max_rows=5_000
)
"""The methods and limits of Evidently's DataDriftPreset above a thousand reference rows; it ignores missing values."""


def drifted_share(plan: Plan) -> Callable[[int, int], float | None]:
    """Return a function that gives the share of features that drifted between a model's training rows and a window.

    The answer is None where either side is empty or no feature could be compared. Each pair is computed once.
    """

    @cache
    def share(model: int, window: int) -> float | None:
        problem, until = use_case(plan.usecase), plan.windows[model].end
        now = plan.windows[window]
        learned = rows_at(problem, until, folds.training_window(problem, until), problem.features, plan.dataset_version)
        current = rows_at(problem, now.end, now, problem.features, plan.dataset_version)
        if learned.empty or current.empty:
            return None
        kinds: dict[str, Kind] = dict.fromkeys(problem.numeric, "numeric")
        kinds |= dict.fromkeys(problem.categorical, "categorical")
        columns, _ = drift_comparison(learned, current, kinds, PRESET, until=now.end, name=f"{plan.usecase} {now}")
        flags = [column.drifted for column in columns if column.drifted is not None]
        return sum(flags) / len(flags) if flags else None

    return share
