"""Say what a version is watched by, learned from its own training rows, and what a window shows beside it."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks import training
from tasks.labels import as_usable
from tasks.metrics import score
from tasks.signals.alarm import alarm
from tasks.signals.estimation import Confidence, Estimate, EstimationPolicy, Landed, confidence, distrust_reason
from tasks.signals.health import HOLDING_NOTHING, OF_THE_WORLD, Fault, FaultPolicy, Healthy, healthy
from tasks.signals.models import Alarm, AlarmPolicy, Family, Kind, Limits, Signal
from tasks.training import TARGET
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd

LABELLED: tuple[Family, ...] = ("target", "performance", "concept")
"""What is told of labels, which may come long after their window."""
EARLY: tuple[Family, ...] = tuple(one for one in get_args(Family) if one not in LABELLED)
PREDICTION = "prediction"
RIPE = 0.5
"""Share of the labels that other windows have from which a window's are taken to stand for it."""


class WatchPolicy(BaseModel):
    """How a model is watched; what is ordinary for it is found from this at its promotion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checks_per_year: float = Field(
        default=365.25, gt=0, le=366 * 24 * 60, description="Times a year that monitor looks, by its schedule"
    )
    alarm: AlarmPolicy = Field(default=AlarmPolicy(), description="How often it may ring for nothing, and when it does")
    faults: FaultPolicy = Field(default=FaultPolicy(), description="What is a broken feed, not a changed world")
    estimation: EstimationPolicy = Field(
        default=EstimationPolicy(), description="When an estimate of performance before labels is believed"
    )


class Watch(BaseModel):
    """What is ordinary for one version; stored with it (`profile.json`)."""

    model_config = ConfigDict(frozen=True)

    policy: WatchPolicy
    limits: Limits
    healthy: Healthy | None
    """None: there were too few rows to tell."""
    confidence: Confidence | None
    """None: the model predicts no probability of one class, or nothing is known of it on rows it had not seen."""
    note: str
    """How the limits were found and what they leave out, in a sentence."""

    @property
    def id(self) -> str:
        """A name for these limits; other numbers have another."""
        return hashlib.sha256(self.limits.model_dump_json().encode()).hexdigest()[:12]


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
    estimate: Estimate | None = None


def learned_watch(
    problem: UseCase, rows: "pd.DataFrame", until: datetime, unseen: "pd.DataFrame | None", policy: WatchPolicy
) -> Watch:
    """Return what is ordinary for a model that learned, at `until`, from these rows.

    `rows` are those of its training window as stored then; those without a label tell only how the feed was. `unseen`
    are its recipe's predictions (columns of `prediction`) for rows that were not learned from when they were made, by
    the index of `rows`: a model's own training rows flatter it. None: what needs them is left out.

    Raises:
        ValueError: there are fewer than two labelled rows.
    """
    from tasks.signals.calibration import calibrated

    visible = as_usable(rows, problem, until)
    known = training.labelled(rows, problem, until)
    frame = watched(problem, known, unseen)
    kinds = watched_kinds(problem, predicted=frame[PREDICTION].notna().any())
    times = visible[problem.event_time]
    limits = calibrated(
        frame[list(kinds)],
        known[problem.event_time],
        kinds,
        window=problem.window,
        checks_per_year=policy.checks_per_year,
        policy=policy.alarm,
    )
    inputs = training.features(visible, problem)
    enough = len(visible) >= policy.faults.min_rows
    only = {name: kinds[name] for name in problem.features}
    left_out = "" if PREDICTION in kinds else "; no predictions of unseen rows: prediction and performance left out"
    return Watch(
        policy=policy,
        limits=limits,
        healthy=healthy(inputs, times, only, window=problem.window, policy=policy.faults) if enough else None,
        confidence=_confidence(problem, frame),
        note=limits.note + left_out,
    )


def watched(problem: UseCase, rows: "pd.DataFrame", said: "pd.DataFrame | None") -> "pd.DataFrame":
    """Return features, `prediction` (of several classes the likeliest) and `target` of rows, missing where unknown."""
    import numpy as np

    columns = training.columns_of(PREDICTION, problem)
    if said is None:
        shown = np.full((len(rows), problem.outputs), np.nan)
    else:
        shown = said[columns].reindex(rows.index).to_numpy(float)
    target = rows[problem.target]
    return training.features(rows, problem).assign(
        **{
            PREDICTION: _likeliest(shown, problem) if problem.classes else shown[:, 0],
            TARGET: target if problem.classes else target.astype(float),
        }
    )


def watched_kinds(problem: UseCase, *, predicted: bool = True) -> dict[str, Kind]:
    """Return how each column of `watched` is looked at; the prediction only where there is any."""
    found: dict[str, Kind] = dict.fromkeys(problem.numeric, "numeric")
    found.update(dict.fromkeys(problem.categorical, "categorical"))
    if predicted:
        found[PREDICTION] = "categorical" if problem.classes else "numeric"
    found[TARGET] = "categorical" if problem.kind == "classification" else "numeric"
    return found


def looked(
    problem: UseCase,
    watch: Watch,
    rows: "pd.DataFrame",
    said: "pd.DataFrame",
    window: Window,
    as_of: datetime,
    last_good: Window | None = None,
) -> Look:
    """Return what a window's rows show; `said` are this version's predictions of rows that it had not learned from.

    Both are indexed alike. Targets are missing where they are not known and mature at `as_of`.
    """
    from tasks.signals.alarm import signals
    from tasks.signals.estimation import estimated
    from tasks.signals.faults import faults

    frame = watched(problem, rows, said)
    times = rows[problem.event_time]
    found: tuple[Fault, ...] = ()
    if watch.healthy is not None:
        found = faults(watch.healthy, frame[list(problem.features)], times, window, last_good)
    guess = None
    if watch.confidence is not None:
        guess = estimated(problem.metric, frame[PREDICTION], watch.confidence, watch.policy.estimation)
    return Look(
        window=window,
        as_of=as_of,
        watch=watch.id,
        rows=len(rows),
        labelled=int(rows[problem.target].notna().sum()),
        signals=signals(watch.limits, frame) if watch.limits.statistics else (),
        faults=found,
        measured=measured(problem, rows, said),
        estimate=guess,
    )


def measured(problem: UseCase, rows: "pd.DataFrame", said: "pd.DataFrame") -> float | None:
    """Return the metric over predicted rows whose label is known, or None where it is not defined."""
    shown = said[training.columns_of(PREDICTION, problem)].reindex(rows.index)
    both = rows[problem.target].notna() & shown.notna().all(axis=1)
    return score(
        problem.metric,
        training.targets(rows[both], problem),
        training.from_columns(shown[both], PREDICTION, problem),
    )


def lasting(looks: Sequence[Look], policy: FaultPolicy) -> tuple[Fault, ...]:
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
        for one in reversed(looks):
            if _name(fault) not in map(_name, one.faults):
                break
            ends = one.window.end
        return ends

    return tuple(one for one in looks[-1].faults if one.kind in OF_THE_WORLD and since(one) <= first)


def without(looks: Sequence[Look], accepted: Collection[tuple[str, str]]) -> list[Look]:
    """Return the looks without the faults, by kind and column, that a person has taken for how the world is."""
    return [
        one.model_copy(update={"faults": tuple(fault for fault in one.faults if _name(fault) not in accepted)})
        for one in looks
    ]


def beside(look: Look, others: Sequence[Fault]) -> tuple[Fault, ...]:
    """Return the look's faults beside those."""
    names = {_name(one) for one in others}
    return tuple(one for one in look.faults if _name(one) not in names)


def broken(look: Look, lasts: Sequence[Fault]) -> tuple[Fault, ...]:
    """Return the look's faults beside those that last, as far as a retrain has to wait for their end."""
    return tuple(one for one in beside(look, lasts) if one.kind not in HOLDING_NOTHING)


def warnings(look: Look) -> tuple[Fault, ...]:
    """Return what is unusual about the look's data, and makes no row wrong."""
    return tuple(one for one in look.faults if one.kind in HOLDING_NOTHING)


def rung(looks: Sequence[Look], policy: WatchPolicy) -> Alarm | None:
    """Say that the alarm rings at the newest look, or None; the looks are in order of time and at the same limits.

    Windows with a fault that does not last are passed over, and ring for nothing themselves. What needs labels is
    judged at the newest window whose labels stand for it.
    """
    lasts = lasting(looks, policy.faults)
    if not looks or broken(looks[-1], lasts):
        return None
    sound = [one for one in looks if not broken(one, lasts)]
    rings = [
        alarm([_of(one, EARLY) for one in sound], policy.alarm),
        alarm([_of(one, LABELLED) for one in ripe(sound)], policy.alarm),
    ]
    found = [one for one in rings if one is not None]
    if not found:
        return None
    return Alarm(
        signals=tuple(signal for one in found for signal in one.signals),
        reasons=tuple(reason for one in found for reason in one.reasons),
    )


def ripe(looks: Sequence[Look]) -> Sequence[Look]:
    """Return the looks up to the newest whose share of labelled rows comes near the best one's."""
    shares = [one.labelled / max(one.rows, 1) for one in looks]
    last = max((at for at, share in enumerate(shares) if 0 < share >= RIPE * max(shares)), default=-1)
    return looks[: last + 1]


def quiet(looks: Sequence[Look], policy: WatchPolicy) -> bool:
    """Say whether the alarm has rung at none of the newest looks, as many as it remembers, and none was broken."""
    many = policy.alarm.memory
    ends = [looks[: len(looks) - back] for back in range(many)]
    return len(looks) >= many and all(
        not broken(one[-1], lasting(one, policy.faults)) and rung(one, policy) is None for one in ends
    )


def distrusted(looks: Sequence[Look], expected: float, policy: EstimationPolicy) -> str | None:
    """Say why estimates made before labels came are switched off, or None while the labels bear them out."""
    landed = [
        Landed(estimate=one.estimate, measured=one.measured)
        for one in ripe(looks)
        if one.estimate is not None and one.measured is not None
    ]
    return distrust_reason(landed, expected, policy)


def last_good(looks: Sequence[Look]) -> Window | None:
    """Return the newest window in which nothing was wrong with the data, or None."""
    return next((one.window for one in reversed(looks) if not broken(one, ())), None)


def _name(fault: Fault) -> tuple[str, str]:
    return fault.kind, fault.column


def _of(look: Look, families: Collection[Family]) -> tuple[Signal, ...]:
    return tuple(one for one in look.signals if one.family in families)


def _likeliest(shown, problem: UseCase) -> "pd.Series":
    """Return the class with the largest probability by row, missing where there is no prediction."""
    import numpy as np

    named = np.array(problem.classes, dtype=object)[np.nan_to_num(shown).argmax(axis=1)]
    named[np.isnan(shown).any(axis=1)] = None
    return named


def _confidence(problem: UseCase, frame: "pd.DataFrame") -> Confidence | None:
    both = frame[PREDICTION].notna() & frame[TARGET].notna()
    if problem.kind != "classification" or problem.classes or not both.any():
        return None
    return confidence(frame[PREDICTION], frame[TARGET])
