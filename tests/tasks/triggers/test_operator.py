"""What is kept of what a person says of a drift or of the data?"""

from datetime import UTC, datetime, timedelta

from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.monitoring.history import keep_looks
from tasks.monitoring.look import Look
from tasks.monitoring.signals.health import Fault
from tasks.triggers.operator import accept_faults, mute_episode
from tasks.windows import Window

MONDAY = datetime(2024, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def a_look(day, column):
    """Return the look at the week up to a day, in which a column lacks values."""
    end = MONDAY + day * DAY
    fault = Fault(kind="missing values", column=column, number=0.5, expected=0.0, since=end - DAY, last_good=None,
                  sentence=f"half of {column} is missing")  # fmt: skip
    return Look(window=Window(start=end - 7 * DAY, end=end), as_of=end, watch="w", rows=56, labelled=40, signals=(),
                faults=(fault,))  # fmt: skip


def test_an_episode_is_muted_with_the_reason_its_moment_and_a_page(stall, state, shown):
    opened = Decision(usecase="stall", kind="drift found", as_of=MONDAY, reason="price moved")
    ledger.record(opened)

    sentence = mute_episode.fn("stall", MONDAY + 9 * DAY, "a holiday", MONDAY + DAY)

    first, muted = ledger.decisions("stall")
    assert first == opened
    assert (muted.kind, muted.as_of, muted.reason) == ("muted", MONDAY + DAY, "a holiday")
    assert muted.facts["episode"] == opened.id
    assert datetime.fromisoformat(muted.facts["until"]) == MONDAY + 9 * DAY
    assert sentence == f"stall: {shown[0]['description']}"
    assert shown[0]["markdown"] == "# muted until 2024-01-17 00:00: a holiday"


def test_only_the_newest_window_s_faults_up_to_the_moment_are_accepted(stall, state, shown):
    keep_looks(stall, [a_look(0, "price"), a_look(1, "weight"), a_look(2, "items")])

    accept_faults.fn("stall", "", "optional now", MONDAY + DAY)

    [accepted] = ledger.decisions("stall")
    assert (accepted.kind, accepted.as_of, accepted.reason) == ("fault accepted", MONDAY + DAY, "optional now")
    assert [fault["column"] for fault in accepted.facts["faults"]] == ["weight"]
    assert "half of weight is missing" in shown[0]["markdown"]


def test_what_was_accepted_after_the_moment_is_not_known_yet(stall, state, shown):
    keep_looks(stall, [a_look(0, "price")])

    for_later = accept_faults.fn("stall", "price", "optional now", MONDAY + 5 * DAY)
    at_once = accept_faults.fn("stall", "price", "optional now", MONDAY)

    assert for_later == at_once
    assert [decision.as_of for decision in ledger.decisions("stall")] == [MONDAY, MONDAY + 5 * DAY]
