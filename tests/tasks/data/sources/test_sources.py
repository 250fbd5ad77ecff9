"""Which rows does a window hold, and which does `prepare` see?"""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.sources import UNPARSED, FileSource, SqlSource, chosen, package_file
from tasks.errors import SourceUnreadable

NOON = datetime(2013, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def read(source, start=NOON, end=NOON + HOUR):
    return pd.concat(source.rows(start, end), ignore_index=True)


def a_csv(tmp_path, text, **declared):
    (tmp_path / "rows.csv").write_text(text)
    return FileSource(path=str(tmp_path / "rows.csv"), event_time="time", **declared)


def test_a_path_may_be_computed_only_when_rows_are_read(tmp_path):
    source = FileSource(path=lambda: str(tmp_path / "rows.csv"), event_time="time")
    a_csv(tmp_path, "time,id\n2013-05-01T12:00:00Z,a\n")

    assert read(source).id.tolist() == ["a"]


def test_an_empty_window_gives_no_frame_at_all(tmp_path):
    source = a_csv(tmp_path, "time,id\n2013-05-01T12:00:00Z,a\n")

    assert list(source.rows(NOON + HOUR, NOON + 2 * HOUR)) == []


def with_neighbours(raw):
    ordered = raw.sort_values("time")
    return chosen(ordered.assign(last=ordered.amount.shift(1), next=ordered.amount.shift(-1)), ["time", "last", "next"])


@pytest.mark.parametrize(
    ("before", "after", "last", "next_"),
    [(0, 0, -1, -1), (1, 0, 1, -1), (0, 1, -1, 3), (1, 1, 1, 3)],
)
def test_prepare_sees_the_margins_and_the_caller_does_not(tmp_path, before, after, last, next_):
    text = "time,amount\n2013-05-01T11:00:00Z,1\n2013-05-01T12:00:00Z,2\n2013-05-01T13:00:00Z,3\n"
    source = a_csv(
        tmp_path,
        text,
        margin_before=before * HOUR,
        margin_after=after * 2 * HOUR,
        prepare=with_neighbours,
    )

    rows = read(source)

    assert rows[["last", "next"]].fillna(-1).to_numpy().tolist() == [[last, next_]]


def minutes_added(raw):
    return chosen(raw.assign(moment=raw.time + pd.to_timedelta(raw.minute, unit="min")), ["moment", "minute"])


def test_a_derived_event_time_is_cut_to_the_window_and_keeps_the_reasons(tmp_path):
    text = "time,minute\n2013-05-01T11:00:00Z,59\n2013-05-01T12:00:00Z,30\n2013-05-01T12:00:00Z,late\n"
    (tmp_path / "a.csv").write_text(text)
    source = FileSource(
        path=str(tmp_path / "a.csv"),
        event_time="moment",
        stored_time="time",
        dtypes={"minute": "float64"},
        margin_before=HOUR,
        prepare=minutes_added,
    )

    rows = read(source)

    assert rows.minute.fillna(-1).tolist() == [30.0, -1.0]
    assert rows[UNPARSED].fillna("").tolist() == ["", "minute: 'late' is not a float64"]


def test_a_prepare_that_drops_the_reasons_is_refused(tmp_path):
    source = a_csv(
        tmp_path,
        "time,amount\n2013-05-01T12:00:00Z,abc\nsoon,3\n",
        dtypes={"amount": "float64"},
        prepare=lambda raw: raw[["time"]],
    )

    with pytest.raises(SourceUnreadable, match=r"found 2 rows .* end it with chosen"):
        read(source)


def test_an_unknown_dtype_is_refused_when_the_source_is_declared():
    with pytest.raises(ValueError, match="found Int64"):
        FileSource(path="a.csv", event_time="time", dtypes={"id": "Int64"})


def test_rows_come_in_chunks_of_about_the_stated_size(tmp_path):
    pq.write_table(pa.table({"time": pa.array([NOON] * 10, pa.timestamp("us", tz="UTC"))}), tmp_path / "a.parquet")
    source = FileSource(path=str(tmp_path / "a.parquet"), event_time="time", chunk_rows=4)

    assert [len(chunk) for chunk in source.rows(NOON, NOON + HOUR)] == [4, 4, 2]


def test_the_file_of_a_package_is_located_without_importing_it(tmp_path, monkeypatch):
    (tmp_path / "broken_shop").mkdir()
    (tmp_path / "broken_shop" / "__init__.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)

    assert package_file("broken_shop", "data", "a.csv") == str(tmp_path / "broken_shop" / "data" / "a.csv")


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(FileNotFoundError, match="expected the package no_such_shop, found none"):
        package_file("no_such_shop", "a.csv")


def test_a_source_is_described_by_where_it_reads():
    assert str(FileSource(path="s3://lake/sales", event_time="at")) == "s3://lake/sales"
    assert str(FileSource(path=lambda: "found.csv", event_time="at")) == "found.csv"


def test_a_database_is_described_without_its_password():
    text = str(SqlSource(url="postgresql://ann:secret@db/shop", table="sales", event_time="at"))

    assert text == "sales in postgresql://ann:***@db/shop"
    assert str(SqlSource(url_env="SHOP_URL", query="select 1", event_time="at")) == (
        "select 1 in the database that SHOP_URL names"
    )
