"""What is a flight's label, when is it known, and what may a model know before?"""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tasks.usecases import use_case
from usecases.flights import USE_CASE, prepare

KEY = list(USE_CASE.key)
FEATURES = list(USE_CASE.features)


def rows(start, end):
    return pd.concat(USE_CASE.source.rows(start, end))


@pytest.fixture(scope="module")
def year():
    return rows(USE_CASE.history_start, datetime(2014, 1, 2, tzinfo=UTC))


def in_order(flights):
    return flights.sort_values(KEY, ignore_index=True)


def raw_flights(**columns):
    """Return two raw flights of one route, two days apart, in the file's own columns."""
    flights = pd.DataFrame(
        {
            "year": 2013.0,
            "month": 7.0,
            "day": [1.0, 3.0],
            "hour": 8.0,
            "minute": 30.0,
            "time_hour": pd.to_datetime(["2013-07-01T12:00Z", "2013-07-03T12:00Z"]).astype("datetime64[us, UTC]"),
            "carrier": "UA",
            "flight": ["1", "2"],
            "tailnum": ["N14228", "N24211"],
            "origin": "EWR",
            "dest": "IAH",
            "distance": 1400.0,
            "sched_arr_time": 1130.0,
            "arr_delay": 0.0,
        }
    )
    return flights.assign(**columns)


def four_flights(**columns):
    """Return four raw flights of the same minute, in the file's own columns."""
    two = raw_flights(time_hour=pd.Timestamp("2013-07-01T12:00Z"))
    return pd.concat([two, two], ignore_index=True).assign(flight=list("1234"), **columns)


def test_it_is_loaded_by_its_name():
    assert use_case("flights") is USE_CASE


def test_every_flight_of_the_year_comes_through_and_passes_the_schema(year):
    USE_CASE.schema.validate(year, lazy=True)

    assert len(year) == 336_776


def test_the_source_yields_the_columns_of_the_schema_and_no_others(year):
    assert tuple(year.columns) == USE_CASE.columns


def test_the_key_names_one_flight(year):
    assert not year.duplicated(KEY).any()


def test_a_label_is_known_after_the_event_and_within_the_look_back(year):
    delay = year.label_time - year.event_time

    assert timedelta(0) <= delay.min()
    assert delay.max() <= USE_CASE.look_back


@pytest.mark.parametrize(
    "start",
    [datetime(2013, 6, 6, tzinfo=UTC), datetime(2013, 11, 2, 12, 30, tzinfo=UTC)],
    ids=["summer", "clocks go back"],
)
def test_a_window_holds_the_rows_that_the_whole_year_has_there(year, start):
    end = start + timedelta(days=7)

    expected = year[(year.event_time >= start) & (year.event_time < end)]

    pd.testing.assert_frame_equal(in_order(rows(start, end)), in_order(expected))


def test_a_flight_is_late_from_sixteen_minutes_on_and_when_it_never_arrives():
    flights = prepare(four_flights(arr_delay=[-20.0, 15.0, 16.0, None]))

    # Due 11:30 in Houston, which is 16:30 UTC; that the last never came is known 15 minutes after.
    assert flights.late.tolist() == [0.0, 0.0, 1.0, 1.0]
    assert flights.label_time.dt.strftime("%H:%M").tolist() == ["16:10", "16:45", "16:46", "16:45"]


def test_the_scheduled_duration_minds_the_time_zone_of_the_destination():
    flights = prepare(four_flights(dest=["IAH", "SJU", "SFO", "HNL"], sched_arr_time=[1130.0, 1230.0, 1200.0, 30.0]))

    # From 08:30 in New York, which is 07:30 in Houston, 08:30 in Puerto Rico, 05:30 in San Francisco, and 02:30 in
    # Honolulu, where half past midnight is the next day's.
    assert flights.scheduled_minutes.tolist() == [240, 240, 390, 1320]


def test_no_feature_changes_with_what_is_known_only_after_the_departure():
    planned = raw_flights()
    cancelled = raw_flights(arr_delay=float("nan"), tailnum=pd.Series(["N14228", None], dtype="str"))

    pd.testing.assert_frame_equal(prepare(planned)[FEATURES], prepare(cancelled)[FEATURES])


def test_the_aircraft_is_the_last_one_on_the_route_a_day_or_more_before():
    flights = prepare(raw_flights())

    assert flights.seats.fillna(-1).tolist() == [-1, 149]  # N14228, a Boeing 737-824 of 1999
    assert flights.plane_age.fillna(-1).tolist() == [-1, 14]
    assert flights.manufacturer.fillna("-").tolist() == ["-", "BOEING"]


@pytest.mark.parametrize(("days", "has_seats"), [(0.99, False), (1, True), (7, True), (7.01, False)])
def test_an_aircraft_is_remembered_from_one_to_seven_days(days, has_seats):
    first = pd.Timestamp("2013-07-01T12:00Z")
    times = pd.Series([first, first + timedelta(days=days)]).astype("datetime64[us, UTC]")

    flights = prepare(raw_flights(time_hour=times))

    assert flights.seats.notna().tolist() == [False, has_seats]


def test_the_weather_is_that_of_the_hour_before_the_departure():
    times = pd.Series(["2013-01-01T07:00Z", "2013-01-01T08:00Z"]).astype("datetime64[us, UTC]")

    flights = prepare(raw_flights(time_hour=times))

    assert flights.dewp.tolist() == [26.06, 26.96]  # reported at 06:00 and 07:00 UTC


def test_a_wind_of_a_thousand_miles_an_hour_is_missing():
    times = pd.Series(["2013-02-12T09:00Z"] * 2).astype("datetime64[us, UTC]")

    assert prepare(raw_flights(time_hour=times)).wind_speed.isna().all()


def test_a_flight_without_a_time_stays_a_row():
    times = pd.Series(["2013-07-01T12:00Z", None]).astype("datetime64[us, UTC]")

    flights = prepare(raw_flights(time_hour=times))

    assert flights.flight.tolist().count("2") == 1
    assert flights.event_time.isna().sum() == 1
