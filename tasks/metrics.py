"""Say how good predictions are, in the metrics a use case can declare."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.usecases import MetricName

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Metric:
    """A number over targets and predictions, and the direction in which it is better."""

    name: MetricName
    greater_is_better: bool
    needs_both_classes: bool
    of: "Callable[[np.ndarray, np.ndarray], float]"


def metric(name: MetricName) -> Metric:
    """Return the metric of that name; for classification, predictions are probabilities of the class 1."""
    from sklearn import metrics as sk

    known = {
        "roc_auc": Metric("roc_auc", True, True, sk.roc_auc_score),
        "log_loss": Metric("log_loss", False, False, lambda y, p: sk.log_loss(y, p, labels=[0, 1])),
        "rmse": Metric("rmse", False, False, sk.root_mean_squared_error),
        "mae": Metric("mae", False, False, sk.mean_absolute_error),
    }
    return known[name]


def score(name: MetricName, target: "np.ndarray", prediction: "np.ndarray") -> float | None:
    """Return the metric, or None where it is not defined: no rows, or a ranking metric over one class only."""
    chosen = metric(name)
    if len(target) == 0 or (chosen.needs_both_classes and len(set(target.tolist())) < 2):
        return None
    return float(chosen.of(target, prediction))


def gain(name: MetricName, new: float, old: float) -> float:
    """Return by how much `new` is better than `old`; negative where it is worse."""
    return new - old if metric(name).greater_is_better else old - new
