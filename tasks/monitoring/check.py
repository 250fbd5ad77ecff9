"""The evidence of a decision: what one look at a window found, and what the system did before."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tasks import predictions
from tasks.metrics import score
from tasks.monitoring import look
from tasks.monitoring.limits import Watch
from tasks.monitoring.look import Look
from tasks.monitoring.signals.estimation import PerformanceEstimate
from tasks.monitoring.signals.health import Fault
from tasks.monitoring.signals.models import Alarm, Signal
from tasks.predictions import IN_TRAINING, PREDICTION
from tasks.training import estimators
from tasks.usecases import MetricName, UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd


class ColumnDrift(BaseModel):
    """What was found out about one column."""

    model_config = ConfigDict(frozen=True)

    column: str
    method: str
    threshold: float
    value: float | None
    """The distance, or None where it could not be computed; `note` says why."""
    drifted: bool | None
    """None means unknown, not "no"."""
    reference_missing: float
    """Share of missing values in the reference, 0 to 1."""
    current_missing: float
    note: str = ""


class Performance(BaseModel):
    """How good the live predictions of a window were, as far as labels have arrived."""

    model_config = ConfigDict(frozen=True)

    metric: MetricName
    value: float | None
    labelled: int
    expected: float
    """The metric in the evaluation that promoted the champion."""


class Check(BaseModel):
    """One look at one window: evidence, no decision yet."""

    model_config = ConfigDict(frozen=True)

    usecase: str
    as_of: AwareDatetime
    window: Window
    model_version: str
    rows: int
    features: tuple[ColumnDrift, ...] = ()
    outcomes: tuple[ColumnDrift, ...] = ()
    """Drift of the prediction and, where labels have arrived, of the target."""
    performance: Performance
    signals: tuple[Signal, ...] = ()
    """Each statistic of the window beside its limit."""
    faults: tuple[Fault, ...] = ()
    """What is wrong with the window's data; retraining waits while there is any."""
    new_faults: tuple[Fault, ...] = ()
    """Those that the window before did not have, warnings among them."""
    warnings: tuple[Fault, ...] = ()
    """What is unusual about the window's data and makes no row wrong, such as more of them; nothing waits for it."""
    lasting: tuple[Fault, ...] = ()
    """What was wrong with the data for so long that it is how the world is now; not among `faults`."""
    new_lasting: tuple[Fault, ...] = ()
    """Those that did not last yet at the window before."""
    alarm: Alarm | None = None
    labels_prompt: bool = False
    """Whether the window's labels stand for it already."""
    quiet: bool = False
    """Whether the alarm has rung at none of the newest checks."""
    estimate: PerformanceEstimate | None = None
    """What the metric may be expected to become; None where it is not estimated or is not believed."""
    distrust: str | None = None
    """Why estimates are switched off."""
    limits: str = ""
    """How the limits were found."""
    feed: str = ""
    """Up to when the source was read, which is where the window ends."""
    reference_rows: int = 0
    """Rows that the champion learned from; 0 where that is unknown."""
    note: str = ""
    """Why Evidently drew no report, if it did not."""
    report_url: str = ""
    evidently_url: str = ""

    @property
    def drifting(self) -> tuple[str, ...]:
        """The features that lie beyond a limit, in distribution or in missing values."""
        beyond = [signal.column for signal in self._of_features() if signal.exceeded]
        return tuple(dict.fromkeys(beyond))

    @property
    def drifted_share(self) -> float | None:
        """Share of the features beyond a limit among those that could be told, or None where none could."""
        measured = {signal.column for signal in self._of_features() if signal.value is not None}
        return len(self.drifting) / len(measured) if measured else None

    def _of_features(self) -> list[Signal]:
        return [signal for signal in self.signals if signal.family in ("features", "missing")]


def performance(live: "pd.DataFrame", problem: UseCase, expected: float) -> Performance:
    """Return the metric over predictions of rows that their model had not been trained on and whose label is known."""
    fair = live[live[problem.target].notna() & ~live[IN_TRAINING].astype(bool)]
    value = score(
        problem.metric, estimators.targets(fair, problem), predictions.from_columns(fair, PREDICTION, problem)
    )
    return Performance(metric=problem.metric, value=value, labelled=len(fair), expected=expected)


def judged_check(
    problem: UseCase, watch: Watch, looks: Sequence[Look], version: str, live_performance: Performance
) -> Check:
    """Return what the newest of the looks, in order of time and at the same limits, amounts to."""
    newest, before = looks[-1], looks[:-1]
    policy = watch.policy
    faults_before = before[-1].faults if before else ()
    lasts = look.lasting(looks, policy.faults)
    distrust = look.distrusted(looks, live_performance.expected, policy.estimation)
    return Check(
        usecase=problem.name,
        as_of=newest.as_of,
        window=newest.window,
        model_version=version,
        rows=newest.rows,
        performance=live_performance,
        signals=newest.signals,
        faults=look.broken(newest, lasts),
        new_faults=look.beside(newest, faults_before),
        warnings=look.warnings(newest),
        lasting=lasts,
        new_lasting=tuple(
            fault for fault in lasts if fault in look.broken(newest, look.lasting(before, policy.faults))
        ),
        alarm=look.rung(looks, policy),
        labels_prompt=newest in look.ripe(looks),
        quiet=look.quiet(looks, policy),
        estimate=None if distrust else newest.estimate,
        distrust=distrust,
        limits=watch.note,
        reference_rows=watch.limits.rows,
    )
