"""Make a challenger live or refuse it, and keep the decision; each act may be repeated."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks import ledger, outages, registry, reporting, tracking
from tasks.gates import Evidence
from tasks.ledger import Decision
from tasks.registry import ModelFacts
from tasks.retraining import Trained
from tasks.tracking import Request


class ChampionMovedError(RuntimeError):
    """Another model went live while this one was compared with its predecessor."""


@task(**outages.RETRIED)
def promote(request: Request, trained: Trained) -> str:
    """Register the challenger, make it the champion, and keep the decision; return what was decided.

    Raises:
        ChampionMovedError: the champion is no longer the one that the evidence compares with.
    """
    evidence = trained.evidence
    version = registry.registered_version(request.usecase, trained.run_id)
    live = registry.champion(request.usecase)
    if live is not None and live.version not in {version, evidence.champion_version}:
        raise ChampionMovedError(
            f"expected champion version {evidence.champion_version} of {request.usecase}, found {live.version}: "
            f"it changed while the challenger was trained. Run retrain again to compare with it"
        )
    version = registry.register(request.usecase, trained.run_id, trained.model_uri, _facts(request, trained))
    registry.make_champion(request.usecase, version)
    reason = promotion_reason(version, evidence)
    return _concluded(request, trained, "promoted", reason, version)


@task(**outages.RETRIED)
def refuse(request: Request, trained: Trained, reason: str) -> str:
    """Keep the refusal and its reason in MLflow and the ledger; return what was decided."""
    return _concluded(request, trained, "refused", reason, None)


@task(cache_policy=NO_CACHE)
def nothing_to_train(request: Request, lack: str) -> str:
    """Say that there is nothing to do yet; a request in the ledger is answered so that it is not asked for again."""
    if request.decision:
        ledger.record(_decision(request, "refused", lack, {}))
    told = f"nothing to do: {lack}"
    reporting.show_markdown(f"{request.usecase} verdict", f"# {told}", told)
    return told


def _facts(request: Request, trained: Trained) -> ModelFacts:
    score = trained.evidence.challenger
    assert score is not None
    return ModelFacts(
        dataset_version=trained.dataset_version,
        trained_from=trained.window.start,
        trained_until=trained.window.end,
        promoted_at=request.as_of,
        expected_score=score,
    )


def promotion_reason(version: str, evidence: Evidence) -> str:
    """Say what a version went live on."""
    if evidence.champion_version is None:
        return (
            f"version {version}: {evidence.metric} {evidence.challenger:.4f} against {evidence.baseline:.4f} of the "
            f"trivial baseline on {evidence.rows} rows; there was no champion"
        )
    return (
        f"version {version}: {evidence.metric} {evidence.challenger_beside_champion:.4f} against "
        f"{evidence.champion:.4f} of version {evidence.champion_version} on {evidence.compared_rows} rows that "
        f"neither has seen"
    )


def _concluded(request: Request, trained: Trained, verdict: ledger.Kind, reason: str, version: str | None) -> str:
    """Write a verdict where people look for it; the ledger comes last and closes the request."""
    name = f"{request.as_of:%Y-%m-%d} {verdict}" + (f" v{version}" if version else "")
    tracking.conclude(trained.run_id, verdict, reason, name)
    facts = trained.evidence.model_dump() | {
        "version": version,
        "mlflow_run": trained.run_url,
        "dataset_version": trained.dataset_version,
        "window": str(trained.window),
        "rows_trained_on": trained.rows,
        "candidate": trained.candidate,
    }
    told = f"{verdict}: {reason}"
    page = f"# {verdict}\n\n{reason}\n\nAsked for because: {request.reason}\n\n"
    page += f"[Run in MLflow]({trained.run_url})\n\n{reporting.as_markdown(facts)}"
    reporting.show_markdown(f"{request.usecase} verdict", page, told)
    ledger.record(_decision(request, verdict, reason, facts))
    return told


def _decision(request: Request, kind: ledger.Kind, reason: str, facts: dict) -> Decision:
    return Decision(
        usecase=request.usecase,
        kind=kind,
        as_of=request.as_of,
        reason=reason,
        facts=facts,
        answers=request.id,
    )
