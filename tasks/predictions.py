"""Name the columns that hold predictions, and read and write them."""

from typing import TYPE_CHECKING

from tasks.usecases import UseCase

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PREDICTION = "prediction"


MODEL_VERSION = "model_version"


IN_TRAINING = "in_training"


SCORED_AT = "scored_at"


def columns_of(contender: str, problem: UseCase) -> list[str]:
    """Return the columns that hold a contender's predictions: one, or one for each declared class."""
    return [f"{contender}_{number}" for number in range(problem.outputs)] if problem.classes else [contender]


def as_columns(contender: str, problem: UseCase, predicted: "np.ndarray") -> "dict[str, np.ndarray]":
    """Return predictions as columns of a frame (see `columns_of`)."""
    import numpy as np

    held = np.asarray(predicted, dtype=float).reshape(len(predicted), problem.outputs)
    return dict(zip(columns_of(contender, problem), held.T, strict=True))


def from_columns(frame: "pd.DataFrame", contender: str, problem: UseCase) -> "np.ndarray":
    """Return the predictions that `as_columns` laid into a frame."""
    held = frame[columns_of(contender, problem)].to_numpy(dtype=float)
    return held if problem.classes else held[:, 0]


PREDICTION = "prediction"
