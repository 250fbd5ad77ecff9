"""What is remembered of a feed that was well?"""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.monitoring.signals.health import FaultPolicy, distance, healthy, repeated, stands

DAY = timedelta(days=1)
POLICY = FaultPolicy(min_rows=20)
KINDS = {"price": "numeric", "shop": "categorical"}


def a_feed(days, rows_a_day=24, **columns):
    """Return rows at even distances over some days: prices of 0 to 6 in turn, two shops in turn."""
    count = days * rows_a_day
    times = pd.Series(pd.date_range("2024-01-01", periods=count, freq=DAY / rows_a_day, tz="UTC"))
    turn = np.arange(count)
    return pd.DataFrame({"price": turn % 7 * 1.0, "shop": np.where(turn % 2, "north", "south")} | columns), times


def learned(rows, times, policy=POLICY):
    return healthy(rows, times, KINDS, window=7 * DAY, policy=policy)


def test_volume_and_gaps_are_those_of_the_reference():
    well = learned(*a_feed(28))

    # a window of 168 rows is cut into seven pieces of 24, as fourteen would have fewer than the 20 that are judged
    assert (well.rows, well.pieces, well.window_days) == (28 * 24, 7, 7)
    assert (well.fewest[0], well.usual[0], well.most[0]) == (24, 24, 24)
    assert (well.fewest[6], well.usual[6], well.most[6]) == (168, 168, 168)
    assert well.longest_gap_seconds == 3600
    assert well.most_duplicates == 0


def test_the_order_in_which_rows_are_stored_means_nothing():
    rows, times = a_feed(28)
    mixed = np.random.default_rng(0).permutation(len(rows))

    assert learned(rows.iloc[mixed], times.iloc[mixed]) == learned(rows, times)


def test_a_day_without_rows_is_no_usual_gap_but_the_fewest_are_remembered():
    rows, times = a_feed(28)
    there = (times.dt.day != 10).to_numpy()

    well = learned(rows[there], times[there])

    assert (well.fewest[0], well.usual[0]) == (0, 24)


def test_missing_values_are_remembered_on_the_whole_and_of_the_worst_piece():
    price = np.arange(28 * 24) % 7 * 1.0
    price[24:36] = np.nan  # half of the second day

    [of_price, of_shop] = learned(*a_feed(28, price=price)).fillings

    assert (of_price.column.name, of_shop.column.name) == ("price", "shop")
    assert of_price.missing == 12 / (28 * 24)
    assert of_price.most_missing == 12 / 24
    assert (of_shop.missing, of_shop.most_missing) == (0, 0)


def test_the_longest_run_and_the_commonest_value_are_remembered():
    price = np.arange(28 * 24) % 7 * 1.0
    price[100:110] = 3.5

    [of_price, of_shop] = learned(*a_feed(28, price=price)).fillings

    assert (of_price.longest_run, of_price.longest_stand_seconds) == (10, 9 * 3600)
    assert (of_shop.longest_run, of_shop.commonest) == (1, 0.5)


def test_the_largest_share_of_repeated_rows_in_a_window_is_remembered():
    rows, times = a_feed(28)
    again = np.arange(len(rows) - 42, len(rows))  # the newest 42 once more, in the newest window of 168

    well = learned(pd.concat([rows, rows.iloc[again]]), pd.concat([times, times.iloc[again]]))

    assert well.most_duplicates == 42 / (168 + 42)


def test_a_row_repeats_another_only_in_all_columns_and_at_the_same_time():
    rows = pd.DataFrame({"price": [1.0, 1.0, 1.0, 2.0]})

    assert repeated(rows, np.array([0.0, 0.0, 1.0, 0.0])).tolist() == [False, True, False, False]


def test_a_reference_smaller_than_a_piece_is_refused_with_both_numbers():
    rows, times = a_feed(1, rows_a_day=20)

    assert learned(rows, times).rows == 20
    with pytest.raises(ValueError, match="expected a reference of at least 20 rows, found 19"):
        learned(rows[:19], times[:19])


def test_a_value_stands_until_another_comes_and_missing_ones_do_not_break_it():
    runs = stands(np.array([5, 5, -1, 5, 2, 5]), np.array([0.0, 10.0, 20.0, 30.0, 40.0, 50.0]))

    assert (runs.first.tolist(), runs.rows.tolist(), runs.seconds.tolist()) == ([0, 4, 5], [3, 1, 1], [30.0, 0.0, 0.0])


def test_a_distance_is_the_largest_gap_between_two_shares():
    quantiles = np.array([0.0, 1.0, 2.0, 3.0])

    assert distance(quantiles, quantiles) == 0
    # of 1, 1, 2, 3 none lies up to 0, where a quarter is expected
    assert distance(np.array([1.0, 1.0, 2.0, 3.0]), quantiles) == 1 / 4
