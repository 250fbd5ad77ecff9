"""What a fault is measured by: how rows arrived and columns were filled while the feed was well."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tasks.monitoring.signals.clock import HOURS, Day, by_hour, clock_distances, hour_of
from tasks.monitoring.signals.coding import codes_of, numeric_values
from tasks.monitoring.signals.models import Kind, ReferenceColumn
from tasks.monitoring.signals.sampling import sampled_places
from tasks.monitoring.signals.summaries import PREDICTION, TARGET, learned_coding
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray
PIECES = (28, 14, 7, 4, 2, 1)
"""Into how many pieces a window may be cut, so that a fault of a day shows in a window of a month."""
REFERENCE_ROWS = 200_000


class FaultPolicy(BaseModel):
    """What is a broken feed rather than a changed world."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_missing_jump: float = Field(
        default=0.05, gt=0, le=1, description="Rise of a column's share of missing values from which it is a fault"
    )
    min_unknown_share: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Share of categories that the reference did not have, from which it is a fault",
    )
    min_duplicate_jump: float = Field(
        default=0.05, gt=0, le=1, description="Rise of the share of repeated rows from which it is a fault"
    )
    max_volume: float = Field(
        default=0.65, gt=0, lt=1, description="Share of the usual number of rows below which it is a fault"
    )
    min_growth: float = Field(
        default=2.0,
        gt=1,
        description="Multiple of the usual number of rows from which growth is reported; it holds nothing",
    )
    min_run: int = Field(default=30, ge=5, description="Fewest equal values in a row that make a column frozen")
    chance: float = Field(
        default=1e-7, gt=0, lt=0.01, description="Probability, by chance, below which a count is not chance"
    )
    min_rows: int = Field(default=50, ge=20, description="Fewest rows of a piece of a window that are judged")
    lasts_after: int = Field(
        default=2,
        ge=2,
        description="Windows in a row, none overlapping another, after which missing values, unknown categories, a "
        "constant column or low volume are how the world is now: still reported, no longer in the way of a retrain",
    )


class Fault(BaseModel):
    """Something is wrong with the data itself."""

    model_config = ConfigDict(frozen=True)

    kind: str
    """One of `FAULT_KINDS` in `faults`."""
    column: str
    """Empty where all rows are concerned."""
    number: float
    expected: float
    since: datetime
    """Start of the first piece of the window in which it shows."""
    last_good: Window | None
    """The newest window before without a fault."""
    sentence: str

    @property
    def code(self) -> str:
        """Its name in messages and tables; `docs/codes.md` explains it."""
        return self.kind.replace(" ", "-")


def fault_records(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """Return faults as JSON values, each with its code first."""
    return [{"code": fault.code, **fault.model_dump(mode="json")} for fault in faults]


class Filling(BaseModel):
    """How a column was filled in the reference."""

    model_config = ConfigDict(frozen=True)

    column: ReferenceColumn
    missing: float
    most_missing: float
    """Largest share in a piece."""
    unknown: float
    """Share of rows in levels that were in no other piece."""
    most_unknown: float
    """Largest share of rows of a piece in levels of no other piece, or of a window in levels of no earlier one."""
    commonest: float
    """Share of the commonest value among the present ones."""
    longest_run: int
    """Equal values in a row, in order of time; missing ones left out."""
    longest_stand_seconds: float | None = None
    """How long the long ones of those lasted, at most: what changes by the hour stands an hour, however many rows come.
    None: not measured when the version was promoted."""
    spreads: tuple[float, ...]
    """Largest distance from the reference's distribution (Kolmogorov-Smirnov) of a window, a half, a piece."""
    by_hour: tuple[float, ...] = ()
    """Mean rank score by hour of the day, UTC; empty where it does not depend on it."""


class Healthy(BaseModel):
    """How the feed was while it was well; stored with the model's version."""

    model_config = ConfigDict(frozen=True)

    policy: FaultPolicy
    window_days: float
    pieces: int
    rows: int
    rows_per_window: float
    fewest: tuple[float, ...]
    """Fewest rows in 1, 2, ... pieces in a row."""
    usual: tuple[float, ...]
    """Median of rows in 1, 2, ... pieces in a row."""
    most: tuple[float, ...] = ()
    """Most rows in 1, 2, ... pieces in a row, as far as the reference is long enough and it was measured."""
    longest_gap_seconds: float
    most_duplicates: float
    """Largest share of repeated rows in a window's length."""
    fillings: tuple[Filling, ...]
    hours: tuple[float, ...]
    """Share of rows by hour of the day, UTC."""
    most_hours_moved: float | None
    """Largest distance of a whole block's day from the reference's (`clock_distances`); None: no block is whole."""


def healthy(
    reference: "pd.DataFrame",
    event_times: "pd.Series",
    kinds: Mapping[str, Kind],
    *,
    window: timedelta,
    policy: FaultPolicy,
) -> Healthy:
    """Return how features were filled and rows arrived in the reference, which is taken to be well.

    Raises:
        ValueError: the reference has fewer rows than one piece needs.
    """
    if len(reference) < policy.min_rows:
        raise ValueError(f"expected a reference of at least {policy.min_rows} rows, found {len(reference)}")
    times = seconds(event_times)
    order = np.argsort(times, kind="stable")
    times = times[order]
    features = {name: kind for name, kind in kinds.items() if name not in (PREDICTION, TARGET)}
    some = sampled_places(np.ones(len(order), dtype=bool), REFERENCE_ROWS)
    rows = reference.iloc[order[some]][list(features)]
    newest = reference.iloc[order[-REFERENCE_ROWS:]][list(features)]
    per_window = len(times) * min(1.0, window.total_seconds() / max(times[-1] - times[0], 1.0))
    pieces = next((count for count in PIECES if per_window / count >= policy.min_rows), 1)
    fewest, usual, most = _rolling(times, window.total_seconds() / pieces, pieces)
    columns = learned_coding(rows, features, 0).columns
    hours = hour_of(times)
    bare = Healthy(
        policy=policy,
        window_days=window / timedelta(days=1),
        pieces=pieces,
        rows=len(times),
        rows_per_window=per_window,
        fewest=fewest,
        usual=usual,
        most=most,
        longest_gap_seconds=_longest_gap(times, window.total_seconds()),
        most_duplicates=_most_duplicates(newest, times[-REFERENCE_ROWS:], window.total_seconds()),
        fillings=tuple(
            _filling(
                rows[column.name], newest[column.name], column, times, some, window.total_seconds(), pieces, policy
            )
            for column in columns
        ),
        hours=tuple((np.bincount(hours, minlength=HOURS) / len(hours)).tolist()),
        most_hours_moved=None,
    )
    return bare.model_copy(update={"most_hours_moved": _most_hours_moved(bare, rows, times[some])})


def day_of(well: Healthy) -> Day:
    """Return the hours of the reference's day."""
    return Day(
        well.rows, well.hours, tuple((filling.column, filling.by_hour) for filling in well.fillings if filling.by_hour)
    )


def _most_duplicates(rows: "pd.DataFrame", times: Array, window: float) -> float:
    """Return the largest share of repeated rows in a window's length."""
    block = ((times[-1] - times) // window).astype(np.int64)
    return float((np.bincount(block, weights=repeated(rows, times)) / np.maximum(np.bincount(block), 1)).max())


def _most_hours_moved(well: Healthy, rows: "pd.DataFrame", times: Array) -> float | None:
    """Return the largest distance of a whole block's day from the reference's, or None where no block is whole."""
    block = ((times[-1] - times) // (well.window_days * 86400)).astype(np.int64)
    whole_blocks = [number for number in range(block.max()) if (block == number).sum() >= well.policy.min_rows]
    return max(
        (clock_distances(day_of(well), rows[block == number], times[block == number])[0] for number in whole_blocks),
        default=None,
    )


def seconds(times: "pd.Series") -> Array:
    """Return times as seconds since 1970, UTC."""
    return times.to_numpy(dtype="datetime64[us]").astype(np.int64) / 1e6


def repeated(rows: "pd.DataFrame", times: Array) -> Array:
    """Say which rows repeat an earlier one in all columns and in their time."""
    return rows.assign(**{" time": times}).duplicated().to_numpy()


@dataclass(frozen=True)
class Stands:
    """The stretches of rows, in order of time, in which one value stood; missing ones left out."""

    first: Array
    """Place of the first row."""
    rows: Array
    seconds: Array
    """From the first row to the last."""


def stands(codes: Array, times: Array) -> Stands:
    """Return how long each present code stood without a break."""
    present = np.flatnonzero(codes >= 0)
    values = codes[present]
    begins = np.flatnonzero(np.concatenate([np.ones(min(len(values), 1), dtype=bool), values[1:] != values[:-1]]))
    rows = np.diff(np.concatenate([begins, [len(values)]])) if len(values) else begins
    first, last = present[begins], present[begins + rows - 1]
    return Stands(first, rows, times[last] - times[first])


def identities(values: "pd.Series") -> Array:
    """Return a whole number for each distinct value, -1 where it is missing."""
    import pandas as pd

    return pd.factorize(values)[0]


def distance(values: Array, knots: Array) -> float:
    """Return the Kolmogorov-Smirnov distance of values from a distribution known by its quantiles."""
    ranks = np.sort(values)
    below = np.searchsorted(ranks, knots, "right") / len(ranks)
    under = np.searchsorted(ranks, knots, "left") / len(ranks)
    return float(
        np.maximum(
            np.abs(below - np.searchsorted(knots, knots, "right") / len(knots)),
            np.abs(under - np.searchsorted(knots, knots, "left") / len(knots)),
        ).max()
    )


def _longest_gap(times: Array, window: float) -> float:
    """Return the longest time between rows; gaps of half a window and more were outages, unless all are so long."""
    gaps = np.diff(times)
    usual = gaps[gaps < window / 2]
    return float(usual.max() if len(usual) >= len(gaps) / 2 else gaps.max())


def _rolling(times: Array, length: float, sizes: int) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return the fewest, the median and the most rows in 1, 2, ... stretches of `length` in a row, the oldest left out.

    The most only as far as the reference has so many whole stretches: a part of one has fewer rows than come.
    """
    back = ((times[-1] - times) // length).astype(np.int64)
    counts = np.bincount(back)[: max(back.max(), 1)]
    sums = [np.convolve(counts, np.ones(min(size, len(counts))), "valid") for size in range(1, sizes + 1)]
    fewest, usual, most = (tuple(float(of(totals)) for totals in sums) for of in (np.min, np.median, np.max))
    return fewest, usual, most[: back.max()]


def _filling(
    values: "pd.Series",
    newest: "pd.Series",
    column: ReferenceColumn,
    every: Array,
    some: Array,
    window: float,
    pieces: int,
    policy: FaultPolicy,
) -> Filling:
    """Return how a column was filled, of a sample of its values; of its `newest` values all, in which runs show."""
    times = every[some]
    place = ((times[-1] - times) // (window / pieces)).astype(np.int64)
    codes = codes_of(values, column)
    size = np.bincount(place).astype(float)
    enough = size >= policy.min_rows
    missing = np.bincount(place[codes < 0], minlength=len(size))
    unknown = _alone(codes, place, len(size)) if column.all_levels else np.zeros(len(size))
    return Filling(
        column=column,
        missing=float((codes < 0).mean()),
        most_missing=_most(missing, size, enough),
        unknown=float(unknown.sum() / size.sum()),
        most_unknown=max(_most(unknown, size, enough), _most_new(codes, times, window, policy)),
        **_standing(identities(newest), every[-REFERENCE_ROWS:]),
        spreads=tuple(_spread(values, column, times, window / cut, policy) for cut in (1, 2, pieces)),
        by_hour=by_hour(values, column, times),
    )


def _standing(codes: Array, times: Array) -> dict[str, Any]:
    """Return the share of the commonest value, how often one was repeated at most, and how long that took."""
    present, stretches = codes[codes >= 0], stands(codes, times)
    if not len(present):
        return {"commonest": 1.0, "longest_run": 0, "longest_stand_seconds": 0.0}
    longest = int(stretches.rows.max())
    return {
        "commonest": float(np.bincount(present).max() / len(present)),
        "longest_run": longest,
        "longest_stand_seconds": float(stretches.seconds[stretches.rows >= longest / 2].max()),
    }


def _most(count: Array, size: Array, enough: Array) -> float:
    return float((count[enough] / size[enough]).max()) if enough.any() else float(count.sum() / size.sum())


def _alone(codes: Array, place: Array, pieces: int) -> Array:
    """Return the rows, by piece, whose level is in no other piece."""
    present = codes >= 0
    table = np.zeros((pieces, codes.max() + 2), dtype=np.int64)
    np.add.at(table, (place[present], codes[present]), 1)
    return table[:, (table > 0).sum(axis=0) == 1].sum(axis=1).astype(float)


def _most_new(codes: Array, times: Array, window: float, policy: FaultPolicy) -> float:
    """Return the largest share of a window's rows whose level no earlier window had, in the newer half of the windows.

    Names of months come new with each of them until a year is over; no piece of a window shows that.
    """
    present = codes >= 0
    place = ((times[-1] - times) // window).astype(np.int64)[present]
    if not len(place) or place.max() == 0:
        return 0.0
    oldest = np.full(codes.max() + 1, -1)
    np.maximum.at(oldest, codes[present], place)
    size = np.bincount(place).astype(float)
    new = np.bincount(place[oldest[codes[present]] == place], minlength=len(size))
    newer = slice(0, max(len(size) // 2, 1))
    enough = size[newer] >= policy.min_rows
    return float((new[newer][enough] / size[newer][enough]).max()) if enough.any() else 0.0


def _spread(values: "pd.Series", column: ReferenceColumn, times: Array, length: float, policy: FaultPolicy) -> float:
    """Return the largest distance of a stretch of that many seconds from the whole."""
    if column.kind == "categorical" or not column.knots:
        return 0.0
    numbers, knots = numeric_values(values), np.array(column.knots)
    present = ~np.isnan(numbers)
    place = ((times[-1] - times) // length).astype(np.int64)[present]
    parts = [
        part for part in np.split(numbers[present], np.flatnonzero(np.diff(place)) + 1) if len(part) >= policy.min_rows
    ]
    return max((distance(part, knots) for part in parts), default=0.0)
