"""Play histories through the true flows, and count what came of it: `python -m benchmarks.live NAME ...`.

Each NAME is a use case in usecases/ with its deployments (`make new` writes both). The system is started if it is not
up, and stays up. Every alarm goes through the ledger, the real event, the automation and the worker. The table is kept
as benchmarks/results/live.md; a replay that was played already is only counted.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console

from deployments.demo import CannotPlay, follow, replay_artifact, start_replay
from deployments.deploy import deploy_all
from deployments.environment import join
from deployments.startup import CannotStart, ready_system
from tasks.metrics import figure
from tasks.settings import Settings

RESULTS = Path(__file__).parent / "results" / "live.md"
HEAD = ("problem", "steps", "faults", "drifts", "asked", "promoted", "refused", "metric", "live", "first left alone")


def main() -> None:
    """Play each, print and keep the table; exit 1 with a sentence where one cannot be played."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="a use case: a file in usecases/")
    names = parser.parse_args().names
    settings, console, began = Settings(), Console(width=None if sys.stdout.isatty() else 120), time.monotonic()
    try:
        ready_system(settings, say=console.print)
        deploy_all(settings, console.print)
        join(settings)
        rows = [played_row(name, console) for name in names]
    except (CannotStart, CannotPlay) as refusal:
        sys.exit(str(refusal))
    text = page(rows, f"python -m benchmarks.live {' '.join(names)}", (time.monotonic() - began) / 60)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    console.print(text)


def played_row(name: str, console: Console) -> dict[str, Any]:
    """Return a problem's row of the table, having played what was not played yet.

    Raises:
        CannotPlay: the replay is not deployed, or it failed.
    """
    from tasks.data import ledger
    from tasks.usecases import use_case

    ended = follow(name, start_replay(name), console)
    if not ended.is_completed():
        raise CannotPlay(f"The replay of {name} ended as {ended.name}: {ended.message}")
    steps, _ = replay_artifact(name)
    kinds = Counter(decision.kind for decision in ledger.decisions(name))
    metric = use_case(name).metric
    both = [(step[f"live {metric}"], step[f"first {metric}"]) for step in steps]
    complete = [pair for pair in both if None not in pair]
    live, first = (sum(pair[side] for pair in complete) / max(len(complete), 1) for side in (0, 1))
    counted = (kinds[kind] for kind in ("fault", "drift found", "retrain asked", "promoted", "refused"))
    return dict(zip(HEAD, (name, len(steps), *counted, metric, figure(live), figure(first)), strict=True))


def page(rows: list[dict[str, Any]], command: str, minutes: float) -> str:
    """Return the table as markdown, with the command that made it."""
    lines = [HEAD, ("---",) * len(HEAD), *(tuple(row[name] for name in HEAD) for row in rows)]
    table = "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
    return f"# Histories played through the true flows\n\n`{command}`, {minutes:.0f} minutes.\n\n{table}\n"


if __name__ == "__main__":
    main()
