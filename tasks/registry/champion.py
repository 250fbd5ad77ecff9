"""Let the ledger say which version is live; the registry's alias follows it.

A version goes live by one row in the ledger, which only one writer can append (see `Dataset.append_unless`): before
that row nothing has changed for anyone, after it the version is live. What shows it to people, the alias above all,
is put right from the ledger by whoever looks next, so a process may die at any point in between.
"""

from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.registry import models
from tasks.registry.models import Champion


class ChampionMovedError(RuntimeError):
    """Another version went live than the one that was to be replaced."""


class LiveVersionGoneError(RuntimeError):
    """The version that is live by the ledger is no longer in the registry."""


def live(usecase: str) -> Champion | None:
    """Return the live version, or None while there is none; the alias was moved to it where it lagged behind.

    A version that bore the alias before the ledger knew of any is live.

    Raises:
        LiveVersionGoneError: it was deleted from the registry.
    """
    shown = models.champion(usecase)
    while (version := ledger_version(usecase)) is not None and (shown is None or shown.version != version):
        _show(usecase, version)
        shown = models.champion(usecase)
    return shown


def ledger_version(usecase: str) -> str | None:
    """Return the version that is live by the ledger, or None where it knows of none."""
    past = ledger.moves(ledger.decisions(usecase))
    return str(past[-1].facts["version"]) if past else None


def crown(decision: Decision, version: str, over: str | None) -> Decision:
    """Make `version` live in place of `over`, and return the decision that stands: this, or the same made before.

    Raises:
        ChampionMovedError: another version is live than `over`; nothing was changed.
    """
    turn = len(ledger.moves(ledger.decisions(decision.usecase))) + 1
    facts = decision.facts | {"version": version, "over": over, "turn": turn}
    move = decision.model_copy(update={"facts": facts})
    moved = ledger.record_unless(move, lambda past: _moved(past, move))
    if moved is not None:
        raise ChampionMovedError(moved)
    live(decision.usecase)
    return ledger.decision(move.id)


def predecessor(history: list[Decision]) -> str | None:
    """Return the version that was live before the one that is now; a version that was taken back does not count."""
    line: list[str | None] = []
    for move in ledger.moves(history):
        version = move.facts["version"]
        if move.kind == "rolled back" and version in line:
            line = line[: line.index(version) + 1]
        else:
            line = [*(line or [move.facts.get("over")]), version]
    return line[-2] if len(line) > 1 else None


def _moved(past: list[Decision], move: Decision) -> str | None:
    """Say that another version went live than the one which `move` replaces, or that it comes too late, or None."""
    closed = [decision for decision in past if decision.kind in ledger.ANSWERS and decision.answers == move.answers]
    if move.kind in ledger.ANSWERS and closed:
        return f"it was {closed[0].kind} before: {closed[0].reason}"
    moves = ledger.moves(past)
    live_version = moves[-1].facts["version"] if moves else move.facts["over"]
    if len(moves) + 1 == move.facts["turn"] and live_version == move.facts["over"]:
        return None
    return (
        f"expected {_version_text(move.facts['over'])} of {move.usecase} to be live, found "
        f"{_version_text(live_version)}: the champion changed meanwhile. Run the retrain again to compare with that one"
    )


def _version_text(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"


def _show(usecase: str, version: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        models.make_champion(usecase, version)
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        raise LiveVersionGoneError(
            f"version {version} of {usecase} is live by the ledger, but not in MLflow's registry any more. "
            f"Run the deployment {usecase}-rollback to a version that is"
        ) from error
