"""Fit a model again on the data that it cites, and say how far apart the two are."""

from typing import TYPE_CHECKING

from tasks import training
from tasks.metrics import relative_difference
from tasks.usecases import UseCase

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline


def refit_difference(
    model: "Pipeline", unfitted: "Pipeline", learned: "pd.DataFrame", kept: "pd.DataFrame", problem: UseCase
) -> float | None:
    """Return how far predictions of `model` for the `kept` rows are from those of a new fit on the `learned` rows.

    The largest difference, as a share of the model's largest prediction; None where that is not defined.
    """
    again = training.fitted(unfitted, learned, problem)
    return relative_difference(training.predictions(model, kept, problem), training.predictions(again, kept, problem))
