"""What does Prefect say of runs that are due? Against the real server."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Completed, Crashed, Scheduled

from tasks import runs
from tasks.runs import NextRun
from tasks.settings import Settings

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC).replace(microsecond=0)
TOMORROW = NOW + timedelta(days=1)


@pytest.fixture
def made(system: Settings) -> Any:
    """Make runs of weather's score in some state; those that are still to come are taken away after the test."""
    flow_runs: list[UUID] = []
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("score/weather-score")

        def make(state: Any) -> Any:
            run = client.create_flow_run_from_deployment(deployment.id, state=state)
            flow_runs.append(run.id)
            return client.read_flow_run(run.id)

        yield make
        [client.delete_flow_run(run) for run in flow_runs]


def test_the_next_run_of_each_flow_is_told_by_its_name(made: Any) -> None:
    made(Scheduled(scheduled_time=TOMORROW + timedelta(hours=1)))
    made(Scheduled(scheduled_time=TOMORROW))

    assert runs.next_runs("weather") == (NextRun(flow="score", at=TOMORROW),)


def test_of_a_run_and_the_later_ones_of_its_deployment_those_that_were_lost_do_not_count(made: Any) -> None:
    first = made(Scheduled(scheduled_time=TOMORROW))
    later = made(Scheduled(scheduled_time=TOMORROW + timedelta(hours=1)))
    lost = made(Scheduled(scheduled_time=TOMORROW + timedelta(hours=2)))
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(lost.id, Crashed(), force=True)
        client.set_flow_run_state(later.id, Completed(), force=True)

    assert {run.id for run in runs._siblings(first)} == {first.id, later.id}


def test_with_the_server_gone_nothing_is_said_of_the_next_runs(free_port: int) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port}/api"}):
        assert runs.next_runs("weather") is None
