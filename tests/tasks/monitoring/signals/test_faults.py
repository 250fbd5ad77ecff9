"""Which windows come from a broken feed, and which from a changed world?"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.monitoring.signals.faults import faults
from tasks.monitoring.signals.health import FaultPolicy, Healthy, distance, healthy, stands
from tasks.windows import Window

WEEK = timedelta(days=7)
MONDAY = datetime(2013, 1, 7, tzinfo=UTC)
AN_HOUR = 10
"""Rows of it."""
KINDS = {"celsius": "numeric", "amount": "numeric", "shop": "categorical"}
POLICY = FaultPolicy()


def a_feed(weeks, seed=0, start=MONDAY):
    rng = np.random.default_rng(seed)
    count = int(weeks * 7 * 24 * AN_HOUR)
    times = pd.Series(pd.date_range(start, periods=count, freq=pd.Timedelta(hours=1) / AN_HOUR, tz="UTC"))
    hour = times.dt.hour.to_numpy()
    celsius = 10 + 5 * np.sin(2 * np.pi * (hour - 9) / 24) + rng.standard_normal(count)
    shop = rng.choice(["north", "south", "east"], count, p=[0.5, 0.4, 0.1])
    amount = np.where(rng.random(count) < 0.6, 0.0, rng.lognormal(3, 1, count))
    return pd.DataFrame({"celsius": celsius, "amount": amount, "shop": shop}), times


def well():
    rows, times = a_feed(10)
    return healthy(rows, times, KINDS, window=WEEK, policy=POLICY)


def this_week(**changed):
    rows, times = a_feed(1, seed=1, start=MONDAY + 10 * WEEK)
    return rows.assign(**changed), times


THIS_WEEK = Window(start=MONDAY + 10 * WEEK, end=MONDAY + 11 * WEEK)
WEDNESDAY_IN_ROWS = 2 * 24 * AN_HOUR


def fault_names(rows, times):
    return {(fault.kind, fault.column) for fault in faults(well(), rows, times, THIS_WEEK)}


def after_wednesday(values, other):
    return values.where(values.index < WEDNESDAY_IN_ROWS, other)


def test_an_ordinary_week_has_no_fault():
    assert fault_names(*this_week()) == set()


def test_a_new_name_of_the_month_is_no_fault_where_each_month_brings_a_new_name():
    rows, times = a_feed(20)
    past = healthy(rows.assign(shop=times.dt.month_name()), times, KINDS, window=2 * WEEK, policy=POLICY)
    rows, times = a_feed(2, seed=1, start=MONDAY + 20 * WEEK)

    fortnight = Window(start=MONDAY + 20 * WEEK, end=MONDAY + 22 * WEEK)

    assert faults(past, rows.assign(shop="never seen"), times, fortnight) == ()


def test_values_missing_for_a_day_are_a_fault_with_share_start_and_the_last_good_window():
    rows, times = this_week()
    gone = (rows.index >= WEDNESDAY_IN_ROWS) & (rows.index < WEDNESDAY_IN_ROWS + 24 * AN_HOUR)
    before = Window(start=MONDAY + 9 * WEEK, end=MONDAY + 10 * WEEK)

    [fault] = faults(well(), rows.assign(celsius=rows["celsius"].mask(gone)), times, THIS_WEEK, before)

    assert (fault.kind, fault.column, fault.number) == ("missing values", "celsius", pytest.approx(1 / 7))
    assert fault.last_good == before
    assert fault.since == THIS_WEEK.start
    assert fault.sentence == (
        "celsius is missing in 14.3% of 1,680 rows since 2013-03-18 00:00 (reference 0.0%, limit 5.0%)"
    )
    assert (fault.rows, fault.limit) == (7 * 24 * AN_HOUR, 0.05)


@pytest.mark.parametrize(("share", "fault"), [(0.04, False), (0.06, True)])
def test_a_share_of_missing_values_that_rises_is_a_fault_from_the_policys_jump_on(share, fault):
    rows, times = this_week()
    gone = np.arange(len(rows)) % 100 < 100 * share

    names = fault_names(rows.assign(shop=rows["shop"].mask(gone)), times)

    assert (("missing values", "shop") in names) is fault


def test_unknown_categories_are_a_fault_and_named():
    rows, times = this_week()

    [fault] = faults(well(), rows.assign(shop=rows["shop"].replace("south", "N/A")), times, THIS_WEEK)

    assert (fault.kind, fault.column, fault.number) == ("unknown categories", "shop", pytest.approx(0.4, abs=0.05))
    assert fault.sentence.startswith("shop holds unknown categories in ")
    assert fault.sentence.endswith("of 1,680 rows since 2013-03-18 00:00, such as 'N/A' (reference 0.0%, limit 5.0%)")


def test_a_handful_of_new_categories_is_no_fault():
    rows, times = this_week()

    assert fault_names(rows.assign(shop=rows["shop"].mask(rows.index % 210 == 0, "new")), times) == set()


def test_new_values_of_a_column_that_always_has_new_ones_are_no_fault():
    rows, times = a_feed(10)
    ids = healthy(rows.assign(shop=times.astype(str)), times, KINDS, window=WEEK, policy=POLICY)
    week, moments = this_week()

    assert faults(ids, week.assign(shop=moments.astype(str)), moments, THIS_WEEK) == ()


@pytest.mark.parametrize(
    ("column", "change", "name"),
    [
        ("celsius", lambda values: values * 10, "times 10"),
        ("amount", lambda values: values * 10, "times 10"),
        ("amount", lambda values: values / 100, "divided by 100"),
        ("celsius", lambda values: values * 1.8 + 32, "Fahrenheit for Celsius"),
    ],
)
def test_units_that_changed_are_a_fault_that_says_how(column, change, name):
    rows, times = this_week()

    [fault] = faults(well(), rows.assign(**{column: change(rows[column])}), times, THIS_WEEK)

    assert (fault.kind, fault.column) == ("changed units", column)
    assert fault.sentence.startswith(
        f"{column} changed units since 2013-03-18 00:00: it fits the reference as {name}; "
    )
    assert fault.sentence.endswith(f"(limit 0.30, n = {fault.rows:,})")


@pytest.mark.parametrize("by", [2.0, 5.0, 15.0])
def test_a_warmer_world_is_no_fault(by):
    rows, times = this_week()

    assert fault_names(rows.assign(celsius=rows["celsius"] + by), times) == set()


def test_larger_amounts_are_no_fault():
    rows, times = this_week()

    assert fault_names(rows.assign(amount=rows["amount"] * 1.8), times) == set()


def test_units_that_changed_in_the_middle_of_the_week_are_a_fault():
    rows, times = this_week()

    changed = rows.assign(celsius=after_wednesday(rows["celsius"], rows["celsius"] * 1.8 + 32))

    assert ("changed units", "celsius") in fault_names(changed, times)


def test_a_column_that_froze_is_a_fault_since_the_value_stands():
    rows, times = this_week()
    frozen = rows.assign(celsius=after_wednesday(rows["celsius"], rows["celsius"][WEDNESDAY_IN_ROWS]))

    [fault] = [fault for fault in faults(well(), frozen, times, THIS_WEEK) if fault.kind == "constant column"]

    assert (fault.column, fault.number) == ("celsius", 5 * 24 * AN_HOUR)
    assert fault.since == THIS_WEEK.start + timedelta(days=2)


def test_rows_that_came_twice_are_a_fault():
    rows, times = this_week()
    twice = np.sort(np.concatenate([np.arange(len(rows)), np.arange(0, len(rows), 5)]))

    [fault] = faults(well(), rows.iloc[twice], times.iloc[twice], THIS_WEEK)

    assert (fault.kind, fault.number) == ("duplicates", pytest.approx(0.2 / 1.2))


@pytest.mark.parametrize(("every", "fault"), [(2, True), (5, False)])
def test_half_the_volume_is_a_fault_and_four_fifths_of_it_are_not(every, fault):
    rows, times = this_week()
    delivered = rows.index % every != 0

    assert (("low volume", "") in fault_names(rows[delivered], times[delivered])) is fault


def test_half_the_volume_since_wednesday_shows_in_the_days_since():
    rows, times = this_week()
    delivered = (rows.index < WEDNESDAY_IN_ROWS) | (rows.index % 2 == 0)

    [fault] = faults(well(), rows[delivered], times[delivered], THIS_WEEK)

    assert fault.kind == "low volume"
    assert fault.since <= THIS_WEEK.start + timedelta(days=2)


def test_a_feed_that_stopped_is_a_fault_since_its_newest_row():
    rows, times = this_week()
    delivered = rows.index < WEDNESDAY_IN_ROWS

    [fault] = faults(well(), rows[delivered], times[delivered], THIS_WEEK)

    assert fault.kind == "stopped feed"
    assert fault.sentence.startswith(
        "no row since 2013-03-19 23:54: silent for 5 days (longest in the reference 6 minutes, limit 3.36 hours)"
    )


def test_a_window_without_rows_is_a_stopped_feed():
    rows, times = this_week()

    assert fault_names(rows[:0], times[:0]) == {("stopped feed", "")}


@pytest.mark.parametrize(("hours", "fault"), [(1, False), (5, True), (-3, True)])
def test_a_clock_that_is_off_by_hours_is_a_fault_and_summer_time_is_not(hours, fault):
    rows, times = this_week()
    shifted = pd.Series(np.roll(times.to_numpy(dtype="datetime64[us]"), hours * AN_HOUR)).dt.tz_localize("UTC")

    shifts = {fault for fault in faults(well(), rows, shifted, THIS_WEEK) if fault.kind == "shifted clock"}

    assert (len(shifts) == 1) is fault
    assert {fault.number for fault in shifts} <= {-hours, hours}


def test_what_is_healthy_survives_being_stored():
    stored = well()

    assert Healthy.model_validate_json(stored.model_dump_json()) == stored


def test_a_reference_of_too_few_rows_is_refused():
    rows, times = this_week()

    with pytest.raises(ValueError, match="expected a reference of at least 50 rows, found 49"):
        healthy(rows[:49], times[:49], KINDS, window=WEEK, policy=POLICY)


def test_a_value_stands_until_another_comes_and_missing_ones_do_not_end_it():
    stretches = stands(np.array([3, 3, -1, 3, 5, 5]), np.array([0.0, 10.0, 20.0, 40.0, 70.0, 75.0]))

    assert stretches.first.tolist() == [0, 4]
    assert stretches.rows.tolist() == [3, 2]
    assert stretches.seconds.tolist() == [40.0, 5.0]


def test_where_all_values_are_missing_none_stands():
    assert stands(np.array([-1, -1]), np.array([0.0, 10.0])).rows.tolist() == []


def with_the_hour(rows, times):
    return rows.assign(amount=times.dt.hour.astype(float))


def grown_week(times_as_many):
    """A week in which so many times as many rows come, evenly, with the hour of the day as a column."""
    rows, _ = a_feed(times_as_many, seed=1)
    times = pd.Series(pd.date_range(THIS_WEEK.start, THIS_WEEK.end, periods=len(rows) + 1, tz="UTC")[:-1])
    return with_the_hour(rows, times), times


def hourly(policy=POLICY):
    rows, times = a_feed(10)
    return healthy(with_the_hour(rows, times), times, KINDS, window=WEEK, policy=policy)


@pytest.mark.parametrize("times_as_many", [1, 4, 20])
def test_a_column_that_tells_the_hour_is_not_frozen_however_many_rows_come_in_it(times_as_many):
    rows, times = grown_week(times_as_many)

    names = {(fault.kind, fault.column) for fault in faults(hourly(), rows, times, THIS_WEEK)}

    assert ("constant column", "amount") not in names


@pytest.mark.parametrize(("hours", "frozen"), [(1, False), (2, False), (6, True)])
def test_a_column_that_tells_the_hour_is_frozen_once_it_stands_for_hours(hours, frozen):
    rows, times = grown_week(1)
    stuck = (rows.index >= WEDNESDAY_IN_ROWS) & (rows.index < WEDNESDAY_IN_ROWS + hours * AN_HOUR)
    changed = rows.assign(amount=rows["amount"].mask(stuck, 0.0))

    names = [fault for fault in faults(hourly(), changed, times, THIS_WEEK) if fault.kind == "constant column"]

    assert bool(names) is frozen


def test_a_frozen_column_says_how_often_and_how_long_the_value_stood():
    rows, times = grown_week(1)
    stuck = (rows.index >= WEDNESDAY_IN_ROWS) & (rows.index < WEDNESDAY_IN_ROWS + 6 * AN_HOUR)

    week_faults = faults(hourly(), rows.assign(amount=rows["amount"].mask(stuck, 0.0)), times, THIS_WEEK)

    # Ten rows an hour, six minutes apart: ten of an hour last 54 minutes, sixty of six hours 354.
    assert [fault.sentence for fault in week_faults if fault.kind == "constant column"] == [
        "amount repeats 0.0 60 times in a row for 5.9 hours since 2013-03-20 00:00 (limit 30 times and 108 minutes)"
    ]


def test_a_sensor_that_freezes_while_more_rows_come_is_a_fault():
    rows, times = grown_week(4)

    [fault] = [
        fault for fault in faults(well(), rows.assign(celsius=7.5), times, THIS_WEEK) if fault.kind == "constant column"
    ]

    assert fault.column == "celsius"


def test_a_version_promoted_before_times_were_measured_is_judged_by_rows_alone():
    rows, times = grown_week(4)
    before = hourly()
    old = before.model_copy(
        update={
            "fillings": tuple(
                filling.model_copy(update={"longest_stand_seconds": None}) for filling in before.fillings
            ),
            "most": (),
        }
    )

    names = {(fault.kind, fault.column) for fault in faults(old, rows, times, THIS_WEEK)}

    assert names == {("constant column", "amount")}


@pytest.mark.parametrize(
    ("times_as_many", "grown"), [(1.0, False), (1.9, False), (2.0, False), (2.1, True), (4.0, True)]
)
def test_volume_far_above_the_reference_is_a_warning(times_as_many, grown):
    rows, times = grown_week(times_as_many)

    names = {fault.kind for fault in faults(hourly(), rows, times, THIS_WEEK)}

    assert ("high volume" in names) is grown


def test_high_volume_says_how_many_rows_were_usual():
    rows, times = grown_week(4)

    [fault] = [fault for fault in faults(hourly(), rows, times, THIS_WEEK) if fault.kind == "high volume"]

    assert (fault.column, fault.number, fault.expected) == ("", 4 * 7 * 24 * AN_HOUR, 7 * 24 * AN_HOUR)
    assert fault.sentence == (
        "high volume: 6,720 rows in the last 7 days, 1,680 expected (most in the reference 1,680, limit 3,360)"
    )


def test_a_reference_shorter_than_a_window_tells_nothing_of_growth():
    rows, times = a_feed(0.5)
    short = healthy(with_the_hour(rows, times), times, KINDS, window=WEEK, policy=POLICY)

    names = {fault.kind for fault in faults(short, *grown_week(1.5), THIS_WEEK)}

    assert "high volume" not in names


def test_the_distance_is_the_largest_difference_of_the_cumulative_shares():
    knots = np.array([1.0, 2.0, 3.0, 4.0])

    assert distance(np.array([1.0, 2.0, 3.0, 4.0]), knots) == 0
    assert distance(np.array([3.0, 4.0]), knots) == 2 / 4
    assert distance(np.array([9.0]), knots) == 1


def test_without_a_whole_window_of_reference_the_clock_is_not_judged():
    rows, times = a_feed(0.5)
    short = healthy(rows, times, KINDS, window=WEEK, policy=POLICY)
    week, moments = this_week()

    assert short.most_hours_moved is None
    assert "shifted clock" not in {fault.kind for fault in faults(short, week, moments, THIS_WEEK)}
