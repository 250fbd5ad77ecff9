"""Two cost-aware retraining policies from the literature, written from the papers; both need the price of a retrain."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.triggers.moment import DecisionMoment
from tasks.triggers.simple_policies import own_scores

if TYPE_CHECKING:
    import numpy as np


class Cara(BaseModel):
    """Ask when the staleness of the live model, on recent data, is dearer than a limit tuned in rehearsal.

    Mahadevan and Mathioudakis, Cost-aware retraining for machine learning, Knowledge-Based Systems 293, 2024: the
    variants CARA-T (staleness of now), CARA-CT (staleness gathered since the training) and CARA-P (a period). The
    limit is that which would have cost least on the history before the first model went live. All rows of a window
    count alike as queries, so staleness is the metric lost since the first window after the training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    uses_price: ClassVar[bool] = True

    variant: Literal["threshold", "cumulative", "periodic"] = Field(description="CARA-T, CARA-CT or CARA-P")
    price: float = Field(
        ge=0, description="Price of a retrain, in units of the metric times windows, where none is set"
    )

    def __call__(self, moment: DecisionMoment) -> str | None:
        price = self.price if moment.price is None else moment.price
        limit = tuned_limit(moment, self.variant, price)
        stale = staleness(own_scores(moment), moment.greater_is_better, self.variant, moment.now - moment.champion)
        if limit is None or stale <= limit:
            return None
        return f"{self.variant} staleness {stale:.4f}, {limit:.4f} was cheapest in rehearsal at price {price:.4g}"


def staleness(scores: Sequence[float], greater_is_better: bool, variant: str, age: int) -> float:
    """Return what a CARA variant compares with its limit; `scores` are the model's so far, oldest first."""
    if variant == "periodic":
        return float(age)
    lost = [(scores[0] - score) if greater_is_better else (score - scores[0]) for score in scores]
    if not lost:
        return 0.0
    return sum(lost) if variant == "cumulative" else lost[-1]


def tuned_limit(moment: DecisionMoment, variant: str, price: float) -> float | None:
    """Return the limit that would have cost least in rehearsal; the highest of equals. None without a rehearsal."""
    models = [number for number in range(moment.first) if _row(moment, number)]
    if len(models) < 2:
        return None
    rehearsed_staleness = [
        staleness(_row(moment, model)[: length + 1], moment.greater_is_better, variant, length + 1)
        for model in models
        for length in range(len(_row(moment, model)))
    ]
    limits = sorted({*rehearsed_staleness, max(rehearsed_staleness) + 1}, reverse=True)
    return min(limits, key=lambda limit: _rehearsed_cost(moment, models, variant, limit, price))


def _rehearsed_cost(moment: DecisionMoment, models: Sequence[int], variant: str, limit: float, price: float) -> float:
    """Return what a limit would have cost on the windows of the rehearsal, each model trained where it asks for one."""
    live, cost = models[0], 0.0
    for now in range(models[0] + 1, moment.first + 1):
        value = moment.scores[live, now]
        if value == value:
            cost += -value if moment.greater_is_better else value
        history = [float(score) for score in moment.scores[live, live + 1 : now + 1] if score == score]
        if now in models and staleness(history, moment.greater_is_better, variant, now - live) > limit:
            live, cost = now, cost + price
    return cost


def _row(moment: DecisionMoment, model: int) -> list[float]:
    """Return a rehearsal model's metric on the later windows of the rehearsal."""
    return [float(score) for score in moment.scores[model, model + 1 : moment.first + 1] if score == score]


class Upf(BaseModel):
    """Ask when a forecast of how models of any age will do makes retraining now cheaper, with confidence.

    Regol, Schwinn, Sprague, Coates and Markovich, When to retrain a machine learning model, ICML 2025 (UPF): the metric
    of the model trained at i on window j is normal given i, j and j - i, learned from all pairs so far; a retrain is
    due when the quantile of what it saves over the horizon exceeds its price. Here the forecaster is a Bayesian linear
    regression, and over the horizon no further retrain is planned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    uses_price: ClassVar[bool] = True

    horizon: int = Field(ge=1, description="Windows over which a retrain must pay for itself")
    confidence: float = Field(ge=0.5, lt=1, description="Certainty with which a retrain must be cheaper")
    price: float = Field(
        ge=0, description="Price of a retrain, in units of the metric times windows, where none is set"
    )

    def __call__(self, moment: DecisionMoment) -> str | None:
        from scipy.stats import norm

        price = self.price if moment.price is None else moment.price
        forecast = forecast_saving(moment, self.horizon)
        if forecast is None:
            return None
        mean, deviation = forecast
        sure = mean - float(norm.ppf(self.confidence)) * deviation
        if sure <= price:
            return None
        return f"a retrain saves {mean:.4g} ± {deviation:.4g} over {self.horizon} windows, price {price:.4g}"


def forecast_saving(moment: DecisionMoment, horizon: int) -> tuple[float, float] | None:
    """Return the forecast of what a retrain now saves over the horizon, and its deviation; None with too few pairs."""
    import numpy as np
    from sklearn.linear_model import BayesianRidge

    pairs = [(int(i), int(j)) for i, j in zip(*np.nonzero(~np.isnan(moment.scores)), strict=True) if j > i]
    if len(pairs) < 6:
        return None
    inputs = np.array([_features(moment, i, j) for i, j in pairs])
    centre, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    learned = BayesianRidge().fit((inputs - centre) / spread, [moment.scores[pair] for pair in pairs])
    ahead = range(moment.now + 1, moment.now + 1 + horizon)
    difference = sum((_features(moment, moment.now, j) - _features(moment, moment.champion, j)) / spread for j in ahead)
    mean = float(difference @ learned.coef_)
    variance = float(difference @ learned.sigma_ @ difference) + 2 * horizon / float(learned.alpha_)
    return (mean if moment.greater_is_better else -mean), variance**0.5


def _features(moment: DecisionMoment, model: int, window: int) -> "np.ndarray":
    """Return the forecaster's inputs for a pair: when the model was trained, the window, and the model's age then."""
    import numpy as np

    age = window - model
    return np.array([model, window, age, age**0.5], dtype=float)
