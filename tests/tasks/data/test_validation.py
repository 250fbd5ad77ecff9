"""Which rows are bad, and which batches?"""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from pydantic import ValidationError

from tasks.data.validation import UNPARSED, BatchPolicy, batch_fault, row_faults, shape_fault, with_declared_dtypes


def policy(max_bad_share=0.25, min_volume_share=0.5):
    return BatchPolicy(max_bad_share=max_bad_share, min_volume_share=min_volume_share)


def bad(*reasons):
    return pd.Series(reasons, dtype=str)


def test_a_good_row_has_no_faults(stall, sales):
    assert row_faults(sales({}, {"returned": None, "told_at": None, "weight": None}), stall).tolist() == ["", ""]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sale": "no number"}, r"sale: str_matches('^S\d+$')"),
        ({"sale": None}, "sale: missing"),
        ({"sold_at": None}, "sold_at: missing"),
        ({"returned": 0.5}, "returned: isin([0.0, 1.0])"),
        ({"price": -0.01}, "price: in_range(0, 1000)"),
        ({"price": 1000.01}, "price: in_range(0, 1000)"),
        ({"price": None}, "price: missing"),
        ({"weight": np.inf}, "weight: infinite"),
        ({"weight": -np.inf}, "weight: infinite"),
        ({"items": 0}, "items: greater_than_or_equal_to(1)"),
        ({"items": None}, "items: missing"),
        ({"gift": None}, "gift: missing"),
        ({"channel": "phone"}, "channel: isin(['store', 'web'])"),
        ({"channel": None}, "channel: missing"),
    ],
    ids=str,
)
def test_a_row_that_breaks_a_rule_has_that_rule_as_its_reason(stall, sales, change, reason):
    assert row_faults(sales({}, change, {}), stall).tolist() == ["", reason, ""]


def test_a_row_has_every_rule_that_it_breaks_as_a_reason(stall, sales):
    rows = sales({"price": -1.0, "channel": "phone", "weight": np.inf})

    assert set(row_faults(rows, stall).iloc[0].split("; ")) == {
        "price: in_range(0, 1000)",
        "channel: isin(['store', 'web'])",
        "weight: infinite",
    }


def test_a_row_that_lacks_a_value_still_has_all_that_is_missing_or_infinite_as_reasons(stall, sales):
    rows = sales({"price": None, "channel": None, "weight": np.inf})

    assert set(row_faults(rows, stall).iloc[0].split("; ")) == {
        "price: missing",
        "channel: missing",
        "weight: infinite",
    }


def test_of_rows_with_one_key_the_last_is_good(stall, sales):
    rows = sales({"sale": "S7"}, {"sale": "S8"}, {"sale": "S7"}, {"sale": "S7"})

    again = "key sale: borne by a later row too"
    assert row_faults(rows, stall).tolist() == [again, "", again, ""]


def test_a_cell_that_did_not_parse_is_the_rows_fault(stall, sales):
    rows = sales({}, {}, {}).assign(**{UNPARSED: [None, "price: 'ten'", ""]})

    assert row_faults(rows, stall).tolist() == ["", "price: 'ten'", ""]


def test_faults_stand_at_the_index_of_their_rows(stall, sales):
    rows = sales({}, {"price": -1.0}, {}).set_index(pd.Index([30, 10, 20]))

    assert row_faults(rows, stall).to_dict() == {30: "", 10: "price: in_range(0, 1000)", 20: ""}


def test_a_rule_over_several_columns_is_a_reason_for_the_rows_that_break_it(stall, sales):
    label_after_sale = pa.Check(lambda rows: rows["told_at"] > rows["sold_at"], name="told after sold", ignore_na=False)
    strict = replace(stall, schema=pa.DataFrameSchema(stall.schema.columns, checks=label_after_sale))
    rows = sales({}, {"told_at": datetime.fromisoformat("2024-01-01T00:00Z")})

    faults = row_faults(rows, strict)

    assert faults.iloc[0] == ""
    assert "told after sold" in faults.iloc[1]


def test_a_rule_that_only_the_whole_batch_can_break_is_not_passed_over(stall, sales):
    cheap = pa.Check(lambda price: bool(price.mean() < 5), name="cheap on average")
    strict = replace(stall, schema=stall.schema.update_column("price", checks=[cheap]))

    assert "cheap on average" in row_faults(sales({}, {}), strict).iloc[0]


def test_a_column_with_missing_values_only_takes_the_declared_dtype(stall, sales):
    moved = sales({}, {}).assign(weight=pd.Series([None, None], dtype=object), told_at=[None, None])

    rows = with_declared_dtypes(moved, stall)

    assert rows.dtypes[["weight", "told_at"]].astype(str).tolist() == ["float64", "datetime64[us, UTC]"]
    assert shape_fault(rows, stall) is None


def test_a_column_that_holds_a_value_keeps_its_dtype(stall, sales):
    moved = sales({}, {}).assign(weight=pd.Series([None, "heavy"], dtype=object))

    assert with_declared_dtypes(moved, stall)["weight"].dtype == object


def test_a_column_that_is_gone_is_named_beside_those_that_are_there(stall, sales):
    fault = shape_fault(sales({}).drop(columns=["price", "gift"]), stall)

    assert fault == (
        "expected column 'price', 'gift', "
        "found only 'sale', 'sold_at', 'told_at', 'returned', 'weight', 'items', 'channel'"
    )


def test_a_column_too_many_is_no_fault(stall, sales):
    assert shape_fault(sales({}).assign(colour="red"), stall) is None


@pytest.mark.parametrize(
    ("column", "values", "faults"),
    [
        ("price", ["ten", "ten"], "expected 'price' as float64, found str, such as ['ten']"),
        ("price", [1, 2], "expected 'price' as float64, found int64, such as [1, 2]"),
        ("items", [1.5, 2.0], "expected 'items' as int64, found float64, such as [1.5, 2.0]"),
        ("items", ["1", "2"], "expected 'items' as int64, found str, such as ['1', '2']"),
        ("gift", [1, 0], "expected 'gift' as bool, found int64, such as [1, 0]"),
        ("gift", ["yes", None], "expected 'gift' as bool, found str, such as ['yes']"),
        ("channel", [1.0, 2.0], "expected 'channel' as str, found float64, such as [1.0, 2.0]"),
    ],
)
def test_a_column_of_another_type_is_named_with_values_of_it(stall, sales, column, values, faults):
    assert shape_fault(sales({}, {}).assign(**{column: values}), stall) == faults


@pytest.mark.parametrize(
    ("column", "values"),
    [("items", [1.0, None]), ("gift", pd.Series([True, None], dtype=object))],
    ids=["whole number", "boolean"],
)
def test_a_type_that_only_missing_values_moved_is_no_fault_of_the_batch(stall, sales, column, values):
    assert shape_fault(sales({}, {}).assign(**{column: values}), stall) is None


@pytest.mark.parametrize(("count", "refused"), [(1, False), (2, False), (3, True)], ids=["below", "at", "above"])
def test_a_batch_is_refused_above_its_largest_share_of_bad_rows(count, refused):
    fault = batch_fault(8, bad(*["price: missing"] * count), [], policy(max_bad_share=2 / 8), complete=True)

    assert (fault is not None) is refused


def test_a_refused_batch_tells_the_three_commonest_reasons():
    reasons = bad("a; b", "a; b", "a; c", "d; a", "c; b")

    fault = batch_fault(10, reasons, [], policy(max_bad_share=0.1), complete=True)

    assert fault == "expected at most 10.0% bad rows, found 50.0% of 10: a (4 rows), b (3 rows), c (2 rows)"


@pytest.mark.parametrize(("rows", "refused"), [(49, True), (50, False), (51, False)], ids=["below", "at", "above"])
def test_a_batch_is_refused_below_its_share_of_the_usual_volume(rows, refused):
    fault = batch_fault(rows, bad(), [90, 100, 110], policy(min_volume_share=0.5), complete=True)

    assert (fault is not None) is refused


def test_a_batch_of_no_rows_is_refused_where_there_usually_are_some():
    fault = batch_fault(0, bad(), [90, 100, 110], policy(min_volume_share=0.5), complete=True)

    assert fault == "expected at least 50% of the usual 100 rows, found 0"


def test_a_period_that_is_not_over_may_hold_few_rows():
    assert batch_fault(1, bad(), [90, 100, 110], policy(), complete=False) is None


@pytest.mark.parametrize(("periods", "refused"), [(2, False), (3, True)], ids=["too few", "enough"])
def test_no_volume_is_unusual_before_three_periods_are_known(periods, refused):
    assert (batch_fault(1, bad(), [100] * periods, policy(), complete=True) is not None) is refused


def test_only_the_newest_eight_periods_say_what_is_usual():
    usual = [1000] * 9 + [10] * 5 + [1000] * 3

    assert batch_fault(5, bad(), usual, policy(min_volume_share=0.5), complete=True) is None


@pytest.mark.parametrize("wrong", [{"max_bad_share": 1.01}, {"max_bad_share": -0.01}, {"min_volume_share": 1.01}])
def test_an_impossible_share_is_refused_by_name(wrong):
    with pytest.raises(ValidationError, match=f"{next(iter(wrong))}\n.*should be (less|greater) than or equal to"):
        policy(**wrong)


def test_a_refused_batch_counts_its_rows_with_separators():
    reasons = bad(*["a"] * 1_200)

    assert batch_fault(4_800, reasons, [], policy(max_bad_share=0.1), complete=True) == (
        "expected at most 10.0% bad rows, found 25.0% of 4,800: a (1,200 rows)"
    )
