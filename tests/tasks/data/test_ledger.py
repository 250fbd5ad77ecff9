"""What does the ledger remember of a decision?"""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from tasks.data.ledger import Decision, answer_to, decision, decisions, moves, open_request, record, record_unless
from tasks.data.ledger import answered as kept_answer

MONDAY = datetime(2024, 1, 1, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def asked(days=0, usecase="stall", reason="3 of 4 features drifted"):
    return Decision(usecase=usecase, kind="retrain asked", as_of=MONDAY + days * DAY, reason=reason)


def answered(request, kind="promoted", days=0):
    return Decision(usecase="stall", kind=kind, as_of=MONDAY + days * DAY, reason="better", answers=request.id)


def test_a_decision_is_named_after_what_it_decides_and_when():
    assert asked().id == "stall/20240101T063000/retrain-asked"


def test_a_decision_comes_back_as_it_was_kept(state):
    stored = asked().model_copy(update={"facts": {"share": 0.75, "labelled": 12, "report": None, "columns": ["price"]}})

    assert decision(record(stored)) == stored


def test_a_decision_made_again_stays_as_it_was_first_written(state):
    record(asked(reason="first"))
    record(asked(reason="second"))

    assert [decision_row.reason for decision_row in decisions("stall")] == ["first"]


def test_a_number_that_is_none_is_refused_before_it_is_kept(state):
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        record(asked().model_copy(update={"facts": {"share": float("nan")}}))

    assert decisions("stall") == []


def test_a_decision_without_a_zone_is_refused():
    with pytest.raises(ValidationError, match=r"as_of\n.*timezone"):
        Decision(usecase="stall", kind="promoted", as_of=datetime(2024, 1, 1), reason="better")


def test_decisions_come_oldest_first_up_to_and_including_a_moment_and_of_one_use_case(state):
    for_another = asked(usecase="bakery")
    [record(item) for item in (asked(2), asked(0), asked(1), for_another)]

    assert decisions("stall", until=MONDAY + DAY) == [asked(0), asked(1)]
    assert decisions("bakery") == [for_another]


@pytest.mark.parametrize("kinds", [("retrain asked", "drift found"), ("drift found", "retrain asked")])
def test_of_one_moment_drift_comes_before_the_request_that_it_led_to_in_whatever_order_files_hold_them(state, kinds):
    [record(asked().model_copy(update={"kind": kind})) for kind in kinds]

    assert [decision.kind for decision in decisions("stall")] == ["drift found", "retrain asked"]


def test_of_one_moment_the_request_comes_before_its_answer(state):
    [record(item) for item in (answered(asked()), asked())]

    assert decisions("stall") == [asked(), answered(asked())]


def test_an_unknown_decision_is_named(state):
    with pytest.raises(ValueError, match="the ledger has no decision 'stall/never'"):
        decision("stall/never")


@pytest.mark.parametrize("kind", ["promoted", "refused"])
def test_a_request_is_open_until_it_is_answered(state, kind):
    request = asked()
    record(request)
    assert answer_to(request.id) is None

    record(answered(request, kind))

    assert answer_to(request.id) == answered(request, kind)


def test_the_newest_request_that_nothing_answers_is_open():
    history = [asked(0), asked(1), answered(asked(1), days=1), asked(2), asked(3), answered(asked(3), "refused", 3)]

    assert open_request(history) == asked(2)
    assert open_request(history[:3]) == asked(0)


def test_no_request_is_open_where_none_was_made_or_all_are_answered():
    assert open_request([]) is None
    assert open_request([asked(0), answered(asked(0))]) is None


def test_an_answer_to_nobody_leaves_a_request_open():
    by_hand = Decision(usecase="stall", kind="promoted", as_of=MONDAY + DAY, reason="better", answers="stall/by hand")

    assert open_request([asked(0), by_hand]) == asked(0)


def test_an_answer_is_named_after_what_it_answers_and_a_look_after_its_moment():
    looked = Decision(usecase="stall", kind="on probation", as_of=MONDAY, reason="fine", answers="stall/1/promoted")

    assert answered(asked()).id == "stall/20240101T063000/retrain-asked/promoted"
    assert looked.id == "stall/20240101T063000/on-probation"


def test_two_requests_of_one_moment_can_both_be_promoted(state):
    by_hand = Decision(usecase="stall", kind="promoted", as_of=MONDAY, reason="better", answers="stall/by hand")
    [record(decision_row) for decision_row in (answered(asked()), by_hand)]

    assert sorted(decision_row.answers for decision_row in decisions("stall")) == sorted([asked().id, "stall/by hand"])


def test_a_request_is_answered_once_and_the_first_answer_stands(state):
    first, second = answered(asked(), "refused"), answered(asked(), "promoted")

    assert [kept_answer(item) for item in (first, second, first)] == [first] * 3
    assert decisions("stall") == [first]


def test_a_look_or_an_approval_asked_for_closes_no_request(state):
    waiting = answered(asked(), "approval asked")
    [record(item) for item in (asked(), waiting)]

    assert answer_to(asked().id) is None
    assert open_request(decisions("stall")) == asked()


def test_a_decision_is_kept_unless_the_past_gives_a_reason_against_it(state):
    record(asked(0))
    record(asked(0, usecase="bakery"))

    assert record_unless(asked(1), lambda past: f"{len(past)} known") == "1 known"
    assert record_unless(asked(1), lambda past: None) is None
    assert record_unless(asked(1), lambda past: "asked about what is kept already") is None
    assert decisions("stall") == [asked(0), asked(1)]


def test_moves_come_in_the_order_of_their_turns_and_nothing_else_is_one():
    back = Decision(usecase="stall", kind="rolled back", as_of=MONDAY, reason="worse", facts={"turn": 2})
    first = answered(asked(), days=3).model_copy(update={"facts": {"turn": 1}})

    assert moves([asked(), back, first, answered(asked(), "refused")]) == [first, back]
