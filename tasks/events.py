"""Tell people and automations, as Prefect events, what was decided; best effort, all else stands in the ledger."""

from typing import Literal, get_args

from tasks import lasting

Kind = Literal[
    "drift.detected",
    "drift.found",
    "data.fault",
    "feed.late",
    "model.promoted",
    "model.refused",
    "model.rolled-back",
]
"""`drift.found` begins an episode; `drift.detected` asks for a retrain, again and again until it is answered."""
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "drift.detected")
"""Each of them is told to a person, once for each decision (see `deployments/alerts.py`)."""
DECISION = "evergreen.decision"
"""The label by which an event that is told again is known to be about the same decision."""
LONGEST = 1_000
"""Most characters of a reason that are told; the ledger has it whole."""


def tell(kind: Kind, usecase: str, decision: str, reason: str = "") -> None:
    """Emit an event about a use case; `decision` is the id of the ledger's row, which must be kept already.

    The same may be told again: an alert is sent once for each decision, and an automation that answers with a
    retrain is answered from the ledger. A server that is down is no error. Of a
    history that is played in memory, nobody is told.
    """
    if lasting.memory() is not None:
        return
    from prefect.events import emit_event

    resource = {
        "prefect.resource.id": f"evergreen.use-case.{usecase}",
        "prefect.resource.name": usecase,
        DECISION: decision,
    }
    emit_event(event=kind, resource=resource, payload={"decision": decision, "reason": reason[:LONGEST]})
