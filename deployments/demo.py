"""Play a problem's history through the loop in front of your eyes; by default the flights of 2013: `make demo`."""

import argparse
import json
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deployments.declared import NotDeclaredError, deployment_of, parameters_of
from deployments.environment import join
from deployments.replay_lines import StepLines, show_replay
from deployments.startup import CannotStart, ready_system
from deployments.up import addresses
from tasks.settings import Settings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

FLIGHTS = "flights"


class CannotPlay(Exception):
    """Nothing was started; the message says what to do."""


def main() -> None:
    """Start what is not up, replay the history, print table and addresses; exit 1 with a sentence on failure."""
    parser = argparse.ArgumentParser(prog="python -m deployments.demo", description=__doc__)
    parser.add_argument("name", nargs="?", default=FLIGHTS, help="the use case: a file in usecases/")
    usecase = parser.parse_args().name.removeprefix("NAME=")
    settings, console = Settings(), Console(width=None if sys.stdout.isatty() else 120)
    try:
        parameters_of("replay", usecase)
        ready_system(settings, say=console.print)
    except (CannotStart, NotDeclaredError) as refusal:
        sys.exit(str(refusal))
    join(settings)
    try:
        ended = follow(usecase, start_replay(usecase), console)
    except CannotPlay as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        console.print("The replay goes on in the background; `make demo` follows it again, `make down` stops all.")
        sys.exit(130)
    if not ended.is_completed():
        sys.exit(f"The replay ended as {ended.name}: {ended.message}\nMore at {settings.prefect_url}/runs")
    show_replay(usecase, *replay_artifact(usecase), console)
    console.print(addresses(settings))
    console.print("\nAll of it stays up. Stop it with `make down`.")


def start_replay(usecase: str) -> UUID:
    """Return the replay's flow run: the one that is under way, or a new one, which plays only what is left.

    Raises:
        CannotPlay: the use case was described after the system had started.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    name = deployment_of("replay", usecase)["name"]
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(f"replay/{name}")
        except ObjectNotFound:
            raise CannotPlay(f"{name} is not deployed yet; `make deploy` does it.") from None
        ours = FlowRunFilter.model_validate(
            {
                "deployment_id": {"any_": [deployment.id]},
                "state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}},
            }
        )
        under_way = client.read_flow_runs(flow_run_filter=ours, limit=1)
    if under_way:
        return under_way[0].id
    started: Any = run_deployment(f"replay/{name}", timeout=0)
    return started.id


def follow(usecase: str, flow_run: UUID, console: Console) -> "State":
    """Show how far the replay is until it ends; return the state in which it ended.

    A terminal shows a bar; what is no terminal, such as a file, gets a line for each step.
    """
    from prefect.client.orchestration import get_client

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    is_live = console.is_terminal
    with get_client(sync_client=True) as client, Progress(*columns, console=console, disable=not is_live) as progress:
        total = moment_count(client.read_flow_run(flow_run).parameters)
        bar = progress.add_task("Waiting for the worker", total=total)
        lines = StepLines(usecase, total, (lambda line: None) if is_live else console.print)
        while True:
            state = client.read_flow_run(flow_run).state
            assert state is not None
            played = played_steps(usecase)
            last = (
                f"Played until {played[-1]['as_of']:%Y-%m-%d}" if played else f"The replay is {str(state.name).lower()}"
            )
            progress.update(bar, completed=len(played), description=last)
            lines.add(played)
            if state.is_final():
                return state
            time.sleep(1)


def moment_count(parameters: dict[str, Any]) -> int:
    """Return how many moments a replay with these parameters plays."""
    from tasks.simulation.replay import moments
    from tasks.windows import Window

    over = Window.model_validate(parameters["over"])
    return len(moments(over.start, over.end, timedelta(days=parameters["pace"]["step_days"])))


def played_steps(usecase: str) -> list[dict[Any, Any]]:
    """Return the steps that the replay has kept so far, oldest first."""
    from tasks.data.tables import steps
    from tasks.usecases import use_case

    return steps(use_case(usecase)).read().sort_values("as_of").to_dict("records")


def replay_artifact(usecase: str) -> tuple[list[dict[str, Any]], str]:
    """Return the replay's table and its summary, as its artifact holds them."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactCollectionFilter

    ours = ArtifactCollectionFilter.model_validate({"key": {"any_": [f"{usecase}-replay"]}})
    with get_client(sync_client=True) as client:
        newest = client.read_latest_artifacts(artifact_filter=ours, limit=1)[0]
    return json.loads(str(newest.data)), str(newest.description)


if __name__ == "__main__":
    main()
