"""What one window shows beside the limits of a version, and what a sequence of windows amounts to."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tasks import predictions
from tasks.metrics import score
from tasks.monitoring.limits import EARLY, LABELLED, Watch, WatchPolicy, watched_frame
from tasks.monitoring.signals.alarm import alarm
from tasks.monitoring.signals.estimation import EstimationPolicy, Landed, PerformanceEstimate, distrust_reason
from tasks.monitoring.signals.faults import HOLDING_NOTHING, OF_THE_WORLD
from tasks.monitoring.signals.health import Fault, FaultPolicy
from tasks.monitoring.signals.models import Alarm, Family, Signal
from tasks.predictions import PREDICTION
from tasks.training import estimators
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd

RIPE = 0.5
"""Share of the labels that other windows have from which a window's are taken to stand for it."""


class Look(BaseModel):
    """One window beside the limits of one version."""

    model_config = ConfigDict(frozen=True)

    window: Window
    as_of: AwareDatetime
    """When it was looked at last."""
    watch: str
    """The id of the limits."""
    rows: int
    labelled: int
    signals: tuple[Signal, ...]
    faults: tuple[Fault, ...] = ()
    measured: float | None = None
    """The metric over predictions by this version of rows that it had not seen, as far as labels have come."""
    estimate: PerformanceEstimate | None = None


def window_look(
    problem: UseCase,
    watch: Watch,
    rows: "pd.DataFrame",
    predicted: "pd.DataFrame",
    window: Window,
    as_of: datetime,
    last_good: Window | None = None,
) -> Look:
    """Return what a window's rows show; `predicted` are predictions of rows that the version had not learned from.

    Both are indexed alike. Targets are missing where they are not known and mature at `as_of`.
    """
    from tasks.monitoring.signals.alarm import signals
    from tasks.monitoring.signals.estimation import performance_estimate
    from tasks.monitoring.signals.faults import faults

    frame = watched_frame(problem, rows, predicted)
    times = rows[problem.event_time]
    window_faults: tuple[Fault, ...] = ()
    if watch.healthy is not None:
        window_faults = faults(watch.healthy, frame[list(problem.features)], times, window, last_good)
    estimate = None
    if watch.confidence is not None:
        estimate = performance_estimate(problem.metric, frame[PREDICTION], watch.confidence, watch.policy.estimation)
    return Look(
        window=window,
        as_of=as_of,
        watch=watch.id,
        rows=len(rows),
        labelled=int(rows[problem.target].notna().sum()),
        signals=signals(watch.limits, frame) if watch.limits.statistics else (),
        faults=window_faults,
        measured=measured_score(problem, rows, predicted),
        estimate=estimate,
    )


def measured_score(problem: UseCase, rows: "pd.DataFrame", predicted: "pd.DataFrame") -> float | None:
    """Return the metric over predicted rows whose label is known, or None where it is not defined."""
    shown = predicted[predictions.columns_of(PREDICTION, problem)].reindex(rows.index)
    both = rows[problem.target].notna() & shown.notna().all(axis=1)
    return score(
        problem.metric,
        estimators.targets(rows[both], problem),
        predictions.from_columns(shown[both], PREDICTION, problem),
    )


def lasting_faults(looks: Sequence[Look], policy: FaultPolicy) -> tuple[Fault, ...]:
    """Return the newest look's faults that have lasted so long that they are how the world is now.

    A fault lasts where every look since one that lies `lasts_after` whole windows back found it too, so that the burst
    of a day that stays within sight of many looks never does; only kinds that the world can bring about do.
    """
    if not looks:
        return ()
    newest = looks[-1].window
    first = newest.end - (policy.lasts_after - 1) * newest.length

    def since(fault: Fault) -> datetime:
        ends = newest.end
        for look in reversed(looks):
            if _name(fault) not in map(_name, look.faults):
                break
            ends = look.window.end
        return ends

    return tuple(fault for fault in looks[-1].faults if fault.kind in OF_THE_WORLD and since(fault) <= first)


def without_accepted(looks: Sequence[Look], accepted: Collection[tuple[str, str]]) -> list[Look]:
    """Return the looks without the faults, by kind and column, that a person has taken for how the world is."""
    return [
        look.model_copy(update={"faults": tuple(fault for fault in look.faults if _name(fault) not in accepted)})
        for look in looks
    ]


def blocking_faults(look: Look, lasts: Sequence[Fault]) -> tuple[Fault, ...]:
    """Return the look's faults beside those that last, as far as a retrain has to wait for their end."""
    return tuple(fault for fault in faults_beside(look, lasts) if fault.kind not in HOLDING_NOTHING)


def faults_beside(look: Look, others: Sequence[Fault]) -> tuple[Fault, ...]:
    """Return the look's faults beside those."""
    names = {_name(fault) for fault in others}
    return tuple(fault for fault in look.faults if _name(fault) not in names)


def fault_warnings(look: Look) -> tuple[Fault, ...]:
    """Return what is unusual about the look's data, and makes no row wrong."""
    return tuple(fault for fault in look.faults if fault.kind in HOLDING_NOTHING)


def ringing_alarm(looks: Sequence[Look], policy: WatchPolicy) -> Alarm | None:
    """Say that the alarm rings at the newest look, or None; the looks are in order of time and at the same limits.

    Windows with a fault that does not last are passed over, and ring for nothing themselves. What needs labels is
    judged at the newest window whose labels stand for it.
    """
    lasts = lasting_faults(looks, policy.faults)
    if not looks or blocking_faults(looks[-1], lasts):
        return None
    sound = [look for look in looks if not blocking_faults(look, lasts)]
    rings = [
        alarm([_of(look, EARLY) for look in sound], policy.alarm),
        alarm([_of(look, LABELLED) for look in ripe_looks(sound)], policy.alarm),
    ]
    ringing = [alarmed for alarmed in rings if alarmed is not None]
    if not ringing:
        return None
    return Alarm(
        signals=tuple(signal for alarmed in ringing for signal in alarmed.signals),
        reasons=tuple(reason for alarmed in ringing for reason in alarmed.reasons),
    )


def ripe_looks(looks: Sequence[Look]) -> Sequence[Look]:
    """Return the looks up to the newest whose share of labelled rows comes near the best one's."""
    shares = [look.labelled / max(look.rows, 1) for look in looks]
    last = max((at for at, share in enumerate(shares) if 0 < share >= RIPE * max(shares)), default=-1)
    return looks[: last + 1]


def is_quiet(looks: Sequence[Look], policy: WatchPolicy) -> bool:
    """Say whether the alarm has rung at none of the newest looks, as many as it remembers, and none was broken."""
    many = policy.alarm.memory
    ends = [looks[: len(looks) - back] for back in range(many)]
    return len(looks) >= many and all(
        not blocking_faults(past_looks[-1], lasting_faults(past_looks, policy.faults))
        and ringing_alarm(past_looks, policy) is None
        for past_looks in ends
    )


def estimate_distrust(looks: Sequence[Look], expected: float, policy: EstimationPolicy) -> str | None:
    """Say why estimates made before labels came are switched off, or None while the labels bear them out."""
    landed = [
        Landed(estimate=look.estimate, measured=look.measured)
        for look in ripe_looks(looks)
        if look.estimate is not None and look.measured is not None
    ]
    return distrust_reason(landed, expected, policy)


def last_good_window(looks: Sequence[Look]) -> Window | None:
    """Return the newest window in which nothing was wrong with the data, or None."""
    return next((look.window for look in reversed(looks) if not blocking_faults(look, ())), None)


def _name(fault: Fault) -> tuple[str, str]:
    return fault.kind, fault.column


def _of(look: Look, families: Collection[Family]) -> tuple[Signal, ...]:
    return tuple(signal for signal in look.signals if signal.family in families)
