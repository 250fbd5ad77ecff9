"""Understand what a retrain is for, and train its challenger; a retrain that got so far is not repeated."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tasks import predictions, retries
from tasks.data import ledger
from tasks.data.tables import observations
from tasks.predictions import PREDICTION
from tasks.promotion import challenger as promotion_challenger
from tasks.registry import tracking
from tasks.registry.tracking import Request
from tasks.steps import step
from tasks.training import estimators, evaluation, plots
from tasks.training import folds as training_folds
from tasks.training.evidence import Evidence
from tasks.training.folds import Fold, TrainPolicy
from tasks.usecases import UseCase, use_case
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

IMPORTANCE_ROWS = 1_000


class Trained(BaseModel):
    """A challenger: where it lies, what it learned from, and the evidence about it."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    run_url: str
    model_uri: str
    candidate: str
    dataset_version: int
    window: Window
    rows: int
    evidence: Evidence


@step()
def understood(usecase: str, as_of: datetime, decision: str, reason: str) -> Request:
    """Return what this retrain is for: a decision in the ledger knows its own moment and reason."""
    if not decision:
        return Request(usecase=usecase, as_of=as_of, reason=reason)
    asked = ledger.decision(decision)
    return Request(usecase=usecase, as_of=asked.as_of, reason=asked.reason, decision=decision)


@step()
def past_answer(request: Request) -> str | None:
    """Return what this request was answered with, if it was, so that nothing is decided twice."""
    answer = ledger.answer_to(request.id)
    return None if answer is None else f"{answer.kind} before: {answer.reason}"


@step()
def data_lacking(request: Request, policy: TrainPolicy) -> str | None:
    """Say what is missing before a model can be trained, or None."""
    problem = use_case(request.usecase)
    if request.as_of <= problem.history_start:
        return f"nothing has happened by {request.as_of:%Y-%m-%d %H:%M}: history begins at {problem.history_start}"
    rows = promotion_challenger.stored_rows(problem, request.as_of, policy, columns=())
    return training_folds.lacking(rows, problem, request.as_of, policy)


@step(**retries.RETRIED)
def train(request: Request, policy: TrainPolicy) -> Trained:
    """Compare the candidates, fit the best on all that is known, and log everything to one MLflow run.

    A retrain that got this far before is not repeated: its run is found by the request's id.
    """
    complete = tracking.run_of(request)
    if complete is not None:
        return Trained.model_validate(tracking.trained_facts(complete.info.run_id))
    problem = use_case(request.usecase)
    with tracking.fresh_run(request, {"evergreen.prefect": tracking.flow_run_url()}) as run:
        trained = _logged(problem, request, policy, run)
        tracking.log_trained(trained.run_id, trained.model_dump(mode="json"))
    tracking.mark_complete(trained.run_id)
    return trained


def _logged(problem: UseCase, request: Request, policy: TrainPolicy, run) -> Trained:
    """Evaluate, fit, test and log inside an open MLflow run."""
    version = observations(problem).version()
    assert version is not None
    comparison = promotion_challenger.compared(problem, request.as_of, policy, version)
    made = promotion_challenger.candidate(problem, request.as_of, policy, comparison)
    evidence = promotion_challenger.tested(problem, request.as_of, policy, version, comparison, made)
    window = training_folds.training_window(problem, made.until)
    tracking.log_parameters(
        _parameters(problem, policy, comparison.challenger, window, version, len(made.learned), made.model)
    )
    _log_scores(comparison.evaluated, problem, comparison.challenger, evidence)
    newest = _newest(comparison.rows, problem, comparison.folds, request.as_of)
    _log_importance(comparison.folds[-1].models[comparison.challenger], newest, problem)
    tracking.log_unseen_predictions(run.info.run_id, _unseen(comparison, problem))
    tracking.log_dataset(observations(problem), version, f"{problem.name} {window}")
    return Trained(
        run_id=run.info.run_id,
        run_url=tracking.run_url(run),
        model_uri=made.model_uri,
        candidate=comparison.challenger,
        dataset_version=version,
        window=window,
        rows=len(made.learned),
        evidence=evidence,
    )


def _unseen(comparison: promotion_challenger.Compared, problem: UseCase) -> "pd.DataFrame":
    """Return the challenger's predictions for the evaluation blocks, by key."""
    held = predictions.from_columns(comparison.evaluated, comparison.challenger, problem)
    keys = comparison.rows.loc[comparison.evaluated.index, list(problem.key)]
    return keys.assign(**predictions.as_columns(PREDICTION, problem, held)).reset_index(drop=True)


def _parameters(
    problem: UseCase, policy: TrainPolicy, challenger: str, window: Window, version: int, rows: int, model
) -> dict:
    chosen = model.named_steps["model"].get_params()
    return {
        "candidate": challenger,
        "dataset_version": version,
        "trained_from": window.start.isoformat(),
        "trained_until": window.end.isoformat(),
        "training_rows": rows,
        "features": len(problem.features),
        **policy.model_dump(),
        **{f"model.{name}": value for name, value in chosen.items()},
    }


def _log_scores(evaluated: "pd.DataFrame", problem: UseCase, challenger: str, evidence: Evidence) -> None:
    every = (*estimators.contenders(problem), evaluation.CHAMPION)
    who = [name for name in every if predictions.columns_of(name, problem)[0] in evaluated]
    scores = evaluation.block_scores(evaluated, problem, who)
    for name in who:
        for block, value in scores[name].dropna().items():
            tracking.log_numbers({f"{problem.metric}.{name}": float(value)}, step=int(block))
    numbers = {name: value for name, value in evidence if isinstance(value, int | float)}
    tracking.log_numbers({name: float(value) for name, value in numbers.items()})
    tracking.log_json(evidence.model_dump(mode="json"), "evidence.json")
    tracking.log_pictures(lambda: {"plots/score_by_block.png": plots.score_figure(scores[who], problem.metric)})
    # What is no probability, or no number, cannot be drawn; the gates refuse it.
    if evidence.finite_share == 1 and not (evidence.is_classification and evidence.outside):
        figures = partial(plots.evaluation_figures, evaluated, challenger, problem)
        tracking.log_pictures(lambda: {f"plots/{name}.png": figure for name, figure in figures().items()})


def _newest(rows: "pd.DataFrame", problem: UseCase, folds: list[Fold], as_of: datetime) -> "pd.DataFrame":
    """Return a sample of the newest block's labelled rows."""
    ahead = training_folds.in_block(rows, problem, folds[-1].block, as_of)
    return ahead.sample(min(len(ahead), IMPORTANCE_ROWS), random_state=0)


def _log_importance(model: "Pipeline", unseen: "pd.DataFrame", problem: UseCase) -> None:
    """Log which features matter, measured by permutation on rows that the model has not seen."""

    def drawn() -> "dict[str, Figure]":
        importances = evaluation.permutation_importances(model, unseen, problem)
        tracking.log_json(importances.sort_values(ascending=False).to_dict(), "importance.json")
        return {"plots/importance.png": plots.importance_figure(importances, problem.metric)}

    tracking.log_pictures(drawn)
