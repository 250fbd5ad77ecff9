"""Let the predecessor of a new champion predict the same rows while that is on probation."""

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks import artifacts, retries
from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.registry import models
from tasks.registry.rollback import CannotRollBackError, working_version
from tasks.scoring.scoring import scored_rows, without_prediction
from tasks.steps import step
from tasks.training import estimators
from tasks.usecases import UseCase, use_case
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
from tasks.data.tables import shadows
from tasks.scoring.scoring import predictions_by

SHADOW = "shadow"
"""What the predecessor's predictions are called beside the champion's."""


class ProbationPolicy(BaseModel):
    """How long a new champion is watched beside its predecessor, and what takes it back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: int = Field(
        ge=0, le=24, description="Windows after a promotion in which the predecessor predicts the same rows; 0: none"
    )
    error_rate: float = Field(
        gt=0,
        lt=1,
        description="Chance, over the whole probation, that a model no worse than its predecessor is taken back",
    )
    min_rows: int = Field(ge=2, description="Fewest labelled rows that both have predicted on which they are compared")


class Trial(BaseModel):
    """A champion on probation."""

    model_config = ConfigDict(frozen=True)

    promotion: str
    """Id of the decision that made it live."""
    version: str
    predecessor: str
    since: AwareDatetime
    policy: ProbationPolicy
    looks: int
    """How many of the windows were judged already."""


def on_probation(history: list[Decision]) -> Trial | None:
    """Return the live version's probation as its promotion states it, or None where it has none or has passed it."""
    past = ledger.moves(history)
    if not past or past[-1].kind != "promoted" or not past[-1].facts.get("probation"):
        return None
    promotion, policy = past[-1], ProbationPolicy.model_validate(past[-1].facts["probation"])
    looks = sum(entry.kind == "on probation" and entry.answers == promotion.id for entry in history)
    if promotion.facts["over"] is None or looks >= policy.windows:
        return None
    return Trial(
        promotion=promotion.id,
        version=promotion.facts["version"],
        predecessor=promotion.facts["over"],
        since=promotion.as_of,
        policy=policy,
        looks=looks,
    )


@step(**retries.RETRIED)
def score_in_shadow(usecase: str, as_of: datetime) -> int:
    """Store the predecessor's predictions of the rows that a champion on probation has predicted; return how many.

    Each row has one. A predecessor that cannot predict any more is told, and keeps the champion from nothing.
    """
    problem = use_case(usecase)
    trial = on_probation(ledger.decisions(usecase, as_of))
    window = None if trial is None else _shadowed(trial, problem, as_of)
    if trial is None or window is None:
        return 0
    waiting = without_prediction(
        predictions_by(trial.version, problem, window, as_of), _shadowed_keys(problem, window), problem
    )
    if waiting.empty:
        return 0
    try:
        old = working_version(usecase, trial.predecessor, as_of)
    except CannotRollBackError as error:
        message = f"version {trial.predecessor} cannot be compared with version {trial.version}: {error}"
        artifacts.show_markdown(f"{usecase} probation", f"# no probation\n\n{message}", message)
        return 0
    shadow_predictions = estimators.predictions(models.load(old), waiting, problem)
    return shadows(problem).append_new(scored_rows(waiting, problem, old, shadow_predictions, as_of)).inserted


def _shadowed_keys(problem: UseCase, window: Window) -> "pd.DataFrame":
    return shadows(problem).read(window, problem.key)


def _shadowed(trial: Trial, problem: UseCase, as_of: datetime) -> Window | None:
    end = min(as_of, trial.since + trial.policy.windows * problem.window)
    return Window(start=trial.since, end=end) if end > trial.since else None
