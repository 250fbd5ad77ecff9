"""What is said of a column beside its reference? Asked of the real Evidently."""

from datetime import UTC, datetime
from math import log, sqrt

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tasks.monitoring.drift_numbers import Drawing
from tasks.monitoring.drift_report import DriftPolicy, column_drift, drift_comparison, plain, sampled

NOON = datetime(2024, 1, 8, 12, tzinfo=UTC)
POLICY = DriftPolicy(
    numeric_threshold=0.5, categorical_threshold=0.3, missing_threshold=0.25, min_rows=1, max_rows=1000
)
# Reference: 0 and 2 in turn, of mean 1 and standard deviation 1.
REFERENCE = [0.0, 2.0] * 20


def numbers(values):
    return pd.Series(values, dtype=float)


def texts(values):
    return pd.Series(values, dtype=str)


def judged(reference, current, distance, kind="numeric"):
    """Judge a column of numbers or texts."""
    return column_drift("price", kind, pd.Series(reference), pd.Series(current), distance, POLICY)


def evidently_drifts(kind="numeric", policy=POLICY, **columns):
    """Compare columns, each given as reference and current, and return what was found by column."""
    frames = [pd.DataFrame({name: sides[n] for name, sides in columns.items()}) for n in (0, 1)]
    drifts, _ = drift_comparison(*frames, dict.fromkeys(columns, kind), policy, until=NOON, name="test")
    return {drift.column: drift for drift in drifts}


@pytest.mark.parametrize(
    ("distance", "drifted"), [(0.49, False), (0.5, True), (0.51, True)], ids=["below", "at", "above"]
)
def test_a_number_drifts_from_its_threshold_on(distance, drifted):
    drift = judged(REFERENCE, REFERENCE, distance)

    assert (drift.drifted, drift.value, drift.threshold, drift.method) == (drifted, distance, 0.5, "wasserstein")


@pytest.mark.parametrize(
    ("distance", "drifted"), [(0.29, False), (0.3, True), (0.31, True)], ids=["below", "at", "above"]
)
def test_a_category_drifts_from_its_threshold_on(distance, drifted):
    drift = judged(["a", "b"], ["a", "b"], distance, "categorical")

    assert (drift.drifted, drift.threshold, drift.method) == (drifted, 0.3, "jensenshannon")


@pytest.mark.parametrize(("missing", "drifted"), [(1, False), (2, True), (3, True)], ids=["below", "at", "above"])
def test_a_jump_of_the_missing_share_is_a_drift_of_its_own(missing, drifted):
    current = [None] * missing + [1.0] * (8 - missing)

    drift = judged(REFERENCE, current, 0.0)

    assert drift.drifted is drifted
    assert (drift.reference_missing, drift.current_missing) == (0, missing / 8)


def test_values_that_are_no_longer_missing_are_a_jump_too():
    drift = judged([None, 0.0, 2.0, None], [0.0, 2.0, 0.0, 2.0], 0.0)

    assert drift.drifted is True
    assert drift.note == "share of missing values 50.0% before, 0.0% now"


@pytest.mark.parametrize(
    ("distance", "note"),
    [(float("nan"), "Evidently returned no number"), (None, "no distance came back from Evidently")],
)
def test_a_distance_that_is_no_number_is_unknown_and_not_no(distance, note):
    drift = judged(REFERENCE, REFERENCE, distance)

    assert (drift.drifted, drift.value) == (None, None)
    assert note in drift.note


def test_a_column_all_missing_in_the_reference_and_in_the_window_alike_is_unknown():
    drift = judged(numbers([None] * 4), numbers([None] * 4), None)

    assert (drift.drifted, drift.value, drift.note) == (None, None, "all 4 values of the window are missing")


def test_numbers_become_floats_whose_infinities_are_missing():
    values = plain(pd.Series([1, np.inf, -np.inf, None], dtype=object), "numeric")

    assert values.dtype == float
    assert values.isna().tolist() == [False, True, True, True]


def test_categories_become_text_and_missing_ones_stay_missing():
    assert plain(pd.Series(["a", None]), "categorical").isna().tolist() == [False, True]


@pytest.mark.parametrize(("rows", "drawn"), [(99, 99), (100, 100), (101, 100)], ids=["below", "at", "above"])
def test_more_rows_than_are_compared_are_sampled_the_same_way_each_time_and_in_order(rows, drawn):
    frame = pd.DataFrame({"price": range(rows)})

    sample = sampled(frame, 100)

    assert len(sample) == drawn
    assert sample.index.is_monotonic_increasing
    assert sample.equals(sampled(frame, 100))


@pytest.mark.slow
def test_a_distance_is_counted_in_standard_deviations_of_the_reference_and_not_of_the_window():
    # From 0 to 4 and from 2 to 8: (4 + 6) / 2 = 5 on average. The window's own standard deviation is 2.
    drift = evidently_drifts(price=(numbers(REFERENCE), numbers([4.0, 8.0] * 20)))["price"]

    assert drift.value == pytest.approx(5 / 1)
    assert drift.drifted is True


@pytest.mark.slow
def test_a_small_shift_is_no_drift():
    drift = evidently_drifts(price=(numbers(REFERENCE), numbers([0.25, 2.25] * 20)))["price"]

    assert (drift.value, drift.drifted) == (pytest.approx(0.25), False)


@pytest.mark.slow
def test_an_unknown_category_is_as_far_as_can_be():
    drift = evidently_drifts("categorical", channel=(texts(["web", "store"] * 20), texts(["phone"] * 40)))["channel"]

    assert drift.value == pytest.approx(sqrt(log(2)))
    assert drift.drifted is True


@pytest.mark.slow
def test_categories_in_equal_shares_are_no_distance_apart():
    drifts = evidently_drifts("categorical", channel=(texts(["web", "store"] * 20), texts(["store", "web"] * 5)))

    assert (drifts["channel"].value, drifts["channel"].drifted) == (pytest.approx(0), False)


@pytest.mark.slow
def test_each_column_comes_back_in_order_computed_or_named_whatever_is_wrong_with_it():
    good = numbers([0.25, 2.25] * 20)
    drifts = evidently_drifts(
        gone=(numbers(REFERENCE), numbers([None] * 40)),
        new=(numbers([None] * 40), good),
        constant=(numbers([1.0] * 40), numbers([1.0] * 30 + [1.001] * 10)),
        endless=(numbers(REFERENCE), numbers([np.inf, -np.inf, *good[2:]])),
        good=(numbers(REFERENCE), good),
        holes=(numbers(REFERENCE), good.where(good.index >= 20)),
    )

    assert {name: drift.drifted for name, drift in drifts.items()} == {
        "gone": True,
        "new": True,
        "constant": False,
        "endless": False,
        "good": False,
        "holes": True,
    }
    assert list(drifts) == ["gone", "new", "constant", "endless", "good", "holes"]
    assert drifts["gone"].note.startswith("all 40 values of the window are missing; share of missing")
    assert drifts["new"].note.startswith("all 40 values of the reference are missing; share of missing")
    assert (drifts["constant"].value, drifts["constant"].method) == (10 / 40, "share changed")
    assert drifts["endless"].current_missing == 2 / 40
    assert drifts["good"].value == pytest.approx(0.25)
    assert drifts["holes"].note == "share of missing values 0.0% before, 50.0% now"


@pytest.mark.slow
def test_where_no_column_can_be_compared_each_is_still_named():
    drifts = evidently_drifts(gone=(numbers(REFERENCE), numbers([None] * 40)))

    assert drifts["gone"].value is None


@pytest.mark.slow
def test_at_most_so_many_rows_are_compared():
    policy = POLICY.model_copy(update={"max_rows": 100})
    long = numbers(REFERENCE * 10)

    _, snapshot = drift_comparison(
        long.to_frame("price"), long.to_frame("price"), {"price": "numeric"}, policy, until=NOON, name="test"
    )

    [rows] = [
        metric["value"] for metric in snapshot.dict()["metrics"] if metric["config"]["type"].endswith(":RowCount")
    ]
    assert rows == 100


@pytest.mark.slow
def test_a_column_is_drawn_as_drifted_where_our_limits_say_so_whatever_the_distance():
    moved = numbers([100.0, 102.0] * 20)
    frames = [pd.DataFrame({"still": numbers(REFERENCE), "moved": side}) for side in (numbers(REFERENCE), moved)]
    ours = Drawing(headline="ours", numbers={"rows": 40.0}, distances={"still": 1.01, "moved": 1.0})

    drifts, snapshot = drift_comparison(
        *frames, dict.fromkeys(frames[0], "numeric"), POLICY, until=NOON, name="test", drawing=ours
    )

    page = snapshot.get_html_str(as_iframe=False)
    assert [drift.value for drift in drifts] == [pytest.approx(0), pytest.approx(100)]
    assert "Data drift detected. Drift detection method: Wasserstein distance (normed). Drift score: 0.0" in page
    assert "Data drift not detected. Drift detection method: Wasserstein distance (normed). Drift score: 100.0" in page


@pytest.mark.parametrize(
    "wrong", [{"numeric_threshold": 0}, {"categorical_threshold": 0.85}, {"missing_threshold": 0}, {"max_rows": 99}]
)
def test_a_threshold_that_always_or_never_rings_is_refused_by_name(wrong):
    with pytest.raises(ValidationError, match=f"{next(iter(wrong))}\n.*should be"):
        DriftPolicy(**POLICY.model_dump() | wrong)
