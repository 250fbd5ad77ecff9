"""Create the automations that no deployment declares, each once: `python -m deployments.automations`.

Prefect's own triggers start a retrain (see prefect.yaml). These tell people.
"""

import sys
from typing import TYPE_CHECKING

from deployments.alerts import ALERTS, NoSuchBlock, alerts
from tasks.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation, AutomationCore

SUPERSEDED = ("crash runs without a heartbeat",)
"""Automations of earlier versions. That one had the server write a counter for each event of each run, which locked its
database, and acted on runs that had ended; the worker's own look at its processes has taken its place (`sweep`)."""


def main() -> None:
    """Leave the automations as they are declared here; exit 1 with a sentence where an alert has no block to use."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        try:
            declared = alerts(client, Settings().alert_block)
        except NoSuchBlock as refusal:
            sys.exit(f"NoSuchBlockError: {refusal}")
        for automation in declared:
            ensure(client, automation)
        for name in {ALERTS + title for title in alert_titles(client)} - {automation.name for automation in declared}:
            remove(client, name)
        for name in SUPERSEDED:
            remove(client, name)


def ensure(client: "SyncPrefectClient", wanted: "AutomationCore") -> None:
    """Leave exactly one automation of that name, as it is wanted; one that a person has switched off stays off."""
    from prefect.events.schemas.automations import AutomationCore

    existing = named(client, wanted.name)
    for extra in existing[1:]:
        client.request("DELETE", "/automations/{id}", path_params={"id": extra.id})
    if not existing:
        client.create_automation(wanted)
        return
    replacement = wanted.model_copy(update={"enabled": existing[0].enabled})
    if without_ids(AutomationCore.model_validate(existing[0].model_dump())) != without_ids(replacement):
        content = replacement.model_dump(mode="json", exclude_unset=True) | {"enabled": replacement.enabled}
        client.request("PUT", "/automations/{id}", path_params={"id": existing[0].id}, json=content)


def remove(client: "SyncPrefectClient", name: str) -> None:
    """Leave no automation of that name."""
    for automation in named(client, name):
        client.request("DELETE", "/automations/{id}", path_params={"id": automation.id})


def alert_titles(client: "SyncPrefectClient") -> list[str]:
    """Return the titles of the alerts that the server has."""
    return [
        automation.name.removeprefix(ALERTS) for automation in everything(client) if automation.name.startswith(ALERTS)
    ]


def named(client: "SyncPrefectClient", name: str) -> "list[Automation]":
    """Return the automations that bear a name."""
    return [automation for automation in everything(client) if automation.name == name]


def everything(client: "SyncPrefectClient") -> "list[Automation]":
    """Return all automations of the server."""
    from prefect.events.schemas.automations import Automation

    pages: list[Automation] = []
    while True:
        content = {"limit": 200, "offset": len(pages)}
        page = client.request("POST", "/automations/filter", json=content).json()
        pages += [Automation.model_validate(document) for document in page]
        if len(page) < 200:
            return pages


def without_ids(automation: "AutomationCore") -> dict:
    """Return what an automation does, without what the server numbers anew each time."""
    content = automation.model_dump(mode="json")
    content["trigger"].pop("id", None)
    return content


if __name__ == "__main__":
    main()
