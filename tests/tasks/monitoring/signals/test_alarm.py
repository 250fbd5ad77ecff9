"""When does the alarm ring, and what does it say?"""

import re
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.monitoring.signals.alarm import alarm, signals
from tasks.monitoring.signals.calibration import calibrated_limits
from tasks.monitoring.signals.measuring import limit_at
from tasks.monitoring.signals.models import AlarmPolicy, Signal

POLICY = AlarmPolicy(persistence=2, memory=3)
ROWS = 500
KINDS = {"price": "numeric", "shop": "categorical", "prediction": "numeric", "target": "categorical"}


def a_signal(side=0, column="price", at_once=False):
    return Signal(
        family="features",
        column=column,
        statistic="location",
        rows=1_000,
        value=0.25,
        expected=0.05,
        limit=0.15,
        exceeded=side,
        at_once=at_once,
    )


def checks(*sides):
    return [(a_signal(side),) for side in sides]


@pytest.mark.parametrize(
    ("sides", "rings"),
    [
        ((), False),
        ((1,), False),
        ((1, 1), True),
        ((1, 0, 1), True),
        ((1, 1, 0), False),
        ((1, 0, 0, 1), False),
        ((-1, 0, 1), False),
        ((-1, 0, -1), True),
    ],
)
def test_it_rings_where_the_newest_and_another_of_the_last_three_are_beyond_on_the_same_side(sides, rings):
    assert (alarm(checks(*sides), POLICY) is not None) is rings


def test_two_columns_beyond_once_each_are_no_persistence():
    assert (
        alarm([(a_signal(1, "price"), a_signal(0, "age")), (a_signal(0, "price"), a_signal(1, "age"))], POLICY) is None
    )


def test_beyond_the_wider_limit_a_single_check_rings():
    ringing = alarm([(a_signal(1, at_once=True),)], POLICY)

    assert ringing.reasons == (
        # 0.25 is 0.2 away from the 0.05 that are expected.
        "price drifted: location distance 0.20 (limit 0.15, n = 1,000)",
    )


def test_the_reason_names_column_number_limit_and_how_often():
    ringing = alarm([(a_signal(1),), (a_signal(0),), (a_signal(1), a_signal(0, "age"))], POLICY)

    assert ringing.reasons == (
        "price drifted: location distance 0.20 (limit 0.15, n = 1,000), in 2 of the last 3 checks",
    )
    assert ringing.families == ("features",)


def a_world(rows, seed, price=0.0, turned=False):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"price": rng.standard_normal(rows) + price, "shop": rng.choice(["a", "b", "c"], rows)})
    chance = 1 / (1 + np.exp(-2 * frame["price"]))
    label = rng.random(rows) < (1 - chance if turned else chance)
    return frame.assign(prediction=chance, target=label.astype(float))


def limits():
    times = pd.Series(pd.date_range("2013-01-01", periods=12 * ROWS, freq=pd.Timedelta(days=7) / ROWS, tz="UTC"))
    return calibrated_limits(
        a_world(12 * ROWS, 0), times, KINDS, window=timedelta(days=7), checks_per_year=52, policy=POLICY
    )


def beyond(window, only=None):
    return {(signal.column, signal.statistic) for signal in signals(limits(), window, only) if signal.exceeded}


def test_an_ordinary_window_is_beyond_no_limit():
    assert beyond(a_world(ROWS, 2)) == set()


def test_a_price_that_rose_exceeds_its_location_limit_and_is_explained_by_its_median():
    [signal] = [
        signal
        for signal in signals(limits(), a_world(ROWS, 2, price=1.0))
        if (signal.column, signal.statistic) == ("price", "location")
    ]

    assert (signal.exceeded, signal.at_once) == (1, True)
    assert signal.value - signal.expected > signal.limit
    assert re.fullmatch(r"median -?0\.0\d+ -> 0\.9\d", signal.note)


def test_a_label_rule_that_turned_shows_in_performance_and_not_in_the_features():
    exceeded = beyond(a_world(ROWS, 3, turned=True))

    assert ("prediction", "loss") in exceeded
    assert ("price", "error along it") in exceeded
    assert ("price", "location") not in exceeded


def test_a_loss_that_fell_is_no_reason():
    better = a_world(ROWS, 4).assign(target=lambda rows: (rows["prediction"] > 0.5).astype(float))

    assert ("prediction", "loss") not in beyond(better)


def test_every_statistic_is_named_though_labels_and_a_column_are_missing():
    stored = limits()

    window_signals = signals(stored, a_world(ROWS, 5)[["price", "prediction"]])

    assert [(signal.column, signal.statistic) for signal in window_signals] == [
        (signal.column, signal.name) for signal in stored.statistics
    ]
    assert {signal.note for signal in window_signals if signal.value is None} == {"0 rows, 50 needed"}
    assert {signal.column for signal in window_signals if signal.value is None and signal.family == "features"} == {
        "shop"
    }


@pytest.mark.parametrize(("rows", "has_value"), [(49, False), (50, True)])
def test_a_window_of_too_few_rows_tells_nothing(rows, has_value):
    assert {signal.value is not None for signal in signals(limits(), a_world(rows, 6))} == {has_value}


def test_only_the_families_asked_for_come_back():
    assert {signal.family for signal in signals(limits(), a_world(ROWS, 7), only=("performance",))} == {"performance"}


def test_between_two_sizes_the_square_of_a_limit_is_linear_in_one_over_the_rows():
    stored = np.array([[3.0, 1.0]])

    halfway = limit_at(stored, (100, 200), np.array([1 / (0.5 / 100 + 0.5 / 200)]))

    assert halfway == pytest.approx([((3.0**2 + 1.0**2) / 2) ** 0.5])
    assert limit_at(stored, (100, 200), np.array([10.0])) == [3.0]
    assert limit_at(stored, (100, 200), np.array([1e6])) == [1.0]
