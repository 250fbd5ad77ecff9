"""Check a comparison of retraining policies against what the default must reach, and name where it falls short."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Streams = Mapping[str, Mapping[str, Any]]
EAGER = "every window"
SHARE, MOST_REQUESTS, PERCENTILE, MOST_IDLE = 0.85, 1 / 3, 95.0, 2


class Goal(NamedTuple):
    """One goal: what must hold, what was reached, and the streams or peers for which it does not."""

    must: str
    reached: str
    short: tuple[str, ...]


def pays(verdicts: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether retraining pays on a stream: doing it every window gains over never, with 90 % certainty."""
    return bool(_policy_row(verdicts, EAGER)["low"] > 0)


def goals(streams: Streams, policy: str) -> list[Goal]:
    """Return each goal of a policy with what it reached on the streams."""
    paying = {name: _policy_row(stream["verdicts"], policy) for name, stream in streams.items() if stream["pays"]}
    idle = {name: _policy_row(stream["verdicts"], policy) for name, stream in streams.items() if not stream["pays"]}
    requests = {name: row["asked"] / streams[name]["windows"] for name, row in paying.items()}
    return [
        _share({name: row["share"] or 0.0 for name, row in paying.items()}),
        Goal(
            f"where it pays: requests in at most {MOST_REQUESTS:.0%} of the windows",
            f"at most {max(requests.values(), default=0.0):.0%}",
            tuple(f"{name} {share:.0%}" for name, share in requests.items() if share > MOST_REQUESTS),
        ),
        _above_chance({name: row["percentile"] for name, row in paying.items()}),
        Goal(
            f"where it does not pay: at most {MOST_IDLE} requests",
            _list_text({name: str(row["asked"]) for name, row in idle.items()}),
            tuple(f"{name} {row['asked']}" for name, row in idle.items() if row["asked"] > MOST_IDLE),
        ),
        Goal(
            "where it does not pay: no worse than never, within noise",
            _list_text({name: f"{row['low']:+.3g} to {row['high']:+.3g}" for name, row in idle.items()}),
            tuple(name for name, row in idle.items() if row["high"] < 0),
        ),
        _cheapest(streams, policy),
    ]


def goals_text(streams: Streams, policy: str) -> str:
    """Return the goals as a markdown list."""
    paying = [name for name, stream in streams.items() if stream["pays"]]
    lines = [f"Of {policy}. Retraining pays on {', '.join(paying) or 'no stream'}.", ""]
    for goal in goals(streams, policy):
        mark = "x" if not goal.short else " "
        falls = f"; falls short: {', '.join(goal.short)}" if goal.short else ""
        lines.append(f"- [{mark}] {goal.must}: {goal.reached}{falls}")
    return "\n".join(lines)


def dearer_by(streams: Streams, policy: str, peer: str) -> tuple[float, float, float]:
    """Return by how much a policy's cost area exceeds a peer's on average, with a 90 % t interval over the streams."""
    import numpy as np
    from scipy.stats import t

    pairs = [
        (_policy_row(stream["verdicts"], policy), _policy_row(stream["verdicts"], peer)) for stream in streams.values()
    ]
    differences = np.array([mine["cost_area"] - other["cost_area"] for mine, other in pairs])
    middle, count = float(differences.mean()), len(differences)
    if count < 2:
        return middle, middle, middle
    half = float(t.ppf(0.95, count - 1) * differences.std(ddof=1) / count**0.5)
    return middle, middle - half, middle + half


def _share(shares: Mapping[str, float]) -> Goal:
    mean = sum(shares.values()) / len(shares) if shares else 0.0
    low = tuple(f"{name} {share:.2f}" for name, share in shares.items() if share < SHARE) if mean < SHARE else ()
    reached = f"{mean:.2f} ({_list_text({name: f'{share:.2f}' for name, share in shares.items()})})"
    return Goal(f"where it pays: at least {SHARE:.0%} of the achievable gain on average", reached, low)


def _above_chance(percentiles: Mapping[str, float]) -> Goal:
    return Goal(
        f"where it pays: above the {PERCENTILE:.0f}th percentile of random schedules on every stream",
        f"{sum(percentile > PERCENTILE for percentile in percentiles.values())} of {len(percentiles)} streams",
        tuple(f"{name} {percentile:.0f}" for name, percentile in percentiles.items() if percentile <= PERCENTILE),
    )


def _cheapest(streams: Streams, policy: str) -> Goal:
    names = [row["policy"] for row in next(iter(streams.values()))["verdicts"]]
    areas = {
        name: sum(_policy_row(stream["verdicts"], name)["cost_area"] for stream in streams.values()) / len(streams)
        for name in names
    }
    ranked = sorted(areas, key=lambda name: areas[name])
    dearer = {name: dearer_by(streams, policy, name) for name in ranked[: ranked.index(policy)]}
    reached = f"{areas[policy]:+.3f}, number {ranked.index(policy) + 1} of {len(names)}"
    reached += "".join(f"; {middle:+.3f} beside {name} ({low:+.3f} to {high:+.3f})"
                    for name, (middle, low, high) in dearer.items())  # fmt: skip
    return Goal(
        "first, or within noise of first, in mean cost area among all",
        reached,
        tuple(name for name, (_, low, _) in dearer.items() if low > 0),
    )


def _policy_row(verdicts: Sequence[Mapping[str, Any]], policy: str) -> Mapping[str, Any]:
    return next(row for row in verdicts if row["policy"] == policy)


def _list_text(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {text}" for name, text in values.items()) or "none"
