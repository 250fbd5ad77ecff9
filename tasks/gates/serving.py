"""Does the model that would go live work: elsewhere, as fast as before, and again?"""

from tasks.gates.policy import GatePolicy
from tasks.gates.verdict import Gate, Verdict, at_most, not_applicable, not_computable
from tasks.training.evidence import Evidence

NOT_ASKED = "switched off in the gates of the deployment"


def serves(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a model that does not load in a clean process, or predicts something else there."""
    limit, serving = policy.max_serving_difference, evidence.serving
    if not policy.must_serve:
        return not_applicable("serves", limit, NOT_ASKED)
    if serving is not None and serving.fault is not None:
        reason = f"the model does not load and predict in a clean process: {serving.fault}"
        return Verdict(gate="serves", number=None, limit=limit, reason=reason)
    description = "largest difference of a prediction in a clean process, as a share of the largest prediction"
    return at_most("serves", None if serving is None else serving.difference, limit, description)


def serves_fast(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a model that is many times slower than the champion."""
    serving = evidence.serving
    pair = (None, None) if serving is None else (serving.milliseconds, serving.champion_milliseconds)
    return _ratio("serves_fast", evidence, policy, pair, policy.max_latency_ratio, "prediction time", "ms")


def fits(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a model file that is many times larger than the champion's."""
    serving = evidence.serving
    pair = (None, None) if serving is None else (serving.size, serving.champion_size)
    return _ratio("fits", evidence, policy, pair, policy.max_size_ratio, "model file size", "bytes")


def reproducible(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a model that the cited data do not give again."""
    limit = policy.max_reproduction_difference
    if not policy.must_reproduce:
        return not_applicable("reproducible", limit, NOT_ASKED)
    description = "largest difference of a prediction after a second fit, as a share of the largest prediction"
    return at_most("reproducible", evidence.largest_reproduction_difference, limit, description)


def _ratio(
    gate: str,
    evidence: Evidence,
    policy: GatePolicy,
    pair: tuple[float | None, float | None],
    limit: float,
    what: str,
    unit: str,
) -> Verdict:
    new, old = pair
    if not policy.must_serve:
        return not_applicable(gate, limit, NOT_ASKED)
    if new is None:
        return not_computable(gate, limit, what)
    if evidence.champion_version is None:
        return not_applicable(gate, limit, f"there is no champion; {what}: {new:.4g} {unit}")
    if not old:
        fault = evidence.serving.champion_fault if evidence.serving else None
        why = f", which does not load in a clean process: {fault}; roll back to a version that does" if fault else ""
        return not_computable(gate, limit, f"{what} as a multiple of the champion's{why}")
    pair_text = f"{new:,.4g} against {old:,.4g} {unit}"
    return at_most(gate, new / old, limit, f"{what} as a multiple of the champion's ({pair_text})", pair_text)


GATES = (
    Gate("serves", "Predicts the same in a clean process", serves),
    Gate("serves_fast", "As fast as the champion", serves_fast),
    Gate("fits", "As small as the champion", fits),
    Gate("reproducible", "A second fit gives the same model", reproducible),
)
"""In the order in which people read them."""
