"""Say what people read of signals and faults: a sentence for each column, or for all columns that share a fault."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from tasks.metrics import short

if TYPE_CHECKING:
    from tasks.monitoring.signals.health import Fault
    from tasks.monitoring.signals.models import Signal

DISTANCES: Mapping[str, str] = {
    "location": "location distance",
    "spread": "spread distance",
    "skew": "skew distance",
    "tails": "tail distance",
}
"""Statistics whose own values mean nothing to a reader: only how far they moved is shown."""
MOST_STATISTICS = 2
"""How many statistics a sentence names."""
MOST_NAMES = 8
"""How many columns a sentence names."""


def signal_sentences(signals: Sequence["Signal"], spans: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for each column, in the order of the signals; the first signals of a column are named.

    `spans` says of each signal in how many of the last checks it was beyond its limit; empty: the newest was enough.
    """
    groups: dict[str, list[tuple[Signal, str]]] = {}
    for signal, span in zip(signals, spans, strict=True):
        groups.setdefault(_subject(signal), []).append((signal, span))
    return tuple(_signal_sentence(subject, group) for subject, group in groups.items())


def fault_sentences(faults: Iterable["Fault"]) -> tuple[str, ...]:
    """Return a sentence for each fault; columns with the same kind of fault since the same moment share one."""
    groups: dict[tuple[str, str], list[Fault]] = {}
    for fault in faults:
        cause = fault.since.isoformat() if fault.kind in SHARED else fault.sentence
        groups.setdefault((fault.kind, cause), []).append(fault)
    return tuple(group[0].sentence if len(group) == 1 else _shared_sentence(group) for group in groups.values())


def fault_summary(faults: Iterable["Fault"]) -> str:
    """Return what is wrong with the data, a sentence for each cause; empty where nothing is."""
    return "; ".join(fault_sentences(faults))


def share_of(share: float, rows: str) -> str:
    """Return a share of the rows as people read it."""
    return f"all {rows}" if share == 1 else f"{share:.1%} of {rows}"


def _subject(signal: "Signal") -> str:
    if signal.family == "performance":
        return "the model's errors changed"
    return f"the errors along {signal.column} changed" if signal.family == "concept" else f"{signal.column} drifted"


def _signal_sentence(subject: str, group: Sequence[tuple["Signal", str]]) -> str:
    signals = [signal for signal, _ in group]
    parts = [note for note in [next((signal.note for signal in signals if signal.note), "")] if note]
    parts += [_statistic_text(signal) for signal in signals[:MOST_STATISTICS]]
    more, span = len(signals) - MOST_STATISTICS, group[0][1]
    parts += [f"{more} more statistic{'s' * (more > 1)}"] if more > 0 else []
    return f"{subject}: {', '.join(parts)}{', ' if span else ''}{span}"


def _statistic_text(signal: "Signal") -> str:
    """Return how far a statistic lies from what is expected, with its limit and the number of rows."""
    value = signal.expected if signal.value is None else signal.value
    distance, limit = short(abs(value - signal.expected)), f"limit {short(signal.limit)}, n = {signal.rows:,}"
    if signal.statistic in DISTANCES:
        return f"{DISTANCES[signal.statistic]} {distance} ({limit})"
    return f"{signal.statistic} {short(signal.expected)} -> {short(value)} (moved {distance}, {limit})"


def _shared_sentence(faults: Sequence["Fault"]) -> str:
    """Return a sentence about columns that share kind and start."""
    names = [fault.column for fault in faults]
    named, more = ", ".join(names[:MOST_NAMES]), len(names) - MOST_NAMES
    named += f" and {more} more" if more > 0 else ""
    return f"{len(names)} columns {SHARED[faults[0].kind](faults)} since {faults[0].since:%Y-%m-%d %H:%M}: {named}"


def _shares(faults: Sequence["Fault"]) -> str:
    """Return in which share of how many rows, with the limits: "all 1,200 rows (limit 5.0%)"."""
    rows = _range([fault.rows for fault in faults], "{:,}") + " rows"
    shares = [fault.number for fault in faults]
    limits = [fault.limit for fault in faults if fault.limit is not None]
    limit = f" (limit {_range(limits, '{:.1%}')})" if limits else ""
    return (f"all {rows}" if min(shares) == 1 else f"{_range(shares, '{:.1%}')} of {rows}") + limit


def _range(values: Sequence[float], form: str) -> str:
    least, most = form.format(min(values)), form.format(max(values))
    return least if least == most else f"{least} to {most}"


SHARED: Mapping[str, Callable[[Sequence["Fault"]], str]] = {
    "missing values": lambda faults: f"are missing in {_shares(faults)}",
    "unknown categories": lambda faults: f"hold unknown categories in {_shares(faults)}",
    "constant column": lambda faults: f"repeat a value {_range([fault.number for fault in faults], '{:,.0f}')} times",
    "changed units": lambda _: "fit the reference only in other units",
}
"""What several columns with the same kind of fault have in common."""
