"""Check a comparison of retraining policies against what the default must reach, and name where it falls short."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Streams = Mapping[str, Mapping[str, Any]]
EAGER = "every window"
SHARE, MOST_REQUESTS, PERCENTILE, MOST_IDLE = 0.85, 1 / 3, 95.0, 2


class Goal(NamedTuple):
    """One goal: what must hold, what was found, and the streams or peers for which it does not."""

    must: str
    found: str
    short: tuple[str, ...]


def pays(verdicts: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether retraining pays on a stream: doing it every window gains over never, with 90 % certainty."""
    return bool(_of(verdicts, EAGER)["low"] > 0)


def goals(found: Streams, policy: str) -> list[Goal]:
    """Return each goal of a policy with what it reached on the streams."""
    paying = {name: _of(one["verdicts"], policy) for name, one in found.items() if one["pays"]}
    idle = {name: _of(one["verdicts"], policy) for name, one in found.items() if not one["pays"]}
    requests = {name: one["asked"] / found[name]["windows"] for name, one in paying.items()}
    return [
        _share({name: one["share"] or 0.0 for name, one in paying.items()}),
        Goal(
            f"where it pays: requests in at most {MOST_REQUESTS:.0%} of the windows",
            f"at most {max(requests.values(), default=0.0):.0%}",
            tuple(f"{name} {one:.0%}" for name, one in requests.items() if one > MOST_REQUESTS),
        ),
        _above_chance({name: one["percentile"] for name, one in paying.items()}),
        Goal(
            f"where it does not pay: at most {MOST_IDLE} requests",
            _listed({name: str(one["asked"]) for name, one in idle.items()}),
            tuple(f"{name} {one['asked']}" for name, one in idle.items() if one["asked"] > MOST_IDLE),
        ),
        Goal(
            "where it does not pay: no worse than never, within noise",
            _listed({name: f"{one['low']:+.3g} to {one['high']:+.3g}" for name, one in idle.items()}),
            tuple(name for name, one in idle.items() if one["high"] < 0),
        ),
        _cheapest(found, policy),
    ]


def goals_text(found: Streams, policy: str) -> str:
    """Return the goals as a markdown list."""
    paying = [name for name, one in found.items() if one["pays"]]
    lines = [f"Of {policy}. Retraining pays on {', '.join(paying) or 'no stream'}.", ""]
    for one in goals(found, policy):
        mark = "x" if not one.short else " "
        falls = f"; falls short: {', '.join(one.short)}" if one.short else ""
        lines.append(f"- [{mark}] {one.must}: {one.found}{falls}")
    return "\n".join(lines)


def dearer_by(found: Streams, policy: str, peer: str) -> tuple[float, float, float]:
    """Return by how much a policy's cost area exceeds a peer's on average, with a 90 % t interval over the streams."""
    import numpy as np
    from scipy.stats import t

    pairs = [(_of(one["verdicts"], policy), _of(one["verdicts"], peer)) for one in found.values()]
    differences = np.array([mine["cost_area"] - other["cost_area"] for mine, other in pairs])
    middle, count = float(differences.mean()), len(differences)
    if count < 2:
        return middle, middle, middle
    half = float(t.ppf(0.95, count - 1) * differences.std(ddof=1) / count**0.5)
    return middle, middle - half, middle + half


def _share(shares: Mapping[str, float]) -> Goal:
    mean = sum(shares.values()) / len(shares) if shares else 0.0
    low = tuple(f"{name} {one:.2f}" for name, one in shares.items() if one < SHARE) if mean < SHARE else ()
    told = f"{mean:.2f} ({_listed({name: f'{one:.2f}' for name, one in shares.items()})})"
    return Goal(f"where it pays: at least {SHARE:.0%} of the achievable gain on average", told, low)


def _above_chance(percentiles: Mapping[str, float]) -> Goal:
    return Goal(
        f"where it pays: above the {PERCENTILE:.0f}th percentile of random schedules on every stream",
        f"{sum(one > PERCENTILE for one in percentiles.values())} of {len(percentiles)} streams",
        tuple(f"{name} {one:.0f}" for name, one in percentiles.items() if one <= PERCENTILE),
    )


def _cheapest(found: Streams, policy: str) -> Goal:
    names = [one["policy"] for one in next(iter(found.values()))["verdicts"]]
    areas = {
        name: sum(_of(one["verdicts"], name)["cost_area"] for one in found.values()) / len(found) for name in names
    }
    ranked = sorted(areas, key=lambda name: areas[name])
    dearer = {name: dearer_by(found, policy, name) for name in ranked[: ranked.index(policy)]}
    told = f"{areas[policy]:+.3f}, number {ranked.index(policy) + 1} of {len(names)}"
    told += "".join(f"; {middle:+.3f} beside {name} ({low:+.3f} to {high:+.3f})"
                    for name, (middle, low, high) in dearer.items())  # fmt: skip
    return Goal(
        "first, or within noise of first, in mean cost area among all",
        told,
        tuple(name for name, (_, low, _) in dearer.items() if low > 0),
    )


def _of(verdicts: Sequence[Mapping[str, Any]], policy: str) -> Mapping[str, Any]:
    return next(one for one in verdicts if one["policy"] == policy)


def _listed(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {text}" for name, text in values.items()) or "none"
