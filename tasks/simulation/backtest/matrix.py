"""Lay history out as a matrix: how well does the model trained at the end of window i do on window j?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.labels import usable
from tasks.metrics import score
from tasks.training.estimators import predictions, targets
from tasks.training.scouts import PARTS, SETTLED
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

Role = Literal["champion", "scout"]


class Plan(BaseModel):
    """Which windows a backtest is made of, and which model is trained at the end of each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    windows: tuple[Window, ...] = Field(min_length=2, description="Consecutive windows of history, oldest first")
    rehearsed: int = Field(ge=0, description="Window at whose end the first model of the rehearsal is trained")
    first: int = Field(ge=0, description="Window at whose end the first model goes live; until then is rehearsal")
    candidate: str = Field(description="The estimator, among the use case's candidates, that every model is")
    dataset_version: int | None = Field(description="Version of the observations that is read; None: the newest")

    @property
    def trained_at(self) -> range:
        """The windows at whose end a model is trained: one trained after the last could serve none."""
        return range(self.rehearsed, len(self.windows) - 1)


@dataclass(frozen=True, eq=False)
class Row:
    """What one model did on every later window; arrays are over all windows, NaN up to its own and where undefined."""

    scores: "np.ndarray"
    """The metric, on all labels that ever came."""
    settled_scores: "np.ndarray"
    """The metric on the labels that had come when the window settled: all that a policy may use."""
    parts: "np.ndarray"
    """The metric by window and piece of it."""
    losses: "np.ndarray"
    """Each later labelled row's loss, in order of time: log loss of a class, absolute error of a number."""
    rows: int
    """Rows it was trained on."""
    seconds: float
    """Seconds of its fit."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """All rows of a plan. Windows without a model of their own have NaN rows."""

    scores: "np.ndarray"
    settled_scores: "np.ndarray"
    parts: "np.ndarray"
    seconds: "np.ndarray"
    trained: "np.ndarray"
    """Whether there were enough rows to train the model."""
    losses: "Sequence[np.ndarray | None]"
    counts: "np.ndarray"
    """Labelled rows of each window."""
    landed: "np.ndarray"
    """Number of the window at whose end each window has settled; the number of windows where it never does."""


def landings(rows: "pd.DataFrame", problem: UseCase, plan: Plan) -> "np.ndarray":
    """Return, by window, the window at whose end its labels have settled; the number of windows where they never do.

    `rows` are the labelled rows of the whole history, in order of event time. The labels of a window have settled when
    all but few of those that ever came are there. The newest windows, of whose labels too many may still be to come,
    never settle.
    """
    import numpy as np

    count, borders = len(plan.windows), edges(plan, rows[problem.event_time])
    ripe = ripe_times(rows, problem)
    delay = (ripe - rows[problem.event_time]).quantile(SETTLED)
    landing_windows = np.full(count, count)
    for number in range(count):
        own = ripe.iloc[borders[number] : borders[number + 1]]
        nearly_all = plan.windows[number].start + SETTLED * plan.windows[number].length
        if len(own) and nearly_all + delay <= plan.windows[-1].end:
            settled = own.quantile(SETTLED, interpolation="higher")
            landing_windows[number] = next((n for n in range(number, count) if plan.windows[n].end >= settled), count)
    return landing_windows


def ripe_times(rows: "pd.DataFrame", problem: UseCase) -> "pd.Series":
    """Return, by labelled row, the moment from which its label may be used."""
    label_times = rows[problem.label_time]
    return (
        label_times
        if problem.mature is None
        else label_times.where(label_times >= rows[problem.mature], rows[problem.mature])
    )


def losses(target: "np.ndarray", prediction: "np.ndarray", problem: UseCase) -> "np.ndarray":
    """Return each row's loss: minus the log of the probability given to its class, or the absolute error."""
    import numpy as np

    if problem.kind == "regression":
        return np.abs(target - prediction)
    given = prediction if prediction.ndim > 1 else np.column_stack([1 - prediction, prediction])
    return -np.log(np.clip(given[np.arange(len(target)), target.astype(int)], 1e-6, 1))


def edges(plan: Plan, times: "pd.Series") -> "np.ndarray":
    """Return the place of each window's first row among ascending event times, and that after the last window's."""
    import numpy as np

    bounds = [plan.windows[0].start, *(window.end for window in plan.windows)]
    return np.searchsorted(times.to_numpy("datetime64[us]"), np.array([_naive(bound) for bound in bounds]))


def row_of(
    model: "Pipeline", ahead: "pd.DataFrame", problem: UseCase, plan: Plan, landed: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]":
    """Return `scores`, `settled_scores`, `parts` and `losses` of a model; `ahead` are the rows later than its training.

    They carry every label that ever came, and are in order of event time.
    """
    import numpy as np
    import sklearn

    count = len(plan.windows)
    scores, settled_scores, parts = np.full(count, np.nan), np.full(count, np.nan), np.full((count, PARTS), np.nan)
    if ahead.empty:
        return scores, settled_scores, parts, np.empty(0, "float32")
    target, predicted = targets(ahead, problem), predictions(model, ahead, problem)
    borders = edges(plan, ahead[problem.event_time])

    def of(places: "np.ndarray") -> float:
        value = score(problem.metric, target[places], predicted[places])
        return float("nan") if value is None else value

    # Our own arrays: sklearn's checks of them take longer than the metric.
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        for number in np.flatnonzero(np.diff(borders) * (landed < count)):
            places = np.arange(borders[number], borders[number + 1])
            scores[number] = of(places)
            parts[number] = [of(piece) for piece in np.array_split(places, PARTS)]
            mature = usable(ahead.iloc[places], problem, plan.windows[landed[number]].end).to_numpy()
            settled_scores[number] = scores[number] if mature.all() else of(places[mature])
    return scores, settled_scores, parts, losses(target, predicted, problem).astype("float32")


def _naive(moment: datetime) -> "np.datetime64":
    import numpy as np

    return np.datetime64(moment.replace(tzinfo=None), "us")


def settled_at(now: int, matrix: Matrix) -> "np.ndarray":
    """Return, by window, whether its labels have settled at the end of window `now`."""
    return matrix.landed <= now


def visible(values: "np.ndarray", models: "np.ndarray", windows: "np.ndarray") -> "np.ndarray":
    """Return a matrix with NaN in place of models that do not exist yet and windows that have not settled yet."""
    import numpy as np

    shown = models[:, None] & windows[None, :]
    return np.where(shown if values.ndim == 2 else shown[:, :, None], values, np.nan)
