"""Make an earlier version live again, only after it was loaded and has predicted, and keep why."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks import artifacts, events, retries
from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.data.tables import rows_at
from tasks.data.watermarks import checked_until
from tasks.registry import champion, models, tracking
from tasks.registry.models import Champion
from tasks.steps import step
from tasks.training import estimators
from tasks.usecases import UseCase, use_case
from tasks.windows import window_before

if TYPE_CHECKING:
    import numpy as np

MOST_ROWS = 1_000
"""Newest rows on which a version must predict before it goes live again."""


class CannotRollBackError(ValueError):
    """The live version stays; the message says why and what to do."""


class Target(BaseModel):
    """The version that is to be live again, in place of which, and as what move."""

    model_config = ConfigDict(frozen=True)

    version: str
    over: str
    answers: str
    """Id of the move that is taken back."""


def rollback_target(history: list[Decision], usecase: str, live: str | None, version: str) -> Target:
    """Return the version to go back to: the one that is named, or else the predecessor of the one that is `live`.

    Raises:
        CannotRollBackError: none is live, it has no predecessor, or the one that is named is live already.
    """
    if live is None:
        raise CannotRollBackError(f"no version of {usecase} is live, so there is none to take back")
    wanted = version or champion.predecessor(history)
    if wanted is None:
        raise CannotRollBackError(f"version {live} of {usecase} has no predecessor; name the version to go back to")
    if wanted == live:
        raise CannotRollBackError(f"version {live} of {usecase} is live already")
    past = ledger.moves(history)
    return Target(version=wanted, over=live, answers=past[-1].id if past else f"{usecase}/version {live}")


def made_by(history: list[Decision], flow_run: str) -> Decision | None:
    """Return the rollback that a flow run has made, if that is the newest move, or None."""
    past = ledger.moves(history)
    is_mine = bool(past and flow_run) and past[-1].kind == "rolled back" and past[-1].facts.get("flow_run") == flow_run
    return past[-1] if is_mine else None


def serving_fault(predicted: "np.ndarray", problem: UseCase) -> str | None:
    """Say what is wrong with predictions of rows as they come in, or None: all finite, chances between 0 and 1."""
    import numpy as np

    if not np.isfinite(predicted).all():
        return f"{int((~np.isfinite(predicted)).sum())} of {predicted.size} predictions are not finite"
    if problem.kind == "classification" and not ((predicted >= 0) & (predicted <= 1)).all():
        return f"predictions from {predicted.min():.3g} to {predicted.max():.3g}, expected chances from 0 to 1"
    return None


@step()
def target(usecase: str, version: str) -> Target:
    """Return what is to be rolled back to; a flow run that is repeated after its death goes back no further.

    Raises:
        CannotRollBackError: there is nothing to go back to.
    """
    history = ledger.decisions(usecase)
    if (done := made_by(history, tracking.flow_run_url())) is not None:
        return Target(version=done.facts["version"], over=done.facts["over"], answers=done.answers)
    alias = models.champion(usecase)
    live = champion.ledger_version(usecase) or (alias.version if alias else None)
    return rollback_target(history, usecase, live, version)


@step(**retries.RETRIED)
def serving(usecase: str, version: str, as_of: datetime) -> Champion:
    """Return a version that was loaded and has predicted the newest rows (see `working_version`)."""
    return working_version(usecase, version, as_of)


@step(**retries.RETRIED)
def take_back(target: Target, model: Champion, reason: str, as_of: datetime) -> str:
    """Make an earlier version live again and keep why; return what was decided.

    Raises:
        ChampionMovedError: another version went live meanwhile; it stays.
    """
    return restored(target, model, reason, as_of, {})


def working_version(usecase: str, version: str, as_of: datetime) -> Champion:
    """Return a version that was loaded and has predicted the newest rows.

    Raises:
        CannotRollBackError: it is not registered, cannot be loaded, or predicts what no model may.
    """
    problem = use_case(usecase)
    try:
        model = models.named_version(usecase, version)
    except ValueError as error:
        raise CannotRollBackError(str(error)) from error
    window = window_before(checked_until(problem, as_of), problem.window)
    rows = rows_at(problem, as_of, window)
    newest = rows.sort_values(problem.event_time).tail(MOST_ROWS)
    if newest.empty:
        raise CannotRollBackError(
            f"no rows of {usecase} in {window} to try version {version} on: run collect, or give a moment that has some"
        )
    try:
        predicted = estimators.predictions(models.load(model), newest, problem)
    except Exception as error:
        if retries.is_outage(error):
            raise
        raise CannotRollBackError(f"version {version} of {usecase} does not load and predict: {error}") from error
    if fault := serving_fault(predicted, problem):
        raise CannotRollBackError(f"version {version} of {usecase} does not serve: {fault}")
    return model


def restored(target: Target, model: Champion, reason: str, as_of: datetime, facts: dict[str, Any]) -> str:
    """Make an earlier version live in one act with the ledger's row, show it, and return what was decided."""
    own = {"run_id": model.run_id, "trained": str(model.trained), "flow_run": tracking.flow_run_url()}
    decision = Decision(
        usecase=model.name, kind="rolled back", as_of=as_of, reason=reason, facts=facts | own, answers=target.answers
    )
    standing = champion.crown(decision, target.version, target.over)
    events.tell("model.rolled-back", model.name, standing.id, standing.reason)
    message = (
        f"rolled back: version {standing.facts['version']} in place of {standing.facts['over']}: {standing.reason}"
    )
    page = f"# rolled back\n\n{message}\n\n{artifacts.as_markdown(standing.facts)}"
    artifacts.show_markdown(f"{model.name} rollback", page, message)
    return message
