"""Decide whether the evidence of one check asks for a retrain."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.drift import ColumnDrift
from tasks.ledger import Decision
from tasks.metrics import gain
from tasks.usecases import MetricName
from tasks.windows import Window


class RetrainPolicy(BaseModel):
    """What asks for a retrain, and what holds it back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_drifted_share: float = Field(
        gt=0, le=1, description="Share of drifting features from which a retrain is asked for"
    )
    max_loss: float = Field(
        gt=0, description="Loss of the metric against its value at promotion from which a retrain is asked for"
    )
    min_labelled: int = Field(ge=1, description="Fewest labelled predictions in the window that tell a performance")
    cooldown_days: float = Field(ge=0, description="Days after a retrain in which no other is asked for")
    min_new_rows: int = Field(ge=0, description="Labelled rows needed since the champion's training window ended")


class Performance(BaseModel):
    """How good the live predictions of a window were, as far as labels have arrived."""

    model_config = ConfigDict(frozen=True)

    metric: MetricName
    value: float | None
    labelled: int
    expected: float
    """The metric in the evaluation that promoted the champion."""


class Check(BaseModel):
    """One look at one window: evidence, no decision yet."""

    model_config = ConfigDict(frozen=True)

    usecase: str
    as_of: AwareDatetime
    window: Window
    model_version: str
    rows: int
    features: tuple[ColumnDrift, ...] = ()
    outcomes: tuple[ColumnDrift, ...] = ()
    """Drift of the prediction and, where labels have arrived, of the target."""
    performance: Performance
    note: str = ""
    """Why drift was not computed, if it was not."""
    report_url: str = ""
    evidently_url: str = ""

    @property
    def drifting(self) -> tuple[str, ...]:
        """The features that drifted."""
        return tuple(one.column for one in self.features if one.drifted)

    @property
    def drifted_share(self) -> float | None:
        """Share of the features that drifted among those that could be compared, or None where none could."""
        known = [one for one in self.features if one.drifted is not None]
        return len(self.drifting) / len(known) if known else None


class History(BaseModel):
    """What the system did before, as far as it bears on the next retrain."""

    model_config = ConfigDict(frozen=True)

    last_retrain: datetime | None
    new_rows: int
    """Labelled rows since the champion's training window ended."""
    unanswered: Decision | None = None
    """A request to retrain that nothing has answered yet."""


def retrain_reason(check: Check, history: History, policy: RetrainPolicy) -> str | None:
    """Say why the champion must be retrained, with the numbers, or None while it may stay.

    A request that is still unanswered stays the reason. Fixed thresholds: they know nothing of seasons.
    """
    if history.unanswered is not None:
        return history.unanswered.reason
    cooldown = timedelta(days=policy.cooldown_days)
    if history.last_retrain is not None and check.as_of < history.last_retrain + cooldown:
        return None
    if history.new_rows < policy.min_new_rows:
        return None
    return performance_reason(check, policy) or drift_reason(check, policy)


def performance_reason(check: Check, policy: RetrainPolicy) -> str | None:
    """Say by how much the live predictions are worse than they were at promotion, or None."""
    seen = check.performance
    if seen.value is None or seen.labelled < policy.min_labelled:
        return None
    lost = -gain(seen.metric, seen.value, seen.expected)
    if lost < policy.max_loss:
        return None
    return (
        f"{seen.metric} {seen.value:.4f} on {seen.labelled} labelled rows of {check.window}, {seen.expected:.4f} at "
        f"promotion: {lost:.4f} lost, {policy.max_loss} allowed"
    )


def drift_reason(check: Check, policy: RetrainPolicy) -> str | None:
    """Say which features drifted, or None where they are too few or unknown."""
    share = check.drifted_share
    if share is None or share < policy.min_drifted_share:
        return None
    return (
        f"{len(check.drifting)} of {len(check.features)} features drifted in {check.window} "
        f"({share:.0%}, {policy.min_drifted_share:.0%} asks for a retrain): {', '.join(check.drifting)}"
    )
