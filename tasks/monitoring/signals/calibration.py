"""Find, from a reference, how far each statistic of an ordinary window may lie from what is expected.

The reference is cut into blocks of the window's length. What each statistic's blocks say of its variation
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
from tasks.monitoring.signals.coding import unit
from tasks.monitoring.signals.models import SHARES_OF_RATE, AlarmPolicy, Basis, Family, Kind, Limits, Statistic
from tasks.monitoring.signals.rates import OnsetRate, onset_rate
from tasks.monitoring.signals.sampling import sampled_places
from tasks.monitoring.signals.summaries import UNLIKE, UNSEEN, Coded, Known, Numbers, coded, learned, reduced
from tasks.monitoring.signals.variation import GRID, Variation, deviation, learned_variation

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray
DAYS_PER_YEAR = 365.25
REFERENCE_ROWS = 200_000
"""Rows of the reference from which ranks and a row's variance are told; more are sampled."""
BLOCK_ROWS = 20_000
"""Rows of a block that are looked at; more are sampled."""
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


def calibrated(
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
    known = learned(some, kinds, policy.max_pairs)
    chosen = [sampled_places(cut.block == one, min(policy.max_rows, BLOCK_ROWS)) for one in range(cut.count)]
    pieces = [coded(reference.iloc[order[one]], known) for one in chosen]
    whole = reduced(coded(some, known), known, moments=3)
    each = _with_unseen([reduced(piece, known) for piece in pieces], pieces, known)
    statistics = _statistics(whole, each, cut, window, checks_per_year, policy)
    return Limits(
        policy=policy,
        basis=cut.basis,
        blocks=cut.count,
        rows=len(reference),
        rows_per_block=float(np.bincount(cut.block[cut.block >= 0]).mean()),
        window_days=window / timedelta(days=1),
        checks_per_year=checks_per_year,
        columns=known.columns,
        pairs=known.pairs,
        error_cap=known.error_cap,
        target=known.target,
        sizes=sizes(policy),
        statistics=statistics,
        note=_note(cut, len(reference), window, policy),
    )


def blocks_of(times: Array, window: timedelta, policy: AlarmPolicy) -> Cut:
    """Cut sorted times into blocks of the window's length, back from the newest; into shorter ones if too few.

    Blocks with too few rows to tell a number from do not count.
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
    return tuple(sorted({one for one in steps if policy.min_rows <= one <= policy.max_rows}))


def _with_unseen(each: Sequence[Numbers], pieces: Sequence[Coded], known: Known) -> list[Numbers]:
    """Return the blocks' numbers with the share of levels that are in no other block, as a new window has them."""
    means = np.stack([one.mean for one in each])
    for place, (_, name, statistic) in enumerate(each[0].names):
        if statistic == UNSEEN and len(pieces) > 1:
            size = len(unit(name, known.columns).known) + 1
            counts = np.stack([np.bincount(one.codes[name] + 1, minlength=size + 1)[1:] for one in pieces])
            alone = counts[:, (counts > 0).sum(axis=0) == 1].sum(axis=1)
            means[:, place] = alone / np.maximum(counts.sum(axis=1), 1)
    return [replace(one, mean=mean) for one, mean in zip(each, means, strict=True)]


def _statistics(
    whole: Numbers, each: Sequence[Numbers], cut: Cut, window: timedelta, checks_per_year: float, policy: AlarmPolicy
) -> tuple[Statistic, ...]:
    rows = np.stack([one.rows for one in each]).astype(float)
    means = np.where(rows >= policy.min_rows, np.stack([one.mean for one in each]), np.nan)
    told = ~np.isnan(means).all(axis=0) & ~np.isnan(whole.mean) & _varied(whole)
    names = [name for name, good in zip(whole.names, told, strict=True) if good]
    rows, means, counted = rows[:, told], means[:, told], whole.counted[told]
    middle, row_sd, skewness = _row_moments(whole, told, rows, means)
    away = np.stack(
        [deviation(one, size, middle, row_sd, skewness, counted) for one, size in zip(means, rows, strict=True)]
    )
    found = learned_variation(
        away, rows, row_sd, [_sort(name, share) for name, share in zip(names, counted, strict=True)]
    )
    if cut.basis == "assumed":
        found = replace(found, weights=np.tile(np.arange(len(GRID)) == 0, (len(names), 1)).astype(float))
    extra = policy.assumed_variation**2 * cut.short
    limits = _limits(found, names, extra, window, checks_per_year, policy)
    between = np.sqrt(found.weights @ GRID + extra) * row_sd
    return tuple(
        Statistic(
            family=family,
            column=column,
            name=statistic,
            sides=_sides(statistic),
            center=float(middle[place] + (0.0 if counted[place] else found.center[place])),
            row_sd=float(row_sd[place]),
            skewness=float(skewness[place]),
            between_sd=float(between[place]),
            counted=bool(counted[place]),
            limits=tuple((limits[0][place] * row_sd[place]).tolist()),
            at_once=tuple((limits[1][place] * row_sd[place]).tolist()) if len(limits) > 1 else (),
        )
        for place, (family, column, statistic) in enumerate(names)
    )


def _varied(whole: Numbers) -> Array:
    """Return which statistics differ from row to row: of one that never did, nothing says what is ordinary.

    Shares are always told: one that was never seen counts as half a row.
    """
    return whole.counted | (whole.square - whole.mean**2 > np.maximum(1e-9 * whole.square, SMALLEST_VARIANCE))


def _row_moments(whole: Numbers, told: Array, rows: Array, means: Array) -> tuple[Array, Array, Array]:
    """Return the mean, sd and skewness of one row's contribution; a share never seen is taken for half a row."""
    size = np.nansum(rows, axis=0)
    count = np.nansum(np.where(np.isnan(means), 0, means) * rows, axis=0)
    share = (count + 0.5) / (size + 1)
    counted = whole.counted[told]
    middle = np.where(counted, share, whole.mean[told])
    square, cube = whole.square[told], whole.cube[told]
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
    found: Variation,
    names: Sequence[tuple[Family, str, str]],
    extra: float,
    window: timedelta,
    checks_per_year: float,
    policy: AlarmPolicy,
) -> list[Array]:
    """Return the limits by statistic and window size, in sds of a row: those of persistence, then those at once."""
    overlap = max(1, round(window / timedelta(days=DAYS_PER_YEAR / checks_per_year)))
    allowed = _allowed(names) * policy.false_alarms_per_year / checks_per_year
    allowed = allowed / np.array([_sides(name) for _, _, name in names])
    single = onset_rate(1, 1, overlap)
    rules = [(1 - policy.share_at_once, onset_rate(policy.persistence, policy.memory, overlap))]
    rules += [(policy.share_at_once, single)] if policy.share_at_once else []
    return [
        np.stack([_limit(found, extra, size, allowed * share, rate, single) for size in sizes(policy)], axis=1)
        for share, rate in rules
    ]


def _allowed(names: Sequence[tuple[Family, str, str]]) -> Array:
    """Return each statistic's share of the false alarms."""
    families = [family for family, _, _ in names]
    total = sum(SHARES_OF_RATE[family] for family in set(families))
    return np.array([SHARES_OF_RATE[family] / total / families.count(family) for family in families])


def _limit(found: Variation, extra: float, rows: int, allowed: Array, rate: OnsetRate, single: OnsetRate) -> Array:
    """Return, by statistic, the limit at which one side rings at the rate allowed; by bisection in its logarithm.

    Where neighbouring windows resemble each other, waiting for a second one rules out less: the rule's rate goes over
    to that of a `single` check, in proportion to their correlation beyond what sampling dilutes.
    """
    sd = np.sqrt(GRID + extra + 1 / rows)[None, :, None]
    center = np.sqrt(found.center_variance + extra)[:, :, None] * NODES / sd
    weights = found.weights[:, :, None] * (NODE_WEIGHTS / NODE_WEIGHTS.sum())
    between = found.weights @ GRID
    alike = (found.correlation * between / (between + 1 / rows))[:, None, None]
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
        f"too little reference: {needed}, found {rows} rows in all; limits assume a between-window sd of "
        f"{policy.assumed_variation:g} row sds"
    )
