"""Play a use case's history in this process, without servers: `make try NAME=hotels`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deployments.declared import NotDeclaredError, parameters_of
from deployments.replay_lines import show_replay
from tasks.metrics import figure
from tasks.usecases import UseCase, use_case, use_case_names


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
        names = ", ".join(use_case_names())
        raise CannotTry(f"Unknown use case {name!r}; expected one of: {names}. Describe a new one with `make new`.")
    try:
        rows, summary, left_out = played(use_case(name), parameters_of("replay", name), console)
    except (NotDeclaredError, SourceError, BatchRefusedError, ValidationError) as refusal:
        raise CannotTry(str(refusal)) from refusal
    show_replay(name, rows, summary, console)
    console.print(f"Played in memory, by the flows' own steps. Left out: {'; '.join(left_out)}.", soft_wrap=True)
    return summary


def played(
    problem: UseCase, numbers: dict[str, Any], console: Console
) -> tuple[list[dict[str, Any]], str, Sequence[str]]:
    """Return the replay's table, its summary, and what it leaves out, showing how far it is."""
    from tasks.data.tables import steps
    from tasks.registry import models
    from tasks.simulation import replay
    from tasks.windows import Window

    end = Window(**numbers["over"]).end
    policies, left_out = replay.policies_in_memory(replay.Policies(**numbers["policies"]))
    with played_in_memory(problem, numbers, console):
        rows, summary = replay.replay_table(problem.name, end)
        if models.champion(problem.name) is None:
            return rows, summary, left_out
        with console.status("Comparing with retraining at every step"):
            table = steps(problem).read(columns=("as_of",)).sort_values("as_of")
            renewed = replay.renewed_scores(problem.name, table, end, policies.training)
    scores = [value for value in renewed if value is not None]
    if scores:
        summary += f"; {figure(sum(scores) / len(scores))} for a model fitted anew at every step"
    return rows, summary, left_out


@contextmanager
def played_in_memory(problem: UseCase, numbers: dict[str, Any], console: Console) -> Iterator[None]:
    """Play a history with the numbers of a replay's deployment, showing how far it is; within, what came of it lasts.

    The steps are those of the flows, with what lasts in memory.
    """
    from flows.replay import play_in_memory
    from tasks.lasting import in_memory
    from tasks.simulation import replay
    from tasks.windows import Window

    over = Window(**numbers["over"])
    policies, _ = replay.policies_in_memory(replay.Policies(**numbers["policies"]))
    moments = replay.moments(over.start, over.end, timedelta(days=numbers["pace"]["step_days"]))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with in_memory():
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("Reading and checking the rows", total=len(moments))
            for now in moments:
                progress.update(bar, description=f"Playing {now:%Y-%m-%d}")
                play_in_memory(problem.name, now, policies)
                progress.advance(bar)
            progress.update(bar, description="Played")
        yield


if __name__ == "__main__":
    main()
