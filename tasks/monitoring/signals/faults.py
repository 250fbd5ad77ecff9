"""Tell a broken feed from a changed world: what each fault looks like, judged on one window.

A fault is abrupt and impossible rather than unusual: counts that chance does not explain, values that fit the reference
once they are divided by ten, a day that fits once the clock is put back. Windows are judged whole and in pieces, so
that a day's fault shows in a month. Binomial tails: one-sided, against the worst piece of the reference.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.durations import in_words
from tasks.monitoring.signals.clock import HOURS, clock_distances
from tasks.monitoring.signals.coding import codes_of, numeric_values
from tasks.monitoring.signals.health import (
    Fault,
    Filling,
    Healthy,
    day_of,
    distance,
    identities,
    repeated,
    seconds,
    stands,
)
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray


@dataclass(frozen=True)
class Nature:
    """What a kind of fault is called, and what it means for a retrain."""

    title: str
    of_the_world: bool = False
    """The world can do it too: demand falls, a field becomes optional, a product is new, a sensor is taken away."""
    holds: bool = True
    """No retrain before its end; False: it makes no row wrong, and is only reported."""


FAULT_KINDS: Mapping[str, Nature] = {
    "stopped feed": Nature("No rows come any more"),
    "low volume": Nature("Far fewer rows come than ever", of_the_world=True),
    "high volume": Nature("Far more rows come than ever", holds=False),
    "duplicates": Nature("Rows repeat other rows"),
    "missing values": Nature("A column is missing far more often than ever", of_the_world=True),
    "unknown categories": Nature("A column has categories that the reference did not have", of_the_world=True),
    "constant column": Nature("A column is stuck at one value", of_the_world=True),
    "changed units": Nature("A column is in another unit"),
    "shifted clock": Nature("The hours of the day are shifted"),
}
"""A kind's code is its name with dashes (`Fault.code`); `docs/codes.md` has a section for each."""
OF_THE_WORLD = frozenset(kind for kind, nature in FAULT_KINDS.items() if nature.of_the_world)
HOLDING_NOTHING = frozenset(kind for kind, nature in FAULT_KINDS.items() if not nature.holds)
MULTIPLES: Mapping[str, Callable[[Array], Array]] = {
    "times 10": lambda x: x / 10,
    "times 100": lambda x: x / 100,
    "times 1000": lambda x: x / 1000,
    "divided by 10": lambda x: x * 10,
    "divided by 100": lambda x: x * 100,
    "divided by 1000": lambda x: x * 1000,
}
"""What may have been done to a column, and how it is undone."""
TEMPERATURES: Mapping[str, Callable[[Array], Array]] = {
    "Fahrenheit for Celsius": lambda x: (x - 32) / 1.8,
    "Celsius for Fahrenheit": lambda x: x * 1.8 + 32,
}
COLDEST, HOTTEST = -130.0, 400.0
"""Between which a column's values may be temperatures that are met with; elsewhere the 32 degrees are lost in them."""
DAY = 86_400.0
"""Seconds of the shortest stretch whose volume is judged: within a day it follows the hour."""
MUCH_MORE_OFTEN, MUCH_LONGER = 3, 2
"""How many times as often, and as long, as ever in the reference a value of a frozen column stands."""
FAR_MORE = 1.5
"""How many times the most rows of the reference have come where volume has grown."""
CLEARLY_OTHER = 0.3
"""Distance (Kolmogorov-Smirnov) from which a distribution is another one, so that other units are tried."""
FEWEST_NONZERO = 20
MOSTLY_NEW = 0.2
"""Share of unknown categories in a piece of the reference from which new ones are usual, as in an id or a date."""
CLEARLY_BETTER = 3.0
"""How many times nearer the undone column, or day, must be."""


class _Piece(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    start: float
    cut: int
    """Whether it is the whole window (0), a half (1) or one of the pieces (2)."""
    chosen: Array


def faults(
    well: Healthy, rows: "pd.DataFrame", event_times: "pd.Series", window: Window, last_good: Window | None = None
) -> tuple[Fault, ...]:
    """Return what is wrong with the window's rows, or nothing; an alert, and no reason to retrain on them.

    `rows` has the features of the reference, `event_times` their times in the same order. `last_good` is the newest
    window without a fault, for the record.
    """
    times = seconds(event_times)
    order = np.argsort(times, kind="stable")
    rows, times = rows.iloc[order], times[order]
    findings = [*_arrival(well, rows, times, window)]
    if len(rows) >= well.policy.min_rows:
        pieces = _pieces(well, times, window)
        for filling in well.fillings:
            if filling.column.name in rows:
                values = rows[filling.column.name]
                findings += [fault for rule in COLUMN_RULES for fault in rule(well, filling, values, times, pieces)]
        findings += _clock(well, rows, times)
    return tuple(fault.model_copy(update={"last_good": last_good}) for fault in findings)


def _arrival(well: Healthy, rows: "pd.DataFrame", times: Array, window: Window) -> Iterable[Fault]:
    """Yield what is wrong with how the rows came: a feed that stopped, too few rows, rows twice."""
    end, start = window.end.timestamp(), window.start.timestamp()
    newest = times[-1] if len(times) else start
    silent = end - newest
    longest = max(2 * well.longest_gap_seconds, window.length.total_seconds() / 50)
    if silent > longest:
        sentence = f"the feed stopped: no row since {_moment(newest):%Y-%m-%d %H:%M}, for {_spoken(silent)} "
        sentence += f"(at most {_spoken(well.longest_gap_seconds)} in the reference)"
        yield _fault("stopped feed", "", silent, well.longest_gap_seconds, newest, sentence)
    else:
        yield from _volume(well, times, start, end)
    if len(times) < well.policy.min_rows:
        return
    share = repeated(rows[[filling.column.name for filling in well.fillings if filling.column.name in rows]], times)
    usual = well.most_duplicates
    if _impossible(share.sum(), len(times), usual, well) and share.mean() >= usual + well.policy.min_duplicate_jump:
        sentence = (
            f"{share.mean():.1%} of {len(times):,} rows repeat another row (at most {usual:.1%} in the reference)"
        )
        yield _fault("duplicates", "", float(share.mean()), usual, float(times[share][0]), sentence)


def _volume(well: Healthy, times: Array, start: float, end: float) -> Iterable[Fault]:
    """Yield the longest stretch, back from the window's end, that has too few rows, and the one of far too many."""
    length = (end - start) / well.pieces
    counts = np.bincount(np.minimum((times - start) // length, well.pieces - 1).astype(int), minlength=well.pieces)
    back = np.cumsum(counts[::-1])
    fewest, usual = np.array(well.fewest), np.array(well.usual)
    most = np.array([*well.most, *[np.inf] * (well.pieces - len(well.most))])
    least = np.minimum(well.policy.max_volume * usual, 0.9 * fewest)
    greatest = np.maximum(well.policy.min_growth * usual, FAR_MORE * most)
    long = length * np.arange(1, well.pieces + 1) >= min(DAY, end - start)
    few = long & (back < least) & (back + 5 * np.sqrt(least) < usual)
    many = long & (back > greatest) & (back > usual + 5 * np.sqrt(greatest))
    judged: list[tuple[str, Array, Array, str]] = [
        ("low volume", few, fewest, "fewer"),
        ("high volume", many, most, "more"),
    ]
    for kind, where, bound, word in judged:
        if where.any():
            size = int(np.flatnonzero(where)[-1])
            sentence = f"{back[size]:,.0f} rows came in {_spoken((size + 1) * length)}, {usual[size]:,.0f} are usual "
            sentence += f"(never {word} than {bound[size]:,.0f} in the reference)"
            yield _fault(kind, "", float(back[size]), float(usual[size]), end - (size + 1) * length, sentence)


def _pieces(well: Healthy, times: Array, window: Window) -> list[_Piece]:
    """Return the whole window, its halves and its pieces, as far as they have rows enough."""
    start, length = window.start.timestamp(), window.length.total_seconds()
    pieces = [
        _Piece(
            start=start + place * length / count,
            cut=cut,
            chosen=np.minimum((times - start) * count // length, count - 1) == place,
        )
        for cut, count in enumerate((1, 2, well.pieces))
        for place in range(count)
    ]
    return [piece for piece in pieces if piece.chosen.sum() >= well.policy.min_rows]


def _missing(
    well: Healthy, filling: Filling, values: "pd.Series", times: Array, pieces: list[_Piece]
) -> Iterable[Fault]:
    """Yield a share of missing values that chance does not explain."""
    codes, name = codes_of(values, filling.column), filling.column.name
    gone = _worst(codes < 0, codes < 2**62, pieces, filling.most_missing, well.policy.min_missing_jump, well)
    if gone:
        share, rows, since = gone
        sentence = f"{name} is missing in {_of_rows(share, rows)} from {_moment(since):%Y-%m-%d %H:%M} on "
        sentence += f"({filling.missing:.1%} in the reference, at most {filling.most_missing:.1%})"
        yield _fault("missing values", name, share, filling.missing, since, sentence)


def _unknown(
    well: Healthy, filling: Filling, values: "pd.Series", times: Array, pieces: list[_Piece]
) -> Iterable[Fault]:
    """Yield a share of categories that the reference did not have, unless the column brings new ones all the time."""
    if not filling.column.all_levels or filling.most_unknown >= MOSTLY_NEW:
        return
    codes, name = codes_of(values, filling.column), filling.column.name
    strange = codes == len(filling.column.all_levels)
    worst = _worst(strange, codes >= 0, pieces, filling.most_unknown, well.policy.min_unknown_share, well)
    if worst:
        share, rows, since = worst
        some = ", ".join(map(repr, values[strange].astype(str).value_counts().index[:3]))
        sentence = f"{name} has new categories in {_of_rows(share, rows)} from {_moment(since):%Y-%m-%d %H:%M} on, "
        sentence += f"such as {some} ({filling.unknown:.2%} are usual)"
        yield _fault("unknown categories", name, share, filling.unknown, since, sentence)


def _worst(
    bad: Array, of: Array, pieces: list[_Piece], usual: float, jump: float, well: Healthy
) -> tuple[float, int, float] | None:
    """Return the impossible share of the largest piece that has any, its rows, and the start of the first, or None.

    The jump is the whole window's; a share jumps further in a piece, by the root of how many there are.
    """
    widest = (1.0, 2.0**0.5, well.pieces**0.5)
    counts = [
        (bad[piece.chosen].sum(), of[piece.chosen].sum(), jump * widest[piece.cut], piece.start) for piece in pieces
    ]
    over = [
        (float(count / size), int(size), start)
        for count, size, needed, start in counts
        if size >= well.policy.min_rows and count / size >= usual + needed and _impossible(count, size, usual, well)
    ]
    return (*over[0][:2], min(start for *_, start in over)) if over else None


def _impossible(count: float, size: float, usual: float, well: Healthy) -> bool:
    """Say whether chance does not give so many of `size`; what the reference never had counts as half a row of it."""
    from scipy.special import bdtrc

    base = max(usual, 0.5 / well.rows)
    return bool(count > 0 and bdtrc(count - 1, size, min(base, 1.0)) < well.policy.chance)


def _frozen(
    well: Healthy, filling: Filling, values: "pd.Series", times: Array, pieces: list[_Piece]
) -> Iterable[Fault]:
    """Yield a value that stood impossibly often and long: where more rows come, an hourly value repeats more."""
    stretches, usual = stands(identities(values), times), filling.longest_stand_seconds
    chance = np.log(max(min(filling.commonest, 1 - 0.5 / well.rows), 1e-12))
    often = stretches.rows >= max(well.policy.min_run, MUCH_MORE_OFTEN * filling.longest_run)
    long = stretches.seconds > (-1.0 if usual is None else MUCH_LONGER * usual)
    frozen = np.flatnonzero(often & long & (stretches.rows * chance <= np.log(well.policy.chance)))
    if not len(frozen):
        return
    worst = frozen[stretches.rows[frozen].argmax()]
    first, rows = stretches.first[worst], int(stretches.rows[worst])
    sentence = f"{filling.column.name} is stuck at {values.iloc[first]}: {rows:,} rows in a row, for "
    sentence += f"{_spoken(stretches.seconds[worst])} (at most {filling.longest_run:,} rows"
    sentence += "" if usual is None else f" and {_spoken(usual)}"
    yield _fault(
        "constant column",
        filling.column.name,
        rows,
        filling.longest_run,
        float(times[first]),
        f"{sentence} in the reference)",
    )


def _units(well: Healthy, filling: Filling, values: "pd.Series", times: Array, pieces: list[_Piece]) -> Iterable[Fault]:
    """Yield a column that is another distribution than ever, and nearly the reference's once its units are undone.

    Zeros are left out: they are zeros in any unit that is a multiple.
    """
    if filling.column.kind == "categorical" or len(set(filling.column.knots)) < 5:
        return
    numbers = numeric_values(values)
    over = []
    for piece in pieces:
        some = numbers[piece.chosen & ~np.isnan(numbers)]
        usual = filling.spreads[piece.cut]
        if len(some) >= well.policy.min_rows and (undone := _undone(some, np.array(filling.column.knots), usual)):
            over.append((*undone, usual, piece.start))
    if over:
        far, name, usual, _ = over[0]
        since = min(start for *_, start in over)
        sentence = f"{filling.column.name} is in another unit: like the reference if taken as {name}, "
        sentence += f"at distance {far:.2f} as it is (at most {usual:.2f} in the reference)"
        yield _fault("changed units", filling.column.name, far, usual, since, sentence)


COLUMN_RULES = (
    _missing,
    _unknown,
    _frozen,
    _units,
)
"""What is looked for in each feature, in the order in which people read it."""


def _undone(values: Array, knots: Array, usual: float) -> tuple[float, str] | None:
    """Return how far the values are from the reference and what undoing brings them near, or None."""
    needed = max(CLEARLY_OTHER, 1.5 * usual)
    near = max(1.5 * usual, 0.05) + 1.6 / np.sqrt(len(values))
    far = distance(values, knots)
    warm = TEMPERATURES if knots[0] > COLDEST and knots[-1] < HOTTEST and far >= needed else {}
    candidates = [(distance(undo(values), knots), far, name) for name, undo in warm.items()]
    some, nonzero = values[values != 0], knots[knots != 0]
    if min(len(some), len(nonzero)) >= FEWEST_NONZERO and (other := distance(some, nonzero)) >= needed:
        candidates += [(distance(undo(some), nonzero), other, name) for name, undo in MULTIPLES.items()]
    fitting = [candidate for candidate in candidates if candidate[0] <= min(near, candidate[1] / CLEARLY_BETTER)]
    return min(fitting)[1:] if fitting else None


def _clock(well: Healthy, rows: "pd.DataFrame", times: Array) -> Iterable[Fault]:
    """Yield a day that fits the reference only with the clock put forward or back by two hours or more.

    One hour is left alone: summer time moves what people do by as much.
    """
    if well.most_hours_moved is None:
        return
    costs = clock_distances(day_of(well), rows, times)
    shift = int(costs.argmin())
    hours = shift if shift <= HOURS // 2 else shift - HOURS
    unusual = costs[0] > max(2 * well.most_hours_moved, 4.0)
    if abs(hours) < 2 or not unusual or costs[shift] * CLEARLY_BETTER > costs[0]:
        return
    sentence = f"the clock is off by {hours:+d} hours: then the hours of the day fit the reference, at distance "
    sentence += f"{costs[shift]:.1f} instead of {costs[0]:.1f} (at most {well.most_hours_moved:.1f} in the reference)"
    yield _fault("shifted clock", "", float(hours), 0.0, float(times[0]), sentence)


def _fault(kind: str, column: str, number: float, expected: float, since: float, sentence: str) -> Fault:
    assert kind in FAULT_KINDS, kind
    return Fault(
        kind=kind,
        column=column,
        number=float(number),
        expected=float(expected),
        since=_moment(since),
        last_good=None,
        sentence=sentence,
    )


def _of_rows(share: float, rows: int) -> str:
    """Return a share of rows in words: "all 1,200 rows", "14.3% of 1,200 rows"."""
    return f"all {rows:,} rows" if share == 1.0 else f"{share:.1%} of {rows:,} rows"


def _spoken(seconds_long: float) -> str:
    return in_words(timedelta(seconds=seconds_long))


def _moment(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC)
