"""What does the age of the live model cost, by scouts of its age and of the newest?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.labels import as_usable
from tasks.training import folds
from tasks.triggers import age_cost
from tasks.triggers.age_cost import (
    Scouted,
    Scouts,
    completed,
    declared,
    moment_of,
    numbered,
    scouted,
    scouts_at,
    wanted,
)
from tasks.triggers.regret import RegretPolicy

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
A_DAY = 60
FOUR = (0.5,) * 4


def some_scouts(now=5, first=1, champion=3, results=()):
    return Scouts(origin=JAN_1, length=DAY, now=now, first=first, champion=champion, greater_is_better=True,
                  results=results)  # fmt: skip


def judged(scout, window, value, wobble=0.01):
    parts = (value - wobble, value + wobble, value - wobble, value + wobble)
    return Scouted(scout=scout, window=window, rows=100, value=value, parts=parts)


@pytest.fixture
def problem(stall):
    return replace(stall, window=DAY)


@pytest.fixture
def read(problem, sales):
    """Ten days of sales, told two days later: up to day 5 the cheap ones come back, after it the others."""
    numbers = range(10 * A_DAY)
    rows = sales(
        *(
            {
                "sold_at": JAN_1 + number * DAY / A_DAY,
                "told_at": JAN_1 + number * DAY / A_DAY + 2 * DAY,
                "price": 10.0 * (number % 7),
                "returned": float((number % 7 < 3) == (number < 5 * A_DAY)),
            }
            for number in numbers
        )
    )

    def between(until, window):
        inside = (rows["sold_at"] >= window.start) & (rows["sold_at"] < window.end)
        return as_usable(rows[inside], problem, until)

    return between


@pytest.mark.parametrize(
    ("moment", "number"),
    [(JAN_1 + DAY, 0), (JAN_1 + 1.5 * DAY, 1), (JAN_1 + 2 * DAY, 1)],
    ids=["the end of the first", "in the second", "the end of the second"],
)
def test_a_moment_belongs_to_the_window_that_it_lies_in_or_ends(moment, number):
    assert numbered(JAN_1, DAY, moment) == number


def test_each_window_wants_the_newest_scout_the_first_and_that_of_the_live_models_age():
    assert wanted(some_scouts()) == [(1, 3), (1, 4), (1, 5), (2, 3), (3, 4), (3, 5), (4, 5)]


def test_the_window_after_the_first_fit_tells_nothing_yet():
    assert wanted(some_scouts(now=2, first=1, champion=1)) == []


def test_a_live_model_that_was_trained_within_a_window_counts_from_its_end(problem):
    scouts = scouts_at(problem, JAN_1 + 6.5 * DAY, JAN_1 + 2 * DAY, JAN_1 + 3.25 * DAY)

    assert (scouts.now, scouts.first, scouts.champion) == (5, 1, 3)


def test_a_scout_is_judged_by_windows_whose_labels_have_settled(problem, read):
    results = scouted(problem, [(3, 5), (3, 6), (3, 7)], JAN_1 + 9 * DAY, read, {})

    # Told two days later: at the end of day 9 all sales of the days 0 to 6 are known, and none of day 7 (8 and 9).
    assert [(result.scout, result.window, result.rows) for result in results] == [(3, 5, A_DAY), (3, 6, A_DAY)]


def test_a_scout_of_the_old_rule_does_worse_after_the_rule_has_changed(problem, read):
    old, before = scouted(problem, [(3, 6), (3, 4)], JAN_1 + 10 * DAY, read, {})[::-1]

    assert (before.value, old.value) == (1.0, 0.0)
    assert before.parts == (1.0,) * 4


def test_a_scout_with_too_few_rows_has_no_value(problem, read):
    [result] = scouted(problem, [(0, 2)], JAN_1 + 10 * DAY, read, {})

    assert (result.rows, result.value, result.parts) == (A_DAY, None, (None,) * 4)


def test_what_is_stored_is_not_measured_again(problem, read, monkeypatch):
    whose = scouts_at(problem, JAN_1 + 9 * DAY, JAN_1 + 4 * DAY, JAN_1 + 4 * DAY)
    once = completed(problem, whose, [], JAN_1 + 9 * DAY, read, {})
    monkeypatch.delattr(folds, "fitted")

    again = completed(problem, whose, once.results, JAN_1 + 9 * DAY, read, {})

    assert [(result.scout, result.window) for result in once.results] == [(3, 5), (3, 6), (4, 5), (5, 6)]
    assert set(again.results) == set(once.results)


def test_another_declaration_has_scouts_of_its_own(problem):
    assert declared(problem) == declared(replace(problem, period=2 * problem.period))
    assert declared(problem) != declared(replace(problem, numeric=("price",)))
    moved = replace(problem, numeric=problem.numeric[1:], categorical=(problem.numeric[0], *problem.categorical))
    assert declared(problem) != declared(moved)


def test_a_live_model_whose_age_has_cost_more_than_noise_asks_for_a_retrain():
    old = [judged(1, window, 0.70) for window in (3, 4, 5)]
    new = [judged(window - 1, window, 0.80) for window in (3, 4, 5)]
    moment = moment_of(some_scouts(champion=1, results=(*old, *new)), [])

    reason = RegretPolicy(certainty=2, worth=1)(moment)

    assert reason.startswith("retraining is worth it: the model's age cost 0.30 over 3 windows (")


def test_a_live_model_that_does_as_well_as_the_newest_may_stay():
    old = [judged(1, window, 0.80) for window in (3, 4, 5)]
    new = [judged(window - 1, window, 0.80) for window in (3, 4, 5)]

    assert RegretPolicy(certainty=2, worth=1)(moment_of(some_scouts(champion=1, results=(*old, *new)), [])) is None


def test_a_retrain_that_was_asked_for_in_the_window_before_rests():
    old = [judged(1, window, 0.70) for window in (3, 4, 5)]
    new = [judged(window - 1, window, 0.80) for window in (3, 4, 5)]
    moment = moment_of(some_scouts(champion=1, results=(*old, *new)), [JAN_1 + 5 * DAY])

    assert moment.asked == (4,)
    assert RegretPolicy(certainty=2, worth=1, rest=2, most_share=1)(moment) is None


def test_no_window_further_back_than_the_most_is_looked_at(problem):
    scouts = scouts_at(problem, JAN_1 + 100 * DAY, JAN_1 + 2 * DAY, JAN_1 + 90 * DAY)

    assert scouts.first == 99 - age_cost.MOST_WINDOWS
