"""What does an event carry?"""

from tasks import events


def test_an_event_names_the_use_case_and_the_decision_and_carries_the_reason_cut_to_size(monkeypatch):
    message = []
    monkeypatch.setattr("prefect.events.emit_event", lambda **event: message.append(event))

    events.tell("data.fault", "stall", "stall/1/fault", "x" * 2_000)

    [event] = message
    assert event["event"] == "data.fault"
    assert event["resource"] == {
        "prefect.resource.id": "evergreen.use-case.stall",
        "prefect.resource.name": "stall",
        "evergreen.decision": "stall/1/fault",
    }
    assert event["payload"] == {"decision": "stall/1/fault", "reason": "x" * 1_000}
