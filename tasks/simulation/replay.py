"""Play a stretch of history as if it were live, and show how it went."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks import artifacts, predictions
from tasks.data import ledger
from tasks.data.collection import Collected
from tasks.data.tables import rows_at, steps
from tasks.data.validation import BatchPolicy
from tasks.durations import in_words
from tasks.gates import GatePolicy
from tasks.metrics import figure, score
from tasks.monitoring.drift_report import DriftPolicy
from tasks.predictions import IN_TRAINING, MODEL_VERSION, PREDICTION
from tasks.promotion.promotion import PromotionPolicy
from tasks.registry import models, tracking
from tasks.runs import retrain_states
from tasks.scoring.scoring import Scored, live_predictions
from tasks.steps import step
from tasks.training import estimators
from tasks.training.folds import TrainPolicy, labelled, training_window
from tasks.triggers.policy import RetrainPolicy
from tasks.triggers.request import notify_automations
from tasks.usecases import UseCase, use_case
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd


AUTOMATION = "automation"


NO_CHAMPION = "no champion yet"


_EVENT_SENT_AGAIN = timedelta(minutes=1)


class Policies(BaseModel):
    """The numbers by which each flow decides, as in their own deployments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: BatchPolicy
    training: TrainPolicy
    gates: GatePolicy
    promotion: PromotionPolicy
    drift: DriftPolicy
    policy: RetrainPolicy


def policies_in_memory(policies: Policies) -> tuple[Policies, tuple[str, ...]]:
    """Return the policies by which history is played in memory, and what they leave out, in words."""
    gates = policies.gates.model_copy(update={"must_serve": False, "must_reproduce": False})
    promotion = policies.promotion.model_copy(update={"approval": "waived", "watch": policies.policy.watch})
    left_out = [
        "no model is loaded in a clean process, timed there or fitted twice (`serves`, `serves_fast`, `fits`, "
        "`reproducible`)",
        "no report is drawn",
    ]
    if policies.promotion.approval == "required":
        left_out.append("no person is asked for approval")
    return policies.model_copy(update={"gates": gates, "promotion": promotion}), tuple(left_out)


class Pace(BaseModel):
    """How a replay moves through time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step_days: float = Field(gt=0, description="Days from one moment to the next")
    patience_minutes: float = Field(gt=0, description="Minutes after which a retrain that has not answered is given up")


class PlayedStep(BaseModel):
    """What happened at one moment of a replay."""

    model_config = ConfigDict(frozen=True)

    as_of: AwareDatetime
    inserted: int
    updated: int
    quarantined: int
    scored: int
    drifted_share: float | None
    faults: str = ""
    """What came to be wrong with the data, or lasts since; empty if nothing."""
    retrain: str = ""
    """Who started a retrain, and why; empty if none was started."""
    verdict: str = ""
    """Promoted or refused, and why."""


class RetrainFailedError(RuntimeError):
    """A retrain that the replay waits for failed, or never began."""


def moments(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Return start, start + step, ... and end.

    Raises:
        ValueError: the end is not after the start, or the step is not positive.
    """
    if step <= timedelta(0):
        raise ValueError(f"expected a step longer than nothing, found {step}")
    span = Window(start=start, end=end)
    count = -(-span.length // step)
    return [min(start + number * step, end) for number in range(count + 1)]


def replay_name() -> str:
    """Name the present replay after its use case and stretch of time."""
    from prefect.runtime import flow_run

    over = Window.model_validate(flow_run.parameters["over"])
    return f"{flow_run.parameters['usecase']} {over.start:%Y-%m-%d} to {over.end:%Y-%m-%d}"


@step()
def moments_to_play(usecase: str, start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Return the moments of a replay that were not played yet.

    Raises:
        ValueError: a model went live later than the first of them, so that the past would be played with the future.
    """
    played = set(steps(use_case(usecase)).read(columns=("as_of",))["as_of"])
    left = [moment for moment in moments(start, end, step) if moment not in played]
    live = models.champion(usecase)
    if left and live is not None and live.promoted_at > left[0]:
        raise ValueError(
            f"expected to replay {usecase} from {left[0]:%Y-%m-%d %H:%M}, found version {live.version} live since "
            f"{live.promoted_at:%Y-%m-%d %H:%M}: replay from a later moment, or with another state folder"
        )
    return left


@step()
def keep_step(
    usecase: str, as_of: datetime, collected: list[Collected], scored: Scored | None, retrain: str, verdict: str
) -> PlayedStep:
    """Keep what happened at one moment, once."""
    from tasks.data.tables import checks

    problem = use_case(usecase)
    check_rows = checks(problem).read(columns=("role", "as_of", "value"))
    share = check_rows[(check_rows["role"] == "window") & (check_rows["as_of"] == as_of)]["value"]
    step = PlayedStep(
        as_of=as_of,
        inserted=sum(piece.inserted for piece in collected),
        updated=sum(piece.updated for piece in collected),
        quarantined=sum(piece.quarantined for piece in collected),
        scored=0 if scored is None else scored.rows,
        drifted_share=None if share.dropna().empty else float(share.iloc[0]),
        faults=fault_text(ledger.decisions(usecase, as_of), as_of),
        retrain=retrain,
        verdict=verdict,
    )
    record = {name: float(value) if isinstance(value, int) else value for name, value in step}
    steps(problem).append_new(steps(problem).rows([record]))
    return step


def fault_text(past: Sequence[ledger.Decision], as_of: datetime) -> str:
    """Return what decisions of that moment say of faults of the data."""
    return "; ".join(decision.reason for decision in past if decision.kind in ledger.FAULTS and decision.as_of == as_of)


@step(task_run_name="wait for {decision}")
def answer(usecase: str, decision: str, patience: timedelta) -> tuple[str, str]:
    """Wait until the retrain that the automation starts has answered a request; return why it began and its verdict.

    The event is sent again each minute in which no run has come of it.

    Raises:
        RetrainFailedError: the retrain failed, or none has answered within `patience`.
    """
    began = sent = time.monotonic()
    while ledger.answer_to(decision) is None:
        now = time.monotonic()
        runs = retrain_states(usecase, decision)
        if runs and all(state in {"FAILED", "CRASHED", "CANCELLED"} for state in runs):
            raise RetrainFailedError(f"the retrain of {usecase} for {decision} ended as {', '.join(runs).lower()}")
        if now - began > patience.total_seconds():
            raise RetrainFailedError(
                f"no retrain of {usecase} answered {decision} within {in_words(patience)}. "
                f"Its runs: {', '.join(runs).lower() or 'none'}. Is a worker running, and the automation deployed?"
            )
        if not runs and now - sent > _EVENT_SENT_AGAIN.total_seconds():
            notify_automations(usecase, decision)
            sent = now
        time.sleep(1)
    return ledger_answer(decision)


def ledger_answer(decision: str) -> tuple[str, str]:
    """Return why a request was made and what it was answered with, from the ledger.

    Raises:
        RetrainFailedError: nothing has answered it.
    """
    closing = ledger.answer_to(decision)
    if closing is None:
        raise RetrainFailedError(f"nothing has answered {decision}")
    return ledger.decision(decision).reason, f"{closing.kind}: {closing.reason}"


def window_scores(usecase: str, played: "pd.DataFrame", as_of: datetime) -> list[dict[str, Any]]:
    """Return, for each step, the metric of what the system predicted since the step before, and of its first model.

    Labels as known at `as_of`; rows that the predicting model was trained on are left out. None where not defined.
    """
    problem = use_case(usecase)
    first = models.first_version(usecase)
    times = list(played["as_of"])
    scores = []
    for before, now in zip([None, *times], times, strict=False):
        live = None
        if before is not None:
            live = live_predictions(problem, Window(start=before, end=now), as_of)
            live = live[live[problem.target].notna() & ~live[IN_TRAINING].astype(bool)]
        scores.append(_scores(live, problem, first))
    return scores


def _scores(live: "pd.DataFrame | None", problem: UseCase, first: models.Champion) -> dict[str, Any]:
    if live is None or live.empty:
        return {"model": None, "live": None, "first": None}
    target = estimators.targets(live, problem)
    return {
        "model": ", ".join(sorted(live[MODEL_VERSION].unique(), key=int)),
        "live": score(problem.metric, target, predictions.from_columns(live, PREDICTION, problem)),
        "first": score(problem.metric, target, estimators.predictions(models.load(first), live, problem)),
    }


def renewed_scores(usecase: str, played: "pd.DataFrame", as_of: datetime, policy: TrainPolicy) -> list[float | None]:
    """Return, for each step but the first, the metric on its rows of a model that is fitted anew at each step.

    None where there was too little to learn from, or nothing was predicted live.
    """
    problem = use_case(usecase)
    first = models.first_version(usecase)
    candidate = tracking.trained_facts(first.run_id)["candidate"]
    pairs = zip(played["as_of"], played["as_of"].iloc[1:], strict=False)
    return [_renewed_score(problem, candidate, Window(start=a, end=b), as_of, policy) for a, b in pairs]


def _renewed_score(
    problem: UseCase, candidate: str, window: Window, as_of: datetime, policy: TrainPolicy
) -> float | None:
    rows = live_predictions(problem, window, as_of)
    rows = rows[rows[problem.target].notna() & ~rows[IN_TRAINING].astype(bool)]
    past = rows_at(problem, window.start, training_window(problem, window.start))
    past = labelled(past, problem, window.start)
    if rows.empty or len(past) < policy.min_rows:
        return None
    model = estimators.fitted(estimators.contenders(problem)[candidate], past, problem)
    return score(problem.metric, estimators.targets(rows, problem), estimators.predictions(model, rows, problem))


@step()
def show_replay(usecase: str, as_of: datetime) -> str:
    """Show the whole replay as one table, and return it as text."""
    rows, summary = replay_table(usecase, as_of)
    artifacts.show_table(f"{usecase} replay", rows, summary)
    return summary


def replay_table(usecase: str, as_of: datetime) -> tuple[list[dict[str, Any]], str]:
    """Return the table of a replay, a row a step, and how it went in a sentence; labels as known at `as_of`."""
    problem = use_case(usecase)
    played, scores = scored_steps(usecase, as_of)
    return replay_rows(problem, played, scores), replay_summary(problem, scores, played)


def scored_steps(usecase: str, as_of: datetime) -> tuple["pd.DataFrame", list[dict[str, Any]]]:
    """Return the steps of a replay, oldest first, as they are stored, and the scores of each, unrounded."""
    played = steps(use_case(usecase)).read().sort_values("as_of")
    if models.champion(usecase) is None:
        return played, [{"model": None, "live": None, "first": None}] * len(played)
    return played, window_scores(usecase, played, as_of)


def replay_rows(problem: UseCase, played: "pd.DataFrame", scores: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the table of a replay: a row a step, as people read it."""
    return [
        _replay_row(step, row_scores, problem)
        for step, row_scores in zip(played.to_dict("records"), scores, strict=True)
    ]


def replay_summary(problem: UseCase, scores: list[dict[str, Any]], played: "pd.DataFrame") -> str:
    """Say in one sentence how the live models did beside the first one without any retraining."""
    both_scored = [
        row_scores for row_scores in scores if row_scores["live"] is not None and row_scores["first"] is not None
    ]
    promoted = played["verdict"].str.startswith("promoted") & played["retrain"].str.startswith(AUTOMATION)
    if not both_scored:
        return f"{problem.name}: no prediction has a label yet in {len(played)} steps"
    live, first = (sum(row_scores[who] for row_scores in both_scored) / len(both_scored) for who in ("live", "first"))
    retrains = "1 automatic retrain" if promoted.sum() == 1 else f"{promoted.sum()} automatic retrains"
    return (
        f"{problem.name}: mean {problem.metric} {figure(live)} live, {figure(first)} without retraining, "
        f"over {len(both_scored)} steps; {retrains} promoted"
    )


def _replay_row(step: Mapping[Any, Any], scores: dict[str, Any], problem: UseCase) -> dict[str, Any]:
    """Return one row of the replay's table; "new" to "scored" count rows, "late" those whose label came or changed."""
    share = step["drifted_share"]
    return {
        "as of": f"{step['as_of']:%Y-%m-%d}",
        "new": int(step["inserted"]),
        "late": int(step["updated"]),
        "bad": int(step["quarantined"]),
        "scored": int(step["scored"]),
        "drift": None if share is None or share != share else f"{share:.0%}",
        "faults": step["faults"] or "",
        "retrain": step["retrain"] or "",
        "verdict": step["verdict"] or "",
        "version": scores["model"],
        f"live {problem.metric}": None if scores["live"] is None else round(scores["live"], 4),
        f"first {problem.metric}": None if scores["first"] is None else round(scores["first"], 4),
    }
