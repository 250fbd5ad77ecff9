"""Choose the windows of a backtest: which are rehearsal, which are served, which model is trained where."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from tasks.durations import in_words
from tasks.simulation.backtest.matrix import Plan
from tasks.training.scouts import history_windows
from tasks.usecases import UseCase

FEWEST_SERVED = 3


class BacktestSpan(BaseModel):
    """How much of history is rehearsal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rehearsal_share: float = Field(
        gt=0, lt=1, description="Share of the windows from which the first live model learns; policies learn there too"
    )
    min_rehearsal: int = Field(ge=1, description="Fewest windows from which the first live model learns")


def plan_for(
    problem: UseCase, end: datetime, span: BacktestSpan, candidate: str | None = None, version: int | None = None
) -> Plan:
    """Return the plan of a backtest on the history up to `end`; models are `candidate`, or the first one declared.

    Raises:
        ValueError: the history is too short, or the use case declares no such candidate.
    """
    windows = history_windows(problem, end)
    first = max(span.min_rehearsal, round(span.rehearsal_share * len(windows))) - 1
    if len(windows) < first + 1 + FEWEST_SERVED:
        raise ValueError(
            f"expected at least {first + 1 + FEWEST_SERVED} windows of {in_words(problem.window)} before "
            f"{end:%Y-%m-%d}, found {len(windows)} since {problem.history_start:%Y-%m-%d}: shorten the use case's "
            "window, or wait"
        )
    chosen = candidate or next(iter(problem.candidates))
    if chosen not in problem.candidates:
        raise ValueError(f"expected one of {', '.join(problem.candidates)}, found the candidate {chosen!r}")
    return Plan(
        usecase=problem.name,
        windows=windows,
        rehearsed=0 if first == 0 else 1,
        first=first,
        candidate=chosen,
        dataset_version=version,
    )
