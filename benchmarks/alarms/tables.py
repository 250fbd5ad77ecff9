"""Write the figures down as tables for people."""

from collections.abc import Iterable, Sequence
from typing import Any


def as_markdown(figures: dict[str, Any]) -> str:
    """Return a page with one table for each part that was measured."""
    lasted = f"{figures['cpu_minutes']} minutes of one core, {figures['minutes']} by the clock"
    parts = [f"# Alarms\n\n`{figures['command']}`\n\n{lasted}.\n"]
    if "false_alarms" in figures:
        parts.append(_false_alarms(figures["false_alarms"], figures["stated_rate"]))
    if "power" in figures:
        parts.append(_power(figures["power"]))
    if "faults" in figures:
        parts.append(_faults(figures["faults"], figures["pairs"]))
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _false_alarms(rates_by_rule: list[dict[str, Any]], stated: float) -> str:
    rules = list(dict.fromkeys(row["rule"] for row in rates_by_rule))
    by_place = {(row["condition"], row["rule"]): row for row in rates_by_rule}
    rows = []
    for condition in dict.fromkeys(row["condition"] for row in rates_by_rule):
        rates = (by_place.get((condition, rule)) for rule in rules)
        rows.append([condition, *("" if row is None else _rate(row) for row in rates)])
    head = f"## False alarms a year with no drift; {stated:g} is stated\n\n95 % interval, and how many checks.\n\n"
    return head + _table(["condition", *rules], rows)


def _rate(row: dict[str, Any]) -> str:
    return f"{row['alarms_per_year']:.2f} ({row['low']:.2f} to {row['high']:.2f}), {row['checks']}"


def _power(power_rows: list[dict[str, Any]]) -> str:
    rules = list(dict.fromkeys(row["rule"] for row in power_rows))
    by_place = {(row["change"], row["rows"], row["rule"]): row for row in power_rows}
    rows = []
    for change, size in dict.fromkeys((row["change"], row["rows"]) for row in power_rows):
        rows.append([change, size, *(_detection_text(by_place[change, size, rule]) for rule in rules)])
    head = (
        "## Power: rings at the first window, within three, within six after the change\n\n"
        "One feature among twenty; independent rows. Evidently's preset: the first window of few trials, and how often "
        "it flags any column.\n\n"
    )
    return head + _table(["change", "rows", *rules], rows)


def _detection_text(row: dict[str, Any]) -> str:
    if "any_column" in row:
        return f"{row['at_first_window']:.0%}; any column {row['any_column']:.0%} ({row['trials']} trials)"
    shares = " / ".join(f"{row[name]:.0%}" for name in ("at_first_window", "within_three", "within_six"))
    return f"{shares} ({row['trials']} trials)"


def _faults(fault_rows: list[dict[str, Any]], pairs: list[dict[str, Any]]) -> str:
    rows = [
        [row["stream"], row["breakage"], *(row.get(name, 0) for name in ("fault", "drift", "neither"))]
        for row in fault_rows
    ]
    text = "## Faults: caught as one, taken for drift, or neither\n\n" + _table(
        ["stream", "breakage", "fault", "drift", "neither"], rows
    )
    if not pairs:
        return text
    shown = [
        [row["pair"], row["side"], row["window"], "; ".join(row["faults"]), row["first_reason"] if row["rings"] else ""]
        for row in pairs
    ]
    return text + "\n" + _table(["pair", "side", "window", "faults", "rings because"], shown)
