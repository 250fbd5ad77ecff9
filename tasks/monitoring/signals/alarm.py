"""Say which statistics of a window lie beyond their limits, and when that makes the alarm ring."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tasks.monitoring.signals.models import Alarm, AlarmPolicy, Family, Limits, Signal
from tasks.quantities import number, numbers_apart, percents_apart, points

if TYPE_CHECKING:
    import pandas as pd

DISTANCES = {
    "location": "location distance",
    "spread": "spread distance",
    "skew": "skew distance",
    "tails": "tail distance",
}
"""How the distance of each component of a number's distribution is called."""
STATISTICS = {"share unseen": "share of new categories", "share not as ever": "share of other values than its only one"}


def signals(limits: Limits, window: "pd.DataFrame", only: Collection[Family] | None = None) -> tuple[Signal, ...]:
    """Return each statistic of the window beside its limit, in the limits' order; all are named, computed or not.

    `window` has the reference's columns; target and prediction may be missing or NaN where they are not there. Give
    labels only of rows that are mature, or the early ones stand for all. `only` keeps some families, where features and
    labels are looked at in different windows.
    """
    from tasks.monitoring.signals.measuring import window_signals

    every_signal = window_signals(limits, window)
    return tuple(signal for signal in every_signal if only is None or signal.family in only)


def alarm(checks: Sequence[Sequence[Signal]], policy: AlarmPolicy) -> Alarm | None:
    """Say that the alarm rings and why, or None; `checks` are the signals of the last checks, the newest last.

    It rings for a statistic that is beyond its limit in the newest check and, on the same side, in `persistence` of the
    last `memory`, or beyond the wider limit in the newest alone. Checks against other limits (of an earlier model) must
    not be among them.
    """
    if not checks:
        return None
    recent = checks[-policy.memory :]
    ringing = [(signal, _times(signal, recent)) for signal in checks[-1] if signal.exceeded]
    due = [(signal, times) for signal, times in ringing if times >= policy.persistence or signal.at_once]
    if not due:
        return None
    return Alarm(
        signals=tuple(signal for signal, _ in due),
        reasons=tuple(reason(signal, times, len(recent)) for signal, times in due),
    )


def reason(signal: Signal, times: int, checks: int) -> str:
    """Say in a sentence what moved from where to where, with its limit, its rows and how often it did."""
    often = f", {times} of the last {checks} checks" if times > 1 else ""
    bounds = f"(limit {_limit_text(signal)}, n = {signal.rows:,}{often})"
    return f"{_movement(signal)} {bounds}"


def _movement(signal: Signal) -> str:
    """Say what moved, in the words of its family."""
    value = signal.value or 0.0
    if signal.family == "missing":
        return _missing_text(signal.column, signal.expected, value, signal.rows)
    if signal.family in ("performance", "concept"):
        before, now = numbers_apart(signal.expected, value)
        return f"{_error_text(signal)}: {before} -> {now}"
    if signal.note:
        distance = number(abs(value - signal.expected))
        return f"{signal.column} drifted: {signal.note}, {DISTANCES.get(signal.statistic, signal.statistic)} {distance}"
    apart = percents_apart if _is_share(signal) else numbers_apart
    before, now = apart(signal.expected, value)
    return f"{signal.column} drifted: {STATISTICS.get(signal.statistic, signal.statistic)} {before} -> {now}"


def _missing_text(column: str, expected: float, value: float, rows: int) -> str:
    before, now = percents_apart(expected, value)
    if value == 1.0:
        return f"{column} is missing in all {rows:,} rows, {before} in the reference"
    return f"{column} is missing {'more' if value > expected else 'less'} often: {before} -> {now} of the rows"


def _error_text(signal: Signal) -> str:
    """Say what moved in the model's errors."""
    if signal.statistic == "loss":
        return f"the model's loss {'rose' if signal.exceeded >= 0 else 'fell'}"
    if signal.statistic == "bias":
        return "the model's errors moved to one side: target less prediction"
    other = "its prediction" if signal.family == "performance" else signal.column
    return f"the model's errors go along with {other}: correlation"


def _is_share(signal: Signal) -> bool:
    return signal.statistic.startswith("share ")


def _limit_text(signal: Signal) -> str:
    """Return how far the statistic may move: a share in points of a percentage."""
    return f"{points(signal.limit)} points" if _is_share(signal) else number(signal.limit)


def _times(signal: Signal, checks: Sequence[Sequence[Signal]]) -> int:
    """Return in how many checks the same statistic was beyond its limit on the same side."""
    same = (signal.column, signal.statistic, signal.family, signal.exceeded)
    return sum(
        same == (other.column, other.statistic, other.family, other.exceeded) for check in checks for other in check
    )
