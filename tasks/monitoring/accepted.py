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
    known = accepted(past)
    meant = [one for one in faults if column in ("", one.column) and (one.kind, one.column) not in known]
    taken = [one for one in meant if one.kind in OF_THE_WORLD]
    if not taken:
        where = f" of {column!r}" if column else ""
        found = ", ".join(f"{one.kind} of {one.column or 'all rows'}" for one in meant or faults) or "none"
        raise CannotAcceptError(
            f"expected a fault{where} of {usecase} that the world can bring about ({', '.join(sorted(OF_THE_WORLD))}) "
            f"and that nobody has accepted yet, found {found}"
        )
    facts = {"faults": [one.model_dump(mode="json") for one in taken]}
    return Decision(usecase=usecase, kind="fault accepted", as_of=now, reason=reason, facts=facts)


def accepted(past: Sequence[Decision]) -> frozenset[tuple[str, str]]:
    """Return the kind and column of the faults that people have accepted, oldest decision first.

    Another version that goes live has limits of its own, and takes none over.
    """
    found: set[tuple[str, str]] = set()
    for one in past:
        if one.kind in MOVES:
            found.clear()
        if one.kind == "fault accepted":
            found |= {(fault["kind"], fault["column"]) for fault in one.facts["faults"]}
    return frozenset(found)
