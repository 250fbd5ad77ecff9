"""What becomes of runs whose process dies under a living worker? Against the real server."""

import os
import subprocess
from collections.abc import Iterator
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Completed, Pending, Running, State

from deployments.automations import SUPERSEDED, main, named
from deployments.running import mark
from deployments.sweep import DIED, DeadRunWatch
from tasks.settings import Settings

pytestmark = pytest.mark.servers


def begun(state: State) -> UUID:
    """Return a run in that state, which no process executes."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("score/flights-score")
        return client.create_flow_run_from_deployment(deployment.id, state=state).id


def state_of(run: UUID) -> tuple[str, str | None]:
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
    assert state is not None
    return state.name, state.message


@pytest.fixture
def runs(system: Settings) -> Iterator[tuple[UUID, UUID, UUID, UUID]]:
    """A run whose process is gone, one whose process lives, one that ends without a process, one that has none yet."""
    dead, alive, done, waiting = begun(Running()), begun(Running()), begun(Running()), begun(Pending())
    environment = os.environ | mark(system) | {"PREFECT__FLOW_RUN_ID": str(alive)}
    process = subprocess.Popen(["sleep", "120"], env=environment)
    yield dead, alive, done, waiting
    process.kill()
    process.wait()
    with get_client(sync_client=True) as client:
        [client.delete_flow_run(run) for run in (dead, alive, done, waiting)]


def test_a_run_is_crashed_once_two_looks_miss_its_process_and_no_other_is(
    system: Settings, runs: tuple[UUID, UUID, UUID, UUID]
) -> None:
    dead, alive, done, waiting = runs
    watch = DeadRunWatch(system)

    first = watch.look()
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(done, Completed(), force=True)
    second = watch.look()

    assert (first, second) == ([], [dead])
    assert state_of(dead) == ("Crashed", DIED)
    assert [state_of(run)[0] for run in (alive, done, waiting)] == ["Running", "Completed", "Pending"]


def test_the_server_is_left_no_automation_that_counts_the_events_of_runs(system: Settings) -> None:
    main()

    with get_client(sync_client=True) as client:
        assert [named(client, name) for name in SUPERSEDED] == [[]]
