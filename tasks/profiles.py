"""Say in a few numbers a column what the rows looked like that a model learned from."""

from typing import TYPE_CHECKING, Any

from tasks import training
from tasks.usecases import UseCase

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MOST_LEVELS = 50


def profile(rows: "pd.DataFrame", problem: UseCase) -> dict[str, Any]:
    """Return what labelled rows look like, as JSON values: their number, and each feature and the target by name.

    A column tells the share of missing values; a number's mean, standard deviation and quantiles; a category's
    commonest levels with their shares of the values that are there, and the share of all others.
    """
    inputs = training.features(rows, problem)
    columns = {name: _numeric(inputs[name]) for name in problem.numeric}
    columns |= {name: _categorical(inputs[name]) for name in problem.categorical}
    of_target = _numeric if problem.kind == "regression" else _categorical
    columns[problem.target] = of_target(rows[problem.target])
    return {"rows": len(rows), "columns": columns}


def _numeric(values: "pd.Series") -> dict[str, Any]:
    known = values.dropna().astype(float)
    told: dict[str, Any] = {"kind": "numeric", "missing": _missing(values)}
    if known.empty:
        return told
    quantiles = {str(at): float(known.quantile(at)) for at in QUANTILES}
    return told | {"mean": float(known.mean()), "sd": float(known.std(ddof=0)), "quantiles": quantiles}


def _categorical(values: "pd.Series") -> dict[str, Any]:
    shares = values.value_counts(normalize=True)
    levels = {str(level): float(share) for level, share in shares.head(MOST_LEVELS).items()}
    others = float(shares.iloc[MOST_LEVELS:].sum())
    return {"kind": "categorical", "missing": _missing(values), "levels": levels, "others": others}


def _missing(values: "pd.Series") -> float:
    return float(values.isna().mean()) if len(values) else 0.0
