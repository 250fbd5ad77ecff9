"""Play a use case's history in this process, without servers: `make try NAME=hotels`."""

import argparse
import sys
from datetime import timedelta
from itertools import pairwise
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deployments.declared import NotDeclaredError, parameters_of
from deployments.telling import show_replay
from tasks.metrics import figure
from tasks.usecases import UseCase, use_case, use_case_names

NOTE = (
    "Played in memory by the rules of the flows. What only servers and later corrections can show (a batch that comes "
    "late, a restated row, a model that does not load) is shown by the deployment `replay`."
)


class CannotTry(Exception):
    """Nothing was played; the message says why and what to do."""


def main() -> None:
    """Play the history, show how far it is, and print the replay's table; exit 1 with a sentence on refusal."""
    parser = argparse.ArgumentParser(prog="python -m deployments.rehearse", description=__doc__)
    parser.add_argument("name", help="the use case: a file in usecases/")
    console = Console(width=None if sys.stdout.isatty() else 140)
    try:
        tried(parser.parse_args().name, console)
    except CannotTry as refusal:
        sys.exit(str(refusal))


def tried(name: str, console: Console) -> str:
    """Play a use case's history with the numbers of its deployment `replay`; return the summary that it printed.

    Raises:
        CannotTry: there is no such use case or deployment, or its data is refused; the message says why.
    """
    from tasks.errors import BatchRefusedError, SourceError

    if name not in use_case_names():
        known = ", ".join(use_case_names())
        raise CannotTry(f"Unknown use case {name!r}; expected one of: {known}. Describe a new one with `make new`.")
    try:
        rows, summary = _played(use_case(name), parameters_of("replay", name), console)
    except (NotDeclaredError, SourceError, BatchRefusedError, ValidationError) as refusal:
        raise CannotTry(str(refusal)) from refusal
    show_replay(name, rows, summary, console)
    console.print(NOTE, highlight=False, soft_wrap=True)
    return summary


def _played(problem: UseCase, numbers: dict[str, Any], console: Console) -> tuple[list[dict[str, Any]], str]:
    """Return the replay's table and summary, showing how far it is."""
    import pandas as pd

    from tasks.simulation import rehearsal, replay
    from tasks.windows import Window

    over, policies = Window(**numbers["over"]), replay.Policies(**numbers["policies"])
    moments = replay.moments(over.start, over.end, timedelta(days=numbers["pace"]["step_days"]))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("Reading and checking the rows", total=len(moments))
        good, bad = rehearsal.collected(problem, over.end, policies.batch)
        play = rehearsal.started(problem, good, bad, policies)
        steps, before = [], None
        for now in moments:
            progress.update(bar, description=f"Playing {now:%Y-%m-%d}")
            steps.append(rehearsal.played(play, before, now))
            progress.advance(bar)
            before = now
        progress.update(bar, description="Comparing with retraining at every step")
        scores = [
            rehearsal.scores_between(play, *pair, over.end) for pair in zip([None, *moments], moments, strict=False)
        ]
        renewed = [rehearsal.renewed_score(play, *pair, over.end) for pair in pairwise(moments)]
        progress.update(bar, description="Played")
    table = pd.DataFrame([step.model_dump() for step in steps])
    summary = replay.replay_summary(problem, scores, table)
    known = [one for one in renewed if one is not None]
    if known:
        summary += f"; {figure(sum(known) / len(known))} for a model fitted anew at every step"
    return replay.replay_rows(problem, table, scores), summary


if __name__ == "__main__":
    main()
