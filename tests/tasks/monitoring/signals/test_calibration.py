"""Which limits does a reference give?"""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.monitoring.signals.alarm import alarm, signals
from tasks.monitoring.signals.calibration import blocks_of, calibrated_limits
from tasks.monitoring.signals.models import AlarmPolicy, Limits
from tasks.monitoring.signals.sampling import sampled_rows

WEEK = timedelta(days=7)
POLICY = AlarmPolicy()
KINDS = dict.fromkeys("abcdefgh", "numeric")


def days(count, each=1):
    return np.repeat(np.datetime64("2013-01-01", "us") + np.arange(count) * np.timedelta64(1, "D"), each)


def noise(rows, seed=0, **moved):
    frame = pd.DataFrame(np.random.default_rng(seed).standard_normal((rows, 8)), columns=list(KINDS))
    return frame.assign(**{name: frame[name] + by for name, by in moved.items()})


def weeks(count, rows=500):
    return pd.Series(pd.Timestamp("2013-01-01", tz="UTC") + np.arange(count * rows) * pd.Timedelta(WEEK) / rows)


def limits_of(count, rows=500, policy=POLICY, frame=None, checks_per_year=52.0):
    reference = noise(count * rows) if frame is None else frame
    return calibrated_limits(
        reference, weeks(count, rows), KINDS, window=WEEK, checks_per_year=checks_per_year, policy=policy
    )


def of(limits, column="a", name="location"):
    [statistic] = [statistic for statistic in limits.statistics if (statistic.column, statistic.name) == (column, name)]
    return statistic


def test_a_reference_is_cut_into_windows_back_from_its_newest_row_and_the_rest_left_over():
    cut = blocks_of(days(8 * 7 + 3, each=50), WEEK, POLICY)

    assert (cut.basis, cut.count) == ("windows", 8)
    assert cut.block[-1] == 7
    assert (cut.block[: 3 * 50] == -1).all()
    assert np.bincount(cut.block[3 * 50 :]).tolist() == [7 * 50] * 8


@pytest.mark.parametrize(("missing", "basis"), [(0, "windows"), (1, "shorter blocks")])
def test_the_oldest_block_may_lack_a_day_of_seven_which_its_first_and_last_row_are_apart_less(missing, basis):
    assert blocks_of(days(8 * 7, each=50)[missing * 50 :], WEEK, POLICY).basis == basis


def test_at_most_so_many_blocks_the_newest_are_looked_at():
    cut = blocks_of(days(20 * 7, each=50), WEEK, POLICY.model_copy(update={"max_blocks": 10}))

    assert cut.count == 10
    assert (cut.block[-10 * 7 * 50 :] >= 0).all()


def test_windows_with_too_few_rows_are_no_blocks():
    times = np.delete(days(10 * 7, each=50), np.arange(3 * 7 * 50, 4 * 7 * 50 - 49))

    assert blocks_of(times, WEEK, POLICY).count == 9


@pytest.mark.parametrize(("count", "basis"), [(7, "shorter blocks"), (8, "windows")])
def test_with_fewer_windows_than_needed_shorter_blocks_serve(count, basis):
    assert limits_of(count).basis == basis


def test_too_little_reference_is_noted_with_what_it_falls_back_to():
    assert limits_of(4).note == (
        "too little reference: 8 windows of 7 days with 50 rows each are needed; limits from 8 shorter blocks, "
        "widened by a between-window sd of 0.071 row sds"
    )
    assert limits_of(1, rows=300).note == (
        "too little reference: 8 windows of 7 days with 50 rows each are needed, found 300 rows in all; limits assume "
        "a between-window sd of 0.1 row sds"
    )
    assert limits_of(8).note == "limits from 8 blocks of 7 days of the reference"


def test_the_less_reference_the_wider_the_limits():
    at_500 = [of(limits_of(count)).limits[2] for count in (30, 8, 4, 1)]

    assert at_500 == sorted(at_500)
    assert at_500[-1] > 2 * at_500[0]


def test_a_single_row_is_refused():
    with pytest.raises(ValueError, match="expected a reference of at least 2 rows to calibrate the alarm, found 1"):
        calibrated_limits(noise(1), weeks(1, 1), KINDS, window=WEEK, checks_per_year=52, policy=POLICY)


def test_the_rows_may_come_in_any_order():
    frame, times = noise(8 * 500), weeks(8)
    order = np.random.default_rng(3).permutation(len(frame))

    shuffled = calibrated_limits(
        frame.iloc[order], times.iloc[order], KINDS, window=WEEK, checks_per_year=52.0, policy=POLICY
    )

    assert shuffled == limits_of(8, frame=frame)


def test_more_false_alarms_allowed_make_narrower_limits():
    rare, often = (limits_of(8, policy=AlarmPolicy(false_alarms_per_year=rate)) for rate in (0.5, 5))

    assert of(rare).limits[2] > of(often).limits[2]


def test_more_checks_a_year_make_wider_limits():
    assert of(limits_of(8, checks_per_year=365.0)).limits[2] > of(limits_of(8, checks_per_year=52.0)).limits[2]


def test_waiting_for_a_second_check_makes_narrower_limits_than_ringing_at_once():
    price = of(limits_of(8))

    assert price.limits[2] < 0.75 * price.at_once[2]


def test_without_a_share_at_once_there_is_no_second_limit():
    assert of(limits_of(8, policy=AlarmPolicy(share_at_once=0))).at_once == ()


def test_windows_that_differ_beyond_sampling_make_wider_limits():
    moved = np.repeat(np.random.default_rng(5).standard_normal(12) * 0.2, 500)
    frame = noise(12 * 500).assign(a=lambda rows: rows["a"] + moved)

    limits = limits_of(12, frame=frame)

    assert of(limits, "a").limits[2] > 3 * of(limits, "b").limits[2]
    assert of(limits, "a").between_sd == pytest.approx(0.2, rel=0.5)


def test_limits_survive_being_stored():
    limits = limits_of(8)

    assert Limits.model_validate_json(limits.model_dump_json()) == limits


def test_a_persistence_beyond_the_memory_is_refused():
    with pytest.raises(ValueError, match="expected a persistence of at most memory 3, found 4"):
        AlarmPolicy(persistence=4)


def test_a_sample_is_the_same_each_time_and_in_order():
    rows = noise(2_000)

    assert sampled_rows(rows, 100).equals(sampled_rows(rows, 100))
    assert sampled_rows(rows, 100).index.is_monotonic_increasing
    assert sampled_rows(rows, 2_000) is rows


@pytest.mark.parametrize(("by", "rings"), [(0.0, False), (0.3, True)])
def test_sampling_changes_no_verdict(by, rings):
    reference, windows = noise(12 * 4_000), [noise(4_000, seed=seed, a=by) for seed in (9, 10)]
    verdicts = [
        alarm(
            [signals(limits_of(12, 4_000, AlarmPolicy(max_rows=most), reference), window) for window in windows], POLICY
        )
        is not None
        for most in (1_000, 50_000)
    ]

    assert verdicts == [rings, rings]


@pytest.mark.slow
def test_steady_windows_ring_at_about_the_rate_stated_and_not_far_below():
    policy = AlarmPolicy(false_alarms_per_year=10)
    limits = [limits_of(12, policy=policy, frame=noise(12 * 500, seed=seed)) for seed in range(20)]
    checks = [
        [signals(some_limits, noise(500, seed=1_000 + 100 * place + check)) for check in range(52)]
        for place, some_limits in enumerate(limits)
    ]

    rung = np.array([[alarm(past[: number + 1], policy) is not None for number in range(52)] for past in checks])
    onsets = rung[:, 0].sum() + (rung[:, 1:] & ~rung[:, :-1]).sum()

    assert 20 * 10 / 3 < onsets < 20 * 10 * 1.3
