"""Which stretch of time does a run look at?"""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from tasks.windows import Window, moment, on_grid, periods, window_before

DAY = timedelta(days=1)
MAY_1 = datetime(2013, 5, 1, tzinfo=UTC)


def hours(*numbers):
    return [MAY_1 + timedelta(hours=number) for number in numbers]


@pytest.mark.parametrize("end", [MAY_1, MAY_1 - timedelta(microseconds=1)], ids=["at it", "before it"])
def test_a_window_that_does_not_end_after_its_start_is_refused(end):
    with pytest.raises(ValidationError, match="expected a start before the end, found 2013-05-01 00:00:00"):
        Window(start=MAY_1, end=end)


def test_a_window_may_be_as_short_as_a_moment():
    assert Window(start=MAY_1, end=MAY_1 + timedelta(microseconds=1)).length == timedelta(microseconds=1)


def test_a_window_without_a_zone_is_refused():
    with pytest.raises(ValidationError, match=r"start\n.*should have timezone info"):
        Window(start=datetime(2013, 5, 1), end=MAY_1 + DAY)


def test_a_misspelt_part_of_a_window_is_refused_by_name():
    with pytest.raises(ValidationError, match=r"until\n.*Extra inputs are not permitted"):
        Window(start=MAY_1, end=MAY_1 + DAY, until=MAY_1)


def test_a_window_is_held_in_utc_and_says_that_its_end_is_open():
    new_york = timezone(timedelta(hours=-4))

    window = Window(start=datetime(2013, 4, 30, 20, tzinfo=new_york), end=datetime(2013, 5, 1, 20, tzinfo=new_york))

    assert str(window) == "[2013-05-01 00:00, 2013-05-02 00:00)"


def test_a_moment_is_taken_over_in_utc():
    new_york = timezone(timedelta(hours=-4))

    assert moment(datetime(2013, 4, 30, 20, tzinfo=new_york)).isoformat() == "2013-05-01T00:00:00+00:00"


def test_a_moment_without_a_zone_is_refused_with_what_to_write():
    with pytest.raises(ValueError, match="found 2013-05-01 00:00:00; write 2013-05-01 00:00:00Z for UTC"):
        moment(datetime(2013, 5, 1))


def test_without_a_moment_the_clock_is_read_to_the_second():
    before = datetime.now(UTC)

    now = moment(None)

    assert before - timedelta(seconds=1) < now <= datetime.now(UTC)
    assert now.microsecond == 0


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (MAY_1 - timedelta(seconds=1), MAY_1 - DAY),
        (MAY_1, MAY_1),
        (MAY_1 + timedelta(seconds=1), MAY_1),
    ],
    ids=["just before", "on the grid", "just after"],
)
def test_the_grid_of_days_is_met_at_or_before_a_time(time, expected):
    assert on_grid(time, DAY) == expected


def test_a_grid_of_weeks_counts_from_a_thursday_the_first_of_1970():
    assert on_grid(MAY_1, 7 * DAY) == datetime(2013, 4, 25, tzinfo=UTC)


def test_a_window_is_cut_at_the_grid_and_its_ends_may_be_shorter():
    start, end = hours(3, 17)

    pieces = periods(Window(start=start, end=end), timedelta(hours=6))

    assert [(piece.start, piece.end) for piece in pieces] == list(
        zip(hours(3, 6, 12), hours(6, 12, 17), strict=True),
    )


def test_a_window_on_the_grid_is_cut_into_whole_periods():
    pieces = periods(Window(start=MAY_1, end=MAY_1 + 2 * DAY), DAY)

    assert pieces == [Window(start=MAY_1, end=MAY_1 + DAY), Window(start=MAY_1 + DAY, end=MAY_1 + 2 * DAY)]


def test_a_window_inside_one_period_stays_whole():
    start, end = hours(3, 5)

    assert periods(Window(start=start, end=end), DAY) == [Window(start=start, end=end)]


def test_the_window_before_a_moment_ends_there():
    assert window_before(MAY_1, 7 * DAY) == Window(start=datetime(2013, 4, 24, tzinfo=UTC), end=MAY_1)
