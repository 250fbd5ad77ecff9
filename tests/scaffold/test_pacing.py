"""How is a new problem cut in time?"""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from scaffold.pacing import pacing, smallest_share, span_of

DAY = timedelta(days=1)


def times(count, every):
    return pd.Series(pd.date_range("2022-01-01", periods=count, freq=every, tz="UTC"))


@pytest.mark.parametrize(
    ("count", "every", "window", "period"),
    [
        # 24 rows a day: 500 rows are 21 days, and the next length is 28; a fifth of 500 is reached by 7 days
        (24 * 730, "1h", 28 * DAY, 7 * DAY),
        # 500 rows are 500 days: 728, of which 20 years hold ten
        (365 * 20, "1D", 728 * DAY, 182 * DAY),
        # three hours of seconds
        (3 * 3600, "1s", timedelta(minutes=15), timedelta(minutes=5)),
    ],
)
def test_a_window_is_the_shortest_length_with_enough_rows(count, every, window, period) -> None:
    lengths = pacing(times(count, every), timedelta(0), forget=False)

    assert (lengths.window, lengths.period) == (window, period)


@pytest.mark.parametrize(
    ("count", "window"),
    [
        # 400 days: fourteen times 28, of which each must hold sixty rows
        (28 * 60, 28 * DAY),
        # one row and a third a day: 37 in 28 days, 121 in 91, of which there are four
        (533, 91 * DAY),
        # half a row a day: 45 in 91 days, and no four longer ones
        (200, 28 * DAY),
    ],
)
def test_a_history_with_few_rows_is_cut_into_four_windows_where_eight_would_be_too_poor(count, window) -> None:
    event_times = pd.Series(pd.date_range("2022-01-03", periods=count, end="2023-02-07", tz="UTC").as_unit("us"))

    assert pacing(event_times, timedelta(0), forget=False).window == window


@pytest.mark.parametrize(
    ("rarer_share", "window"),
    [
        # 240 rows a day: 500 are there in 7 days
        (0.5, 7 * DAY),
        # twenty of 1 in 100 need 2,000 rows, of 1 in 200 4,000
        (0.01, 14 * DAY),
        (0.005, 28 * DAY),
    ],
)
def test_a_window_holds_some_of_a_rare_class(rarer_share, window) -> None:
    assert pacing(times(240 * 270, "6min"), timedelta(0), False, rarer_share).window == window


@pytest.mark.parametrize(
    ("every", "count", "window"),
    [
        # a thousand rows a day, all at midnight: a day holds one time, a week seven
        ("1D", 35, 7 * DAY),
        # as many a month: 91 days hold three times
        ("MS", 24, 91 * DAY),
    ],
)
def test_a_window_holds_several_times_however_many_rows_each_has(every, count, window) -> None:
    lengths = pacing(times(count, every).repeat(1000).reset_index(drop=True), timedelta(0), forget=False)

    assert lengths.window == window
    assert lengths.window_moments >= 3


def test_a_label_s_longest_delay_is_looked_back_for() -> None:
    assert pacing(times(24 * 730, "1h"), 40.5 * DAY, forget=False).look_back == 41 * DAY


@pytest.mark.parametrize(("forget", "train_on"), [(False, None), (True, 336 * DAY)])
def test_the_past_is_forgotten_only_where_it_teaches_what_no_longer_holds(forget, train_on) -> None:
    assert pacing(times(24 * 730, "1h"), timedelta(0), forget=forget).train_on == train_on


def test_a_stray_time_does_not_stretch_the_history() -> None:
    event_times = pd.concat([times(2000, "1h"), pd.Series([pd.Timestamp("1900-01-01", tz="UTC")])], ignore_index=True)

    assert span_of(event_times)[0] == datetime(2022, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        # the median of 100, 100, 80 is 100: 40 / 100; the last period is not over
        ([100, 100, 80, 40, 100, 3], 0.4),
        ([100, 100, 100, 0, 100, 100], 0.0),
        # three periods with rows are needed for any to be usual
        ([100, 0, 100, 20, 100, 100], 1.0),
    ],
)
def test_the_smallest_batch_is_compared_with_the_usual_one_before_it(counts, share) -> None:
    assert smallest_share(counts) == share
