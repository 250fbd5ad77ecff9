"""Hold predictions against what the labels show: possible, various, calibrated, unbiased."""

from typing import TYPE_CHECKING

from tasks.training.comparison import DRAWS, as_estimate, draws, resampled_means
from tasks.usecases import UseCase

if TYPE_CHECKING:
    import numpy as np

BINS = 10
SURELY = 0.05
"""Chance at which an error still counts as explained by chance."""


def finite_share(predicted: "np.ndarray") -> float | None:
    """Return the share of rows whose predictions are all finite numbers."""
    import numpy as np

    return float(np.isfinite(_wide(predicted)).all(axis=1).mean()) if len(predicted) else None


def outside(predicted: "np.ndarray", problem: UseCase, learned: "np.ndarray") -> float | None:
    """Return how far the farthest finite prediction lies outside what is possible; 0 if all are inside.

    For chances: outside 0 to 1, or their sum away from 1. For values: outside the targets `learned` from, in lengths
    of their range.
    """
    import numpy as np

    finite = _wide(predicted)
    finite = finite[np.isfinite(finite).all(axis=1)]
    if not len(finite) or not len(learned):
        return None
    least, most = (0.0, 1.0) if problem.kind == "classification" else (float(learned.min()), float(learned.max()))
    away = max(least - float(finite.min()), float(finite.max()) - most, 0.0)
    if problem.kind == "regression":
        return away / (most - least) if most > least else None
    return max(away, float(abs(finite.sum(axis=1) - 1).max())) if problem.classes else away


def same_share(predicted: "np.ndarray") -> float | None:
    """Return the share of rows that have the commonest prediction."""
    import numpy as np

    if not len(predicted):
        return None
    counts = np.unique(_wide(predicted), axis=0, return_counts=True)[1]
    return float(counts.max() / len(predicted))


def calibration_error(target: "np.ndarray", predicted: "np.ndarray", pieces: "np.ndarray") -> float | None:
    """Return the expected calibration error beyond what chance explains, at least 0; None where it is not defined.

    Ten bins of equally many rows; of several classes, the likeliest one's chance against how often it is right. Bins
    of few rows, and days that have their own luck, look miscalibrated by chance: by as much as resampled pieces of
    time do more than the evidence itself. Source: Guo et al., On calibration of modern neural networks, ICML 2017;
    bias correction by the bootstrap: Efron and Tibshirani, An introduction to the bootstrap, 1993, chapter 10.
    """
    import numpy as np

    if not len(target) or not np.isfinite(predicted).all() or (count := pieces.max() + 1) < 2:
        return None
    outcomes, stated = _likeliest(target, predicted)
    edges = np.unique(np.quantile(stated, np.linspace(0, 1, BINS + 1)[1:-1]))
    cell = np.searchsorted(edges, stated, side="right") * count + pieces
    excess = np.bincount(cell, weights=stated - outcomes, minlength=(len(edges) + 1) * count).reshape(-1, count)
    weights = draws(count, DRAWS, np.random.default_rng(0))
    errors = abs(weights @ excess.T).sum(axis=1) / (weights @ np.bincount(pieces, minlength=count))
    return max(0.0, float(2 * errors[0] - errors[1:].mean()))


def bias(target: "np.ndarray", predicted: "np.ndarray", pieces: "np.ndarray") -> float | None:
    """Return the mean error beyond what chance explains, as a share of the target's standard deviation, at least 0."""
    import numpy as np

    if not len(target) or not np.isfinite(predicted).all() or target.std() == 0 or (count := pieces.max() + 1) < 2:
        return None
    weights = draws(count, DRAWS, np.random.default_rng(0))
    mean_error = as_estimate(resampled_means(predicted - target, pieces, weights), count - 1)
    if mean_error is None:
        return None
    return max(0.0, mean_error.low(SURELY / 2), -mean_error.high(SURELY / 2)) / float(target.std())


def _likeliest(target: "np.ndarray", predicted: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return whether the stated class came true, and its chance: of class 1, or of the likeliest class."""
    if predicted.ndim == 1:
        return target.astype(float), predicted
    return (target == predicted.argmax(axis=1)).astype(float), predicted.max(axis=1)


def _wide(predicted: "np.ndarray") -> "np.ndarray":
    return predicted.reshape(len(predicted), -1)
