"""Is the challenger better: than a guess, than a simple model, than the champion, and for every group?"""

from datetime import timedelta

from tasks.gates.policy import GatePolicy
from tasks.gates.verdict import Gate, Verdict, at_most, finite_or_none, not_applicable, not_computable
from tasks.metrics import change, figure, gain
from tasks.training.evidence import Evidence, SliceGain

NO_CHAMPION = "there is no champion"


def beats_baseline(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a challenger that is not surely better, by the margin, than predicting the same for every row.

    The interval's lower bound decides: on few rows a guess may look a little better than it is.
    """
    assert policy.min_gain_over_baseline is not None
    gate, limit, gain_over_baseline = "beats_baseline", policy.min_gain_over_baseline, evidence.gain_over_baseline
    if evidence.challenger is None or evidence.baseline is None or gain_over_baseline is None:
        description = f"{evidence.metric} beside the trivial baseline (n = {evidence.rows:,})"
        return not_computable(gate, limit, description)
    low = gain_over_baseline.low(policy.error_rate)
    comparison = (
        f"{evidence.metric} {figure(evidence.challenger)} against {figure(evidence.baseline)} for the trivial "
        f"baseline: gain {change(gain_over_baseline.value)}, {_lower_bound(low, policy.error_rate)}"
    )
    reason = None if low >= limit else f"{comparison} (at least {limit:g} required, n = {evidence.rows:,})"
    return Verdict(gate=gate, number=finite_or_none(low), limit=limit, reason=reason, note=comparison)


def beats_simple_model(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a challenger that does not repay what it costs over a linear model, unless the champion does so less."""
    limit, note = policy.min_gain_over_simple_model * _worth(evidence), ""
    champion, simple = evidence.champion, evidence.simple_model_beside_champion
    if champion is not None and simple is not None and (own := gain(evidence.metric, champion, simple)) < limit:
        limit, note = own, f"the champion's own, which is below {limit:.4g}"
    if evidence.challenger is None or evidence.simple_model is None:
        description = f"{evidence.metric} beside a linear model (n = {evidence.rows:,})"
        return not_computable("beats_simple_model", limit, description)
    gained = gain(evidence.metric, evidence.challenger, evidence.simple_model)
    comparison = (
        f"{evidence.metric} {figure(evidence.challenger)} against {figure(evidence.simple_model)} for a linear model: "
        f"gain {change(gained)}"
    )
    reason = None if gained >= limit else f"{comparison} (at least {limit:.4g} required, n = {evidence.rows:,})"
    return Verdict(
        gate="beats_simple_model", number=finite_or_none(gained), limit=finite_or_none(limit), reason=reason, note=note
    )


def _worth(evidence: Evidence) -> float:
    """Return what the linear model gains over the trivial baseline, at least 0."""
    if evidence.simple_model is None or evidence.baseline is None:
        return 0.0
    return max(0.0, gain(evidence.metric, evidence.simple_model, evidence.baseline))


def enough_unseen_rows(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse to compare on too few rows that neither model was trained on; the reason names the day with enough."""
    assert policy.min_rows is not None
    gate, limit = "enough_unseen_rows", float(policy.min_rows)
    if evidence.champion_version is None:
        return not_applicable(gate, limit, NO_CHAMPION)
    compared_rows = evidence.compared_rows
    if compared_rows >= policy.min_rows:
        return Verdict(gate=gate, number=compared_rows, limit=limit, reason=None, note=_left_out(evidence))
    reason = (
        f"{compared_rows:,} evaluated rows that neither model was trained on (at least {policy.min_rows:,} required"
        f"{_left_out(evidence, '; ')}){_when(evidence, policy.min_rows - compared_rows)}"
    )
    return Verdict(gate=gate, number=compared_rows, limit=limit, reason=reason)


def _left_out(evidence: Evidence, before: str = "") -> str:
    if not evidence.overlap_rows:
        return ""
    return f"{before}champion version {evidence.champion_version} was trained on {evidence.overlap_rows:,} others"


def _when(evidence: Evidence, lacking: int) -> str:
    if evidence.as_of is None or not evidence.rows_per_day:
        return ""
    then = evidence.as_of + timedelta(days=lacking / evidence.rows_per_day)
    return f"; at {evidence.rows_per_day:,.0f} labelled rows a day there will be enough by {then:%Y-%m-%d %H:%M}"


def error_allowed(evidence: Evidence, policy: GatePolicy) -> float:
    """Return the chance of error that the comparison with the champion may take.

    The best of several candidates on the same rows is as lucky as several tries (Bonferroni).
    """
    return policy.error_rate * evidence.error_share / evidence.candidates


def beats_champion(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a challenger that is not surely better than the champion: the interval's lower bound decides."""
    assert policy.min_gain_over_champion is not None
    gate = "beats_champion"
    limit = policy.min_gain_over_champion if policy.must_beat_champion else -policy.max_loss_to_champion
    if evidence.champion_version is None:
        return not_applicable(gate, limit, NO_CHAMPION)
    if evidence.champion_fault is not None:
        return not_computable(gate, limit, f"champion version {evidence.champion_version} ({evidence.champion_fault})")
    gain_over_champion, rate = evidence.gain_over_champion, error_allowed(evidence, policy)
    if evidence.error_share <= 0:
        spent = "earlier challengers have used up the error rate on these rows; retrain when newer labelled rows came"
        return Verdict(gate=gate, number=None, limit=limit, reason=spent)
    if gain_over_champion is None or evidence.challenger_beside_champion is None or evidence.champion is None:
        description = f"{evidence.metric} on rows that neither model was trained on (n = {evidence.compared_rows:,})"
        return not_computable(gate, limit, description)
    low = gain_over_champion.low(rate)
    comparison = (
        f"{evidence.metric} {figure(evidence.challenger_beside_champion)} against {figure(evidence.champion)} for "
        f"champion version {evidence.champion_version}: gain {change(gain_over_champion.value)}, "
        f"{_lower_bound(low, rate)}"
    )
    beaten = low > limit if policy.must_beat_champion else low >= limit
    required = f"more than {limit:g}" if policy.must_beat_champion else f"at least {limit:g}"
    reason = None if beaten else f"{comparison} ({required} required, n = {evidence.compared_rows:,})"
    return Verdict(gate=gate, number=finite_or_none(low), limit=limit, reason=reason, note=comparison)


def _lower_bound(low: float, error_rate: float) -> str:
    return f"lower bound {change(low)} at {100 * (1 - error_rate):.4g} % confidence"


def no_slice_worse(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a challenger that is surely worse than the champion on a slice; small slices are only named.

    Corrected for the number of slices. Source: Holm, A simple sequentially rejective multiple test procedure,
    Scandinavian Journal of Statistics 6, 1979.
    """
    gate = "no_slice_worse"
    if evidence.champion_version is None:
        return not_applicable(gate, policy.error_rate, NO_CHAMPION)
    judged = [
        slice_gain
        for slice_gain in evidence.slices
        if slice_gain.gain is not None and slice_gain.rows >= policy.min_slice_rows
    ]
    small = [slice_gain.name for slice_gain in evidence.slices if slice_gain not in judged]
    note = f"too few rows to judge: {', '.join(small)}" if small else ""
    if not judged:
        return not_applicable(gate, policy.error_rate, note or "no slice is declared")
    chances = sorted((_chance(slice_gain, policy), slice_gain.name, slice_gain) for slice_gain in judged)
    adjusted = _holm([chance for chance, _, _ in chances])
    worse = [
        slice_gain for value, (_, _, slice_gain) in zip(adjusted, chances, strict=True) if value <= policy.error_rate
    ]
    worst_slices = ", ".join(
        f"{slice_gain.name} (gain {change(slice_gain.gain.value)}, n = {slice_gain.rows:,})"
        for slice_gain in worse
        if slice_gain.gain
    )
    count = f"{len(worse)} of {len(judged)} slices"
    reason = f"worse than the champion on {count} (error rate {policy.error_rate:g}): {worst_slices}" if worse else None
    return Verdict(gate=gate, number=adjusted[0], limit=policy.error_rate, reason=reason, note=note)


def _chance(slice_gain: SliceGain, policy: GatePolicy) -> float:
    assert slice_gain.gain is not None
    shifted = slice_gain.gain.model_copy(update={"value": slice_gain.gain.value + policy.max_slice_loss})
    return shifted.chance_of_more()


def _holm(chances: list[float]) -> list[float]:
    """Return chances, smallest first, as they count when so many are asked about."""
    adjusted: list[float] = []
    for done, chance in enumerate(chances):
        adjusted.append(min(1.0, max([*adjusted[-1:], (len(chances) - done) * chance])))
    return adjusted


def groups_alike(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Refuse a challenger that treats the groups of a protected column too differently."""
    gate, limit = "groups_alike", policy.max_group_gap
    if not evidence.group_gaps:
        return not_applicable(gate, limit, "no column is protected")
    small = "; ".join(
        f"{group_gap.column}: {group_gap.passed_over}" for group_gap in evidence.group_gaps if group_gap.passed_over
    )
    unclear = [group_gap.column for group_gap in evidence.group_gaps if group_gap.gap is None]
    if unclear:
        return not_computable(gate, limit, f"the difference between groups of {', '.join(unclear)}")
    worst = max(evidence.group_gaps, key=lambda group_gap: group_gap.gap or 0.0)
    description = f"difference between the groups of {worst.column} in {worst.measure}"
    return at_most(gate, worst.gap, limit, description, f"too few rows to judge: {small}" if small else "")


GATES = (
    Gate("beats_baseline", "Better than a trivial baseline", beats_baseline),
    Gate("beats_simple_model", "Worth its cost over a linear model", beats_simple_model),
    Gate("enough_unseen_rows", "Enough rows to compare with the champion", enough_unseen_rows),
    Gate("beats_champion", "Better than the champion", beats_champion),
    Gate("no_slice_worse", "Not worse on any slice", no_slice_worse),
    Gate("groups_alike", "Protected groups are treated alike", groups_alike),
)
"""In the order in which people read them."""
