"""Refuse a challenger unless the evidence is there: all gates are computed, and what cannot be computed refuses.

Plain functions of evidence and policy. May import `training`, and shared words of `tasks/`.
"""

from tasks.gates import performance, serving, validity
from tasks.gates.performance import beats_champion, error_allowed
from tasks.gates.policy import GatePolicy
from tasks.gates.verdict import Verdict
from tasks.training.evidence import Evidence, GroupGap, Serving, SliceGain

__all__ = [
    "Evidence",
    "GatePolicy",
    "GroupGap",
    "Serving",
    "SliceGain",
    "Verdict",
    "beats_champion",
    "error_allowed",
    "refusal_reason",
    "verdicts",
]

GATES = (*performance.GATES, *validity.GATES, *serving.GATES)


def verdicts(evidence: Evidence, policy: GatePolicy) -> tuple[Verdict, ...]:
    """Return the verdict of each gate, in the order in which people read them; without thresholds, a single refusal."""
    if missing := policy.missing:
        reason = f"no threshold is configured for {', '.join(missing)}: set each in the gates of the deployment"
        return (Verdict(gate="configured", number=None, limit=None, reason=reason),)
    return tuple(gate(evidence, policy) for gate in GATES)


def refusal_reason(judged: tuple[Verdict, ...]) -> str | None:
    """Say why the challenger must not go live, or None if it may; without any verdict it must not."""
    if not judged:
        return "no gate has judged the challenger"
    return "; ".join(verdict.reason for verdict in judged if verdict.reason is not None) or None
