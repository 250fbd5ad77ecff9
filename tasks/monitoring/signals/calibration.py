"""Find, from a reference, how far each statistic of an ordinary window may lie from what is expected.

The reference is cut into blocks of the window's length. The variation of each statistic between its blocks
(`variation`) and the rate at which the rule rings by chance (`rates`) give the limit at which all statistics together
ring as often as the policy allows. Nothing is tuned on windows that a limit is then tried on: the center's own error is
part of the rate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.durations import in_words
from tasks.monitoring.signals.coding import column_named
from tasks.monitoring.signals.models import SHARES_OF_RATE, AlarmPolicy, Basis, Family, Kind, Limits, Statistic
from tasks.monitoring.signals.rates import OnsetRate, onset_rate
from tasks.monitoring.signals.sampling import sampled_places
from tasks.monitoring.signals.summaries import (
    UNLIKE,
    UNSEEN,
    CodedWindow,
    Numbers,
    ReferenceCoding,
    coded_window,
    learned_coding,
    window_numbers,
)
from tasks.monitoring.signals.variation import GRID, Variation, deviation, learned_variation

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray
DAYS_PER_YEAR = 365.25
REFERENCE_ROWS = 200_000
"""Rows of the reference from which ranks and a row's variance are computed; more are sampled."""
BLOCK_ROWS = 20_000
"""Rows of a block that are used; more are sampled."""
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
MOST_DEVIATIONS = 60.0
SMALLEST_VARIANCE = 1e-18
"""Of one row's contribution; below it is rounding."""
NEARLY_WHOLE = 0.15
"""What the oldest block may lack of its length."""


@dataclass(frozen=True)
class Cut:
    """A reference in blocks: which block each row belongs to (-1: none), and how that came about."""

    block: Array
    count: int
    basis: Basis
    short: float
    """What is missing of the history that the policy asks for, 0 to 1."""


def calibrated_limits(
    reference: "pd.DataFrame",
    event_times: "pd.Series",
    kinds: Mapping[str, Kind],
    *,
    window: timedelta,
    checks_per_year: float,
    policy: AlarmPolicy,
) -> Limits:
    """Return the limits for windows of this length, checked this often.

    `reference` has the columns of `kinds`; among them may be `prediction` (out-of-sample, NaN where there is none: a
    model's errors on its own training rows are no guide to its errors on new ones) and `target` (a number, or a class
    as 0 or 1). `event_times` are its rows' times, in any order.

    Raises:
        ValueError: there are fewer than two rows.
    """
    if len(reference) < 2:
        raise ValueError(f"expected a reference of at least 2 rows to calibrate the alarm, found {len(reference)}")
    moments = event_times.to_numpy(dtype="datetime64[us]")
    order = np.argsort(moments, kind="stable")
    cut = blocks_of(moments[order], window, policy)
    some = reference.iloc[order[sampled_places(cut.block < cut.count, REFERENCE_ROWS)]]
    coding = learned_coding(some, kinds, policy.max_pairs)
    chosen = [sampled_places(cut.block == block, min(policy.max_rows, BLOCK_ROWS)) for block in range(cut.count)]
    pieces = [coded_window(reference.iloc[order[places]], coding) for places in chosen]
    whole = window_numbers(coded_window(some, coding), coding, moments=3)
    each = _with_unseen([window_numbers(piece, coding) for piece in pieces], pieces, coding)
    statistics = _statistics(whole, each, cut, window, checks_per_year, policy)
    return Limits(
        policy=policy,
        basis=cut.basis,
        blocks=cut.count,
        rows=len(reference),
        rows_per_block=float(np.bincount(cut.block[cut.block >= 0]).mean()),
        window_days=window / timedelta(days=1),
        checks_per_year=checks_per_year,
        columns=coding.columns,
        pairs=coding.pairs,
        error_cap=coding.error_cap,
        target=coding.target,
        sizes=sizes(policy),
        statistics=statistics,
        note=_note(cut, len(reference), window, policy),
    )


def blocks_of(times: Array, window: timedelta, policy: AlarmPolicy) -> Cut:
    """Cut sorted times into blocks of the window's length, back from the newest; into shorter ones if too few.

    Blocks with too few rows for a statistic do not count.
    """
    length = np.timedelta64(window)
    back = ((times[-1] - times) // length).astype(np.int64)
    whole = min(int((times[-1] - times[0]) / length + NEARLY_WHOLE), policy.max_blocks)
    counts = np.bincount(back, minlength=whole)[:whole]
    usable = np.flatnonzero(counts >= policy.min_rows)
    if len(usable) >= policy.min_blocks:
        number = np.full(back.max() + 1, -1)
        number[usable] = np.arange(len(usable))[::-1]
        return Cut(number[back], len(usable), "windows", 0.0)
    short = 1 - len(usable) / policy.min_blocks
    if len(times) >= policy.min_blocks * policy.min_rows:
        return Cut(np.arange(len(times)) * policy.min_blocks // len(times), policy.min_blocks, "shorter blocks", short)
    return Cut(np.zeros(len(times), dtype=int), 1, "assumed", 1.0)


def sizes(policy: AlarmPolicy) -> tuple[int, ...]:
    """Return the window sizes at which limits are computed; between them they are interpolated in 1 / rows."""
    steps = (policy.min_rows, 200, 1_000, 5_000, policy.max_rows)
    return tuple(sorted({size for size in steps if policy.min_rows <= size <= policy.max_rows}))


def _with_unseen(each: Sequence[Numbers], pieces: Sequence[CodedWindow], coding: ReferenceCoding) -> list[Numbers]:
    """Return the blocks' numbers with the share of levels that are in no other block, as a new window has them."""
    means = np.stack([numbers.mean for numbers in each])
    for place, (_, name, statistic) in enumerate(each[0].names):
        if statistic == UNSEEN and len(pieces) > 1:
            size = len(column_named(name, coding.columns).all_levels) + 1
            counts = np.stack([np.bincount(piece.codes[name] + 1, minlength=size + 1)[1:] for piece in pieces])
            alone = counts[:, (counts > 0).sum(axis=0) == 1].sum(axis=1)
            means[:, place] = alone / np.maximum(counts.sum(axis=1), 1)
    return [replace(numbers, mean=mean) for numbers, mean in zip(each, means, strict=True)]


def _statistics(
    whole: Numbers, each: Sequence[Numbers], cut: Cut, window: timedelta, checks_per_year: float, policy: AlarmPolicy
) -> tuple[Statistic, ...]:
    rows = np.stack([numbers.rows for numbers in each]).astype(float)
    means = np.where(rows >= policy.min_rows, np.stack([numbers.mean for numbers in each]), np.nan)
    computable = ~np.isnan(means).all(axis=0) & ~np.isnan(whole.mean) & _varying_statistics(whole)
    names = [name for name, good in zip(whole.names, computable, strict=True) if good]
    rows, means, counted = rows[:, computable], means[:, computable], whole.counted[computable]
    middle, row_sd, skewness = _row_moments(whole, computable, rows, means)
    away = np.stack(
        [
            deviation(block_means, size, middle, row_sd, skewness, counted)
            for block_means, size in zip(means, rows, strict=True)
        ]
    )
    variation = learned_variation(
        away, rows, row_sd, [_sort(name, share) for name, share in zip(names, counted, strict=True)]
    )
    if cut.basis == "assumed":
        variation = replace(variation, weights=np.tile(np.arange(len(GRID)) == 0, (len(names), 1)).astype(float))
    extra = policy.assumed_variation**2 * cut.short
    limits = _limits(variation, names, extra, window, checks_per_year, policy)
    between = np.sqrt(variation.weights @ GRID + extra) * row_sd
    return tuple(
        Statistic(
            family=family,
            column=column,
            name=statistic,
            sides=_sides(statistic),
            center=float(middle[place] + (0.0 if counted[place] else variation.center[place])),
            row_sd=float(row_sd[place]),
            skewness=float(skewness[place]),
            between_sd=float(between[place]),
            counted=bool(counted[place]),
            limits=tuple((limits[0][place] * row_sd[place]).tolist()),
            at_once=tuple((limits[1][place] * row_sd[place]).tolist()) if len(limits) > 1 else (),
        )
        for place, (family, column, statistic) in enumerate(names)
    )


def _varying_statistics(whole: Numbers) -> Array:
    """Return which statistics differ from row to row: one that never did has no ordinary range.

    Shares always do: one that never occurred counts as half a row.
    """
    return whole.counted | (whole.square - whole.mean**2 > np.maximum(1e-9 * whole.square, SMALLEST_VARIANCE))


def _row_moments(whole: Numbers, computable: Array, rows: Array, means: Array) -> tuple[Array, Array, Array]:
    """Return the mean, sd and skewness of one row's contribution; a share that never occurred counts as half a row."""
    size = np.nansum(rows, axis=0)
    count = np.nansum(np.where(np.isnan(means), 0, means) * rows, axis=0)
    share = (count + 0.5) / (size + 1)
    counted = whole.counted[computable]
    middle = np.where(counted, share, whole.mean[computable])
    square, cube = whole.square[computable], whole.cube[computable]
    variance = np.where(counted, share * (1 - share), np.maximum(square - middle**2, 1e-12))
    skewness = np.where(counted, 0.0, (cube - 3 * middle * square + 2 * middle**3) / variance**1.5)
    return middle, np.sqrt(variance), skewness


def _sort(name: tuple[Family, str, str], counted: bool) -> str:
    """Return which statistics are thought to vary alike."""
    family, _, statistic = name
    if family != "features":
        return family
    return "share" if counted else statistic


def _sides(statistic: str) -> Literal[1, 2]:
    return 1 if statistic in ("loss", UNSEEN, UNLIKE) else 2


def _limits(
    variation: Variation,
    names: Sequence[tuple[Family, str, str]],
    extra: float,
    window: timedelta,
    checks_per_year: float,
    policy: AlarmPolicy,
) -> list[Array]:
    """Return the limits by statistic and window size, in sds of a row: those of persistence, then those at once."""
    overlap = max(1, round(window / timedelta(days=DAYS_PER_YEAR / checks_per_year)))
    allowed = _shares_of_rate(names) * policy.false_alarms_per_year / checks_per_year
    allowed = allowed / np.array([_sides(name) for _, _, name in names])
    single = onset_rate(1, 1, overlap)
    rules = [(1 - policy.share_at_once, onset_rate(policy.persistence, policy.memory, overlap))]
    rules += [(policy.share_at_once, single)] if policy.share_at_once else []
    return [
        np.stack([_limit(variation, extra, size, allowed * share, rate, single) for size in sizes(policy)], axis=1)
        for share, rate in rules
    ]


def _shares_of_rate(names: Sequence[tuple[Family, str, str]]) -> Array:
    """Return each statistic's share of the false alarms."""
    families = [family for family, _, _ in names]
    total = sum(SHARES_OF_RATE[family] for family in set(families))
    return np.array([SHARES_OF_RATE[family] / total / families.count(family) for family in families])


def _limit(variation: Variation, extra: float, rows: int, allowed: Array, rate: OnsetRate, single: OnsetRate) -> Array:
    """Return, by statistic, the limit at which one side rings at the rate allowed; by bisection in its logarithm.

    Where neighbouring windows resemble each other, waiting for a second one rules out less: the rule's rate goes over
    to that of a `single` check, in proportion to their correlation beyond what sampling dilutes.
    """
    sd = np.sqrt(GRID + extra + 1 / rows)[None, :, None]
    center = np.sqrt(variation.center_variance + extra)[:, :, None] * NODES / sd
    weights = variation.weights[:, :, None] * (NODE_WEIGHTS / NODE_WEIGHTS.sum())
    between = variation.weights @ GRID
    alike = (variation.correlation * between / (between + 1 / rows))[:, None, None]
    low, high = np.full(len(weights), 0.1 * sd.min()), np.full(len(weights), MOST_DEVIATIONS * sd.max())
    for _ in range(18):
        middle = np.sqrt(low * high)
        away = middle[:, None, None] / sd - center
        often = (weights * rate(away) ** (1 - alike) * single(away) ** alike).sum(axis=(1, 2))
        low, high = np.where(often > allowed, middle, low), np.where(often > allowed, high, middle)
    return high


def _note(cut: Cut, rows: int, window: timedelta, policy: AlarmPolicy) -> str:
    if cut.basis == "windows":
        return f"limits from {cut.count} blocks of {in_words(window)} of the reference"
    needed = f"{policy.min_blocks} windows of {in_words(window)} with {policy.min_rows} rows each are needed"
    if cut.basis == "shorter blocks":
        return (
            f"too little reference: {needed}; limits from {cut.count} shorter blocks, widened by a between-window sd "
            f"of {policy.assumed_variation * cut.short**0.5:.2g} row sds"
        )
    return (
        f"too little reference: {needed}, found {rows:,} rows in all; limits assume a between-window sd of "
        f"{policy.assumed_variation:g} row sds"
    )
