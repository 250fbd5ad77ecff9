"""Which rows come out of files of every format, and which files are refused?"""

import gzip
import zipfile
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.sources import TIME, UNPARSED, FileSource
from tasks.errors import SourceUnavailable, SourceUnreadable

NOON = datetime(2013, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CSV = """time,id,amount
2013-05-01T11:59:59Z,below,1
2013-05-01T12:00:00Z,at start,2
2013-05-01T12:59:59Z,inside,NA
2013-05-01T13:00:00Z,at end,4
,no time,5
"""
WANTED = ["at start", "inside", "no time"]


def read(source, start=NOON, end=NOON + HOUR):
    return pd.concat(source.rows(start, end), ignore_index=True)


def a_csv(tmp_path, text=CSV, **declared):
    (tmp_path / "rows.csv").write_text(text)
    return FileSource(path=str(tmp_path / "rows.csv"), event_time="time", **declared)


def a_table():
    """Return the csv's rows as Arrow stores them."""
    times = [NOON - timedelta(seconds=1), NOON, NOON + timedelta(minutes=59, seconds=59), NOON + HOUR, None]
    names = ["below", "at start", "inside", "at end", "no time"]
    return pa.table(
        {"time": pa.array(times, pa.timestamp("ms", tz="UTC")), "id": names, "amount": [1.0, 2.0, None, 4.0, 5.0]}
    )


def csv_file(tmp_path):
    (tmp_path / "rows.csv").write_text(CSV)
    return str(tmp_path / "rows.csv")


def gzipped_csv(tmp_path):
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    return str(tmp_path / "rows.csv.gz")


def csv_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("readme.txt", "not rows")
    return f"zip://a.csv::{tmp_path / 'rows.zip'}"


def csv_files(tmp_path):
    header, *lines = CSV.splitlines()
    (tmp_path / "1.csv").write_text("\n".join([header, *lines[:2]]))
    (tmp_path / "2.csv").write_text("\n".join([header, *lines[2:]]))
    return str(tmp_path / "*.csv")


def parquet_file(tmp_path):
    pq.write_table(a_table(), tmp_path / "rows.parquet")
    return str(tmp_path / "rows.parquet")


def folder_of_parquet(tmp_path):
    pq.write_table(a_table().slice(0, 2), tmp_path / "1.parquet")
    pq.write_table(a_table().slice(2), tmp_path / "2.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    return str(tmp_path)


def json_lines(tmp_path):
    frame = pd.read_csv(csv_file(tmp_path), keep_default_na=False, na_values=["NA", ""])
    frame.to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    return str(tmp_path / "rows.jsonl")


@pytest.mark.parametrize(
    "stored",
    [csv_file, gzipped_csv, csv_in_an_archive, csv_files, parquet_file, folder_of_parquet, json_lines],
)
def test_every_format_gives_the_rows_of_the_half_open_window_and_those_without_a_time(tmp_path, stored):
    source = FileSource(path=stored(tmp_path), event_time="time", dtypes={"id": "str", "amount": "float64"})

    rows = read(source)

    assert rows.id.tolist() == WANTED
    assert rows.amount.fillna(-1).tolist() == [2.0, -1.0, 5.0]
    assert rows.time.isna().tolist() == [False, False, True]
    assert rows.dtypes.astype(str).to_dict() == {"time": TIME, "id": "str", "amount": "float64"}


def test_a_file_that_has_changed_is_read_again(tmp_path):
    source = a_csv(tmp_path)
    before = read(source).id.tolist()
    a_csv(tmp_path, CSV + "2013-05-01T12:30:00Z,late comer,6\n")

    assert (before, read(source).id.tolist()) == (WANTED, [*WANTED, "late comer"])


def test_only_the_named_columns_and_the_time_are_read(tmp_path):
    assert read(a_csv(tmp_path, columns=("amount",))).columns.tolist() == ["amount", "time"]


def test_a_bad_cell_far_into_a_file_costs_no_row_and_doubles_none(tmp_path):
    lines = [f"2013-05-01T12:00:00Z,{number},{'x' * 50}" for number in range(40_000)]
    lines[39_000] = f"2013-05-01T12:00:00Z,abc,{'x' * 50}"
    source = a_csv(tmp_path, "\n".join(["time,number,text", *lines]), dtypes={"number": "float64"})

    rows = read(source)

    assert rows.number.fillna(39_000).tolist() == list(range(40_000))
    assert rows[UNPARSED].dropna().tolist() == ["number: 'abc' is not a float64"]


def test_naive_parquet_times_are_read_in_the_declared_zone_at_both_ends_of_the_window(tmp_path):
    written = [datetime(2013, 7, 1, 7, 59), datetime(2013, 7, 1, 8), datetime(2013, 7, 1, 9)]
    pq.write_table(pa.table({"time": pa.array(written, pa.timestamp("us"))}), tmp_path / "a.parquet")
    source = FileSource(path=str(tmp_path / "a.parquet"), event_time="time", time_zone="America/New_York")

    rows = read(source, datetime(2013, 7, 1, 12, tzinfo=UTC), datetime(2013, 7, 1, 13, tzinfo=UTC))

    assert rows.time.tolist() == [pd.Timestamp("2013-07-01 12:00Z")]


def test_a_missing_file_is_worth_a_retry_and_named(tmp_path):
    source = FileSource(path=str(tmp_path / "gone.csv"), event_time="time")

    with pytest.raises(SourceUnavailable, match=r"gone\.csv, found: no such file"):
        read(source)


def test_a_pattern_without_files_is_worth_a_retry_and_named(tmp_path):
    source = FileSource(path=str(tmp_path / "*.parquet"), event_time="time")

    with pytest.raises(SourceUnavailable, match=r"\*\.parquet, found: no such file, and no file that matches"):
        read(source)


@pytest.mark.parametrize("stored", [csv_file, parquet_file, json_lines])
def test_a_missing_time_column_is_named_with_those_there_are(tmp_path, stored):
    source = FileSource(path=stored(tmp_path), event_time="moment")

    with pytest.raises(SourceUnreadable, match=r"expected column 'moment' in .*, found time, id, amount"):
        read(source)


def test_a_parquet_time_that_is_no_time_is_refused(tmp_path):
    pq.write_table(pa.table({"time": [1, 2]}), tmp_path / "a.parquet")

    with pytest.raises(SourceUnreadable, match="expected times in column 'time', found int64"):
        read(FileSource(path=str(tmp_path / "a.parquet"), event_time="time"))


def test_a_csv_row_with_too_many_cells_is_refused(tmp_path):
    with pytest.raises(SourceUnreadable, match="Expected 3 columns, got 4"):
        read(a_csv(tmp_path, CSV + "2013-05-01T12:30:00Z,a,1,extra\n"))


def test_a_malformed_json_line_is_refused_by_its_number(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"time": null}\n{"time": \n')

    with pytest.raises(SourceUnreadable, match=r"JSON object in line 2 of .*a\.jsonl"):
        read(FileSource(path=str(tmp_path / "a.jsonl"), event_time="time"))


def test_an_unknown_suffix_is_refused(tmp_path):
    (tmp_path / "a.xlsx").write_text("")

    with pytest.raises(SourceUnreadable, match=r"expected a file named \.csv.*a\.xlsx"):
        read(FileSource(path=str(tmp_path / "a.xlsx"), event_time="time"))


def test_a_column_without_a_declared_type_that_changes_it_far_into_a_file_is_refused(tmp_path):
    lines = [f"2013-05-01T12:00:00Z,1,{'x' * 50}"] * 40_000 + ["2013-05-01T12:00:00Z,1.5,x"]

    with pytest.raises(SourceUnreadable, match=r"invalid value '1\.5'; mend the file, or declare the column's dtype"):
        read(a_csv(tmp_path, "\n".join(["time,number,text", *lines])))
