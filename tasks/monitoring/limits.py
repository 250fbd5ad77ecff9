"""Learn from a version's training rows what is ordinary for it: its limits."""

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel, ConfigDict, Field

from tasks import predictions
from tasks.labels import as_usable
from tasks.monitoring.signals.estimation import (
    Confidence,
    EstimationPolicy,
    confidence,
)
from tasks.monitoring.signals.health import FaultPolicy, Healthy, healthy
from tasks.monitoring.signals.models import AlarmPolicy, Family, Kind, Limits
from tasks.predictions import PREDICTION
from tasks.training import estimators, folds
from tasks.training.folds import TARGET
from tasks.usecases import UseCase

if TYPE_CHECKING:
    import pandas as pd

LABELLED: tuple[Family, ...] = ("target", "performance", "concept")
"""What is told of labels, which may come long after their window."""


EARLY: tuple[Family, ...] = tuple(family for family in get_args(Family) if family not in LABELLED)


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
    from tasks.monitoring.signals.calibration import calibrated_limits

    visible = as_usable(rows, problem, until)
    labelled = folds.labelled(rows, problem, until)
    frame = watched(problem, labelled, unseen)
    kinds = watched_kinds(problem, predicted=frame[PREDICTION].notna().any())
    times = visible[problem.event_time]
    limits = calibrated_limits(
        frame[list(kinds)],
        labelled[problem.event_time],
        kinds,
        window=problem.window,
        checks_per_year=policy.checks_per_year,
        policy=policy.alarm,
    )
    inputs = estimators.features(visible, problem)
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


def watched(problem: UseCase, rows: "pd.DataFrame", predicted: "pd.DataFrame | None") -> "pd.DataFrame":
    """Return features, `prediction` (of several classes the likeliest) and `target` of rows, missing where unknown."""
    import numpy as np

    columns = predictions.columns_of(PREDICTION, problem)
    if predicted is None:
        shown = np.full((len(rows), problem.outputs), np.nan)
    else:
        shown = predicted[columns].reindex(rows.index).to_numpy(float)
    target = rows[problem.target]
    return estimators.features(rows, problem).assign(
        **{
            PREDICTION: _likeliest(shown, problem) if problem.classes else shown[:, 0],
            TARGET: target if problem.classes else target.astype(float),
        }
    )


def watched_kinds(problem: UseCase, *, predicted: bool = True) -> dict[str, Kind]:
    """Return how each column of `watched` is looked at; the prediction only where there is any."""
    kinds: dict[str, Kind] = dict.fromkeys(problem.numeric, "numeric")
    kinds.update(dict.fromkeys(problem.categorical, "categorical"))
    if predicted:
        kinds[PREDICTION] = "categorical" if problem.classes else "numeric"
    kinds[TARGET] = "categorical" if problem.kind == "classification" else "numeric"
    return kinds


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
