"""Say which events reach a person, through which of Prefect's own notification blocks.

The block is made in Prefect's UI (Slack, e-mail, a webhook, ...) and named by `EVERGREEN_ALERT_BLOCK`, as in
`slack-webhook/team`. Without a name nobody is told.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tasks.events import DECISION, KINDS

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

ALERTS = "alert: "
WEBHOOK = "webhook"
"""The one type of block that is called instead of notified."""
ONCE = timedelta(days=30)
"""An event that is told again about the same decision, or the same run, is silent for so long."""
SILENT_FAILURES = timedelta(hours=1)
"""A failed action is told once an hour for each automation: the alert itself is one, and may fail."""
RUN = "prefect.resource.id"


class NoSuchBlock(Exception):
    """The block that alerts are sent through does not exist; the message says what to do."""


@dataclass(frozen=True)
class Alert:
    """Which events are told, once for each value of some labels within a time."""

    title: str
    events: tuple[str, ...]
    resource: str
    once_for: tuple[str, ...]
    within: timedelta
    body: str


OURS = Alert(
    title="decisions",
    events=KINDS,
    resource="evergreen.use-case.*",
    once_for=(RUN, DECISION),
    within=ONCE,
    body="{{ event.event }} {{ event.resource.name }}: {{ event.payload.reason }} ({{ event.payload.decision }})",
)
RUNS = Alert(
    title="failed, crashed and late runs",
    events=tuple(f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "TimedOut", "Late")),
    resource="prefect.flow-run.*",
    once_for=(RUN,),
    within=ONCE,
    body="{{ event.event }} {{ event.resource.name }}: {{ event.resource['prefect.state-message'] }}",
)
ACTIONS = Alert(
    title="failed actions",
    events=("prefect.automation.action.failed",),
    resource="prefect.automation.*",
    once_for=(RUN,),
    within=SILENT_FAILURES,
    body="{{ event.event }} {{ event.resource.name }}: {{ event.payload.reason }}",
)


def alerts(client: "SyncPrefectClient", block: str) -> "list[AutomationCore]":
    """Return the automations that tell a person through `block`, given as type/name; none where that is empty.

    Raises:
        NoSuchBlock: it is not there.
    """
    if not block:
        return []
    document = block_document(client, block)
    return [automation(alert, block, document) for alert in (OURS, RUNS, ACTIONS)]


def automation(alert: Alert, block: str, document: "UUID") -> "AutomationCore":
    """Return the automation that tells of an alert."""
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    return AutomationCore(
        name=ALERTS + alert.title,
        description=f"Tells of {', '.join(alert.events)} through {block}.",
        trigger=EventTrigger(
            posture=Posture.Reactive,
            expect=set(alert.events),
            match=ResourceSpecification({"prefect.resource.id": [alert.resource]}),
            for_each=set(alert.once_for),
            threshold=1,
            within=alert.within,
        ),
        actions=[action(alert, block, document)],
    )


def action(alert: Alert, block: str, document: "UUID") -> Any:
    """Return what is done with a block of that type: a plain webhook is called, all else is notified."""
    from prefect.events.actions import CallWebhook, SendNotification

    if block.split("/")[0] == WEBHOOK:
        return CallWebhook(block_document_id=document, payload=as_json(alert.body))
    return SendNotification(block_document_id=document, subject=f"Evergreen {alert.title}", body=alert.body)


def as_json(body: str) -> str:
    """Return the template of a JSON object with one field, the text; what the events put into it is escaped."""
    return "{% set text %}" + body + '{% endset %}{"text": {{ text | string | tojson }}}'


def block_document(client: "SyncPrefectClient", block: str) -> "UUID":
    """Return the id of a block given as type/name.

    Raises:
        NoSuchBlock: it is not there.
    """
    from prefect.exceptions import ObjectNotFound

    kind, _, name = block.partition("/")
    try:
        return client.read_block_document_by_name(name, kind).id
    except ObjectNotFound:
        raise NoSuchBlock(
            f"EVERGREEN_ALERT_BLOCK names {block!r}, expected type/name of a block that is there, such as "
            "slack-webhook/team. Make it in Prefect's UI under Blocks, or unset the variable, then `make deploy`"
        ) from None
