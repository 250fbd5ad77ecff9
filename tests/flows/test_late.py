"""What becomes of runs that a schedule has made and nobody was there for? Against the real server and its worker."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule

from tasks.settings import Settings

pytestmark = pytest.mark.servers

PATIENCE = 120
MONTHS = timedelta(days=95)


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(1)
    assert condition()


@pytest.fixture
def missed(system: Settings) -> Iterator[Callable[[], list[FlowRun]]]:
    """What reads the three runs that a monthly schedule would have made while nothing was up, oldest first."""
    now = datetime.now(UTC)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("score/weather-score").id
        [schedule] = client.create_deployment_schedules(deployment, [(CronSchedule(cron="0 0 1 * *"), True)])
        span = {"start_time": (now - MONTHS).isoformat(), "end_time": now.isoformat(), "min_runs": 3}
        client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment}, json=span)

        def read() -> list[FlowRun]:
            flow_runs = client.read_flow_runs(
                deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
                flow_run_filter=FlowRunFilter(
                    expected_start_time=FlowRunFilterExpectedStartTime(before_=now - timedelta(minutes=1))
                ),
            )
            scheduled = [item for item in flow_runs if item.auto_scheduled and item.expected_start_time is not None]
            return sorted(scheduled, key=lambda item: str(item.expected_start_time))

        yield read
        client.delete_deployment_schedule(deployment, schedule.id)


def test_of_the_runs_that_a_schedule_has_missed_the_newest_runs_and_the_others_say_that_it_does(
    missed: Callable[[], list[FlowRun]],
) -> None:
    wait_until(lambda: [run.state is not None and run.state.is_final() for run in missed()][-3:] == [True] * 3)

    first, second, newest = missed()[-3:]
    assert [run.state.name for run in (first, second, newest) if run.state] == ["Superseded", "Superseded", "Completed"]
    assert second.state is not None
    assert f"superseded by the run scheduled for {newest.expected_start_time:%Y-%m-%d}" in str(second.state.message)
