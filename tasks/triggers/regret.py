"""The system's own retraining policy: retrain once keeping the model has cost as much as it is worth to be rid of it.

At the end of every window a scout is fitted: a small model on the rows that a retrain would learn from. Each scout is
measured on the window after its training, beside the scout of the live model's age. The difference is what the live
model's age costs in that window: its regret. It is paired, so hard windows cancel out, and it shows what a
retrain would bring, where drift shows only that something changed and a loss only that the window was hard.

Regret is summed since the live model's training, and a retrain is due when the sum reaches its price: whoever rents
until the rent paid equals the price pays at most twice what one would who knew the future (Karlin, Manasse,
Rudolph and Sleator, Competitive snoopy caching, Algorithmica 3, 1988). A price may be given; it must be exceeded by a
margin, since the sum is taken where it looks surest. Where none is, a retrain is taken to cost what never retraining
would have lost in a window, so far as is known: regret stays a small share of what retraining gains, in whatever unit
the metric is. And the sum must be more than noise.
"""

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tasks.metrics import short
from tasks.triggers.moment import DecisionMoment

if TYPE_CHECKING:
    import numpy as np

UNITS = {"roc_auc": "AUC", "log_loss": "log loss", "rmse": "RMSE", "mae": "MAE"}
"""What people call a metric beside a number."""
_TO_VARIANCE = 0.455
"""Median of a squared standard normal: the median of squared differences, divided by it, is their variance."""


class Regret(NamedTuple):
    """What keeping the live model has cost, over the newest windows for which that is surest."""

    total: float
    windows: int
    certainty: float
    """The total in standard errors."""


class RegretPolicy(BaseModel):
    """Ask when keeping the live model has cost enough; certainty and margin are those of `benchmarks/tuning.py`."""

    uses_price: ClassVar[bool] = True

    model_config = ConfigDict(frozen=True, extra="forbid")

    certainty: float = Field(
        default=2.5, ge=0, description="Standard errors by which the regret of keeping the live model must exceed zero"
    )
    worth: float = Field(
        default=1.0,
        gt=0,
        description="Price of a retrain where none is given, in windows of what never retraining would have lost",
    )
    margin: float = Field(
        default=4.0, gt=0, description="Regret, as a multiple of a given price, from which a retrain is due"
    )
    rest: int = Field(
        default=2, ge=1, description="Windows from one request to the next; each refusal in a row doubles them"
    )
    most_share: float = Field(default=1 / 3, gt=0, le=1, description="Most requests, as a share of the windows so far")

    def __call__(self, moment: DecisionMoment) -> str | None:
        live_regret = regret(moment)
        if live_regret is None or is_resting(moment, self.rest) or is_spent(moment, self.most_share):
            return None
        price = self.worth * lost_by_never(moment) if moment.price is None else self.margin * moment.price
        if live_regret.certainty < self.certainty or live_regret.total < price:
            return None
        unit = f" {UNITS.get(moment.metric, moment.metric)}" if moment.metric else ""
        return (
            f"retraining is worth it: the model's age cost {short(live_regret.total)}{unit} over {live_regret.windows} "
            f"window{'s' * (live_regret.windows > 1)} ({live_regret.certainty:.1f} standard errors; threshold "
            f"{short(price)})"
        )


def regrets(moment: DecisionMoment, model: int) -> "tuple[np.ndarray, np.ndarray]":
    """Return the cost of a model's age in each settled window since its training, and the variance within each window.

    The window after the training is no evidence: the newest scout there is the model's own.
    """
    import numpy as np

    windows = np.array([number for number in moment.settled if number > model + 1], dtype=int)
    sign = 1.0 if moment.greater_is_better else -1.0
    costs = sign * (moment.scouts[windows - 1, windows] - moment.scouts[model, windows])
    pieces = moment.scout_parts[windows - 1, windows] - moment.scout_parts[model, windows]
    have = ~np.isnan(costs)
    if not have.any():
        return costs[have], costs[have]
    return costs[have], pieces[have].var(axis=1, ddof=1) / pieces.shape[1]


def regret(moment: DecisionMoment) -> Regret | None:
    """Return the regret of keeping the live model, over the run of newest windows where it is surest; None if unknown.

    Any run may be chosen, as in a CUSUM (Page, Continuous inspection schemes, Biometrika 41, 1954), so that a good
    time long ago hides no bad one now.
    """
    import numpy as np

    costs, within = regrets(moment, moment.champion)
    if not len(costs):
        return None
    variances = np.maximum(_smoothed_variances(within, regrets(moment, moment.first)[1]), variance_between(moment))
    totals = np.cumsum(costs[::-1])
    certainties = totals / np.sqrt(np.cumsum(variances[::-1]) + 1e-18)
    best = int(certainties.argmax())
    return Regret(float(totals[best]), best + 1, float(certainties[best]))


def lost_by_never(moment: DecisionMoment) -> float:
    """Return what never retraining would have lost in a window, on average so far; at least 0."""
    costs, _ = regrets(moment, moment.first)
    return max(0.0, float(costs.mean())) if len(costs) else 0.0


def variance_between(moment: DecisionMoment) -> float:
    """Return the variance of the cost of age from window to window, whatever its trend; 0 with too few windows.

    From the median squared successive difference: von Neumann, Distribution of the ratio of the mean square successive
    difference to the variance, Annals of Mathematical Statistics 12, 1941; the median lets a sudden drift pass.
    """
    import numpy as np

    costs, _ = regrets(moment, moment.first)
    return 0.0 if len(costs) < 3 else float(np.median(np.diff(costs) ** 2)) / 2 / _TO_VARIANCE


def is_resting(moment: DecisionMoment, rest: int) -> bool:
    """Say whether the last request is too recent; each that was refused since the last promotion doubles the rest."""
    if not moment.asked:
        return False
    refused = sum(request > moment.champion for request in moment.asked)
    return moment.now - moment.asked[-1] < rest * 2**refused


def is_spent(moment: DecisionMoment, most_share: float) -> bool:
    """Say whether one more request would exceed the share of the windows so far; the first is always free."""
    return len(moment.asked) > most_share * (moment.now - moment.first)


def _smoothed_variances(within: "np.ndarray", all_within: "np.ndarray") -> "np.ndarray":
    """Return each window's own variance, drawn halfway towards the median of all: four pieces are few."""
    import numpy as np

    usual = float(np.nanmedian(all_within)) if np.isfinite(all_within).any() else 0.0
    return (np.where(np.isfinite(within), within, usual) + usual) / 2
