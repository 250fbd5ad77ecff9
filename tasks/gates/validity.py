"""Are the predictions possible, honest and not too good to be true?"""

from tasks.gates.policy import GatePolicy
from tasks.gates.verdict import Gate, Verdict, at_most, not_applicable
from tasks.training.evidence import Evidence

ROUNDING = 1e-9


def finite(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse predictions that are missing or infinite."""
    share = None if evidence.finite_share is None else 1 - evidence.finite_share
    return at_most("finite", share, 0.0, "share of predictions that are missing or infinite", rows=evidence.rows)


def in_range(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse chances outside 0 to 1, and values far outside those that were learned from."""
    if evidence.is_classification:
        description = "farthest that probabilities lie outside 0 to 1, or that their sum is from 1"
        return at_most("in_range", evidence.outside, ROUNDING, description, rows=evidence.rows)
    description = "farthest that a prediction lies outside the range of the training targets, in lengths of that range"
    return at_most("in_range", evidence.outside, policy.max_outside, description, rows=evidence.rows)


def not_constant(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a model that predicts the same for nearly every row."""
    description = "share of rows with one and the same prediction"
    return at_most("not_constant", evidence.same_share, policy.max_same_share, description, rows=evidence.rows)


def calibrated(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse probabilities that the labels contradict, unless the champion's are contradicted as much."""
    limit, note = _or_the_champions(policy.max_calibration_error, evidence.champion_calibration_error)
    if not evidence.is_classification:
        return not_applicable("calibrated", limit, "for classifications only")
    description = "calibration error (mean distance of predicted from observed shares, beyond chance)"
    return at_most("calibrated", evidence.calibration_error, limit, description, note, evidence.rows)


def unbiased(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse values that are too high or too low on average, unless the champion's are as much."""
    limit, note = _or_the_champions(policy.max_bias, evidence.champion_bias)
    if evidence.is_classification:
        return not_applicable("unbiased", limit, "for regressions only")
    description = "bias (mean error beyond chance, as a share of the target's standard deviation)"
    return at_most("unbiased", evidence.bias, limit, description, note, evidence.rows)


def _or_the_champions(limit: float, champions: float | None) -> tuple[float, str]:
    if champions is None or champions <= limit:
        return limit, ""
    return champions, f"limit raised from {limit:g} to the champion's own value"


def no_feature_too_good(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a challenger with a feature that alone gives the answer away."""
    feature = evidence.best_single_feature or "the best feature"
    description = f"skill of {feature} as the only feature, a likely leak (0 is a guess, 1 is perfect)"
    note = f"best: {evidence.best_single_feature}" if evidence.best_single_feature else ""
    return at_most("no_feature_too_good", evidence.single_skill, policy.max_single_skill, description, note)


def no_row_learned(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse evidence from rows that the model was fitted on."""
    description = "evaluated rows that the model was fitted on"
    return at_most("no_row_learned", evidence.learned_rows, 0.0, description, rows=evidence.rows)


def no_copies(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse evidence from rows that lie in the training rows under another key."""
    description = "share of evaluated rows with a copy in the training rows, beyond the usual share of duplicates"
    return at_most("no_copies", evidence.copied_share, policy.max_copied_share, description, rows=evidence.rows)


def learned_from_the_past(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a model that was fitted on labels not known when its evaluation began."""
    description = "rows that were fitted on before their label was known"
    return at_most("learned_from_the_past", evidence.early_rows, 0.0, description)


def known_at_the_event(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a feature that is known only after the event: its value comes, or changes, with the label."""
    feature = evidence.late_feature or "a feature"
    description = f"share of rows in which {feature} came or changed with the label, a likely leak"
    note = f"most: {evidence.late_feature}" if evidence.late_feature else ""
    return at_most("known_at_the_event", evidence.late_share, policy.max_late_share, description, note)


GATES = (
    Gate("finite", "Predictions are numbers", finite),
    Gate("in_range", "Predictions are possible", in_range),
    Gate("not_constant", "Predictions differ between rows", not_constant),
    Gate("calibrated", "Probabilities match the labels", calibrated),
    Gate("unbiased", "Right on average", unbiased),
    Gate("no_feature_too_good", "No single feature gives the answer away", no_feature_too_good),
    Gate("no_row_learned", "Evaluated rows were not trained on", no_row_learned),
    Gate("no_copies", "Evaluated rows have no copies in training", no_copies),
    Gate("learned_from_the_past", "Only labels of the past were learned from", learned_from_the_past),
    Gate("known_at_the_event", "Features are known at the event", known_at_the_event),
)
"""In the order in which people read them."""
