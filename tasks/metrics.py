"""Say how good predictions are, in the metrics a use case can declare."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


LEAST_CHANCE = 1e-6
"""What a probability of 0 counts as in log_loss, so that one surprise is not infinite."""


@dataclass(frozen=True)
class Metric:
    """A number over targets and predictions, and the direction in which it is better.

    For classification, predictions are the chances of class 1, or for several classes a column for each, the target
    being its number.
    """

    greater_is_better: bool
    of: "Callable[[np.ndarray, np.ndarray], float]"
    losses: "Callable[[np.ndarray, np.ndarray], np.ndarray] | None"
    """Each row's loss, whose mean is the metric; None: the metric ranks rows, as the AUC does."""
    root: bool = False
    """The metric is the root of that mean."""
    needs_both_classes: bool = False


def _roc_auc(target: "np.ndarray", prediction: "np.ndarray") -> float:
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(target, prediction)


def _log_loss(target: "np.ndarray", prediction: "np.ndarray") -> float:
    return float(log_losses(target, prediction).mean())


def log_losses(target: "np.ndarray", prediction: "np.ndarray") -> "np.ndarray":
    """Return each row's log loss; `prediction` is the chance of class 1, or has a column for each class."""
    import numpy as np

    chances = prediction if prediction.ndim == 2 else np.column_stack([1 - prediction, prediction])
    possible = np.clip(chances, LEAST_CHANCE, 1)
    true_class_chance = possible[np.arange(len(target)), target.astype(int)] / possible.sum(axis=1)
    return -np.log(true_class_chance)


def _rmse(target: "np.ndarray", prediction: "np.ndarray") -> float:
    from sklearn.metrics import root_mean_squared_error

    return root_mean_squared_error(target, prediction)


def _squares(target: "np.ndarray", prediction: "np.ndarray") -> "np.ndarray":
    return (target - prediction) ** 2


def _mae(target: "np.ndarray", prediction: "np.ndarray") -> float:
    from sklearn.metrics import mean_absolute_error

    return mean_absolute_error(target, prediction)


def _distances(target: "np.ndarray", prediction: "np.ndarray") -> "np.ndarray":
    return abs(target - prediction)


METRICS: dict[str, Metric] = {
    "roc_auc": Metric(True, _roc_auc, losses=None, needs_both_classes=True),
    "log_loss": Metric(False, _log_loss, losses=log_losses),
    "rmse": Metric(False, _rmse, losses=_squares, root=True),
    "mae": Metric(False, _mae, losses=_distances),
}
"""What a use case may declare as its metric: an entry here is all that a new one needs."""


def metric(name: str) -> Metric:
    """Return the metric of that name.

    Raises:
        ValueError: there is none; the message lists those that there are.
    """
    if name not in METRICS:
        raise ValueError(f"expected a metric among {', '.join(METRICS)}; found {name!r}")
    return METRICS[name]


def score(name: str, target: "np.ndarray", prediction: "np.ndarray") -> float | None:
    """Return the metric, or None where it is not defined.

    That is: no rows, a prediction that is not finite, or a ranking metric over one class only.
    """
    import numpy as np

    chosen = metric(name)
    if (
        len(target) == 0
        or not np.isfinite(prediction).all()
        or (chosen.needs_both_classes and len(set(target.tolist())) < 2)
    ):
        return None
    return float(chosen.of(target, prediction))


def figure(value: float | None) -> str:
    """Return a metric as people read it, whatever the unit of the target; "unknown" where there is none."""
    if value is None:
        return "unknown"
    size = abs(value)
    return format(value, ".4f" if value == 0 or 1e-4 <= size < 100 else ".2f" if 100 <= size < 1e6 else ".4g")


def short(value: float) -> str:
    """Return a number in the digits that matter: three, or two below 1; thousands are separated."""
    size = abs(value)
    if size >= 999.5:
        return f"{value:,.0f}"
    if size < 1e-4:
        return f"{value:.1e}" if value else "0"
    return format(value, "#.3g" if size >= 1 else "#.2g").rstrip(".")


def change(value: float) -> str:
    """Return the difference of two metrics as people read it, with its sign."""
    return f"{'' if value < 0 else '+'}{figure(value)}"


def gain(name: str, new: float, old: float) -> float:
    """Return by how much `new` is better than `old`; negative where it is worse."""
    return new - old if metric(name).greater_is_better else old - new


def relative_difference(here: "np.ndarray", there: "np.ndarray") -> float | None:
    """Return the largest difference between predictions of the same rows, as a share of the largest one `here`.

    None where they cannot be compared: no rows, not as many, or not all finite.
    """
    import numpy as np

    if here.shape != there.shape or not here.size or not (np.isfinite(here).all() and np.isfinite(there).all()):
        return None
    return float(abs(here - there).max() / max(float(abs(here).max()), np.finfo(float).tiny))
