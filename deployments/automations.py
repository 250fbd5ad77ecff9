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
            told = alerts(client, Settings().alert_block)
        except NoSuchBlock as refusal:
            sys.exit(f"NoSuchBlockError: {refusal}")
        for one in told:
            ensure(client, one)
        for name in {ALERTS + title for title in known_alerts(client)} - {one.name for one in told}:
            remove(client, name)
        for name in SUPERSEDED:
            remove(client, name)


def ensure(client: "SyncPrefectClient", wanted: "AutomationCore") -> None:
    """Leave exactly one automation of that name, as it is wanted; one that a person has switched off stays off."""
    from prefect.events.schemas.automations import AutomationCore

    found = named(client, wanted.name)
    for extra in found[1:]:
        client.request("DELETE", "/automations/{id}", path_params={"id": extra.id})
    if not found:
        client.create_automation(wanted)
        return
    kept = wanted.model_copy(update={"enabled": found[0].enabled})
    if without_ids(AutomationCore.model_validate(found[0].model_dump())) != without_ids(kept):
        content = kept.model_dump(mode="json", exclude_unset=True) | {"enabled": kept.enabled}
        client.request("PUT", "/automations/{id}", path_params={"id": found[0].id}, json=content)


def remove(client: "SyncPrefectClient", name: str) -> None:
    """Leave no automation of that name."""
    for one in named(client, name):
        client.request("DELETE", "/automations/{id}", path_params={"id": one.id})


def known_alerts(client: "SyncPrefectClient") -> list[str]:
    """Return the titles of the alerts that the server has."""
    return [one.name.removeprefix(ALERTS) for one in everything(client) if one.name.startswith(ALERTS)]


def named(client: "SyncPrefectClient", name: str) -> "list[Automation]":
    """Return the automations that bear a name."""
    return [one for one in everything(client) if one.name == name]


def everything(client: "SyncPrefectClient") -> "list[Automation]":
    """Return all automations of the server."""
    from prefect.events.schemas.automations import Automation

    pages: list[Automation] = []
    while True:
        content = {"limit": 200, "offset": len(pages)}
        found = client.request("POST", "/automations/filter", json=content).json()
        pages += [Automation.model_validate(one) for one in found]
        if len(found) < 200:
            return pages


def without_ids(automation: "AutomationCore") -> dict:
    """Return what an automation does, without what the server numbers anew each time."""
    told = automation.model_dump(mode="json")
    told["trigger"].pop("id", None)
    return told


if __name__ == "__main__":
    main()
