"""Compare challenger and champion group by group."""

from functools import partial
from typing import TYPE_CHECKING

from tasks.predictions import from_columns
from tasks.training.comparison import gain_estimate
from tasks.training.evidence import GroupGap, SliceGain
from tasks.training.folds import BLOCK, TARGET
from tasks.usecases import UseCase

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_GROUPS = 50
"""Groups of a column that are compared one by one, the largest first."""
FEWEST_GROUP_ROWS = 50
"""Fewest rows of a group of a protected column that is compared with the others."""


def slice_gains(
    fair: "pd.DataFrame", rows: "pd.DataFrame", problem: UseCase, challenger: str, champion: str, pieces: "np.ndarray"
) -> tuple[SliceGain, ...]:
    """Return the gain over the champion in each group of the declared slices, groups of a column by size.

    `fair` holds the predictions on rows that neither was trained on, `rows` their columns, `pieces` their time.
    """
    gains = []
    target, blocks = fair[TARGET].to_numpy(), fair[BLOCK].to_numpy()
    new, old = from_columns(fair, challenger, problem), from_columns(fair, champion, problem)
    for column in problem.slices:
        groups = rows.loc[fair.index, column].astype("str").fillna("missing")
        for group, size in groups.value_counts().head(MOST_GROUPS).items():
            of = (groups == group).to_numpy()
            gained = gain_estimate(problem.metric, target[of], new[of], old[of], blocks[of], pieces[of])
            gains.append(SliceGain(name=f"{column}={group}", rows=int(size), gain=gained))
    return tuple(gains)


def group_gaps(
    evaluated: "pd.DataFrame", rows: "pd.DataFrame", problem: UseCase, challenger: str
) -> tuple[GroupGap, ...]:
    """Return how differently the groups of each protected column are treated (see `GatePolicy.max_group_gap`).

    Of two classes: equalized odds, where as many rows are called 1 as are 1 (Hardt, Price and Srebro, Equality of
    opportunity in supervised learning, NeurIPS 2016). Of several: the share of right answers. Of values: the mean
    error, as a share of the target's standard deviation.
    """
    return tuple(_gap(evaluated, rows, problem, challenger, column) for column in problem.protected)


def _gap(evaluated: "pd.DataFrame", rows: "pd.DataFrame", problem: UseCase, challenger: str, column: str) -> GroupGap:
    import numpy as np
    from fairlearn.metrics import MetricFrame

    groups = rows.loc[evaluated.index, column].astype("str").fillna("missing")
    sizes = groups.value_counts()
    small = ", ".join(sizes.index[sizes < FEWEST_GROUP_ROWS])
    large = groups.isin(sizes.index[sizes >= FEWEST_GROUP_ROWS]).to_numpy()
    target, predicted = evaluated[TARGET].to_numpy()[large], from_columns(evaluated, challenger, problem)[large]
    measure, measures, answers = _measures(problem, target, predicted)
    if not np.isfinite(predicted).all() or groups[large].nunique() < 2:
        return GroupGap(column=column, measure=measure, gap=None, passed_over=small)
    frame = MetricFrame(metrics=measures, y_true=target, y_pred=answers, sensitive_features=groups[large].to_numpy())
    rates = frame.by_group.astype(float)
    gap = float((rates.max() - rates.min()).where(rates.notna().sum() > 1).max())
    return GroupGap(column=column, measure=measure, gap=gap if np.isfinite(gap) else None, passed_over=small)


def _measures(problem: UseCase, target: "np.ndarray", predicted: "np.ndarray"):
    """Return a measure's name, its functions of targets and answers, and the answers.

    A rate among the ones, or the zeros, of a group that has none is NaN.
    """
    import numpy as np
    from sklearn.metrics import accuracy_score

    if problem.kind == "regression":
        spread = float(target.std()) or 1.0
        return "mean error", {"error": lambda actual, called: float(np.mean(called - actual)) / spread}, predicted
    if problem.classes:
        return "share of right answers", {"accuracy": accuracy_score}, predicted.argmax(axis=1)
    cut = np.quantile(predicted, 1 - target.mean()) if len(predicted) else 0.5
    answers = (predicted > cut).astype(int)
    return (
        "the rate of rightly or wrongly called ones",
        {"tpr": partial(_called_share, 1), "fpr": partial(_called_share, 0)},
        answers,
    )


def _called_share(label: int, actual: "np.ndarray", called: "np.ndarray") -> float:
    """Return the share of the rows of a class that are called 1."""
    import numpy as np

    of = np.asarray(actual) == label
    return float(np.mean(np.asarray(called)[of])) if of.any() else float("nan")
