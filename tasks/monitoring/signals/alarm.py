"""Say which statistics of a window lie beyond their limits, and when that makes the alarm ring."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tasks.monitoring.signals.models import Alarm, AlarmPolicy, Family, Limits, Signal

if TYPE_CHECKING:
    import pandas as pd


def signals(limits: Limits, window: "pd.DataFrame", only: Collection[Family] | None = None) -> tuple[Signal, ...]:
    """Return each statistic of the window beside its limit, in the limits' order; all are named, computed or not.

    `window` has the reference's columns; target and prediction may be missing or NaN where they are not known. Give
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
        spans=tuple(_span(times, len(recent)) for _, times in due),
    )


def _span(times: int, checks: int) -> str:
    return f"in {times} of the last {checks} checks" if times > 1 else ""


def _times(signal: Signal, checks: Sequence[Sequence[Signal]]) -> int:
    """Return in how many checks the same statistic was beyond its limit on the same side."""
    same = (signal.column, signal.statistic, signal.family, signal.exceeded)
    return sum(
        same == (other.column, other.statistic, other.family, other.exceeded) for check in checks for other in check
    )
