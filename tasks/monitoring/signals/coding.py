"""Learn what a column's values are to a reference, and turn them into whole numbers and scores."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tasks.monitoring.signals.models import Kind, ReferenceColumn

if TYPE_CHECKING:
    import pandas as pd

KNOTS = 256
MOST_SCORE = 4.5
"""Sds from the mean within which all of a column's scores must lie: a value shared by 5 % of rows may."""
MOST_LEVELS = 8
LEAST_SHARE = 0.01
MOST_LISTED_LEVELS = 10_000
Array = np.ndarray


def learned_column(values: "pd.Series", kind: Kind) -> ReferenceColumn:
    bare = _number(values) if kind == "numeric" else _category(values)
    codes = codes_of(values, bare)
    raw = _score_by_code(bare)[codes[codes >= 0]]
    if len(raw) == 0:
        return bare
    mean, sd = float(raw.mean()), float(raw.std())
    scored = sd > 0 and float(np.abs(raw - mean).max()) <= MOST_SCORE * sd
    return bare.model_copy(update={"mean": mean, "sd": sd if scored else 1.0, "scored": scored})


def codes_of(values: "pd.Series", column: ReferenceColumn) -> Array:
    """Return each row's code, as `CodedWindow` describes them."""
    if column.kind == "numeric":
        numbers, knots = numeric_values(values), np.array(column.knots)
        places = np.searchsorted(knots, numbers, "left") + np.searchsorted(knots, numbers, "right")
        return np.where(np.isnan(numbers), -1, places)
    import pandas as pd

    levels = column.all_levels or column.levels
    places = pd.Index(levels, dtype="str").get_indexer(pd.Index(text_values(values), dtype="str"))
    return np.where(values.isna(), -1, np.where(places < 0, len(levels), places))


def row_scores(codes: Array, column: ReferenceColumn) -> Array:
    """Return one bounded number a row, of mean 0 and sd 1 in the reference; 0 where the value is missing."""
    raw = _score_by_code(column)
    return np.append((raw - column.mean) / column.sd, 0.0)[codes]


@lru_cache(maxsize=8)
def legendre(count: int) -> Array:
    """Return the first four polynomials, orthonormal on ranks, by code (rows) and order (columns)."""
    t = np.arange(2 * count + 1) / max(count, 1) - 1
    return np.stack(
        [
            np.sqrt(3) * t,
            np.sqrt(5) * (3 * t**2 - 1) / 2,
            np.sqrt(7) * (5 * t**3 - 3 * t) / 2,
            3 * (35 * t**4 - 30 * t**2 + 3) / 8,
        ],
        axis=1,
    )


def numeric_values(values: "pd.Series") -> Array:
    """Return a column as float64, infinities as NaN."""
    numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def text_values(values: "pd.Series") -> "pd.Series":
    """Return a column as str, missing values kept as missing; a class 1 reads as 1.0, since with gaps it is a float."""
    if values.dtype.kind in "iu":
        return values.astype("float64").astype("str")
    if values.dtype.kind == "b":
        return values.map({True: "True", False: "False"})
    return values if values.dtype == "str" else values.astype("str").where(values.notna())


def column_named(name: str, columns: Sequence[ReferenceColumn]) -> ReferenceColumn:
    """Return the column of that name."""
    return next(column for column in columns if column.name == name)


def _score_by_code(column: ReferenceColumn) -> Array:
    """Return the score of each code: a number's rank; of a category, whether it is the commonest level."""
    if column.kind == "numeric":
        return legendre(len(column.knots))[:, 0]
    return (np.arange(len(column.all_levels or column.levels) + 1) == 0).astype(float)


def _number(values: "pd.Series") -> ReferenceColumn:
    present = numeric_values(values)
    present = np.sort(present[~np.isnan(present)])
    places = ((np.arange(KNOTS) + 0.5) / KNOTS * len(present)).astype(int)
    return ReferenceColumn(
        name=str(values.name), kind="numeric", knots=tuple(present[places].tolist()) if len(present) else ()
    )


def _category(values: "pd.Series") -> ReferenceColumn:
    shares = text_values(values).dropna().value_counts(normalize=True)
    common = [str(level) for level, share in shares.head(MOST_LEVELS).items() if share >= LEAST_SHARE]
    watched = common[: 1 if len(shares) == 2 else None]
    all_levels = tuple(map(str, shares.index)) if len(shares) <= MOST_LISTED_LEVELS else ()
    return ReferenceColumn(name=str(values.name), kind="categorical", levels=tuple(watched), all_levels=all_levels)
