"""Refuse a challenger unless the evidence is there: all gates are computed, and what cannot be computed refuses.

Plain functions of evidence and policy. May import `training`, and shared words of `tasks/`.
"""

from tasks.gates import performance, serving, validity
from tasks.gates.performance import beats_champion, error_allowed
from tasks.gates.policy import GatePolicy
from tasks.gates.verdict import Gate, Verdict
from tasks.training.evidence import Evidence, GroupGap, Serving, SliceGain

__all__ = [
    "GATES",
    "TITLES",
    "Evidence",
    "Gate",
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
CONFIGURED = "configured"
"""Code of the only verdict where thresholds are missing."""
TITLES = {CONFIGURED: "The thresholds are set"} | {gate.code: gate.title for gate in GATES}
"""What each gate asks, by its code; `docs/gates.md` has a section for each."""


def verdicts(evidence: Evidence, policy: GatePolicy) -> tuple[Verdict, ...]:
    """Return the verdict of each gate, in the order in which people read them; without thresholds, a single refusal."""
    if missing := policy.missing:
        reason = f"no threshold is set for {', '.join(missing)}: set each under `gates` of the deployment"
        return (Verdict(gate=CONFIGURED, number=None, limit=None, reason=reason),)
    return tuple(gate.rule(evidence, policy) for gate in GATES)


def refusal_reason(judged: tuple[Verdict, ...]) -> str | None:
    """Say why the challenger must not go live, each reason after its gate's code, or None if it may.

    Without any verdict it must not.
    """
    if not judged:
        return "no gate has judged the challenger"
    return "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in judged if verdict.reason is not None) or None
