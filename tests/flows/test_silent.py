"""What becomes of runs that fall silent? Against the real server."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.events.schemas.automations import EventTrigger
from prefect.events.schemas.events import ResourceSpecification
from prefect.states import Completed, Running

from deployments.automations import HEARTBEAT, crash_the_silent, ensure, remove
from tasks.settings import Settings

pytestmark = pytest.mark.servers

PATIENCE = 90
SILENCE = timedelta(seconds=10)
"""The shortest that Prefect takes."""
TEST = "crash runs without a heartbeat, quickly"


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(1)
    assert condition()


def running() -> UUID:
    """Return a run that is said to run, and that no process executes."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("score/flights-score")
        return client.create_flow_run_from_deployment(deployment.id, state=Running()).id


def beat(*runs: UUID) -> bool:
    """Tell that runs are alive, as their processes do."""
    return all(emit_event(HEARTBEAT, {"prefect.resource.id": f"prefect.flow-run.{run}"}) for run in runs)


def state_of(run: UUID) -> tuple[str, str | None]:
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
    assert state is not None
    return state.name, state.message


@pytest.fixture
def watched(system: Settings) -> Iterator[tuple[UUID, UUID, UUID]]:
    """Three runs, for which the automation is content with a silence of seconds."""
    runs = running(), running(), running()
    quick = crash_the_silent()
    assert isinstance(quick.trigger, EventTrigger)
    mine = ResourceSpecification({"prefect.resource.id": [f"prefect.flow-run.{run}" for run in runs]})
    trigger = quick.trigger.model_copy(update={"within": SILENCE, "match": mine})
    with get_client(sync_client=True) as client:
        ensure(client, quick.model_copy(update={"name": TEST, "trigger": trigger}))
        time.sleep(3)  # the server reads new automations a moment later
        yield runs
        remove(client, TEST)
        [client.delete_flow_run(run) for run in runs]


def test_a_run_whose_heartbeats_stop_is_crashed_one_that_beats_or_has_ended_is_not(
    watched: tuple[UUID, UUID, UUID],
) -> None:
    silent, alive, done = watched
    beat(*watched)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(done, Completed(), force=True)

    wait_until(lambda: beat(alive) and state_of(silent)[0] != "Running")

    assert state_of(silent) == ("Crashed", "Its heartbeats stopped: the process is gone.")
    assert state_of(alive)[0] == "Running"
    assert state_of(done)[0] == "Completed"
