"""What is to be forecast, when is it known, and what may a model know before?"""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pandera.errors
import pytest

from tasks.usecases import use_case
from usecases.weather import OBSERVED, USE_CASE, prepare

KEY = list(USE_CASE.key)
START = pd.Timestamp("2013-07-01T00:00Z")


def rows(start, end):
    return pd.concat(USE_CASE.source.rows(start, end)).sort_values(KEY, ignore_index=True)


@pytest.fixture(scope="module")
def year():
    return rows(USE_CASE.history_start, datetime(2014, 1, 2, tzinfo=UTC))


def hourly(hours=31, **columns):
    """Return raw observations of one airport whose temperature is the number of the hour."""
    times = pd.Series(pd.date_range(START, periods=hours, freq="h")).astype("datetime64[us, UTC]")
    raw = pd.DataFrame({"origin": "EWR", "time_hour": times, **dict.fromkeys(OBSERVED, 1.0)})
    return raw.assign(**{"temp": [float(hour) for hour in range(hours)], **columns})


def test_it_is_loaded_by_its_name():
    assert use_case("weather") is USE_CASE


def test_every_observation_comes_through_once_and_one_breaks_the_schema(year):
    with pytest.raises(pandera.errors.SchemaErrors) as broken:
        USE_CASE.schema.validate(year, lazy=True)

    assert broken.value.failure_cases[["column", "failure_case"]].to_numpy().tolist() == [["wind_speed", 1048.36058]]
    assert (len(year), year.duplicated(KEY).sum()) == (26_115, 0)


def test_the_source_yields_the_columns_of_the_schema_and_no_others(year):
    assert tuple(year.columns) == USE_CASE.columns


def test_both_passings_of_the_hour_that_clocks_repeat_stay(year):
    repeated = year[(year.origin == "EWR") & year.event_time.between("2013-11-03T05:00Z", "2013-11-03T06:00Z")]

    assert repeated.hour.tolist() == [1, 1]
    assert repeated.temp.tolist() == [51.98, 50.00]


def test_a_label_is_known_six_hours_later_and_within_the_look_back(year):
    assert (year.label_time - year.event_time).unique().tolist() == [timedelta(hours=6)]
    assert timedelta(hours=6) <= USE_CASE.look_back


@pytest.mark.parametrize(
    "start",
    [datetime(2013, 6, 6, tzinfo=UTC), datetime(2013, 11, 2, tzinfo=UTC)],
    ids=["summer", "clocks go back"],
)
def test_a_window_holds_the_rows_that_the_whole_year_has_there(year, start):
    end = start + timedelta(days=7)

    expected = year[(year.event_time >= start) & (year.event_time < end)].reset_index(drop=True)

    pd.testing.assert_frame_equal(rows(start, end), expected)


def test_target_and_lags_are_the_temperatures_at_exactly_those_hours():
    row = prepare(hourly()).iloc[24]

    assert row[["temp", "temp_ahead", "temp_3h_ago", "temp_6h_ago", "temp_24h_ago"]].tolist() == [24, 30, 21, 18, 0]


def test_a_row_whose_hour_ahead_was_never_observed_has_no_target():
    gap = hourly(hours=10).drop(index=8)

    prepared = prepare(gap)

    assert prepared.temp_ahead.fillna(-1).tolist() == [6, 7, -1, 9, -1, -1, -1, -1, -1]


def test_the_other_airports_do_not_answer():
    raw = pd.concat([hourly(7), hourly(7, origin="JFK", temp=99.0)], ignore_index=True)

    assert prepare(raw).temp_ahead[[0, 7]].tolist() == [6, 99]


def test_no_feature_changes_with_what_is_observed_later():
    features = list(USE_CASE.features)
    later = hourly().assign(temp=lambda raw: raw.temp.where(raw.index <= 24, 77.0))

    pd.testing.assert_frame_equal(prepare(hourly())[features][:25], prepare(later)[features][:25])


def test_an_hour_reported_twice_multiplies_no_row_and_the_last_report_counts():
    raw = pd.concat([hourly(7), hourly(7)[6:].assign(temp=50.0)], ignore_index=True)

    prepared = prepare(raw)

    assert len(prepared) == 8
    assert prepared.temp_ahead[0] == 50


def test_a_row_without_a_time_stays_a_row():
    raw = hourly(3)
    prepared = prepare(raw.assign(time_hour=raw.time_hour.mask(raw.index == 1)))

    assert prepared.event_time.isna().tolist() == [False, True, False]
