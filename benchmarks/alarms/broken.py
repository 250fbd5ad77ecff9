"""Break a feed in every way and see whether it is caught as a fault, taken for drift, or missed."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.alarms.rules import EvergreenAlarm
from benchmarks.alarms.streams import BLOCKS, START, WEEK, Stream, StreamTable, made_stream
from tasks.monitoring.signals.faults import Fault, faults
from tasks.monitoring.signals.health import FaultPolicy, Healthy, healthy
from tasks.windows import Window

Break = Callable[[pd.DataFrame, pd.Series, str, np.random.Generator], tuple[pd.DataFrame, pd.Series]]
WINDOWS = 3
"""Windows after the reference; the breakage begins in the middle of the first and stays."""


def broken_feeds(tables: list[StreamTable], trials: int) -> list[dict[str, Any]]:
    """Return what each breakage was taken for, on made streams with days and weeks and on each table as it came."""
    outcomes: dict[tuple[str, str], Counter[str]] = {}
    streams = [
        ("made, seasonal", made_stream("seasonal", BLOCKS + WINDOWS, 2_000, 700 + seed)) for seed in range(trials)
    ]
    streams += [(table.name, table.as_it_came(BLOCKS + WINDOWS)) for table in tables]
    for place, (name, stream) in enumerate(streams):
        print(f"faults: {name}", file=sys.stderr, flush=True)
        well, ours = _healthy(stream), EvergreenAlarm(stream)
        by_itself = _outcomes_of(well, ours, stream)
        outcomes.setdefault((name, "nothing"), Counter())[_unbroken_outcome(by_itself)] += 1
        for breakage, break_it in breakages().items():
            for column in _columns(stream, breakage, place):
                changed = _after(stream, break_it, column, place)
                outcomes.setdefault((name, breakage), Counter())[_outcome(well, ours, changed, by_itself)] += 1
    return [{"stream": name, "breakage": breakage, **counts} for (name, breakage), counts in outcomes.items()]


def pair(name: str, clean: Stream, dirty: Stream) -> list[dict[str, Any]]:
    """Return, for each window of a clean table and of its broken twin, which faults are found and whether it rings."""
    well = _healthy(clean)
    records = []
    for label, stream in (("clean", clean), ("broken", dirty)):
        ours = EvergreenAlarm(clean)
        ours.follow(stream)
        weeks = int((stream.times.iloc[-1] - START) / WEEK) + 1
        for number in range(BLOCKS, weeks):
            faults = _faults(well, stream, number)
            rang = ours.rings(stream.window(number))
            first = "" if ours.alarm is None else ours.alarm.reasons[0]
            records.append(
                {
                    "pair": name,
                    "side": label,
                    "window": number,
                    "faults": [fault.sentence for fault in faults],
                    "rings": rang,
                    "first_reason": first,
                }
            )
    return records


def breakages() -> Mapping[str, Break]:
    """Return what may happen to the rows from some moment on, by name."""
    return {
        "missing in bursts": lambda rows, times, column, rng: (_blanked_rows(rows, column, _bursts(times, rng)), times),
        "missing share jumps": lambda rows, times, column, rng: (
            _blanked_rows(rows, column, rng.random(len(rows)) < 0.2),
            times,
        ),
        "unknown categories in bursts": lambda rows, times, column, rng: (
            rows.assign(**{column: rows[column].mask(_bursts(times, rng), "?!")}),
            times,
        ),
        "times ten": lambda rows, times, column, _: (rows.assign(**{column: rows[column] * 10}), times),
        "Fahrenheit for Celsius": lambda rows, times, column, _: (
            rows.assign(**{column: rows[column] * 1.8 + 32}),
            times,
        ),
        "frozen column": lambda rows, times, column, _: (rows.assign(**{column: rows[column].iloc[0]}), times),
        "duplicates": _doubled_rows,
        "half the volume": lambda rows, times, _, rng: _selected_rows(rows, times, rng.random(len(rows)) < 0.5),
        "stopped feed": lambda rows, times, _, __: _selected_rows(rows, times, times < times.iloc[0] + WEEK / 7),
        "clock five hours off": lambda rows, times, _, __: (rows, times + pd.Timedelta(hours=5)),
    }


def _unbroken_outcome(outcome: "_FeedOutcome") -> str:
    """Return what an unbroken stream is taken for."""
    return "fault" if any(outcome.faults) else "drift" if any(outcome.rings) else "neither"


def _columns(stream: Stream, breakage: str, place: int) -> list[str]:
    """Return the columns to break: one of the kind that can be broken so, varied by stream; any for whole rows."""
    features = {name: kind for name, kind in stream.kinds.items() if name not in ("prediction", "target")}
    of_numbers = breakage in ("times ten", "Fahrenheit for Celsius")
    fitting = [
        name
        for name, kind in features.items()
        if (kind == "categorical" if "categories" in breakage else kind == "numeric" or not of_numbers)
        and (not of_numbers or stream.rows[name].nunique() > 20)
        and not (breakage == "frozen column" and stream.rows[name].nunique() < 3)
    ]
    return [fitting[place * 5 % len(fitting)]] if fitting else []


def _blanked_rows(rows: pd.DataFrame, column: str, where: np.ndarray) -> pd.DataFrame:
    return rows.assign(**{column: rows[column].mask(where)})


def _bursts(times: pd.Series, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of every other day, nine in ten of them."""
    days = (times - times.iloc[0]) // (WEEK / 7)
    return ((days % 2 == 0) & (rng.random(len(times)) < 0.9)).to_numpy()


def _doubled_rows(
    rows: pd.DataFrame, times: pd.Series, _: str, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.Series]:
    places = np.sort(np.concatenate([np.arange(len(rows)), np.flatnonzero(rng.random(len(rows)) < 0.3)]))
    return rows.iloc[places], times.iloc[places]


def _selected_rows(rows: pd.DataFrame, times: pd.Series, which: Any) -> tuple[pd.DataFrame, pd.Series]:
    return rows[np.asarray(which)], times[np.asarray(which)]


def _after(stream: Stream, break_it: Break, column: str, seed: int) -> Stream:
    start = int(np.searchsorted(stream.times, START + (BLOCKS + 0.5) * WEEK))
    rng = np.random.default_rng([17, seed])
    rows, times = break_it(stream.rows.iloc[start:], stream.times.iloc[start:], column, rng)
    whole = pd.concat([stream.rows.iloc[:start], rows], ignore_index=True)
    return replace(stream, rows=whole, times=pd.concat([stream.times.iloc[:start], times], ignore_index=True))


def _outcome(well: Healthy, ours: EvergreenAlarm, stream: Stream, by_itself: "_FeedOutcome") -> str:
    """Return what the windows after the reference are taken for, beyond what the unbroken stream shows by itself.

    A fault found in the same window as a ringing alarm counts as fault: it keeps the alarm quiet.
    """
    outcome = _outcomes_of(well, ours, stream)
    for number in range(WINDOWS):
        if outcome.faults[number] - by_itself.faults[number]:
            return "fault"
        if outcome.rings[number] and not by_itself.rings[number]:
            return "drift"
    return "neither"


@dataclass(frozen=True)
class _FeedOutcome:
    faults: list[set[tuple[str, str]]]
    """Kinds and columns, by window."""
    rings: list[bool]


def _outcomes_of(well: Healthy, ours: EvergreenAlarm, stream: Stream) -> _FeedOutcome:
    ours.follow(stream)
    numbers = range(BLOCKS, BLOCKS + WINDOWS)
    faults = [{(fault.kind, fault.column) for fault in _faults(well, stream, number)} for number in numbers]
    return _FeedOutcome(faults, [ours.rings(stream.window(number)) for number in numbers])


def _faults(well: Healthy, stream: Stream, number: int) -> tuple[Fault, ...]:
    places = stream.window(number)
    window = Window(start=_moment(number), end=_moment(number + 1))
    return faults(well, stream.rows.iloc[places], stream.times.iloc[places], window)


def _healthy(stream: Stream) -> Healthy:
    places = stream.window(0, BLOCKS)
    return healthy(stream.rows.iloc[places], stream.times.iloc[places], stream.kinds, window=WEEK, policy=FaultPolicy())


def _moment(number: float) -> datetime:
    return (START + number * WEEK).to_pydatetime()
