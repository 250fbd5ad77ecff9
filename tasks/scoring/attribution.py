"""Say what each feature contributed to one prediction, whatever the model.

The method is Shapley sampling (Strumbelj and Kononenko, Explaining prediction models and individual predictions with
feature contributions, Knowledge and Information Systems 41, 2014): starting from a background row, the row's own values
are put in one after another in a random order, and each feature is given the change in the prediction that it makes.
Every order is taken forwards and backwards, which halves the noise where effects add up (antithetic sampling, Mitchell
et al., Sampling permutations for Shapley value estimation, JMLR 23, 2022).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

METHOD = "Shapley sampling (Strumbelj and Kononenko 2014)"
PAIRS = 100


class Contribution(BaseModel):
    """How far a feature's value moved a prediction away from that of background rows."""

    model_config = ConfigDict(frozen=True)

    feature: str
    value: str
    contribution: float
    error: float
    """Standard error of the contribution, from the spread between orders."""


class Attribution(BaseModel):
    """A prediction taken apart: `baseline` plus all contributions is `prediction`."""

    model_config = ConfigDict(frozen=True)

    baseline: float
    """Mean prediction of the background rows."""
    prediction: float
    contributions: tuple[Contribution, ...]
    """Largest first, whichever its sign."""


def attribution(
    predict: "Callable[[pd.DataFrame], np.ndarray]",
    row: "pd.DataFrame",
    background: "pd.DataFrame",
    pairs: int = PAIRS,
    seed: int = 0,
) -> Attribution:
    """Return what each column of `row` (one row) contributed to its prediction, beside `background` rows.

    `predict` gives one number a row. The contributions sum exactly to the prediction minus the baseline.
    """
    import numpy as np

    chance = np.random.default_rng(seed)
    names = list(row.columns)
    orders = [chance.permutation(len(names)) for _ in range(pairs)]
    orders = [order for forward in orders for order in (forward, forward[::-1])]
    starts = chance.integers(len(background), size=pairs).repeat(2)
    outputs = predict(_steps(row, background.iloc[starts], orders)).reshape(len(orders), len(names) + 1)
    changes = np.empty((len(orders), len(names)))
    for number, order in enumerate(orders):
        changes[number, order] = np.diff(outputs[number])
    by_pair = changes.reshape(pairs, 2, len(names)).mean(axis=1)
    means, errors = by_pair.mean(axis=0), by_pair.std(axis=0, ddof=1) / np.sqrt(pairs)
    contributions = [
        Contribution(feature=name, value=_value_text(row[name].iloc[0]), contribution=float(mean), error=float(error))
        for name, mean, error in zip(names, means, errors, strict=True)
    ]
    return Attribution(
        baseline=float(outputs[:, 0].mean()),
        prediction=float(outputs[0, -1]),
        contributions=tuple(sorted(contributions, key=lambda part: -abs(part.contribution))),
    )


def _steps(row: "pd.DataFrame", starts: "pd.DataFrame", orders: "list[np.ndarray]") -> "pd.DataFrame":
    """Return, for each order, the background row with none of the row's own values, with the first, ..., with all."""
    import numpy as np
    import pandas as pd

    width = len(row.columns)
    # rank[o, c]: when column c is put in by order o; step s has all columns of a rank below s.
    rank = np.array([np.argsort(order) for order in orders])
    is_own = rank[:, None, :] < np.arange(width + 1)[None, :, None]
    mixed = {}
    for column, name in enumerate(row.columns):
        base = starts[name].to_numpy().repeat(width + 1)
        own = row[name].to_numpy().repeat(len(base))
        mixed[name] = np.where(is_own[:, :, column].ravel(), own, base)
    return pd.DataFrame(mixed).astype(row.dtypes.to_dict())


def _value_text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
