"""Are the predictions possible, honest and not too good to be true?"""

from tasks.gates.policy import GatePolicy
from tasks.gates.verdict import Verdict, at_most, not_applicable
from tasks.training.evidence import Evidence

ROUNDING = 1e-9


def finite(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse predictions that are missing or infinite."""
    share = None if evidence.finite_share is None else 1 - evidence.finite_share
    return at_most("finite", share, 0.0, "share of predictions that are missing or infinite")


def in_range(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse chances outside 0 to 1, and values far outside those that were learned from."""
    if evidence.is_classification:
        return at_most("in_range", evidence.outside, ROUNDING, "probabilities outside 0 to 1, or not adding up to 1")
    description = "distance of a prediction from the targets that were learned from, in lengths of their range"
    return at_most("in_range", evidence.outside, policy.max_outside, description)


def not_constant(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a model that predicts the same for nearly every row."""
    return at_most(
        "not_constant", evidence.same_share, policy.max_same_share, "share of rows with one and the same prediction"
    )


def calibrated(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse probabilities that the labels contradict, unless the champion's are contradicted as much."""
    limit, note = _or_the_champions(policy.max_calibration_error, evidence.champion_calibration_error)
    if not evidence.is_classification:
        return not_applicable("calibrated", limit, "asked of a classification only")
    description = "mean distance between predicted and seen shares, beyond chance"
    return at_most("calibrated", evidence.calibration_error, limit, description, note)


def unbiased(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse values that are too high or too low on average, unless the champion's are as much."""
    limit, note = _or_the_champions(policy.max_bias, evidence.champion_bias)
    if evidence.is_classification:
        return not_applicable("unbiased", limit, "asked of a regression only")
    description = "mean error beyond chance, as a share of the target's standard deviation"
    return at_most("unbiased", evidence.bias, limit, description, note)


def _or_the_champions(limit: float, champions: float | None) -> tuple[float, str]:
    if champions is None or champions <= limit:
        return limit, ""
    return champions, f"the champion's own, which is above {limit:g}"


def no_feature_too_good(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a challenger with a feature that alone gives the answer away."""
    description = f"how well {evidence.best_single_feature or 'one feature'} alone predicts (0 a guess, 1 perfect)"
    note = f"best: {evidence.best_single_feature}" if evidence.best_single_feature else ""
    return at_most("no_feature_too_good", evidence.single_skill, policy.max_single_skill, description, note)


def no_row_learned(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse evidence from rows that the model was fitted on."""
    return at_most("no_row_learned", evidence.learned_rows, 0.0, "evaluated rows that the model was fitted on")


def no_copies(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse evidence from rows that lie in the training rows under another key."""
    description = "share of evaluated rows with a copy in training, beyond what these data repeat anyway"
    return at_most("no_copies", evidence.copied_share, policy.max_copied_share, description)


def learned_from_the_past(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a model that was fitted on labels not known when its evaluation began."""
    description = "rows fitted on before their label was known"
    return at_most("learned_from_the_past", evidence.early_rows, 0.0, description)


def known_at_the_event(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a feature that is known only after the event: its value comes, or changes, with the label."""
    description = f"share of rows in which {evidence.late_feature or 'a feature'} came or changed only with the label"
    note = f"most: {evidence.late_feature}" if evidence.late_feature else ""
    return at_most("known_at_the_event", evidence.late_share, policy.max_late_share, description, note)


GATES = (
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
)
"""In the order in which people read them."""
