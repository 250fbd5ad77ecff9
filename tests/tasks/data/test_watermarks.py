"""Up to when was the source read, and is that too long ago?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.data import ledger
from tasks.data.watermarks import (
    UNMARKED,
    checked_until,
    feed_state,
    late_reason,
    mark_collected,
    marks_at,
    show_late_feed,
    usual_gap,
    watermarks,
)

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)

MARK = """
from datetime import UTC, datetime
from tasks.data.watermarks import mark_collected

ready.set()
for hour in range(24):
    mark_collected.fn("stall", datetime(2024, 1, 1, hour, tzinfo=UTC))
"""


def collected_at(*moments):
    for moment in moments:
        mark_collected.fn("stall", moment)


@pytest.fixture
def events(monkeypatch):
    """What the automations were told, instead of telling a server."""
    emitted = []
    monkeypatch.setattr("prefect.events.emit_event", lambda **event: emitted.append(event["event"]))
    return emitted


def test_a_check_ends_where_the_newest_collection_did(stall, state):
    collected_at(NOON, NOON + HOUR)

    assert checked_until(stall, NOON + HOUR + 10 * MINUTE) == NOON + HOUR


@pytest.mark.parametrize("minutes", [0, 30, 59])
def test_a_check_at_an_earlier_moment_knows_nothing_of_a_later_collection(stall, state, minutes):
    collected_at(NOON, NOON + HOUR)

    assert checked_until(stall, NOON + minutes * MINUTE) == NOON


def test_a_check_at_the_moment_of_a_collection_ends_there(stall, state):
    collected_at(NOON, NOON + HOUR)

    assert checked_until(stall, NOON + HOUR) == NOON + HOUR


def test_a_collection_of_an_earlier_moment_takes_back_nothing(stall, state):
    collected_at(NOON + HOUR, NOON)

    assert checked_until(stall, NOON + 2 * HOUR) == NOON + HOUR


def test_a_state_older_than_watermarks_is_checked_up_to_the_moment_itself_and_says_so(stall, state):
    assert checked_until(stall, NOON) == NOON
    assert feed_state(stall, NOON) == UNMARKED


def test_a_moment_before_the_first_collection_is_checked_up_to_itself(stall, state):
    collected_at(NOON)

    assert checked_until(stall, NOON - MINUTE) == NOON - MINUTE


def test_a_collection_recorded_again_stands_once(stall, state):
    collected_at(NOON, NOON, NOON)

    assert marks_at(stall, NOON) == [NOON]
    assert watermarks(stall).version() == 1  # created, and written once


@pytest.mark.slow
def test_watermarks_of_two_collections_at_once_all_stand_once(stall, process):
    both = [process(MARK), process(MARK)]

    ends = [(running.join(60), running.exitcode)[1] for running in both]

    assert ends == [0, 0]
    assert marks_at(stall, NOON + WEEK) == [datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in range(24)]


def test_the_usual_gap_is_the_median_of_the_newest_ones(stall):
    after = [0, 1, 2, 3, 9, 10]  # gaps of 1, 1, 1, 6 and 1 hours

    assert usual_gap([NOON + hours * HOUR for hours in after], WEEK) == HOUR


def test_old_gaps_do_not_count_for_the_usual_one():
    slow = [NOON + 24 * hours * HOUR for hours in range(30)]
    quick = [slow[-1] + number * MINUTE for number in range(1, 21)]

    assert usual_gap([*slow, *quick], WEEK) == MINUTE


@pytest.mark.parametrize(("marks", "usual"), [(3, WEEK), (4, HOUR)])
def test_with_fewer_than_three_gaps_a_window_stands_for_the_usual_one(marks, usual):
    assert usual_gap([NOON + number * HOUR for number in range(marks)], WEEK) == usual


@pytest.mark.parametrize(("minutes", "late"), [(0, False), (119, False), (120, False), (121, True)])
def test_a_feed_is_late_once_more_than_two_usual_gaps_have_passed(minutes, late):
    marks = [NOON + number * HOUR for number in range(4)]

    assert (late_reason(marks, WEEK, marks[-1] + minutes * MINUTE) is not None) is late


def test_the_reason_says_since_when_how_long_is_usual_and_where_to_look():
    marks = [NOON + number * HOUR for number in range(4)]

    assert late_reason(marks, WEEK, marks[-1] + 5 * HOUR) == (
        "the source was last read up to 2024-01-01 15:00, 5 hours ago; 1 hour is usual from one collection to the "
        "next: look at the runs of `collect`"
    )


def test_a_source_that_was_never_read_is_not_late():
    assert late_reason([], WEEK, NOON) is None


def test_a_late_feed_is_told_once_until_the_source_is_read_again(stall, state, events):
    collected_at(*(NOON + number * HOUR for number in range(4)))
    for hours in (4, 6, 7):
        show_late_feed.fn("stall", NOON + hours * HOUR)
    collected_at(NOON + 8 * HOUR)
    for hours in (8, 12, 13):
        show_late_feed.fn("stall", NOON + hours * HOUR)

    decisions = ledger.decisions("stall")

    # At four hours one has passed since the newest collection, at six three; the second silence begins at eight.
    assert [(item.kind, item.as_of) for item in decisions] == [
        ("feed late", NOON + 6 * HOUR),
        ("feed late", NOON + 12 * HOUR),
    ]
    assert events == ["feed.late", "feed.late"]


def test_a_run_that_tells_again_what_it_has_recorded_sends_the_event_that_may_be_lost(stall, state, events):
    collected_at(*(NOON + number * HOUR for number in range(4)))

    show_late_feed.fn("stall", NOON + 6 * HOUR)
    show_late_feed.fn("stall", NOON + 6 * HOUR)

    assert len(ledger.decisions("stall")) == 1
    assert events == ["feed.late", "feed.late"]


def test_the_state_of_the_feed_is_told_in_a_line(stall, state):
    collected_at(*(NOON + number * HOUR for number in range(4)))

    assert feed_state(stall, NOON + 3 * HOUR + 25 * MINUTE) == "read up to 2024-01-01 15:00, 25 minutes ago"
    assert feed_state(stall, NOON + 6 * HOUR).startswith("late: the source was last read up to 2024-01-01 15:00, 3 ho")
