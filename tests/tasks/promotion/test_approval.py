"""When does a person's answer let a challenger go live, and what does silence mean?"""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from tasks.data import ledger
from tasks.data.ledger import Decision, answer_to
from tasks.promotion.approval import (
    Approval,
    approval_refusal,
    asked,
    overdue_reason,
    waiting_elsewhere,
    waiting_request,
)
from tasks.promotion.promotion import PromotionPolicy, ask_for_approval, promote, settle
from tasks.registry.models import champion
from tasks.registry.tracking import verdict_of

CLOCK = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROBATION = {"windows": 0, "error_rate": 0.1, "min_rows": 10}


def an_approval(deadline=CLOCK, answers="stall/1", flow_run="run 1"):
    facts = {
        "deadline": deadline.isoformat(),
        "flow_run": flow_run,
        "flow_run_url": "http://prefect/run",
        "mlflow_run": "http://mlflow/run",
        "gates": [],
        "request": {"usecase": "stall", "as_of": "2024-01-04T00:00:00Z", "reason": "test"},
    }
    return Decision(usecase="stall", kind="approval asked", as_of=CLOCK, reason="better", facts=facts, answers=answers)


def refused(answers):
    return Decision(usecase="stall", kind="refused", as_of=CLOCK, reason="worse", answers=answers)


@pytest.mark.parametrize(("hours", "is_late"), [(-1, False), (0, True), (1, True)], ids=["before", "at", "after"])
def test_an_approval_is_overdue_from_its_deadline_on(hours, is_late):
    late = overdue_reason(an_approval(), CLOCK + hours * HOUR)

    assert late == ("nobody approved it by 2026-11-25 12:00 UTC" if is_late else None)


@pytest.mark.parametrize(
    ("approval", "hours", "refusal"),
    [
        (Approval(approve=True, comment="fine"), -1, None),
        (Approval(approve=False, comment=" too bold "), -1, "declined: too bold"),
        (Approval(), -1, "declined: without a comment"),
        (Approval(approve=True), 0, "nobody approved it by 2026-11-25 12:00 UTC"),
    ],
    ids=["approved", "declined", "blank", "late"],
)
def test_a_challenger_is_refused_unless_it_is_approved_in_time(approval, hours, refusal):
    assert approval_refusal(approval, an_approval(), CLOCK + hours * HOUR) == refusal


def test_approvals_are_open_until_their_request_is_answered():
    first, second = an_approval(answers="stall/1"), an_approval(answers="stall/2")

    assert ledger.open_approvals([first, second, refused("stall/1")]) == [second]


@pytest.mark.parametrize("hours", [0, -1, 24 * 91])
def test_a_time_that_nobody_could_keep_is_refused(hours):
    with pytest.raises(ValidationError, match="approval_hours"):
        PromotionPolicy(approval="required", approval_hours=hours, probation=PROBATION)


def test_what_was_asked_first_keeps_its_deadline(state, shown):
    first = asked(an_approval())

    assert asked(an_approval(deadline=CLOCK + HOUR)) == first
    assert "waiting for approval until 2026-11-25T12:00:00+00:00: better" in shown[-1]["markdown"]


def test_a_flow_run_that_was_suspended_goes_on_with_its_own_request(state, monkeypatch):
    [ledger.record(item) for item in (an_approval(), an_approval(answers="stall/2", flow_run="run 2"))]
    assert waiting_request("stall") is None

    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", "run 1")

    assert waiting_request("stall").as_of == datetime(2024, 1, 4, tzinfo=UTC)
    assert waiting_request("bakery") is None


def test_another_flow_run_does_not_ask_again_what_one_waits_for(state, monkeypatch):
    stored = an_approval()
    ledger.record(stored)
    request = waiting_for("stall/1")
    answer = waiting_elsewhere.fn(request)
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", "run 1")

    assert answer == "waits for approval until 2026-11-25T12:00:00+00:00: http://prefect/run"
    assert waiting_elsewhere.fn(request) is None
    assert waiting_elsewhere.fn(waiting_for("stall/2")) is None


def waiting_for(decision):
    from tasks.registry.tracking import Request

    return Request(usecase="stall", as_of=CLOCK, reason="test", decision=decision)


@pytest.mark.slow
def test_what_nobody_answered_in_time_is_refused_by_the_next_run_and_kept_with_the_evidence(challenger, shown):
    request, trained = challenger(3)
    ask_for_approval.fn(request, trained, (), 2, CLOCK)

    settle.fn("stall", CLOCK + HOUR)
    assert answer_to(request.id) is None
    settle.fn("stall", CLOCK + 2 * HOUR)

    stored = answer_to(request.id)
    assert (stored.kind, stored.reason) == ("refused", "nobody approved it by 2026-11-25 14:00 UTC")
    assert stored.facts["challenger"] == 0.75
    assert verdict_of(trained.run_id) == "refused"


@pytest.mark.slow
def test_an_approval_that_comes_after_the_refusal_changes_nothing(challenger, shown):
    request, trained = challenger(3)
    ask_for_approval.fn(request, trained, (), 2, CLOCK)
    settle.fn("stall", CLOCK + 2 * HOUR)

    assert promote.fn(request, trained, (), approved="approved: fine").startswith("refused: nobody approved it by")
    assert champion("stall") is None


@pytest.mark.slow
def test_who_approved_and_what_was_said_stand_in_the_ledger_and_on_the_card(challenger, shown):
    request, trained = challenger(3)
    ask_for_approval.fn(request, trained, (), 2, CLOCK)

    promote.fn(request, trained, (), approved="approved: looks right")

    assert answer_to(request.id).facts["approved"] == "approved: looks right"
    assert "| approved | approved: looks right |" in shown[-1]["markdown"]
    assert ledger.open_approvals(ledger.decisions("stall")) == []
