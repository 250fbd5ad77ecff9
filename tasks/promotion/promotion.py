"""Make a challenger live or refuse it, and keep the decision; whoever comes after a death finishes the act.

The order is: profile, version with its tags and card, row in the ledger (see `tasks/registry/champion.py`), alias,
artifact, verdict in the MLflow run. Before the row nothing counts, after it `settle` brings the rest about.
"""

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks import artifacts, events, retries
from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.data.tables import observations
from tasks.gates import Verdict
from tasks.metrics import figure
from tasks.monitoring import profile as monitoring_profile
from tasks.monitoring.limits import WatchPolicy
from tasks.promotion import approval as promotion_approval
from tasks.promotion.training_run import Trained
from tasks.registry import card, champion, models, tracking
from tasks.registry.champion import ChampionMovedError
from tasks.registry.models import ModelFacts
from tasks.registry.tracking import Request
from tasks.scoring.shadow import ProbationPolicy
from tasks.steps import step
from tasks.training import folds
from tasks.training.evidence import Evidence
from tasks.usecases import use_case

NEWEST = 3
"""How many of the newest verdicts are looked at for one that was cut off; each retrain looks before it begins."""


class PromotionPolicy(BaseModel):
    """What happens to a challenger that has passed all gates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Not a boolean `required`: Prefect 3.8 takes that word for one of the form's schema and refuses the value.
    approval: Literal["required", "waived"] = Field(
        description="Required: the retrain is suspended until a person has approved or declined the model in the UI"
    )
    approval_hours: float = Field(gt=0, le=24 * 90, description="Hours after which no answer is a refusal")
    probation: ProbationPolicy = Field(description="How it is watched once it is live")
    watch: WatchPolicy = Field(
        default=WatchPolicy(), description="From what is found, at promotion, which of its windows are ordinary"
    )


@step(**retries.RETRIED)
def settle(usecase: str, clock: datetime) -> None:
    """Leave nothing half done: alias, artifact and run say what the ledger says; what nobody approved is refused."""
    champion.live(usecase)
    for asked in ledger.open_approvals(ledger.decisions(usecase)):
        late = promotion_approval.overdue_reason(asked, clock)
        if late is not None:
            _show(ledger.answered(asked.model_copy(update={"kind": "refused", "reason": late})))
    known = [one for one in ledger.decisions(usecase) if one.kind in ledger.ANSWERS and "run_id" in one.facts]
    for newest in known[-NEWEST:]:
        if tracking.verdict_of(newest.facts["run_id"]) is None:
            _show(newest)


@step()
def ask_for_approval(
    request: Request, trained: Trained, judged: tuple[Verdict, ...], hours: float, clock: datetime
) -> Decision:
    """Keep that a person is asked about a challenger, and show the evidence; return what was asked first."""
    reason = f"{request.usecase}: {gain_told(trained.evidence)}"
    facts = _facts(request, trained, judged)
    return promotion_approval.asked(promotion_approval.approval_request(request, reason, facts, hours, clock))


@step(**retries.RETRIED)
def promote(
    request: Request,
    trained: Trained,
    judged: tuple[Verdict, ...],
    probation: ProbationPolicy | None = None,
    approved: str = "not asked for",
    watch: WatchPolicy | None = None,
) -> str:
    """Make the challenger the champion and keep the decision; return what was decided.

    It is refused if the champion is no longer the one that the evidence compares with, or the request was answered.
    """
    known = ledger.answer_to(request.id)
    if known is not None:
        return _shown(known)
    evidence = trained.evidence
    live = champion.live(request.usecase)
    if (None if live is None else live.version) != evidence.champion_version:
        return _refused(request, trained, judged, _moved(evidence, live))
    facts = _facts(request, trained, judged) | {"approved": approved}
    version = _registered(request, trained, facts, watch or WatchPolicy())
    promised = facts | {"probation": probation.model_dump() if probation else None}
    decision = _answer(request, "promoted", f"version {version}: {gain_told(evidence)}", promised)
    try:
        kept = champion.crown(decision, version, evidence.champion_version)
    except ChampionMovedError as error:
        models.withdraw(request.usecase, version)
        return _refused(request, trained, judged, str(error))
    if kept.facts["version"] != version:
        models.withdraw(request.usecase, version)
    return _shown(kept)


@step(**retries.RETRIED)
def refuse(request: Request, trained: Trained, judged: tuple[Verdict, ...], reason: str) -> str:
    """Keep the refusal and its reason in the ledger and MLflow; return what was decided."""
    return _refused(request, trained, judged, reason)


@step()
def nothing_to_train(request: Request, lack: str) -> str:
    """Say that there is nothing to do yet; a request in the ledger is answered so that it is not asked for again."""
    if request.decision:
        ledger.answered(_answer(request, "refused", lack, {}))
    told = f"nothing to do: {lack}"
    artifacts.show_markdown(f"{request.usecase} verdict", f"# {told}", told)
    return told


def _registered(request: Request, trained: Trained, told: dict[str, Any], watch: WatchPolicy) -> str:
    """Register the challenger with everything that goes with it, though not live; return its version."""
    problem = use_case(request.usecase)
    rows = observations(problem).read(trained.window, version=trained.dataset_version)
    known = folds.labelled(rows, problem, trained.window.end)
    ordinary = monitoring_profile.learned(problem, rows, trained.window.end, trained.run_id, watch)
    profile = tracking.log_profile(
        trained.run_id, monitoring_profile.profile(known, problem) | monitoring_profile.watch_entry(ordinary)
    )
    tracking.log_limits(trained.run_id, monitoring_profile.limit_numbers(ordinary), ordinary.note)
    score = trained.evidence.challenger
    assert score is not None
    facts = ModelFacts(
        dataset_version=trained.dataset_version,
        trained_from=trained.window.start,
        trained_until=trained.window.end,
        promoted_at=request.as_of,
        expected_score=score,
        profile=profile,
    )
    version = models.register(request.usecase, trained.run_id, trained.model_uri, facts)
    requirements = tracking.model_requirements(trained.model_uri)
    links = tracking.links(request.usecase, told | {"version": version})
    text = card.card(problem, told, tracking.code_of(trained.run_id), requirements, links)
    models.describe(request.usecase, version, card.short_text(text, tracking.log_card(trained.run_id, text)))
    return version


def gain_told(evidence: Evidence) -> str:
    """Say what a challenger was measured to be, beside what it was compared with."""
    if evidence.champion_version is None:
        return (
            f"{evidence.metric} {figure(evidence.challenger)} against {figure(evidence.baseline)} of the trivial "
            f"baseline on {evidence.rows} rows; there was no champion"
        )
    return (
        f"{evidence.metric} {figure(evidence.challenger_beside_champion)} against {figure(evidence.champion)} of "
        f"version {evidence.champion_version} on {evidence.compared_rows} rows that neither has seen"
    )


def _moved(evidence: Evidence, live: models.Champion | None) -> str:
    compared = "no champion" if evidence.champion_version is None else f"champion version {evidence.champion_version}"
    found = "none" if live is None else f"version {live.version}"
    return f"the evidence compares with {compared}, but {found} is live now: it changed meanwhile"


def _refused(request: Request, trained: Trained, judged: tuple[Verdict, ...], reason: str) -> str:
    return _shown(ledger.answered(_answer(request, "refused", reason, _facts(request, trained, judged))))


def _facts(request: Request, trained: Trained, judged: tuple[Verdict, ...]) -> dict[str, Any]:
    """Return all that is known about a challenger, as JSON values."""
    return _as_json(trained.evidence) | {
        "run_id": trained.run_id,
        "mlflow_run": trained.run_url,
        "flow_run_url": tracking.flow_run_url(),
        "report_url": _report_url(request),
        "dataset_version": trained.dataset_version,
        "window": str(trained.window),
        "rows_trained_on": trained.rows,
        "candidate": trained.candidate,
        "asked_because": request.reason,
        "gates": [_as_json(one) for one in judged],
        "model_uri": trained.model_uri,
    }


def _report_url(request: Request) -> str | None:
    """Return where the drift report lies that this retrain was asked for by, or None."""
    return ledger.decision(request.decision).facts.get("report") if request.decision else None


def _answer(request: Request, kind: ledger.Kind, reason: str, facts: dict[str, Any]) -> Decision:
    return Decision(
        usecase=request.usecase,
        kind=kind,
        as_of=request.as_of,
        reason=reason,
        facts=facts,
        answers=request.id,
    )


def _as_json(told: Evidence | Verdict) -> dict[str, Any]:
    """Return a model as JSON values; a number that is none becomes null, which the ledger can keep."""
    return json.loads(told.model_dump_json())


def tell_of(decision: Decision) -> None:
    """Tell people of a promotion or a refusal that is kept; told again by whoever finishes it, it alerts once."""
    kind: events.Kind = "model.promoted" if decision.kind == "promoted" else "model.refused"
    events.tell(kind, decision.usecase, decision.id, decision.reason)


def _shown(decision: Decision) -> str:
    """Show a kept verdict where people look for it, MLflow's tag last; return what was decided."""
    _show(decision)
    return f"{decision.kind}: {decision.reason}"


def _show(decision: Decision) -> None:
    tell_of(decision)
    facts, name = decision.facts, decision.usecase
    page = f"# {decision.kind}\n\n{decision.reason}\n\nAsked for because: {facts['asked_because']}\n\n"
    links = tracking.links(name, facts)
    page += f"{links}\n\n{card.gates_table(facts['gates'])}"
    artifacts.show_markdown(f"{name} verdict", page, f"{decision.kind}: {decision.reason}")
    if decision.kind == "promoted":
        told = f"version {facts['version']}, live since {decision.as_of:%Y-%m-%d %H:%M}"
        artifacts.show_markdown(f"{name} model card", tracking.card_of(facts["run_id"]), told)
    numbers = card.gain_numbers(facts)
    tracking.conclude(
        facts["run_id"], decision.kind, decision.reason, run_name(decision), numbers, decision.as_of, links
    )


def run_name(decision: Decision) -> str:
    """Name a retrain's run by what came of it, as in "2013-07-01 promoted v2: roc_auc 0.7597 (+0.0317, ...)"."""
    version = decision.facts.get("version")
    verdict = decision.kind + (f" v{version}" if version else "")
    return f"{decision.as_of:%Y-%m-%d} {verdict}: {card.score_text(decision.facts)}"
