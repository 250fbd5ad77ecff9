"""Retraining policies of other packages, asked as a policy of ours is; they need `pip install river retrainopt`."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.simulation.backtest.schedules import best_schedules
from tasks.triggers.moment import DecisionMoment
from tasks.triggers.simple_policies import own_scores

if TYPE_CHECKING:
    import numpy as np


class River(BaseModel):
    """Ask when one of river's detectors finds drift in the live model's errors, in the newest known window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detector: Literal["ADWIN", "DDM"] = Field(description="ADWIN on the loss of each row, DDM on whether it is large")

    def __call__(self, moment: DecisionMoment) -> str | None:
        windows = moment.errors()
        if not windows or not drifted_in_last(windows, self.detector):
            return None
        return f"{self.detector} found drift in the errors of the newest known window"


def drifted_in_last(windows: "Sequence[np.ndarray]", detector: str) -> bool:
    """Say whether the detector, fed all windows in order, finds drift within the last.

    DDM takes a right or a wrong: wrong is a loss above the median of the first window.
    """
    import numpy as np
    from river import drift

    limit = float(np.median(windows[0]))
    monitor: Any = drift.ADWIN() if detector == "ADWIN" else drift.binary.DDM()
    rung = False
    for number, losses in enumerate(windows):
        for loss in losses.tolist():
            monitor.update(loss if detector == "ADWIN" else int(loss > limit))
            rung = rung or (monitor.drift_detected and number == len(windows) - 1)
    return rung


class RetrainOpt(BaseModel):
    """Ask as RetrainOpt's learned online policy does: a forest that imitates the optimal plan of the rehearsal.

    Yang and Mathioudakis, Automated retraining for cost-optimal machine learning, ECML PKDD 2026. The optimal plan is
    that of our own dynamic programming on the rehearsal's part of the matrix, the policy and its features are the
    package's; how much data to train on is left to the use case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    uses_price: ClassVar[bool] = True

    price: float = Field(
        ge=0, description="Price of a retrain, in units of the metric times windows, where none is set"
    )

    def __call__(self, moment: DecisionMoment) -> str | None:
        from retrainopt import DecisionAction

        policy = _learned_policy(moment, self.price if moment.price is None else moment.price)
        state = _state(_losses(own_scores(moment), moment.greater_is_better), moment.now, moment.now - moment.champion)
        if policy is None or state is None:
            return None
        decision = policy.decide(state, train_size=1)
        return "as in the rehearsal's optimal plan" if decision.action == DecisionAction.RETRAIN else None


def _learned_policy(moment: DecisionMoment, price: float) -> Any:
    """Return the policy fitted to the rehearsal's optimal plan; None where the rehearsal is too short."""
    import numpy as np

    size = moment.first + 1
    rehearsed = np.ascontiguousarray(moment.scores[:size, :size], dtype=float)
    return _fitted_policy(rehearsed.tobytes(), size, price, moment.greater_is_better)


@lru_cache(maxsize=256)
def _fitted_policy(rehearsed: bytes, size: int, price: float, greater: bool) -> Any:
    """Return the policy fitted to the bytes of a rehearsal's scores: every moment asks for the same one again."""
    import numpy as np
    from retrainopt import Decision, DecisionAction, LearnedOnlinePolicy

    scores = np.frombuffer(rehearsed).reshape(size, size)
    begin = next((number for number in range(size) if not np.isnan(scores[number]).all()), size)
    if size - begin < 4:
        return None
    plan = _cheapest_plan(scores, begin, price, greater)
    live, states, decisions = begin, [], []
    for now in range(begin + 1, size):
        defined_scores = [float(score) for score in scores[live, live + 1 : now + 1] if score == score]
        state = _state(_losses(defined_scores, greater), now, now - live)
        if state is None:
            continue
        retrain = now in plan
        states.append(state)
        decisions.append(Decision(DecisionAction.RETRAIN, 1, now) if retrain else Decision(DecisionAction.KEEP))
        live = now if retrain else live
    return LearnedOnlinePolicy(random_seed=0).fit(states, decisions) if states else None


def _cheapest_plan(scores: "np.ndarray", begin: int, price: float, greater: bool) -> tuple[int, ...]:
    served = len(scores) - 1 - begin
    schedules = best_schedules(scores, begin, served, greater_is_better=greater)
    costs = [
        (-schedule.score if greater else schedule.score) * served + price * n for n, schedule in enumerate(schedules)
    ]
    return schedules[costs.index(min(costs))].schedule


def _losses(scores: Sequence[float], greater: bool) -> list[float]:
    return [-score if greater else score for score in scores]


def _state(losses: Sequence[float], step: int, elapsed: int) -> Any:
    """Return the package's three features; None before the live model has a known window."""
    from retrainopt import OnlineState

    if not losses:
        return None
    stale = [loss - losses[0] for loss in losses]
    return OnlineState(step, stale[-1], sum(stale), elapsed)
