"""Ask a person before a model goes live; no answer in time is a no."""

from datetime import datetime, timedelta
from typing import Any

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from pydantic import Field

from tasks import artifacts
from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.registry import card, tracking
from tasks.registry.tracking import Request
from tasks.steps import step


class Approval(RunInput):
    """The form that the person fills in."""

    approve: bool = Field(default=False, description="Let this model go live")
    comment: str = Field(default="", description="Why; kept in the ledger")


def approval_request(
    request: Request, reason: str, facts: dict[str, Any], hours: float, asked_at: datetime
) -> Decision:
    """Return the ledger's entry that an approval is asked for; it holds all that its answer will need."""
    own = {
        "request": request.model_dump(mode="json"),
        "flow_run": str(flow_run.id or ""),
        "flow_run_url": tracking.flow_run_url(),
        "deadline": (asked_at + timedelta(hours=hours)).isoformat(),
    }
    return Decision(
        usecase=request.usecase,
        kind="approval asked",
        as_of=request.as_of,
        reason=reason,
        facts=facts | own,
        answers=request.id,
    )


def overdue_reason(asked: Decision, clock: datetime) -> str | None:
    """Say that nobody answered in time, or None while there is time."""
    deadline = datetime.fromisoformat(asked.facts["deadline"])
    return None if clock < deadline else f"nobody approved it by {deadline:%Y-%m-%d %H:%M} UTC"


def approval_refusal(answer: Approval, asked: Decision, clock: datetime) -> str | None:
    """Say why a person's answer keeps the challenger from going live, or None if it is approved in time."""
    late = overdue_reason(asked, clock)
    if late is not None:
        return late
    return None if answer.approve else f"declined: {comment(answer)}"


def comment(answer: Approval) -> str:
    """Return a person's words, or that there are none."""
    return answer.comment.strip() or "without a comment"


def waiting_request(usecase: str) -> Request | None:
    """Return what the present flow run was about when it was suspended, so that it goes on with the same; else None."""
    mine = [
        decision
        for decision in ledger.decisions(usecase)
        if decision.kind == "approval asked" and flow_run.id and decision.facts["flow_run"] == str(flow_run.id)
    ]
    return Request.model_validate(mine[-1].facts["request"]) if mine else None


@step()
def waiting_elsewhere(request: Request) -> str | None:
    """Say that another flow run waits for a person's answer to this request, or None."""
    for asked in ledger.open_approvals(ledger.decisions(request.usecase)):
        if asked.answers == request.id and asked.facts["flow_run"] != str(flow_run.id or ""):
            return f"waits for approval until {asked.facts['deadline']}: {asked.facts['flow_run_url']}"
    return None


def asked(request: Decision) -> Decision:
    """Keep that an approval is asked for and show the evidence; return what was asked first, with its deadline."""
    first = ledger.decision(ledger.record(request))
    message = f"waiting for approval until {first.facts['deadline']}: {first.reason}"
    artifacts.show_markdown(f"{first.usecase} approval", f"# {message}\n\n{evidence_markdown(first)}", message)
    return first


def answer_of_a_person(asked: Decision, hours: float) -> Approval:
    """Suspend the flow run for some hours at most, until a person has filled in the form; return what was said.

    The process ends; after the answer another one runs the flow from its beginning and comes here again.
    """
    form = Approval.with_initial_data(description=f"{asked.reason}\n\n{evidence_markdown(asked)}")
    return suspend_flow_run(wait_for_input=form, timeout=round(hours * 3600), key="approval")


def evidence_markdown(asked: Decision) -> str:
    """Return the evidence as markdown: where it lies, and the verdict of each gate."""
    return f"[Run in MLflow]({asked.facts['mlflow_run']})\n\n{card.gates_table(asked.facts['gates'])}"
