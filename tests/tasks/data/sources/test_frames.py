"""Which type has a cell, and what becomes of one that cannot be read?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.sources import TIME, UNPARSED, FileSource
from tasks.errors import SourceUnreadable

NOON = datetime(2013, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def read(source, start=NOON, end=NOON + HOUR):
    return pd.concat(source.rows(start, end), ignore_index=True)


def a_csv(tmp_path, text, **declared):
    (tmp_path / "rows.csv").write_text(text)
    return FileSource(path=str(tmp_path / "rows.csv"), event_time="time", **declared)


def test_stored_types_become_the_plain_ones(tmp_path):
    table = pa.table(
        {
            "time": pa.array([NOON, NOON], pa.timestamp("ns", tz="America/New_York")),
            "day": pa.array([NOON.date(), None], pa.date32()),
            "price": [Decimal("1.50"), None],
            "kind": pa.array(["a", None]).dictionary_encode(),
            "small": pa.array([1, 2], pa.int8()),
            "gap": pa.array([1, None], pa.int32()),
            "flag": [True, False],
            "maybe": [True, None],
            "ratio": pa.array([0.5, 1.0], pa.float32()),
            "empty": pa.nulls(2),
            "empty_text": pa.nulls(2),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    source = FileSource(path=str(tmp_path / "a.parquet"), event_time="time", dtypes={"empty_text": "str"})

    rows = read(source)

    assert rows.dtypes.astype(str).to_dict() == {
        "time": TIME, "day": TIME, "price": "float64", "kind": "str", "small": "int64", "gap": "float64",
        "flag": "bool", "maybe": "float64", "ratio": "float64", "empty": "float64", "empty_text": "str",
    }  # fmt: skip
    assert (rows.price[0], rows.kind[0], rows.day[0]) == (1.5, "a", pd.Timestamp("2013-05-01", tz="UTC"))


def test_a_column_of_lists_is_named_and_refused(tmp_path):
    times = pa.array([NOON], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"time": times, "tags": [["a"]]}), tmp_path / "a.parquet")

    with pytest.raises(SourceUnreadable, match=r"expected numbers.*'tags', found list"):
        read(FileSource(path=str(tmp_path / "a.parquet"), event_time="time"))


UNREADABLE = """time,id,amount,count,paid
2013-05-01T12:00:00Z,a,1,1,true
2013-05-01T12:01:00Z,b,abc,1.5,maybe
soon,c,3,3,false
"""
DECLARED = {"id": "str", "amount": "float64", "count": "int64", "paid": "bool"}


def test_a_cell_that_is_not_of_its_type_goes_missing_and_its_row_says_so(tmp_path):
    rows = read(a_csv(tmp_path, UNREADABLE, dtypes=DECLARED))

    assert rows[UNPARSED].fillna("").tolist() == [
        "",
        "amount: 'abc' is not a float64; count: '1.5' is not a int64; paid: 'maybe' is not a bool",
        "time: 'soon' is not a datetime64[us, UTC]",
    ]
    assert rows.amount.fillna(-1).tolist() == [1.0, -1.0, 3.0]
    assert rows["count"].fillna(-1).tolist() == [1.0, -1.0, 3.0]
    assert rows.paid.fillna(-1).tolist() == [1.0, -1.0, 0.0]
    assert rows.time.isna().tolist() == [False, False, True]


def test_there_is_no_column_of_reasons_when_all_is_well(tmp_path):
    assert (
        UNPARSED
        not in read(a_csv(tmp_path, "time,amount\n2013-05-01T12:00:00Z,1\n", dtypes={"amount": "float64"})).columns
    )


def test_a_json_value_of_another_kind_goes_missing_and_its_row_says_so(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"time": "2013-05-01T14:00:00+02:00", "amount": 1}\n\n{"time": "2013-05-01T12:10:00Z", "amount": "abc"}\n'
    )
    source = FileSource(path=str(tmp_path / "a.jsonl"), event_time="time", dtypes={"amount": "float64"})

    rows = read(source)

    assert rows.time.tolist() == [pd.Timestamp("2013-05-01 12:00Z"), pd.Timestamp("2013-05-01 12:10Z")]
    assert rows[UNPARSED].fillna("").tolist() == ["", "amount: 'abc' is not a float64"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2013-07-01T08:00:00", "2013-07-01T12:00Z"),
        ("2013-11-03T01:30:00", "2013-11-03T05:30Z"),  # passes twice, at 05:30 and 06:30 UTC
        ("2013-03-10T02:30:00", "2013-03-10T07:00Z"),  # is skipped: clocks go from 02:00 to 03:00 at 07:00 UTC
    ],
)
def test_a_time_without_zone_is_read_in_the_declared_one(tmp_path, written, meant):
    source = a_csv(tmp_path, f"time,id\n{written},a\n", time_zone="America/New_York")
    start = datetime.fromisoformat(meant)

    rows = read(source, start, start + timedelta(minutes=1))

    assert rows.time.tolist() == [pd.Timestamp(meant)]


@pytest.mark.parametrize("zone", ["Z", "+00", "+0000", "-00:00", ""])
def test_a_good_time_beside_a_bad_one_keeps_its_zone(tmp_path, zone):
    rows = read(a_csv(tmp_path, f"time,id\n2013-05-01T12:00:00{zone},a\nsoon,b\n"))

    assert rows.time.tolist() == [pd.Timestamp(NOON), pd.NaT]
    assert rows[UNPARSED].fillna("").tolist() == ["", "time: 'soon' is not a datetime64[us, UTC]"]


def test_a_quantity_that_one_file_lacks_keeps_the_type_it_has_in_the_other(tmp_path):
    (tmp_path / "1.csv").write_text("time,word,late\n2013-05-01T12:00:00Z,NA,NA\n")
    (tmp_path / "2.csv").write_text("time,word,late\n2013-05-01T12:00:00Z,a,2013-05-02T12:00:00Z\n")

    rows = read(FileSource(path=str(tmp_path / "*.csv"), event_time="time"))

    assert rows.dtypes.astype(str).to_dict() == {"time": TIME, "word": "str", "late": TIME}
    assert rows.isna().to_numpy().tolist() == [[False, True, True], [False, False, False]]
