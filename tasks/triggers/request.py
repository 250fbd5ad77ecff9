"""Keep what a check amounts to, and ask for a retrain where that is decided."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tasks import artifacts, events
from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.data.tables import rows_at
from tasks.metrics import figure
from tasks.monitoring.check import Check
from tasks.monitoring.measure import column_records
from tasks.monitoring.signals import models
from tasks.monitoring.signals.sentences import fault_summary
from tasks.registry.models import Champion
from tasks.steps import step
from tasks.triggers import episodes
from tasks.triggers.age_cost import scouts_with_costs
from tasks.triggers.history import History, retrain_history
from tasks.triggers.policy import RetrainPolicy, harmless_reason, holding_reason, wanted_reason, wanted_trigger
from tasks.usecases import use_case
from tasks.windows import Window

EVENTS: Mapping[ledger.Kind, events.Kind] = {"fault": "data.fault", "drift found": "drift.found"}


@step()
def history(check: Check, live: Champion, policy: RetrainPolicy) -> History:
    """Return what bears on the next retrain: when the last was, what is unanswered, new labels, the cost of age."""
    problem, as_of = use_case(check.usecase), check.as_of
    past = ledger.decisions(check.usecase, as_of)

    def labelled_since(start: datetime) -> int:
        if start >= as_of:
            return 0
        rows = rows_at(problem, as_of, Window(start=start, end=as_of), columns=())
        return int(rows[problem.target].notna().sum())

    before = retrain_history(past, labelled_since, live.trained_until, as_of)
    if policy.regret is None:
        return before
    return before.model_copy(update={"scouts": scouts_with_costs(problem, live, check.window.end)})


@step()
def keep_findings(check: Check, past: History) -> None:
    """Keep in the ledger, and tell the automations, that a fault is new, that a drift begins, or that it is over."""
    before = ledger.decisions(check.usecase, check.as_of)
    for decision in new_findings(findings(check, past), before):
        ledger.record(decision)
        if decision.kind in EVENTS:
            events.tell(EVENTS[decision.kind], check.usecase, decision.id, decision.reason)


def new_findings(decisions: Sequence[Decision], past: Sequence[Decision]) -> list[Decision]:
    """Return the findings that no earlier check of the same window has made: it stands until more is collected."""
    return [decision for decision in decisions if not any(_same_finding(decision, other) for other in past)]


def _same_finding(decision: Decision, earlier: Decision) -> bool:
    places = ("window", "model_version")
    return (
        "window" in decision.facts
        and (earlier.kind, earlier.reason) == (decision.kind, decision.reason)
        and earlier.as_of < decision.as_of
        and all(earlier.facts.get(name) == decision.facts[name] for name in places)
    )


def findings(check: Check, past: History) -> list[Decision]:
    """Return the decisions that a check makes beside that on a retrain."""
    decisions = []
    facts = {"window": str(check.window), "report": check.report_url, "model_version": check.model_version}
    if check.new_faults:
        reason = fault_summary(check.new_faults)
        fault_facts = facts | {"faults": [fault.model_dump(mode="json") for fault in check.new_faults]}
        decisions.append(
            Decision(usecase=check.usecase, kind="fault", as_of=check.as_of, reason=reason, facts=fault_facts)
        )
    if check.new_lasting:
        reason = "taken for how the world is now, since it lasts: " + fault_summary(check.new_lasting)
        fault_facts = facts | {"faults": [fault.model_dump(mode="json") for fault in check.new_lasting]}
        decisions.append(
            Decision(usecase=check.usecase, kind="fault lasts", as_of=check.as_of, reason=reason, facts=fault_facts)
        )
    if check.alarm is not None and past.episode is None:
        decisions.append(episodes.opening(check.usecase, check.as_of, check.alarm, facts))
    if past.episode is not None and past.unanswered is None and check.quiet:
        reason = "the newest checks were all within their limits"
        decisions.append(episodes.closing(check.usecase, check.as_of, past.episode, reason))
    return decisions


@step()
def show_check(check: Check, reason: str | None, past: History, policy: RetrainPolicy) -> None:
    """Show the check's numbers as a table, and its links and outcome as a page."""
    rows = [signal.model_dump() for signal in check.signals if signal.exceeded] or column_records(check)
    artifacts.show_table(f"{check.usecase} drift", rows, f"{check.usecase} {check.window} {check.note}")
    performance = check.performance
    outcome = f"retrain: {reason}" if reason else "no retrain"
    facts = {
        "window": check.window,
        "rows": check.rows,
        "champion": f"version {check.model_version}",
        "features beyond their limits": ", ".join(check.drifting) or "none",
        "share of them": "unknown" if check.drifted_share is None else f"{check.drifted_share:.1%}",
        f"{performance.metric} on {performance.labelled:,} labelled rows": "unknown"
        if performance.value is None
        else performance.value,
        f"{performance.metric} at promotion": performance.expected,
        "data faults": fault_summary(check.faults) or "none",
        "faults that last, taken for how the world is now": fault_summary(check.lasting) or "none",
        "unusual, and nothing waits for it": fault_summary(check.warnings) or "none",
        "alarm": "; ".join(check.alarm.reasons) if check.alarm else "silent",
        "a retrain would be wanted because": wanted_reason(check, past, policy) or "",
        "held back because": holding_reason(check, past, policy) or "",
        "warning only": harmless_reason(check, policy) or "",
        "open episode": f"since {past.episode.opened:%Y-%m-%d %H:%M}" if past.episode else "none",
        f"{performance.metric} estimated before labels": estimate_text(check),
        "feed": check.feed,
        "limits": check.limits,
        "note": check.note,
    }
    links = f"[Evidently report]({check.report_url}) · [in Evidently's UI]({check.evidently_url})"
    page = f"# {outcome}\n\n{links if check.report_url else ''}\n\n{artifacts.as_markdown(facts)}"
    artifacts.show_markdown(f"{check.usecase} check", page, outcome)


def estimate_text(check: Check) -> str:
    """Say what the metric may be expected to become, and what that is worth."""
    if check.distrust is not None:
        return f"switched off: {check.distrust}"
    guess = check.estimate
    if guess is None:
        return "not estimated"
    if guess.value is None:
        return guess.note
    return (
        f"{figure(guess.value)} ({figure(guess.low)} to {figure(guess.high)}), from the model's own confidence: "
        f"it cannot see that the rule itself has changed"
    )


@step()
def ask_for_retrain(check: Check, reason: str, past: History, policy: RetrainPolicy) -> str:
    """Keep the request in the ledger and tell the automations; one that is unanswered is told again.

    The ledger comes first: an event that is lost is emitted again by the next check.
    """
    performance = check.performance.model_dump()
    facts = {
        "window": str(check.window),
        "drifted_share": check.drifted_share,
        **performance,
        "report": check.report_url,
    }
    facts |= {"severity": models.severity(check.alarm), "trigger": wanted_trigger(check, past, policy)}
    asked = past.unanswered or Decision(
        usecase=check.usecase, kind="retrain asked", as_of=check.as_of, reason=reason, facts=facts
    )
    ledger.record(asked)
    tell_automations(check.usecase, asked.id, asked.reason)
    return asked.id


def tell_automations(usecase: str, decision: str, reason: str = "") -> None:
    """Ask the automations for the retrain that a decision in the ledger wants."""
    events.tell("drift.detected", usecase, decision, reason)
