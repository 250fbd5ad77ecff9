"""Estimate a classifier's performance before labels come, check it when they land, and switch it off if they object.

Confidence-based: calibrated probabilities say how often the model is right (CBPE in NannyML's documentation). It sees
inputs that moved to where the model is less sure. It is blind to a rule that changed: it believes the model.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tasks.usecases import MetricName

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray
DRAWS = 200
MOST_ROWS = 20_000
SURE = 1e-6
"""How near 0 or 1 a probability may come in the logarithmic loss."""


class EstimationPolicy(BaseModel):
    """When an estimate of performance is believed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_rows: int = Field(default=200, ge=50, description="Fewest predictions that are estimated from")
    checked: int = Field(default=6, ge=1, description="How many of the last windows with labels an estimate is held to")
    min_checked: int = Field(default=2, ge=1, description="Fewest windows with labels that can switch it off")


class Confidence(BaseModel):
    """How often the class was 1 at each predicted probability, in the reference; between the points, linear."""

    model_config = ConfigDict(frozen=True)

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    rows: int


class PerformanceEstimate(BaseModel):
    """A metric expected of a window's predictions without their labels, with the interval that chance alone gives."""

    model_config = ConfigDict(frozen=True)

    metric: MetricName
    value: float | None
    low: float | None
    high: float | None
    rows: int
    note: str = ""
    """Why there is no value, if there is none."""


class Landed(BaseModel):
    """An estimate beside the metric that the labels of the same window later gave."""

    model_config = ConfigDict(frozen=True)

    estimate: PerformanceEstimate
    measured: float


def confidence(prediction: "pd.Series", target: "pd.Series") -> Confidence:
    """Return how often the class was 1 by predicted probability; rows without label or prediction are left out.

    Isotonic regression: Zadrozny and Elkan, Transforming Classifier Scores, KDD 2002.

    Raises:
        ValueError: no row has both.
    """
    from sklearn.isotonic import IsotonicRegression

    both = (prediction.notna() & target.notna()).to_numpy()
    if not both.any():
        raise ValueError("expected predictions with labels to learn their confidence from, found none")
    shown, answers = prediction.to_numpy(float)[both], target.to_numpy(float)[both]
    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(shown, answers)
    points = np.unique(np.quantile(shown, np.linspace(0, 1, 101), method="nearest"))
    return Confidence(
        predicted=tuple(points.tolist()), observed=tuple(curve.predict(points).tolist()), rows=int(both.sum())
    )


def performance_estimate(
    metric: MetricName, prediction: "pd.Series", calibration: Confidence, policy: EstimationPolicy
) -> PerformanceEstimate:
    """Return the metric to be expected of these predictions if the world's rule is still the reference's."""
    shown = prediction.dropna().to_numpy(float)
    bare = PerformanceEstimate(metric=metric, value=None, low=None, high=None, rows=len(shown))
    if metric not in ("roc_auc", "log_loss"):
        note = f"{metric} cannot be estimated without labels, only roc_auc and log_loss"
        return bare.model_copy(update={"note": note})
    if len(shown) < policy.min_rows:
        return bare.model_copy(update={"note": f"{len(shown)} predictions, {policy.min_rows} needed"})
    rng = np.random.default_rng(0)
    some = np.sort(shown if len(shown) <= MOST_ROWS else rng.choice(shown, MOST_ROWS, replace=False))
    chance = np.interp(some, calibration.predicted, calibration.observed)
    drawn = np.array([_metric(metric, some, (rng.random(len(some)) < chance).astype(float)) for _ in range(DRAWS)])
    value = _metric(metric, some, chance)
    if np.isnan(value) or np.isnan(drawn).all():
        return bare.model_copy(update={"note": "all rows would be of one class"})
    spread = (drawn - np.nanmean(drawn)) * np.sqrt(len(some) / len(shown))
    low, high = np.nanquantile(spread, [0.025, 0.975]) + value
    return bare.model_copy(update={"value": value, "low": float(low), "high": float(high)})


def distrust_reason(landed: Sequence[Landed], expected: float, policy: EstimationPolicy) -> str | None:
    """Say why estimates are switched off, or None while they are believed.

    `landed` are windows whose labels came, in order of time; `expected` is the metric at promotion. Estimates go when,
    over the last windows, they were further from the truth than assuming no change, and further than chance explains.
    """
    recent = [pair for pair in landed if pair.estimate.value is not None][-policy.checked :]
    if len(recent) < policy.min_checked:
        return None
    wrong = _mean(abs((pair.estimate.value or 0.0) - pair.measured) for pair in recent)
    unchanged = _mean(abs(expected - pair.measured) for pair in recent)
    chance = _mean(((pair.estimate.high or 0.0) - (pair.estimate.low or 0.0)) / 2 for pair in recent)
    if wrong <= max(unchanged, chance):
        return None
    return (
        f"estimates of {recent[-1].estimate.metric} were off by {wrong:.4f} on average in the last {len(recent)} "
        f"windows with labels; assuming no change was off by {unchanged:.4f}, chance explains {chance:.4f}"
    )


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _metric(metric: MetricName, prediction: Array, answers: Array) -> float:
    """Return the metric over sorted predictions; answers may be probabilities, then it is the metric's expectation.

    The expected AUC counts each pair by the probability that the one is a 1 and the other a 0; ties count half.
    """
    if metric == "log_loss":
        sure = np.clip(prediction, SURE, 1 - SURE)
        return float(-(answers * np.log(sure) + (1 - answers) * np.log(1 - sure)).mean())
    _, first, place = np.unique(prediction, return_index=True, return_inverse=True)
    ones, zeros = (np.bincount(place, weights=side, minlength=len(first)) for side in (answers, 1 - answers))
    below = np.cumsum(zeros) - zeros
    pairs = ones.sum() * zeros.sum()
    return float((ones * (below + zeros / 2)).sum() / pairs) if pairs > 0 else float("nan")
