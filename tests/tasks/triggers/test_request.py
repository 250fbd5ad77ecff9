"""What does a check amount to, and when are the automations told?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.data.tables import scouts_of
from tasks.monitoring.check import Check, Performance
from tasks.monitoring.drift_report import DriftPolicy
from tasks.monitoring.signals.health import Fault
from tasks.monitoring.signals.models import Alarm, Signal
from tasks.triggers.episodes import open_episode
from tasks.triggers.history import History
from tasks.triggers.policy import RetrainPolicy
from tasks.triggers.request import ask_for_retrain, findings, history, keep_findings
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DRIFT = DriftPolicy(numeric_threshold=0.5, categorical_threshold=0.3, missing_threshold=0.25, min_rows=10, max_rows=100)
RETRAINING = RetrainPolicy(max_loss=0.1, min_labelled=10, cooldown_days=0, min_new_rows=0)
NO_SCOUTS = RETRAINING.model_copy(update={"regret": None})


def on_day(number, hour=0):
    return JAN_1 + timedelta(days=number, hours=hour)


def days(first, last):
    return Window(start=on_day(first), end=on_day(last))


def a_signal(column="price", side=1):
    return Signal(
        family="features",
        column=column,
        statistic="location",
        rows=56,
        value=0.5,
        expected=0.0,
        limit=0.25,
        exceeded=side,
    )


def a_check(**changes):
    performance = Performance(metric="roc_auc", value=0.5, labelled=40, expected=0.75)
    common = {"usecase": "stall", "as_of": on_day(14), "window": days(7, 14), "model_version": "3", "rows": 56}
    return Check(**common | {"performance": performance} | changes)


@pytest.fixture
def sent(monkeypatch):
    """What the automations were told, instead of telling a server."""
    events = []
    monkeypatch.setattr("prefect.events.emit_event", lambda **event: events.append(event))
    return events


def a_fault():
    return Fault(kind="duplicates", column="", number=0.5, expected=0.0, since=on_day(8), last_good=days(0, 7),
                 sentence="half of the rows are there twice")  # fmt: skip


def test_a_fault_is_a_decision_of_its_own_while_it_is_new(stall):
    past = History(last_retrain=None, new_rows=0)

    [decision] = findings(a_check(faults=(a_fault(),), new_faults=(a_fault(),)), past)

    assert (decision.kind, decision.reason) == ("fault", "half of the rows are there twice")
    assert decision.facts["faults"][0]["last_good"]["start"] == "2024-01-01T00:00:00Z"
    assert findings(a_check(faults=(a_fault(),)), past) == []


def test_a_fault_is_reported_once_of_a_window_that_is_checked_again(stall, state, sent):
    past = History(last_retrain=None, new_rows=0)
    check = a_check(faults=(a_fault(),), new_faults=(a_fault(),))

    keep_findings.fn(check, past)
    keep_findings.fn(check.model_copy(update={"as_of": on_day(14, 1)}), past)
    keep_findings.fn(check.model_copy(update={"as_of": on_day(15), "window": days(8, 15)}), past)

    assert [(decision.kind, decision.as_of) for decision in ledger.decisions("stall")] == [
        ("fault", on_day(14)),
        ("fault", on_day(15)),
    ]


def test_another_model_gets_the_fault_anew(stall, state, sent):
    past = History(last_retrain=None, new_rows=0)
    check = a_check(faults=(a_fault(),), new_faults=(a_fault(),))

    keep_findings.fn(check, past)
    keep_findings.fn(check.model_copy(update={"as_of": on_day(14, 1), "model_version": "4"}), past)

    assert len(ledger.decisions("stall")) == 2


def test_findings_that_are_recorded_again_at_the_same_moment_send_their_event_again(stall, state, sent):
    past = History(last_retrain=None, new_rows=0)
    check = a_check(faults=(a_fault(),), new_faults=(a_fault(),))

    keep_findings.fn(check, past)
    keep_findings.fn(check, past)

    assert len(ledger.decisions("stall")) == 1
    assert [event["event"] for event in sent] == ["data.fault", "data.fault"]


def test_a_fault_that_comes_to_last_is_reported_once(stall):
    past = History(last_retrain=None, new_rows=0)

    [decision] = findings(a_check(lasting=(a_fault(),), new_lasting=(a_fault(),)), past)

    assert decision.kind == "fault lasts"
    assert decision.reason.endswith("since it lasts: half of the rows are there twice")
    assert findings(a_check(lasting=(a_fault(),)), past) == []


def test_an_alarm_opens_an_episode_and_quiet_checks_close_it(stall):
    alarm = Alarm(signals=(a_signal(),), spans=("",))
    past = History(last_retrain=None, new_rows=0)

    [opened] = findings(a_check(alarm=alarm), past)
    within = past.model_copy(update={"episode": open_episode([opened])})

    assert (opened.kind, opened.reason, opened.facts["severity"]) == (
        "drift found",
        "price drifted: location distance 0.50 (limit 0.25, n = 56)",
        0.5 / 0.25,
    )
    assert findings(a_check(alarm=alarm), within) == []
    assert [decision.kind for decision in findings(a_check(quiet=True), within)] == ["episode closed"]


def test_history_counts_the_labels_since_the_champion_learned(stall, observed, a_champion):
    # sold from day 7 to the first hour of day 8, and told by day 10
    assert history.fn(a_check(as_of=on_day(10)), a_champion(until=7), NO_SCOUTS).new_rows == 8 + 1
    assert history.fn(a_check(as_of=on_day(10)), a_champion(until=10), NO_SCOUTS).new_rows == 0


def test_history_knows_the_last_answer_and_the_open_request_up_to_its_moment(stall, state, a_champion):
    ends = [
        Decision(usecase="stall", kind="promoted", as_of=on_day(3), reason="better"),
        Decision(usecase="stall", kind="refused", as_of=on_day(5), reason="worse"),
        Decision(usecase="stall", kind="promoted", as_of=on_day(30), reason="later"),
    ]
    asked = Decision(usecase="stall", kind="retrain asked", as_of=on_day(9), reason="drift")
    [ledger.record(decision) for decision in [*ends, asked]]

    past = history.fn(a_check(as_of=on_day(10)), a_champion(until=7), NO_SCOUTS)

    assert (past.last_retrain, past.unanswered) == (on_day(5), asked)


def test_history_before_the_first_retrain_is_empty(stall, state, a_champion):
    past = history.fn(a_check(as_of=on_day(10)), a_champion(until=7), NO_SCOUTS)

    assert past == History(last_retrain=None, new_rows=0, trained_until=on_day(7))


def test_scouts_are_stored_once_and_judged_on_windows_whose_labels_have_settled(
    stall, observed, monkeypatch, a_champion
):
    monkeypatch.setattr("tasks.registry.models.first_version", lambda _name: a_champion())
    check = a_check(as_of=on_day(35), window=days(28, 35))
    champion = a_champion(dataset_version=observed)

    costs = [history.fn(check, champion, RETRAINING).scouts for _ in (1, 2)]

    # Five whole weeks; the labels of the last come until two days after it.
    pairs = [(0, 2), (0, 3), (1, 2), (2, 3)]
    assert [[(score.scout, score.window) for score in scouts.results] for scouts in costs] == [pairs, pairs]
    assert len(scouts_of(stall).read()) == len(pairs)


def test_without_a_policy_for_the_cost_of_age_no_scout_is_fitted(stall, observed, a_champion):
    past = history.fn(a_check(as_of=on_day(35), window=days(28, 35)), a_champion(), NO_SCOUTS)

    assert past.scouts is None
    assert scouts_of(stall).read().empty


def test_a_request_is_recorded_before_the_automations_get_its_id(stall, state, sent):
    name = ask_for_retrain.fn(a_check(), "3 of 4 features drifted", History(last_retrain=None, new_rows=0), RETRAINING)

    assert ledger.decision(name).reason == "3 of 4 features drifted"
    assert sent == [
        {
            "event": "drift.detected",
            "resource": {
                "prefect.resource.id": "evergreen.use-case.stall",
                "prefect.resource.name": "stall",
                "evergreen.decision": name,
            },
            "payload": {"decision": name, "reason": "3 of 4 features drifted"},
        }
    ]


def test_a_request_carries_the_code_of_its_trigger(stall, state, sent):
    check = a_check(alarm=Alarm(signals=(a_signal(),), spans=("",)))

    name = ask_for_retrain.fn(check, "price drifted", History(last_retrain=None, new_rows=0), RETRAINING)

    assert ledger.decision(name).facts["trigger"] == "drift"


def test_a_request_that_nobody_answered_is_sent_again_and_no_other_is_made(stall, state, sent):
    asked = Decision(usecase="stall", kind="retrain asked", as_of=on_day(9), reason="drift")
    ledger.record(asked)

    name = ask_for_retrain.fn(a_check(), "drift", History(last_retrain=None, new_rows=0, unanswered=asked), RETRAINING)

    assert name == asked.id
    assert ledger.decisions("stall") == [asked]
    assert [event["payload"]["decision"] for event in sent] == [asked.id]
