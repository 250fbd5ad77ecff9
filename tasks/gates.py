"""Refuse a challenger unless the evidence is there."""

from pydantic import BaseModel, ConfigDict, Field

from tasks.metrics import gain
from tasks.usecases import MetricName


class GatePolicy(BaseModel):
    """What a challenger must show before it goes live; in units of the use case's metric."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_gain_over_baseline: float = Field(
        gt=0, description="Smallest gain over the trivial baseline, in units of the metric"
    )
    min_gain_over_champion: float = Field(
        ge=0,
        description="The gain over the champion must exceed this, in units of the metric; a tie keeps it",
    )
    min_rows: int = Field(
        ge=1,
        description="Fewest rows, seen by neither in training, on which challenger and champion are compared",
    )


class Evidence(BaseModel):
    """What a retrain found out about its challenger. Scores are means over blocks, weighted by rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: MetricName
    rows: int
    """Labelled rows in the evaluation blocks."""
    challenger: float | None
    baseline: float | None
    champion_version: str | None = None
    compared_rows: int = 0
    """Rows of the blocks that neither challenger nor champion was trained on."""
    overlap_rows: int = 0
    """Rows of the blocks that the champion was trained on, left out of the comparison."""
    challenger_beside_champion: float | None = None
    champion: float | None = None


class Verdict(BaseModel):
    """What one gate found, and whether it lets the challenger pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    number: float | None
    """What was found; None: it could not be computed."""
    limit: float | None
    reason: str | None
    """Why the gate refuses, with the numbers; None: passed."""
    note: str = ""
    """What was passed over."""


def verdicts(evidence: Evidence, policy: GatePolicy) -> tuple[Verdict, ...]:
    """Return what each gate says of the challenger; what cannot be computed refuses."""
    return (
        Verdict(
            gate="better_than_baseline",
            number=_gained(evidence.metric, evidence.challenger, evidence.baseline),
            limit=policy.min_gain_over_baseline,
            reason=baseline_refusal(evidence, policy),
        ),
        Verdict(
            gate="better_than_champion",
            number=_gained(evidence.metric, evidence.challenger_beside_champion, evidence.champion),
            limit=policy.min_gain_over_champion,
            reason=champion_refusal(evidence, policy),
        ),
    )


def refusal_reason(judged: tuple[Verdict, ...]) -> str | None:
    """Say why the challenger must not go live, or None if every gate lets it pass."""
    return "; ".join(one.reason for one in judged if one.reason is not None) or None


def _gained(metric: MetricName, new: float | None, old: float | None) -> float | None:
    return None if new is None or old is None else gain(metric, new, old)


def baseline_refusal(evidence: Evidence, policy: GatePolicy) -> str | None:
    """Refuse a challenger that is not better than predicting the same for every row."""
    if evidence.challenger is None or evidence.baseline is None:
        return f"{evidence.metric} cannot be computed on the {evidence.rows} rows of the evaluation blocks"
    gained = gain(evidence.metric, evidence.challenger, evidence.baseline)
    if gained >= policy.min_gain_over_baseline:
        return None
    return (
        f"{evidence.metric} {evidence.challenger:.4f} against {evidence.baseline:.4f} of the trivial baseline: "
        f"gain {gained:+.4f}, {policy.min_gain_over_baseline} needed"
    )


def champion_refusal(evidence: Evidence, policy: GatePolicy) -> str | None:
    """Refuse a challenger that is not better than the champion on rows that neither has seen."""
    if evidence.champion_version is None:
        return None
    if evidence.compared_rows < policy.min_rows:
        return (
            f"{evidence.compared_rows} rows that champion version {evidence.champion_version} has not seen, "
            f"{policy.min_rows} needed to compare ({evidence.overlap_rows} left out that it was trained on)"
        )
    if evidence.challenger_beside_champion is None or evidence.champion is None:
        return f"{evidence.metric} cannot be computed on the {evidence.compared_rows} rows that neither has seen"
    gained = gain(evidence.metric, evidence.challenger_beside_champion, evidence.champion)
    if gained > policy.min_gain_over_champion:
        return None
    return (
        f"{evidence.metric} {evidence.challenger_beside_champion:.4f} against {evidence.champion:.4f} of champion "
        f"version {evidence.champion_version} on {evidence.compared_rows} rows: gain {gained:+.4f}, "
        f"more than {policy.min_gain_over_champion} needed"
    )
