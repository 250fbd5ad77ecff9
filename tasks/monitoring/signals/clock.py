"""How unlike the reference's day a window's day is, if the clock had been put forward."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.monitoring.signals.coding import codes_of
from tasks.monitoring.signals.models import ReferenceColumn

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray
HOURS = 24


@dataclass(frozen=True)
class Day:
    """The hours of the reference's day, UTC."""

    rows: int
    hours: tuple[float, ...]
    """Share of rows by hour."""
    columns: tuple[tuple[ReferenceColumn, tuple[float, ...]], ...]
    """Columns that depend on the hour, with their mean scores."""


def hour_of(times: Array) -> Array:
    """Return the hour of the day, UTC, of times in seconds."""
    return (times // 3600 % HOURS).astype(np.int64)


def clock_distances(day: Day, rows: "pd.DataFrame", times: Array) -> Array:
    """Return how unlike the reference the day looks if the clock had been put forward by 0, 1, ... 23 hours.

    The day is the number of rows and the columns' mean scores by hour, in squared standard errors, per hour and column.
    """
    hours = hour_of(times)
    counts = np.bincount(hours, minlength=HOURS).astype(float)
    expected = np.array(day.hours)
    shares = counts / max(counts.sum(), 1)
    floor = np.maximum(expected * (1 - expected), 1 / day.rows)
    costs = [_rolled_cost(shares, expected, np.full(HOURS, float(len(times))) / floor.mean())]
    for column, by_hour in day.columns:
        mean = _hourly(_score(rows[column.name], column), hours)
        costs.append(_rolled_cost(mean, np.array(by_hour), counts))
    return np.mean(costs, axis=0)


def by_hour(values: "pd.Series", column: ReferenceColumn, times: Array) -> tuple[float, ...]:
    """Return the mean score by hour, 0 for hours without rows; empty where hours explain under 5 % of its variance."""
    if column.kind == "categorical" or not column.knots:
        return ()
    hours = hour_of(times)
    scores = _score(values, column)
    mean = np.nan_to_num(_hourly(scores, hours))
    variance = np.nanvar(scores)
    depends_on_hour = variance > 0 and np.nanvar(mean[hours]) >= 0.05 * variance
    return tuple(mean.tolist()) if depends_on_hour else ()


def _rolled_cost(mean: Array, expected: Array, weight: Array) -> Array:
    """Return the weighted mean square of the difference for each shift, hours without rows left out."""
    present = ~np.isnan(mean)
    return np.array(
        [
            float(
                (weight[present] * (mean[present] - np.roll(expected, shift)[present]) ** 2).sum()
                / max(present.sum(), 1)
            )
            for shift in range(HOURS)
        ]
    )


def _score(values: "pd.Series", column: ReferenceColumn) -> Array:
    """Return the rank score of a number, NaN where it is missing."""
    codes = codes_of(values, column)
    return np.where(codes < 0, np.nan, np.sqrt(3) * (codes / len(column.knots) - 1))


def _hourly(scores: Array, hours: Array) -> Array:
    present = ~np.isnan(scores)
    count = np.bincount(hours[present], minlength=HOURS)
    total = np.bincount(hours[present], weights=scores[present], minlength=HOURS)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
