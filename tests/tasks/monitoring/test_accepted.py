"""When is a fault of the data, by a person's word, how the world is now?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.monitoring.accepted import CannotAcceptError, acceptance, accepted
from tasks.monitoring.history import keep_looks
from tasks.monitoring.look import Look, without
from tasks.monitoring.signals.health import Fault
from tasks.triggers.episodes import open_episode
from tasks.triggers.operator import accept_faults, mute_episode
from tasks.windows import Window

MONDAY = datetime(2024, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = Window(start=MONDAY - 7 * DAY, end=MONDAY)


def a_fault(kind="missing values", column="price"):
    return Fault(kind=kind, column=column, number=0.5, expected=0.0, since=WEEK.start, last_good=None,
                 sentence=f"{kind} of {column}")  # fmt: skip


def a_look(*faults, window=WEEK):
    return Look(window=window, as_of=window.end, watch="limits", rows=56, labelled=40, signals=(), faults=faults)


def decided(kind, day, **facts):
    return Decision(usecase="stall", kind=kind, as_of=MONDAY + day * DAY, reason=f"{kind}!", facts=facts)


def accepting(*faults, column="", past=()):
    return acceptance("stall", MONDAY, faults, column, "it is optional now", past)


def columns(decision):
    return [fault["column"] for fault in decision.facts["faults"]]


def test_all_that_the_world_can_bring_about_is_accepted_where_no_column_is_named():
    decision = accepting(a_fault(), a_fault("changed units", "weight"), a_fault("constant column", "items"))

    assert (decision.kind, decision.reason, columns(decision)) == (
        "fault accepted",
        "it is optional now",
        ["price", "items"],
    )


def test_only_the_column_that_is_named_is_accepted():
    assert columns(accepting(a_fault(), a_fault(column="weight"), column="weight")) == ["weight"]


@pytest.mark.parametrize(
    ("faults", "column", "message"),
    [
        ([], "", "of stall .* found none"),
        ([a_fault("duplicates", "")], "", "found duplicates of all rows"),
        ([a_fault()], "weight", "a fault of 'weight' of stall .* found missing values of price"),
    ],
)
def test_what_is_not_there_or_only_a_broken_feed_can_be_is_refused_with_the_faults_that_there_are(
    faults, column, message
):
    with pytest.raises(CannotAcceptError, match=message):
        accepting(*faults, column=column)


def test_what_is_accepted_already_is_not_accepted_again():
    with pytest.raises(CannotAcceptError, match="nobody has accepted yet"):
        accepting(a_fault(), past=[accepting(a_fault())])


@pytest.mark.parametrize("move", ["promoted", "rolled back"])
def test_an_acceptance_stands_until_another_version_is_live(move):
    decision = accepting(a_fault())

    assert accepted([decision]) == {("missing values", "price")}
    assert accepted([decision, decided("refused", 1)]) == {("missing values", "price")}
    assert accepted([decision, decided(move, 1)]) == set()


def test_looks_lose_what_is_accepted_and_keep_all_else():
    [look] = without([a_look(a_fault(), a_fault("duplicates", "price"))], {("missing values", "price")})

    assert [fault.kind for fault in look.faults] == ["duplicates"]


def test_the_newest_window_s_faults_are_accepted_in_the_ledger(stall, state, shown):
    later = Window(start=WEEK.start + DAY, end=WEEK.end + DAY)
    keep_looks(stall, [a_look(a_fault()), a_look(a_fault(column="weight"), window=later)])

    sentence = accept_faults.fn("stall", "", "it is optional now", MONDAY)

    assert sentence == "stall: taken for how the world is now: missing values of price: it is optional now"
    assert accepted(ledger.decisions("stall")) == {("missing values", "price")}
    assert shown[0]["key"] == "stall-fault-accepted"


def test_before_anything_was_looked_at_nothing_can_be_accepted(stall, state):
    with pytest.raises(CannotAcceptError, match="found none"):
        accept_faults.fn("stall", "", "it is optional now", MONDAY)


def test_an_open_episode_is_muted_in_the_ledger(stall, state, shown):
    ledger.record(decided("drift found", 0))

    sentence = mute_episode.fn("stall", MONDAY + 9 * DAY, "a holiday", MONDAY + DAY)

    assert sentence == "stall: muted until 2024-01-17 00:00: a holiday"
    assert open_episode(ledger.decisions("stall")).muted_until == MONDAY + 9 * DAY
    assert shown[0]["key"] == "stall-muted"


def test_without_an_open_episode_nothing_is_muted(stall, state):
    with pytest.raises(ValueError, match="expected an open episode of stall to mute, found none"):
        mute_episode.fn("stall", MONDAY + 9 * DAY, "a holiday", MONDAY + DAY)

    assert ledger.decisions("stall") == []
