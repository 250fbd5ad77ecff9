"""Let the deployments of today take the place of those with their old names: `python -m deployments.renamed FILE...`.

All deployments of a use case were once called like it. Prefect knows a deployment by its name, so each would run twice.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.automations import named
from deployments.declared import declared

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import DeploymentSchedule, FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

MOST_RUNS = 200
"""Most runs that Prefect lists at once."""


def main() -> None:
    """Leave no deployment with an old name that could run by itself; print what a person had set, and a count."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        renamed = dict(successions(client, declared(map(Path, sys.argv[1:]))))
    for name, notes in renamed.items():
        if notes:
            print(f"{name}: {'; '.join(notes)}. The next deployment sets what the file says")
    if renamed:
        print(f"{len(renamed)} deployments have new names, as {next(iter(renamed))}")


def successions(client: "SyncPrefectClient", wanted: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Replace each deployment of the server that bears the old name of a declared one; return new names and notes."""
    names = {(_flow(deployment), deployment["name"]) for deployment in wanted}
    for flow, name, usecase in [
        (_flow(deployment), deployment["name"], deployment["parameters"]["usecase"]) for deployment in wanted
    ]:
        old = None if (flow, usecase) in names else deployment(client, flow, usecase)
        if old is not None and old.parameters.get("usecase") == usecase:
            yield name, succession(client, flow, old, client.read_deployment_by_name(f"{flow}/{name}"))


def deployment(client: "SyncPrefectClient", flow: str, name: str) -> "DeploymentResponse | None":
    """Return the deployment `flow/name` of the server, or None."""
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(f"{flow}/{name}")
    except ObjectNotFound:
        return None


def succession(
    client: "SyncPrefectClient", flow: str, old: "DeploymentResponse", new: "DeploymentResponse"
) -> list[str]:
    """Give the new deployment what a person has set at the old one, and remove that; say what it was.

    While runs of the old one have not ended it stays, without schedules and automations: a run that waits for an
    approval needs it.
    """
    notes = [*_schedules_handed_on(client, old, new), *_switches_handed_on(client, old, new)]
    client.delete_resource_owned_automations(f"prefect.deployment.{old.id}")
    waiting = unfinished_runs(client, old.id)
    if waiting:
        _silence(client, old)
        notes.append(f"{flow}/{old.name} stays, without schedules, until its open runs ({waiting}) have ended")
    else:
        client.delete_deployment(old.id)
    return notes


def unfinished_runs(client: "SyncPrefectClient", deployment_id: "UUID") -> int:
    """Return how many runs of a deployment have begun and not ended, or were planned by a person."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter

    open_states = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"]
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": open_states}}}),
        limit=MOST_RUNS,
    )
    return sum(not _is_planned_by_schedule(run) for run in runs)


def _is_planned_by_schedule(run: "FlowRun") -> bool:
    from prefect.client.schemas.objects import StateType

    return run.auto_scheduled and run.run_count == 0 and run.state_type == StateType.SCHEDULED


def _schedules_handed_on(
    client: "SyncPrefectClient", old: "DeploymentResponse", new: "DeploymentResponse"
) -> Iterator[str]:
    """Give the new deployment the old one's schedules, active or paused as they are; say where that was no matter."""
    for schedule in old.schedules:
        state = "active" if schedule.active else "paused"
        twin = next((candidate for candidate in new.schedules if _same(candidate, schedule)), None)
        if twin is None:
            client.create_deployment_schedules(new.id, [(schedule.schedule, bool(schedule.active))])
            yield f"a schedule of its own went along, {state}"
        elif twin.active != schedule.active:
            client.update_deployment_schedule(new.id, twin.id, active=schedule.active)
            yield f"its schedule {schedule.slug or ''} stays {state}".replace("  ", " ")


def _same(first: "DeploymentSchedule", other: "DeploymentSchedule") -> bool:
    return first.slug == other.slug if other.slug else first.schedule == other.schedule


def _switches_handed_on(
    client: "SyncPrefectClient", old: "DeploymentResponse", new: "DeploymentResponse"
) -> Iterator[str]:
    """Leave paused what a person has paused: the deployment as a whole, and the automations that start it."""
    if old.paused and not new.paused:
        client.pause_deployment(new.id)
        yield "it stays paused"
    owned = client.request(
        "GET", "/automations/related-to/{resource_id}", path_params={"resource_id": f"prefect.deployment.{old.id}"}
    )
    for off in [item for item in owned.json() if not item["enabled"]]:
        for automation in [item for item in named(client, off["name"]) if str(item.id) != off["id"]]:
            client.pause_automation(automation.id)
        yield f"the automation {off['name']!r} stays off"


def _silence(client: "SyncPrefectClient", old: "DeploymentResponse") -> None:
    """Leave nothing that starts a run of a deployment by itself; its switch was handed on."""
    for schedule in old.schedules:
        client.delete_deployment_schedule(old.id, schedule.id)
    if old.paused:
        client.resume_deployment(old.id)


def _flow(declared_deployment: dict[str, Any]) -> str:
    return str(declared_deployment["entrypoint"].rpartition(":")[2])


if __name__ == "__main__":
    main()
