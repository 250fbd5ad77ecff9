"""Let a person say that what looks like a fault of the data is how the world is now: no fault from then on."""

from collections.abc import Collection, Sequence
from datetime import datetime

from tasks.data.ledger import MOVES, Decision
from tasks.monitoring.signals.faults import OF_THE_WORLD
from tasks.monitoring.signals.health import Fault


class CannotAcceptError(ValueError):
    """Nothing was accepted; the message says why."""


def acceptance(
    usecase: str, now: datetime, faults: Collection[Fault], column: str, reason: str, past: Sequence[Decision]
) -> Decision:
    """Return the decision with which a person accepts faults of the newest window: a column's, or all where none is
    named.

    Raises:
        CannotAcceptError: there is no such fault, or only of a kind that the world does not bring about.
    """
    accepted_names = accepted(past)
    meant = [
        fault for fault in faults if column in ("", fault.column) and (fault.kind, fault.column) not in accepted_names
    ]
    taken = [fault for fault in meant if fault.kind in OF_THE_WORLD]
    if not taken:
        where = f" of {column!r}" if column else ""
        fault_names = ", ".join(f"{fault.kind} of {fault.column or 'all rows'}" for fault in meant or faults) or "none"
        raise CannotAcceptError(
            f"expected a fault{where} of {usecase} that the world can bring about ({', '.join(sorted(OF_THE_WORLD))}) "
            f"and that nobody has accepted yet, found {fault_names}"
        )
    facts = {"faults": [fault.model_dump(mode="json") for fault in taken]}
    return Decision(usecase=usecase, kind="fault accepted", as_of=now, reason=reason, facts=facts)


def accepted(past: Sequence[Decision]) -> frozenset[tuple[str, str]]:
    """Return the kind and column of the faults that people have accepted, oldest decision first.

    Another version that goes live has limits of its own, and takes none over.
    """
    names: set[tuple[str, str]] = set()
    for decision in past:
        if decision.kind in MOVES:
            names.clear()
        if decision.kind == "fault accepted":
            names |= {(fault["kind"], fault["column"]) for fault in decision.facts["faults"]}
    return frozenset(names)
