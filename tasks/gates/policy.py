"""What a challenger must show before it goes live."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

Rows = Annotated[int | None, WithJsonSchema({"type": "integer", "minimum": 1})]
Gain = Annotated[float | None, WithJsonSchema({"type": "number", "minimum": 0})]
PositiveGain = Annotated[float | None, WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
UNITS = ("min_gain_over_baseline", "min_gain_over_champion", "min_rows")


class GatePolicy(BaseModel):
    """The limits of the gates; gains are in units of the use case's metric, and left out they refuse everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_gain_over_baseline: PositiveGain = Field(
        default=None,
        gt=0,
        description="What the lower bound of the gain over the trivial baseline must reach, in units of the metric",
    )
    min_gain_over_simple_model: float = Field(
        default=-0.1,
        ge=-1,
        description="Smallest gain over a linear model of the same features, as a share of what that one gains over "
        "the trivial baseline; below 0 the challenger may be that much worse; the champion's own, where that is less",
    )
    min_gain_over_champion: Gain = Field(
        default=None,
        ge=0,
        description="What the lower bound of the gain over the champion must exceed, in units of the metric; "
        "a tie keeps the champion",
    )
    must_beat_champion: bool = Field(
        default=True,
        description="On: the challenger must be better than the champion. Off: it must not be worse by more than "
        "max_loss_to_champion",
    )
    max_loss_to_champion: float = Field(
        default=0.0,
        ge=0,
        description="Largest loss to the champion that the interval may leave possible, in units of the metric; "
        "asked about only where the challenger need not be better",
    )
    min_rows: Rows = Field(
        default=None,
        ge=1,
        description="Fewest rows, used to train neither, on which challenger and champion are compared",
    )
    error_rate: float = Field(
        default=0.1,
        gt=0,
        le=0.5,
        description="Chance of promoting a challenger that is no better, over all that are tried on the same rows; "
        "also of finding a slice worse that is not",
    )
    min_slice_rows: int = Field(
        default=200, ge=2, description="Fewest rows of a slice that is judged; smaller ones are named"
    )
    max_slice_loss: float = Field(
        default=0.0,
        ge=0,
        description="Loss to the champion that a slice may have for certain, in units of the metric",
    )
    max_group_gap: float = Field(
        default=0.2,
        ge=0,
        le=2,
        description="Largest difference between the groups of a protected column: in the rate of right or wrong "
        "answers, or in the mean error as a share of the target's standard deviation",
    )
    max_outside: float = Field(
        default=0.5,
        ge=0,
        description="How far a prediction may lie outside the targets that were learned from, in lengths of their "
        "range; probabilities may not leave 0 to 1 at all",
    )
    max_same_share: float = Field(
        default=0.99, gt=0, lt=1, description="Largest share of rows that may have one and the same prediction"
    )
    max_calibration_error: float = Field(
        default=0.08,
        ge=0,
        le=1,
        description="Largest mean distance between predicted and observed shares, beyond what chance explains "
        "(classification); the champion's own, where that is larger",
    )
    max_bias: float = Field(
        default=0.25,
        ge=0,
        description="Largest mean error, beyond what chance explains, as a share of the target's standard deviation "
        "(regression); the champion's own, where that is larger",
    )
    max_single_skill: float = Field(
        default=0.96,
        gt=0,
        le=1,
        description="How well one feature alone may predict: 0 is a guess, 1 is perfect (R2, or 2 AUC - 1)",
    )
    max_copied_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Largest share of evaluated rows that lie in the training rows with equal features and target, "
        "beyond what these data repeat anyway",
    )
    max_late_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Largest share of rows in which the value of a feature came, or changed, only with the label",
    )
    must_serve: bool = Field(
        default=True, description="Load the model in a clean process and compare what it predicts there"
    )
    max_serving_difference: float = Field(
        default=1e-6,
        ge=0,
        description="Largest difference between predictions there and here, as a share of the largest prediction",
    )
    max_latency_ratio: float = Field(
        default=5.0, gt=0, description="Most times the champion's time that predicting may take"
    )
    max_size_ratio: float = Field(default=10.0, gt=0, description="Most times the champion's size that the file may be")
    must_reproduce: bool = Field(
        default=True, description="Fit again on the cited version of the data and compare what that predicts"
    )
    max_reproduction_difference: float = Field(
        default=1e-6,
        ge=0,
        description="Largest difference between predictions of the two fits, as a share of the largest prediction",
    )

    @property
    def missing(self) -> tuple[str, ...]:
        """The thresholds that only the problem's owner can set, and has not."""
        return tuple(name for name in UNITS if getattr(self, name) is None)
