"""Put a challenger to the test: beside the champion, in a clean process, and fitted again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks import lasting, predictions, retries
from tasks.data import ledger
from tasks.data.tables import observations, rows_at
from tasks.registry import models, sandbox, tracking
from tasks.registry.models import Champion
from tasks.registry.reproduction import refit_difference
from tasks.training import estimators, evaluation, leakage, sanity
from tasks.training import folds as training_folds
from tasks.training.comparison import Try
from tasks.training.evidence import Evidence, Serving
from tasks.training.folds import Fold, TrainPolicy
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

COMPARED_ROWS = 1_000
"""Newest labelled rows whose predictions are compared between processes and fits."""


@dataclass(frozen=True)
class Compared:
    """The candidates' predictions for the evaluation blocks, the best of them, and the evidence from frames alone."""

    rows: "pd.DataFrame"
    folds: list[Fold]
    evaluated: "pd.DataFrame"
    challenger: str
    live: Champion | None
    evidence: Evidence


@dataclass(frozen=True)
class Candidate:
    """The model that would go live, what it learned from, and where it lies."""

    model: "Pipeline"
    learned: "pd.DataFrame"
    until: datetime
    model_uri: str
    fault: str | None
    """Why it could not be stored."""


def compared(problem: UseCase, as_of: datetime, policy: TrainPolicy, version: int) -> Compared:
    """Let the candidates and the champion predict the blocks before `as_of`, and gather the evidence of that."""
    rows = stored_rows(problem, as_of, policy, version)
    folds = training_folds.rolling_folds(rows, problem, as_of, policy)
    live = models.champion(problem.name)
    predicted = training_folds.rolling_predictions(rows, problem, as_of, folds)
    evaluated, fault = with_champion(predicted, rows, problem, live)
    challenger = evaluation.best_candidate(evaluated, problem)
    evidence = evaluation.evidence(
        evaluated,
        problem,
        challenger,
        live.version if live else None,
        live.trained if live else None,
        rows=rows,
        folds=folds,
        as_of=as_of,
        past=past_tries(ledger.decisions(problem.name, as_of)),
    )
    return Compared(rows, folds, evaluated, challenger, live, evidence.model_copy(update={"champion_fault": fault}))


def stored_rows(
    problem: UseCase,
    as_of: datetime,
    policy: TrainPolicy,
    version: int | None = None,
    columns: tuple[str, ...] | None = None,
) -> "pd.DataFrame":
    """Return the stored rows, as known at a moment, that fitting and comparing need."""
    window = training_folds.evidence_window(problem, as_of, policy.blocks, policy.origins)
    return rows_at(problem, as_of, window, columns, version)


def with_champion(
    evaluated: "pd.DataFrame", rows: "pd.DataFrame", problem: UseCase, live: Champion | None
) -> "tuple[pd.DataFrame, str | None]":
    """Add the champion's predictions; where it cannot be asked, none, and the reason why.

    An outage is raised instead, so that another try may find it over.
    """
    if live is None:
        return evaluated, None
    try:
        held = estimators.predictions(models.load(live), rows.loc[evaluated.index], problem)
    except Exception as error:
        # A broken file fails in as many ways as there are; whichever it was, the champion's gate refuses with it.
        if retries.is_outage(error):
            raise
        return evaluated, f"it does not load and predict: {type(error).__name__}: {error}; roll back to another version"
    return evaluated.assign(**predictions.as_columns(evaluation.CHAMPION, problem, held)), None


def past_tries(decisions: Sequence[ledger.Decision]) -> list[Try]:
    """Return the challengers that were compared with a champion before, and what each spent of the error budget.

    One that predicted the same as the champion could not have been lucky, and spent nothing.
    """
    answers = [
        decision.facts for decision in decisions if decision.kind in ledger.ANSWERS and _took_a_chance(decision.facts)
    ]
    return [
        Try(over=Window(start=facts["compared_from"], end=facts["compared_until"]), share=facts["error_share"])
        for facts in answers
    ]


def _took_a_chance(facts: dict[str, Any]) -> bool:
    gained = facts.get("gain_over_champion") or {"error": 0}
    return facts.get("compared_from") is not None and gained["error"] > 0


def candidate(problem: UseCase, as_of: datetime, policy: TrainPolicy, comparison: Compared) -> Candidate:
    """Fit the model that would go live, and store it in the open MLflow run."""
    until = as_of if policy.refit else comparison.folds[-1].block.start
    learned = training_folds.labelled(comparison.rows, problem, until)
    judged = comparison.folds[-1].models[comparison.challenger]
    unfitted = estimators.contenders(problem)[comparison.challenger]
    model = estimators.fitted(unfitted, learned, problem) if policy.refit else judged
    sample = learned.tail(COMPARED_ROWS)
    if policy.refit:
        store(judged, sample, problem, "evaluated")
    uri, fault = store(model, sample, problem, "model")
    return Candidate(model, learned, until, uri, fault)


def store(model: "Pipeline", sample: "pd.DataFrame", problem: UseCase, name: str) -> tuple[str, str | None]:
    """Log a model in the open run; return its address, or the reason why it must not be stored."""
    if lasting.memory() is None and (strange := models.untrusted_types(model)):
        return "", f"its types {', '.join(strange)} are not on the list of those that a model file may name"
    features = estimators.features(sample, problem)
    return tracking.log_model(model, features, estimators.predictions(model, sample, problem), name), None


def tested(
    problem: UseCase, as_of: datetime, policy: TrainPolicy, version: int, comparison: Compared, made: Candidate
) -> Evidence:
    """Return the evidence with what a clean process, a second fit and an older version of the data say of the model.

    In memory there is no file that a clean process could load: `serving` and the second fit are left out.
    """
    sample = made.learned.tail(COMPARED_ROWS)
    updates = _final(problem, comparison.evidence, made, sample) | _changed(problem, comparison, version)
    if lasting.memory() is not None:
        return comparison.evidence.model_copy(update=updates)
    again = training_folds.labelled(stored_rows(problem, as_of, policy, version), problem, made.until)
    unfitted = estimators.contenders(problem)[comparison.challenger]
    updates |= {
        "serving": _served(problem, comparison.live, made, sample),
        "largest_reproduction_difference": refit_difference(made.model, unfitted, again, sample, problem),
    }
    return comparison.evidence.model_copy(update=updates)


def _served(problem: UseCase, live: Champion | None, made: Candidate, sample: "pd.DataFrame") -> Serving:
    if made.fault is not None:
        return Serving(fault=made.fault)
    champion = None if live is None else f"models:/{live.name}/{live.version}"
    expected = estimators.predictions(made.model, sample, problem)
    return sandbox.serving_check(made.model_uri, champion, estimators.features(sample, problem), expected, problem)


def _final(problem: UseCase, evidence: Evidence, made: Candidate, sample: "pd.DataFrame") -> dict[str, Any]:
    """Return what is possible of the predictions: those evaluated, and those of the model that would go live."""
    predicted = estimators.predictions(made.model, sample, problem)
    learned = estimators.targets(made.learned, problem)
    return {
        "finite_share": _worst(min, evidence.finite_share, sanity.finite_share(predicted)),
        "outside": _worst(max, evidence.outside, sanity.outside(predicted, problem, learned)),
        "same_share": _worst(max, evidence.same_share, sanity.same_share(predicted)),
    }


def _worst(pick: Any, *numbers: float | None) -> float | None:
    return None if None in numbers else pick(numbers)


def _changed(problem: UseCase, comparison: Compared, version: int) -> dict[str, Any]:
    """Return which feature changed most as labels came, if that is worse than what is known already.

    Compared are the rows as stored at the version that the champion cites and now; none where it is older than all.
    """
    if comparison.live is None or comparison.live.dataset_version >= version or comparison.evidence.late_share is None:
        return {}
    oldest = comparison.rows[problem.event_time].min()
    if oldest >= comparison.live.trained_until:
        return {}
    window = Window(start=oldest, end=comparison.live.trained_until)
    columns = tuple(dict.fromkeys((*problem.key, *problem.features, problem.target)))
    before, now = (
        observations(problem).read(window, columns, stored_version)
        for stored_version in (comparison.live.dataset_version, version)
    )
    feature, share = leakage.changed_later(before, now, problem)
    return {"late_feature": feature, "late_share": share} if share > comparison.evidence.late_share else {}
