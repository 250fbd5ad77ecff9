"""Which rows come out of a database, and what does one get that does not answer?"""

import sqlite3
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tasks.data.sources import TIME, UNPARSED, SqlSource
from tasks.errors import SourceUnavailable, SourceUnreadable

NOON = datetime(2013, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def read(source, start=NOON, end=NOON + HOUR):
    return pd.concat(source.rows(start, end), ignore_index=True)


def a_database(tmp_path, rows, columns="time TEXT, id TEXT, amount REAL"):
    address = tmp_path / "rows.db"
    with sqlite3.connect(address) as connection:
        connection.execute(f"CREATE TABLE sales ({columns})")
        connection.executemany(f"INSERT INTO sales VALUES ({','.join('?' * len(rows[0]))})", rows)
    connection.close()
    return f"sqlite:///{address}"


SALES = [
    ("2013-05-01 11:59:59", "below", 1.0),
    ("2013-05-01 12:00:00", "at start", 2.0),
    ("2013-05-01 12:59:59", "x'; DROP TABLE sales; --", None),
    ("2013-05-01T13:00:00", "at end", 4.0),
    (None, "no time", 5.0),
]


@pytest.mark.parametrize("wanted", [{"table": "sales"}, {"query": "SELECT * FROM sales WHERE id <> 'at end';"}])
def test_sql_gives_the_rows_of_the_window_in_order_of_time_whatever_they_contain(tmp_path, wanted):
    source = SqlSource(url=a_database(tmp_path, SALES[::-1]), event_time="time", **wanted)

    rows = read(source)

    assert rows.id.tolist() == ["no time", "at start", "x'; DROP TABLE sales; --"]
    assert rows.dtypes.astype(str).to_dict() == {"time": TIME, "id": "str", "amount": "float64"}


def test_a_hostile_column_name_stays_a_name(tmp_path):
    name = 'time"; DROP TABLE sales; --'
    quoted = name.replace('"', '""')
    url = a_database(tmp_path, [("2013-05-01 12:00:00",)], f'"{quoted}" TEXT')

    rows = read(SqlSource(url=url, table="sales", event_time=name))

    assert rows[name].tolist() == [pd.Timestamp(NOON)]


def test_sql_rows_come_in_chunks(tmp_path):
    rows = [("2013-05-01 12:00:00", str(number), 1.0) for number in range(5)]
    source = SqlSource(url=a_database(tmp_path, rows), table="sales", event_time="time", chunk_rows=2)

    assert [len(chunk) for chunk in source.rows(NOON, NOON + HOUR)] == [2, 2, 1]


def test_sql_times_without_zone_are_read_in_the_declared_one(tmp_path):
    url = a_database(tmp_path, [("2013-05-01 07:59:00", "a", 1.0), ("2013-05-01 08:00:00", "b", 1.0)])

    rows = read(SqlSource(url=url, table="sales", event_time="time", time_zone="America/New_York"))

    assert rows.id.tolist() == ["b"]


def test_a_sql_text_that_is_no_time_comes_through_with_its_reason(tmp_path):
    source = SqlSource(url=a_database(tmp_path, [("1 May 2013", "a", 1.0)]), table="sales", event_time="time")

    assert read(source)[UNPARSED].tolist() == ["time: '1 May 2013' is not a datetime64[us, UTC]"]


def test_a_sql_number_for_a_time_is_refused(tmp_path):
    url = a_database(tmp_path, [(1367409600, "a", 1.0)], "time INTEGER, id TEXT, amount REAL")

    with pytest.raises(SourceUnreadable, match="expected times in column 'time', found int64"):
        read(SqlSource(url=url, table="sales", event_time="time"))


def test_a_missing_sql_column_is_named_with_those_there_are(tmp_path):
    source = SqlSource(url=a_database(tmp_path, SALES), table="sales", event_time="moment")

    with pytest.raises(SourceUnreadable, match="expected column 'moment' in sales, found time, id, amount"):
        read(source)


def test_a_missing_table_is_not_worth_a_retry(tmp_path):
    with pytest.raises(SourceUnreadable, match="no such table: orders"):
        read(SqlSource(url=a_database(tmp_path, SALES), table="orders", event_time="time"))


def test_a_missing_sqlite_file_is_worth_a_retry_and_not_created(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"expected a SQLite file at .*gone\.db"):
        read(SqlSource(url=f"sqlite:///{tmp_path}/gone.db", table="sales", event_time="time"))

    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_opened_is_worth_a_retry(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"expected an answer from sqlite:.*unable to open"):
        read(SqlSource(url=f"sqlite:///{tmp_path}", table="sales", event_time="time"))


def test_the_address_may_stand_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SALES_URL", a_database(tmp_path, SALES))

    assert len(read(SqlSource(url_env="SALES_URL", table="sales", event_time="time"))) == 3


def test_an_unset_address_is_named(monkeypatch):
    monkeypatch.delenv("SALES_URL", raising=False)

    with pytest.raises(SourceUnreadable, match="environment variable SALES_URL, found none"):
        read(SqlSource(url_env="SALES_URL", table="sales", event_time="time"))


def test_an_address_that_cannot_be_read_is_not_repeated_with_its_password():
    with pytest.raises(SourceUnreadable, match="expected a SQLAlchemy URL") as refused:
        read(SqlSource(url="nodialect://me:secret@host/db", table="sales", event_time="time"))

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("declared", [{}, {"table": "a", "query": "b"}])
def test_either_a_table_or_a_query_is_declared(declared):
    with pytest.raises(ValueError, match="expected either table or query"):
        SqlSource(url="sqlite://", event_time="time", **declared)
