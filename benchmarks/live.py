"""Play histories through the true flows and in memory, row by row: `python -m benchmarks.live NAME ...`.

Each NAME is a use case in usecases/ with its deployments (`make new` writes both). Its history is played twice: by
`make try`'s code in this process, and by the flows on the real system, where every alarm goes through the ledger, the
event, the automation and the worker. The system is started if it is not up, and stays up; a replay that was played
already is only compared. Exits 1 where a single cell differs. The table is written to benchmarks/results/live.md.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from deployments.declared import NotDeclaredError, parameters_of
from deployments.demo import CannotPlay, follow, start_replay
from deployments.deploy import deploy_all
from deployments.environment import join
from deployments.rehearse import played_in_memory
from deployments.startup import CannotStart, ready_system
from tasks.metrics import figure
from tasks.settings import Settings
from tasks.usecases import use_case

if TYPE_CHECKING:
    from tasks.data.ledger import Decision

RESULTS = Path(__file__).parent / "results" / "live.md"

Cells = Mapping[str, Any]
"""A moment of a replay: what it is compared by, unrounded, by the column's name."""


class Difference(NamedTuple):
    """A cell in which the two plays of a history do not agree."""

    moment: str
    column: str
    flows: Any
    memory: Any

    def __str__(self) -> str:
        return f"{self.moment}, {self.column}: {self.flows!r} through the flows, {self.memory!r} in memory"


class Comparison(NamedTuple):
    """A use case's history, played in both ways: a row for each moment, oldest first."""

    name: str
    flows: Sequence[Cells]
    memory: Sequence[Cells]

    def differences(self) -> list[Difference]:
        """Return the cells that differ, and the moments that only one of the two has."""
        flows, memory = ({str(row["moment"]): row for row in rows} for rows in (self.flows, self.memory))
        alone = [Difference(moment, "moment", moment in flows, moment in memory) for moment in flows.keys() ^ memory]
        return sorted(alone) + [
            Difference(moment, column, row[column], memory[moment][column])
            for moment, row in flows.items()
            if moment in memory
            for column in row
            if row[column] != memory[moment][column]
        ]


def main() -> None:
    """Play each in both ways, print and write the table; exit 1 where they differ or one cannot be played."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="a use case: a file in usecases/")
    names = parser.parse_args().names
    settings, console, began = Settings(), Console(width=None if sys.stdout.isatty() else 120), time.monotonic()
    try:
        in_memory = {name: memory_rows(name) for name in names}
        ready_system(settings, say=console.print)
        deploy_all(settings, console.print)
        join(settings)
        comparisons = [Comparison(name, flow_rows(name, console), in_memory[name]) for name in names]
    except (CannotStart, CannotPlay, NotDeclaredError) as refusal:
        sys.exit(str(refusal))
    text = page(comparisons, f"python -m benchmarks.live {' '.join(names)}", (time.monotonic() - began) / 60)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    console.print(text, soft_wrap=True)
    sys.exit(any(comparison.differences() for comparison in comparisons))


def memory_rows(name: str) -> list[Cells]:
    """Return the history as `make try` plays it: in a process of its own, which knows nothing of the system."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as process:
        return process.submit(_memory_rows, name).result()


def _memory_rows(name: str) -> list[Cells]:
    numbers = parameters_of("replay", name)
    with played_in_memory(use_case(name), numbers, Console(width=120)):
        return rows_of(name, numbers)


def flow_rows(name: str, console: Console) -> list[Cells]:
    """Return the history as the flows play it, having played what was not played yet.

    Raises:
        CannotPlay: the replay is not deployed, or it failed.
    """
    ended = follow(name, start_replay(name), console)
    if not ended.is_completed():
        raise CannotPlay(f"The replay of {name} ended as {ended.name}: {ended.message}")
    return rows_of(name, parameters_of("replay", name))


def rows_of(name: str, numbers: dict[str, Any]) -> list[Cells]:
    """Return what was played of a use case, a row for each moment."""
    from tasks.data import ledger
    from tasks.simulation import replay
    from tasks.windows import Window

    played, scores = replay.scored_steps(name, Window(**numbers["over"]).end)
    past = ledger.decisions(name)
    return [cells(step, score, past) for step, score in zip(played.to_dict("records"), scores, strict=True)]


def cells(step: Mapping[Any, Any], score: Mapping[str, Any], past: "Sequence[Decision]") -> Cells:
    """Return what a moment is compared by; a share that is not a number is None, so that it equals itself."""
    share = step["drifted_share"]
    decisions = [decision for decision in past if decision.as_of == step["as_of"]]
    return {
        "moment": f"{step['as_of']:%Y-%m-%d %H:%M}",
        "new": int(step["inserted"]),
        "late": int(step["updated"]),
        "bad": int(step["quarantined"]),
        "scored": int(step["scored"]),
        "share": None if share is None or share != share else float(share),
        "faults": step["faults"] or "",
        "asked": step["retrain"] or "",
        "verdict": step["verdict"] or "",
        "version": score["model"],
        "live": score["live"],
        "first": score["first"],
        "decisions": tuple(f"{decision.kind}: {decision.reason}" for decision in decisions),
    }


HEAD = ("problem", "moments", "new", "late", "bad", "faults", "asked", "promoted", "refused", "taken back", "live")


def page(comparisons: Sequence[Comparison], command: str, minutes: float) -> str:
    """Return the table as markdown, with the command that made it and every cell that differs."""
    lines = [
        "# Histories played through the true flows, and in memory",
        "",
        f"`{command}`, {minutes:.0f} minutes.",
        "",
        f"| {' | '.join((*HEAD, 'first left alone', 'cells compared', 'cells that differ'))} |",
        f"| {' | '.join(['---'] * (len(HEAD) + 3))} |",
        *(f"| {' | '.join(map(str, totals(comparison)))} |" for comparison in comparisons),
        "",
    ]
    for comparison in comparisons:
        lines += [f"- {comparison.name}, {difference}" for difference in comparison.differences()]
    return "\n".join(lines)


def totals(comparison: Comparison) -> tuple[Any, ...]:
    """Return a use case's line of the table."""
    rows = comparison.flows
    counted = (sum(row[name] for row in rows) for name in ("new", "late", "bad"))
    verdicts = [row["verdict"].partition(":")[0] for row in rows]
    both = [(row["live"], row["first"]) for row in rows if row["live"] is not None and row["first"] is not None]
    means = (figure(sum(pair[side] for pair in both) / len(both)) if both else "" for side in (0, 1))
    return (
        comparison.name,
        len(rows),
        *counted,
        sum(bool(row["faults"]) for row in rows),
        sum(bool(row["asked"]) for row in rows),
        *(verdicts.count(kind) for kind in ("promoted", "refused")),
        sum(decision.startswith("rolled back:") for row in rows for decision in row["decisions"]),
        *means,
        sum(len(row) for row in rows),
        len(comparison.differences()),
    )


if __name__ == "__main__":
    main()
