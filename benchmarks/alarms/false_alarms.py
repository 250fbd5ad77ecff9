"""Count alarms where nothing drifts."""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from scipy.stats import chi2

from benchmarks.alarms.rules import EvergreenAlarm, Preset, Rule, Tests
from benchmarks.alarms.streams import BLOCKS, CHECKS_PER_YEAR, Stream, StreamTable, made_stream

ROWS = 1_000
MakeRule = Callable[[Stream], Rule]


def false_alarms(tables: list[StreamTable], checks: int) -> list[dict[str, Any]]:
    """Return the alarms a year of each rule under each condition; `checks` of ours, fewer of the peers'."""
    rates = []
    each = 100
    for condition in ("independent", "seasonal", "unsteady"):
        streams = [_maker(condition, seed, BLOCKS + each) for seed in range(-(-checks // each))]
        rates += _rates_of_rules(f"{condition}, {ROWS} rows a week", streams, each)
    rates.append(_overlapping(checks))
    for table in tables:
        streams = [_shuffled_stream(table, seed, BLOCKS + 50) for seed in range(-(-checks // 50))]
        rates += _rates_of_rules(f"{table.name}, time shuffled", streams, 50)
    return rates


def rate(condition: str, rule: str, alarms: int, checks: int, checks_per_year: float) -> dict[str, Any]:
    """Return alarms a year with their 95 % interval, exact for a Poisson count (Garwood, Biometrika 28, 1936)."""
    years = checks / checks_per_year
    low = chi2.ppf(0.025, 2 * alarms) / 2 if alarms else 0.0
    return {
        "condition": condition,
        "rule": rule,
        "checks": checks,
        "alarms": alarms,
        "alarms_per_year": alarms / years,
        "low": low / years,
        "high": float(chi2.ppf(0.975, 2 * alarms + 2)) / 2 / years,
    }


def onsets(rung: Iterable[bool]) -> int:
    """Return how often an alarm begins to ring."""
    before, count = False, 0
    for now in rung:
        count += now and not before
        before = now
    return count


def _rates_of_rules(condition: str, streams: list[Callable[[], Stream]], each: int) -> list[dict[str, Any]]:
    """Return the rates of all rules; peers see fewer of the same streams, as many as are stated."""
    print(f"false alarms: {condition}", file=sys.stderr, flush=True)
    rates = [_alarm_rate(condition, EvergreenAlarm, streams, each, 1)]
    some = streams[: max(1, len(streams) // 10)]
    for adjusted in (False, True):
        rates.append(_alarm_rate(condition, partial(Tests, adjusted=adjusted), some, each, 1))
    rates.append(_alarm_rate(condition, Preset, streams[:1], each, max(1, each // 5)))
    return rates


def _alarm_rate(
    condition: str, rule: MakeRule, streams: list[Callable[[], Stream]], each: int, every: int
) -> dict[str, Any]:
    """Return the rate of one rule; of its windows, one in `every` is checked."""
    alarms, checks, name = 0, 0, ""
    for make in streams:
        stream = make()
        chosen = rule(stream)
        name = chosen.name
        rung = [chosen.rings(stream.window(BLOCKS + number)) for number in range(0, each, every)]
        alarms, checks = alarms + onsets(rung), checks + len(rung)
    return rate(condition, name, alarms, checks, CHECKS_PER_YEAR)


def _overlapping(checks: int) -> dict[str, Any]:
    """Return our rate for daily checks of windows of four weeks, of unsteady weeks, at three times as many checks."""
    weeks, each = 4, 350
    alarms = done = 0
    for seed in range(-(-3 * checks // each)):
        stream = made_stream("unsteady", (BLOCKS + 1) * weeks + each // 7 + 1, 250, 500 + seed)
        ours = EvergreenAlarm(stream, weeks=weeks, checks_per_week=7)
        rung = [ours.rings(stream.window(BLOCKS * weeks + day / 7, weeks)) for day in range(1, each + 1)]
        alarms, done = alarms + onsets(rung), done + each
    name = "unsteady, daily checks of 4 weeks of 250 rows"
    return rate(name, EvergreenAlarm.name, alarms, done, CHECKS_PER_YEAR * 7)


def _maker(condition: str, seed: int, weeks: int) -> Callable[[], Stream]:
    return partial(made_stream, condition, weeks, ROWS, seed)


def _shuffled_stream(table: StreamTable, seed: int, weeks: int) -> Callable[[], Stream]:
    return partial(table.shuffled, weeks, seed)
