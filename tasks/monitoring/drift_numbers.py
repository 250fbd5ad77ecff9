"""Say what Evidently draws of a check: our own verdict first, and nothing that contradicts it."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from tasks.metrics import figure
from tasks.monitoring.check import Check
from tasks.monitoring.signals.models import Family, Signal, away, severity
from tasks.monitoring.signals.sentences import fault_summary

OF_A_COLUMN: tuple[Family, ...] = ("features", "missing", "prediction", "target")
"""What is told of one column by itself."""
SHARE = "share of features beyond their limits"


class Drawing(BaseModel):
    """What our limits say of a window, as Evidently shows it."""

    model_config = ConfigDict(frozen=True)

    headline: str
    numbers: Mapping[str, float]
    """Of the window, by the name of their series."""
    distances: Mapping[str, float]
    """Of each column's farthest statistic from what is expected, in multiples of its limit: above 1 is beyond it."""
    tags: tuple[str, ...] = ()

    def beyond(self, column: str) -> bool:
        """Say whether a column lies beyond a limit."""
        return self.distances.get(column, 0.0) > 1.0


def drawing(check: Check) -> Drawing:
    """Return what is drawn of a check; what it could not tell is left out."""
    performance = check.performance
    numbers = {
        SHARE: check.drifted_share,
        "rows": check.rows,
        "labelled rows": performance.labelled,
        "version": float(check.model_version) if check.model_version.isdigit() else None,
        f"{performance.metric} on labelled rows": performance.value,
        f"{performance.metric} at promotion": performance.expected,
        "severity of the alarm": severity(check.alarm),
        "data faults": len(check.faults),
    }
    return Drawing(
        headline=headline(check),
        numbers={name: float(value) for name, value in numbers.items() if value is not None},
        distances=distances(check.signals),
        tags=(f"version {check.model_version}",),
    )


def distances(signals: Iterable[Signal]) -> dict[str, float]:
    """Return how far each column's farthest statistic lies, in multiples of its limit.

    One that may move to one side as far as it likes is told as 1 there at most: only what is beyond a limit is above.
    """
    farthest: dict[str, float] = {}
    for signal in signals:
        if signal.family in OF_A_COLUMN and signal.value is not None:
            far = away(signal) if signal.exceeded else min(away(signal), 1.0)
            farthest[signal.column] = max(farthest.get(signal.column, 0.0), far)
    return farthest


def headline(check: Check) -> str:
    """Say as markdown what the limits make of the window, and what the rest of the page is worth."""
    performance, share = check.performance, check.drifted_share
    share_text = "no feature could be told" if share is None else f"{share:.0%} of the features lie beyond their limits"
    drifting = ", ".join(check.drifting) or "none"
    measured = "unknown yet" if performance.value is None else figure(performance.value)
    faults = fault_summary(check.faults) or "none"
    alarm = "; ".join(check.alarm.reasons) if check.alarm else "silent"
    return "\n\n".join(
        [
            f"**Version {check.model_version}, {check.window}, {check.rows:,} rows: {share_text}** ({drifting}).",
            f"Alarm: {alarm}.",
            f"{performance.metric} on {performance.labelled:,} labelled rows: {measured}, "
            f"{figure(performance.expected)} at promotion. "
            f"Data faults: {faults}.",
            "Below, a column is drawn as drifted where this verdict says so; the score beside it is Evidently's own "
            "distance of the two distributions, and decides nothing.",
        ]
    )
