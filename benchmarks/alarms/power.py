"""See how soon a drift of one feature among twenty is detected."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.alarms.rules import EvergreenAlarm, Preset, Tests
from benchmarks.alarms.streams import (
    BLOCKS,
    CORRELATED,
    SHIFTED_CATEGORY,
    SHIFTED_NUMBER,
    Stream,
    made_stream,
    probability,
)
from tasks.monitoring.signals.summaries import PREDICTION, TARGET

SIZES = (1_000, 10_000)
PEER_TRIALS, PRESET_TRIALS = 4, 1
WINDOWS = 6
"""How many windows after the change are checked."""
Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def power(trials: int) -> list[dict[str, Any]]:
    """Return by when each rule rings after each change; peers are tried less often, Evidently on a first window."""
    waits_by_rule: dict[tuple[str, int, str], list[int | None]] = {}
    columns: dict[tuple[str, int], list[bool]] = {}
    for size in SIZES:
        for trial in range(trials):
            print(f"power: {size} rows, trial {trial + 1} of {trials}", file=sys.stderr, flush=True)
            stream = made_stream("independent", BLOCKS + WINDOWS, size, 9_000 + trial)
            rules: list[EvergreenAlarm | Tests] = [EvergreenAlarm(stream)]
            if trial < PEER_TRIALS:
                rules += [Tests(stream, adjusted=False), Tests(stream, adjusted=True)]
            preset = Preset(stream)
            for name, change in changes().items():
                changed = replace(stream, rows=_after(stream, change, trial))
                for rule in rules:
                    rule.follow(changed)
                    waits_by_rule.setdefault((name, size, rule.name), []).append(_first(rule, changed))
                if trial < PRESET_TRIALS:
                    preset.follow(changed)
                    rang = preset.rings(changed.window(BLOCKS))
                    waits_by_rule.setdefault((name, size, preset.name), []).append(1 if rang else None)
                    columns.setdefault((name, size), []).append(preset.any_column)
    return [_power_row(*key, waits, columns.get((key[0], key[1]))) for key, waits in waits_by_rule.items()]


def changes() -> Mapping[str, Change]:
    """Return what happens to the windows after the reference, by name; `no change` shows what chance gives."""
    return {
        "no change": lambda rows, _: rows,
        "mean by .25 sd": lambda rows, _: _shifted_rows(rows, 0.25),
        "mean by .5 sd": lambda rows, _: _shifted_rows(rows, 0.5),
        "mean by 1 sd": lambda rows, _: _shifted_rows(rows, 1.0),
        "share by 5 points": lambda rows, rng: _more_of_a_level(rows, 0.05, rng),
        "share by 10 points": lambda rows, rng: _more_of_a_level(rows, 0.10, rng),
        "share by 20 points": lambda rows, rng: _more_of_a_level(rows, 0.20, rng),
        "correlation flips": lambda rows, _: rows.assign(**{CORRELATED[1]: -rows[CORRELATED[1]]}),
        "label rule changes": lambda rows, rng: rows.assign(**{TARGET: _other_rule(rows, rng)}),
    }


def _shifted_rows(rows: pd.DataFrame, sds: float) -> pd.DataFrame:
    return rows.assign(**{SHIFTED_NUMBER: rows[SHIFTED_NUMBER] + sds})


def _more_of_a_level(rows: pd.DataFrame, points: float, rng: np.random.Generator) -> pd.DataFrame:
    """Turn rows of other levels into the second commonest, until its share has risen by `points`."""
    values = rows[SHIFTED_CATEGORY]
    level = values.value_counts().index[1]
    turned = (values != level) & (rng.random(len(rows)) < points / (values != level).mean())
    return rows.assign(**{SHIFTED_CATEGORY: values.mask(turned, level)})


def _other_rule(rows: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return targets whose dependence on one feature has turned round; features and predictions stay."""
    turned = probability(rows.assign(n3=-rows["n3"]))
    return (rng.random(len(rows)) < turned).astype(float)


def _after(stream: Stream, change: Change, seed: int) -> pd.DataFrame:
    start = stream.window(BLOCKS)[0]
    before, after = stream.rows.iloc[:start], stream.rows.iloc[start:]
    changed = change(after, np.random.default_rng([13, seed]))
    return pd.concat([before, changed.assign(**{PREDICTION: probability(changed)})])


def _first(rule: EvergreenAlarm | Tests, stream: Stream) -> int | None:
    """Return at which window after the change the rule first rings, from 1, or None."""
    rung = (number + 1 for number in range(WINDOWS) if rule.rings(stream.window(BLOCKS + number)))
    return next(rung, None)


def _power_row(
    change: str, size: int, rule: str, waits: list[int | None], any_column: list[bool] | None
) -> dict[str, Any]:
    heard = [wait for wait in waits if wait is not None]
    row = {
        "change": change,
        "rows": size,
        "rule": rule,
        "trials": len(waits),
        "at_first_window": sum(wait == 1 for wait in heard) / len(waits),
        "within_three": sum(wait <= 3 for wait in heard) / len(waits),
        "within_six": len(heard) / len(waits),
        "median_wait": float(np.median(heard)) if heard else None,
    }
    if rule == Preset.name and any_column is not None:
        row |= {"within_three": None, "within_six": None, "any_column": float(np.mean(any_column))}
    return row
