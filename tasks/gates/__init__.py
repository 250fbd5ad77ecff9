"""Refuse a challenger unless the evidence is there: all gates are computed, and what cannot be computed refuses."""

from tasks.gates.performance import (
    beats_baseline,
    beats_champion,
    beats_simple_model,
    enough_unseen_rows,
    error_allowed,
    groups_alike,
    no_slice_worse,
)
from tasks.gates.policy import GatePolicy
from tasks.gates.serving import fits, reproducible, serves, serves_fast
from tasks.gates.validity import (
    calibrated,
    finite,
    in_range,
    known_at_the_event,
    learned_from_the_past,
    no_copies,
    no_feature_too_good,
    no_row_learned,
    not_constant,
    unbiased,
)
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

GATES = (
    beats_baseline,
    beats_simple_model,
    enough_unseen_rows,
    beats_champion,
    no_slice_worse,
    groups_alike,
    finite,
    in_range,
    not_constant,
    calibrated,
    unbiased,
    no_feature_too_good,
    no_row_learned,
    no_copies,
    learned_from_the_past,
    known_at_the_event,
    serves,
    serves_fast,
    fits,
    reproducible,
)


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
