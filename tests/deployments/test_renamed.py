"""What becomes of `show/stand`, which bears the name of before, where `stand-show` is declared?"""

from collections.abc import Iterator
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.states import Completed, Paused

from deployments.renamed import successions
from tasks.settings import Settings

pytestmark = pytest.mark.servers

DECLARED = {"name": "stand-show", "entrypoint": "flows/show.py:show", "parameters": {"usecase": "stand"}}
DAILY, NIGHTLY = CronSchedule(cron="30 6 * * *"), CronSchedule(cron="0 3 * * *")
Deployed = tuple[SyncPrefectClient, DeploymentResponse]


def deployed(client: SyncPrefectClient, name: str, *, active: bool, usecase: str = "stand") -> DeploymentResponse:
    flow = client.create_flow_from_name("show")
    schedule = DeploymentScheduleCreate(schedule=DAILY, active=active, slug="daily")
    made = client.create_deployment(flow, name, parameters={"usecase": usecase}, schedules=[schedule])
    return client.read_deployment(made)


@pytest.fixture
def old(system: Settings) -> Iterator[Deployed]:
    """A client and `show/stand` with its daily schedule active, beside the new one, whose schedule is paused."""
    with get_client(sync_client=True) as client:
        deployment = deployed(client, "stand", active=True)
        deployed(client, "stand-show", active=False)
        yield client, deployment
        for name in {"show/stand", "show/stand-show"} & set(names(client)):
            client.delete_deployment(client.read_deployment_by_name(name).id)


def names(client: SyncPrefectClient) -> list[str]:
    return [
        f"{client.read_flow(deployment.flow_id).name}/{deployment.name}" for deployment in client.read_deployments()
    ]


def new(client: SyncPrefectClient) -> DeploymentResponse:
    return client.read_deployment_by_name("show/stand-show")


def test_the_old_name_goes_and_the_schedule_that_a_person_switched_on_stays_so(old: Deployed) -> None:
    client, _ = old

    notes = dict(successions(client, [DECLARED]))

    assert notes == {"stand-show": ["its schedule daily stays active"]}
    assert [schedule.active for schedule in new(client).schedules] == [True]
    assert "show/stand" not in names(client)


def test_a_second_time_nothing_is_left_to_do(old: Deployed) -> None:
    client, _ = old
    dict(successions(client, [DECLARED]))

    assert dict(successions(client, [DECLARED])) == {}


def test_a_schedule_of_a_person_goes_along_and_a_paused_deployment_stays_paused(old: Deployed) -> None:
    client, before = old
    client.create_deployment_schedules(before.id, [(NIGHTLY, False)])
    client.pause_deployment(before.id)

    notes = dict(successions(client, [DECLARED]))["stand-show"]

    assert "a schedule of its own went along, paused" in notes
    assert "it stays paused" in notes
    assert new(client).paused
    assert {(schedule.schedule.cron, schedule.active) for schedule in new(client).schedules} == {
        ("30 6 * * *", True),
        ("0 3 * * *", False),
    }


def automation(name: str, deployment: DeploymentResponse) -> AutomationCore:
    return AutomationCore(
        name=name,
        trigger=EventTrigger(posture=Posture.Reactive, expect={"stand.drifted"}, threshold=1, within=0),
        actions=[RunDeployment(source="selected", deployment_id=deployment.id)],
        owner_resource=f"prefect.deployment.{deployment.id}",
    )


def test_its_automation_goes_and_the_one_that_a_person_switched_off_stays_off(old: Deployed) -> None:
    client, before = old
    was = client.create_automation(automation("retrain stand", before))
    is_now = client.create_automation(automation("retrain stand", new(client)))
    client.pause_automation(was)

    notes = dict(successions(client, [DECLARED]))["stand-show"]

    assert "the automation 'retrain stand' stays off" in notes
    assert {
        automation_row["id"]: automation_row["enabled"] for automation_row in read_automations(client, "retrain stand")
    } == {str(is_now): False}
    client.delete_resource_owned_automations(f"prefect.deployment.{new(client).id}")


def read_automations(client: SyncPrefectClient, name: str) -> list[dict[str, Any]]:
    result = client.request("POST", "/automations/filter", json={"limit": 200}).json()
    return [item for item in result if item["name"] == name]


def test_one_whose_run_waits_for_a_person_stays_without_schedules_until_that_has_ended(old: Deployed) -> None:
    client, before = old
    run = client.create_flow_run_from_deployment(before.id, state=Paused()).id

    notes = dict(successions(client, [DECLARED]))["stand-show"]

    assert "show/stand stays, without schedules, until its open runs (1) have ended" in notes
    assert client.read_deployment(before.id).schedules == []
    client.set_flow_run_state(run, Completed(), force=True)
    assert dict(successions(client, [DECLARED])) == {"stand-show": []}
    assert "show/stand" not in names(client)


def test_a_name_that_a_file_still_declares_is_left_alone(old: Deployed) -> None:
    client, _ = old

    assert dict(successions(client, [DECLARED, DECLARED | {"name": "stand"}])) == {}
    assert {"show/stand", "show/stand-show"} <= set(names(client))


def test_what_plays_another_use_case_is_left_alone(system: Settings) -> None:
    with get_client(sync_client=True) as client:
        other = deployed(client, "stand", active=True, usecase="fair")

        assert dict(successions(client, [DECLARED])) == {}

        assert client.read_deployment(other.id).name == "stand"
        client.delete_deployment(other.id)
