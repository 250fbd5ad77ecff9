"""The verdict of one gate on a challenger."""

from pydantic import BaseModel, ConfigDict


class Verdict(BaseModel):
    """A gate's number beside its limit, and the reason to refuse, if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    """Its name, which stays the same."""
    number: float | None
    """The measured value; None: it could not be computed, or does not apply (then `note` gives the reason)."""
    limit: float | None
    reason: str | None
    """None: passed; otherwise a sentence with the numbers."""
    note: str = ""
    """What was passed over, and what the numbers mean."""


def at_most(gate: str, number: float | None, limit: float, description: str, note: str = "") -> Verdict:
    """Pass a number up to the limit; `description` names it. A number that is missing refuses."""
    if number is None:
        return not_computable(gate, limit, description)
    refused = not number <= limit
    reason = f"{description}: {number:.4g} found, at most {limit:.4g} allowed" if refused else None
    return Verdict(gate=gate, number=finite_or_none(number), limit=limit, reason=reason, note=note)


def not_computable(gate: str, limit: float | None, description: str) -> Verdict:
    """Refuse because a number could not be computed."""
    return Verdict(gate=gate, number=None, limit=limit, reason=f"{description}: could not be computed")


def not_applicable(gate: str, limit: float | None, why: str) -> Verdict:
    """Pass because the gate does not apply; `why` is the reason."""
    return Verdict(gate=gate, number=None, limit=limit, reason=None, note=why)


def finite_or_none(number: float | None) -> float | None:
    """Return a number that JSON can hold, or None."""
    return None if number is None or number - number != 0 else number
