"""Write the figures down as tables for people."""

from collections.abc import Iterable, Sequence
from typing import Any


def as_markdown(found: dict[str, Any]) -> str:
    """Return a page with one table for each part that was measured."""
    lasted = f"{found['cpu_minutes']} minutes of one core, {found['minutes']} by the clock"
    parts = [f"# Alarms\n\n`{found['command']}`\n\n{lasted}.\n"]
    if "false_alarms" in found:
        parts.append(_false_alarms(found["false_alarms"], found["stated_rate"]))
    if "power" in found:
        parts.append(_power(found["power"]))
    if "faults" in found:
        parts.append(_faults(found["faults"], found["pairs"]))
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _false_alarms(found: list[dict[str, Any]], stated: float) -> str:
    rules = list(dict.fromkeys(one["rule"] for one in found))
    by_place = {(one["condition"], one["rule"]): one for one in found}
    rows = []
    for condition in dict.fromkeys(one["condition"] for one in found):
        told = (by_place.get((condition, rule)) for rule in rules)
        rows.append([condition, *("" if one is None else _rate(one) for one in told)])
    head = f"## False alarms a year with no drift; {stated:g} is stated\n\n95 % interval, and how many checks.\n\n"
    return head + _table(["condition", *rules], rows)


def _rate(one: dict[str, Any]) -> str:
    return f"{one['alarms_per_year']:.2f} ({one['low']:.2f} to {one['high']:.2f}), {one['checks']}"


def _power(found: list[dict[str, Any]]) -> str:
    rules = list(dict.fromkeys(one["rule"] for one in found))
    by_place = {(one["change"], one["rows"], one["rule"]): one for one in found}
    rows = []
    for change, size in dict.fromkeys((one["change"], one["rows"]) for one in found):
        rows.append([change, size, *(_detected(by_place[change, size, rule]) for rule in rules)])
    head = (
        "## Power: rings at the first window, within three, within six after the change\n\n"
        "One feature among twenty; independent rows. Evidently's preset: the first window of few trials, and how often "
        "it flags any column.\n\n"
    )
    return head + _table(["change", "rows", *rules], rows)


def _detected(one: dict[str, Any]) -> str:
    if "any_column" in one:
        return f"{one['at_first_window']:.0%}; any column {one['any_column']:.0%} ({one['trials']} trials)"
    told = " / ".join(f"{one[name]:.0%}" for name in ("at_first_window", "within_three", "within_six"))
    return f"{told} ({one['trials']} trials)"


def _faults(found: list[dict[str, Any]], pairs: list[dict[str, Any]]) -> str:
    rows = [
        [one["stream"], one["breakage"], *(one.get(name, 0) for name in ("fault", "drift", "neither"))] for one in found
    ]
    told = "## Faults: caught as one, taken for drift, or neither\n\n" + _table(
        ["stream", "breakage", "fault", "drift", "neither"], rows
    )
    if not pairs:
        return told
    shown = [
        [one["pair"], one["side"], one["window"], "; ".join(one["faults"]), one["first_reason"] if one["rings"] else ""]
        for one in pairs
    ]
    return told + "\n" + _table(["pair", "side", "window", "faults", "rings because"], shown)
