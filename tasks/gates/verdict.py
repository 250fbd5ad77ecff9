"""A gate, and its verdict on a challenger."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from tasks.gates.policy import GatePolicy
from tasks.training.evidence import Evidence


class Verdict(BaseModel):
    """A gate's number beside its limit, and the reason to refuse, if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    """Its code."""
    number: float | None
    """The measured value; None: it could not be computed, or does not apply (then `note` gives the reason)."""
    limit: float | None
    reason: str | None
    """None: passed; otherwise a sentence with the numbers."""
    note: str = ""
    """What was passed over, and what the numbers mean."""


@dataclass(frozen=True)
class Gate:
    """One question about a challenger; its section in `docs/gates.md` says what to do where it refuses."""

    code: str
    """Its persisted name: in the ledger, in MLflow's metrics, on model cards, and the anchor of its section."""
    title: str
    """What it asks, in plain words."""
    rule: Callable[[Evidence, GatePolicy], Verdict]


def at_most(
    gate: str, number: float | None, limit: float, description: str, note: str = "", rows: int | None = None
) -> Verdict:
    """Pass a number up to the limit; `description` names it, `rows` were measured. A missing number refuses."""
    if number is None:
        return not_computable(gate, limit, description)
    size = "" if rows is None else f", n = {rows:,}"
    reason = None if number <= limit else f"{description}: {number:.4g} (limit {limit:.4g}{size})"
    return Verdict(gate=gate, number=finite_or_none(number), limit=limit, reason=reason, note=note)


def not_computable(gate: str, limit: float | None, description: str) -> Verdict:
    """Refuse because a number could not be computed."""
    return Verdict(gate=gate, number=None, limit=limit, reason=f"could not be computed: {description}")


def not_applicable(gate: str, limit: float | None, why: str) -> Verdict:
    """Pass because the gate does not apply; `why` is the reason."""
    return Verdict(gate=gate, number=None, limit=limit, reason=None, note=why)


def finite_or_none(number: float | None) -> float | None:
    """Return a number that JSON can hold, or None."""
    return None if number is None or number - number != 0 else number
