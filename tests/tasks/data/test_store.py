"""What does a table hold after a write, however often, however late and beside whom it is done?"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from tasks.data.store import Dataset, arrow_schema, differences, latest
from tasks.windows import Window

MAY_31 = datetime(2013, 5, 31, tzinfo=UTC)
DAY = timedelta(days=1)
TIME = "datetime64[us, UTC]"
COLUMNS = {"id": "str", "time": TIME, "amount": "float64", "count": "int64", "paid": "bool", "note": "str"}


@pytest.fixture
def table(tmp_path):
    """A table that is not there yet, with a column of each type, by month."""
    return Dataset(tmp_path / "table", arrow_schema(COLUMNS), ("id",), "time")


def rows(*changes):
    """Return rows a, b, c, ... of May 31, one for each dict of changes."""
    common = {"time": MAY_31, "amount": 1.5, "count": 1, "paid": True, "note": "n"}
    result = pd.DataFrame([{"id": chr(ord("a") + n)} | common | change for n, change in enumerate(changes)])
    return result.astype({"time": TIME, "amount": "float64", "note": "str"})


def ids(result):
    return sorted(result["id"])


def test_a_table_that_was_never_written_has_no_version_and_no_rows_but_its_columns(table):
    assert table.version() is None
    assert table.read().dtypes.astype(str).to_dict() == COLUMNS
    assert table.read(columns=["amount"]).columns.tolist() == ["amount"]


def test_what_is_written_is_read_back_value_by_value_and_type_by_type(table):
    written = rows({}, {"amount": None, "note": None, "paid": False, "count": 2**53 + 1})

    table.upsert(written)

    pd.testing.assert_frame_equal(table.read().sort_values("id", ignore_index=True), written)


def test_new_keys_are_inserted_changed_ones_updated_and_equal_ones_left_alone(table):
    table.upsert(rows({}, {}, {}))

    written = table.upsert(rows({}, {"amount": 2.0}, {}, {}))

    assert (written.inserted, written.updated) == (1, 1)
    assert sorted(table.read()["amount"]) == [1.5, 1.5, 1.5, 2.0]


def test_a_write_done_again_makes_no_version(table):
    first = table.upsert(rows({}, {"amount": None, "note": None}))

    again = table.upsert(rows({}, {"amount": None, "note": None}))

    assert (again.version, again.inserted, again.updated) == (first.version, 0, 0)
    assert table.version() == first.version


def test_a_value_that_becomes_known_or_missing_is_an_update(table):
    table.upsert(rows({"amount": None}, {"note": "n"}))

    written = table.upsert(rows({"amount": 1.0}, {"note": None}))

    assert (written.inserted, written.updated) == (0, 2)


def test_a_row_whose_time_is_corrected_into_another_month_is_stored_once(table):
    table.upsert(rows({}, {}))

    table.upsert(rows({"time": MAY_31 + DAY}))

    assert ids(table.read()) == ["a", "b"]
    assert ids(table.read(Window(start=MAY_31 + DAY, end=MAY_31 + 2 * DAY))) == ["a"]


def test_append_new_leaves_a_stored_key_as_it_is(table):
    table.append_new(rows({"note": "first"}))

    written = table.append_new(rows({"note": "second"}, {"note": "second"}))

    assert (written.inserted, written.updated) == (1, 0)
    assert sorted(table.read()["note"]) == ["first", "second"]


def test_keys_of_several_columns_differ_if_any_of_them_does(tmp_path):
    table = Dataset(tmp_path / "table", arrow_schema(COLUMNS), ("id", "count"), "time")
    table.upsert(rows({"id": "a", "count": 1}, {"id": "a", "count": 2}))

    written = table.upsert(rows({"id": "a", "count": 2, "amount": 9.0}, {"id": "b", "count": 2}))

    assert (written.inserted, written.updated) == (1, 1)
    assert sorted(table.read()["amount"]) == [1.5, 1.5, 9.0]


def test_an_old_version_still_reads_as_it_was(table):
    first = table.upsert(rows({"amount": 1.0}))
    table.upsert(rows({"amount": 2.0}, {}))

    assert table.read(version=first.version)["amount"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("time", "inside"),
    [
        (MAY_31 - timedelta(microseconds=1), False),
        (MAY_31, True),
        (MAY_31 + DAY - timedelta(microseconds=1), True),
        (MAY_31 + DAY, False),
    ],
    ids=["before", "at start", "last moment", "at end"],
)
def test_a_window_is_read_from_its_start_to_before_its_end(table, time, inside):
    table.upsert(rows({"time": time}))

    assert (len(table.read(Window(start=MAY_31, end=MAY_31 + DAY))) == 1) is inside


def test_a_table_without_time_cannot_be_read_by_window(tmp_path):
    table = Dataset(tmp_path / "notes", arrow_schema(COLUMNS), ("id",))
    table.upsert(rows({}))

    with pytest.raises(ValueError, match="notes has no time column to read a window by"):
        table.read(Window(start=MAY_31, end=MAY_31 + DAY))


def test_records_become_rows_in_which_what_they_leave_out_is_missing(table):
    result = table.rows([{"id": "a", "amount": 2.0}])

    assert result["amount"].tolist() == [2.0]
    assert result[["time", "count", "paid", "note"]].isna().all(axis=None)


@pytest.mark.parametrize(("most", "files"), [(1, 1), (2, 2), (3, 2)], ids=["above", "at", "below"])
def test_more_files_than_allowed_are_joined_and_the_rows_stay(table, most, files):
    table.append_new(rows({}))
    table.append_new(rows({}, {}))

    table.compact(most)

    assert len(DeltaTable(str(table.path)).file_uris()) == files
    assert ids(table.read()) == ["a", "b"]


def test_a_lost_race_is_run_again_on_what_the_winner_left(table, monkeypatch):
    table.append_new(rows({}))
    true_read = Dataset._stored
    rival = iter([rows({}, {"note": "rival"})])

    def overtaken(self, *args):
        result = true_read(self, *args)
        for theirs in rival:
            table.append_new(theirs)
        return result

    monkeypatch.setattr(Dataset, "_stored", overtaken)

    written = table.append_new(rows({}, {"note": "mine"}, {"note": "mine"}))

    assert written.inserted == 1
    assert sorted(table.read()["note"]) == ["mine", "n", "rival"]


def test_a_write_that_was_overtaken_after_its_read_fails_rather_than_doubles(table):
    table.append_new(rows({}))
    stale = table._log.snapshot()
    table.append_new(rows({}, {}))

    with pytest.raises(CommitFailedError, match=r"(?i)transaction|conflict|concurrent"):
        table._log.append(stale, table._arrow(rows({}, {}).tail(1)))

    assert ids(table.read()) == ["a", "b"]


def test_rows_are_stored_unless_what_is_stored_gives_a_reason_and_known_ones_are_not_asked_about(table):
    refusal = lambda stored: None if len(stored) < 1 else f"{len(stored)} there"  # noqa: E731

    result = [table.append_unless(row, refusal) for row in (rows({}), rows({}, {}), rows({"note": "other"}))]

    assert result == [None, "1 there", None]
    assert ids(table.read()) == ["a"]


def test_a_condition_is_asked_again_about_what_a_faster_writer_stored_meanwhile(table):
    asked = []

    def refusal(stored):
        asked.append(len(stored))
        [table.append_new(rows({}, {})) for _ in range(len(asked) == 1)]
        return

    table.append_unless(rows({}, {}, {}), refusal)

    assert asked == [0, 2]
    assert ids(table.read()) == ["a", "b", "c"]


def test_a_row_is_found_by_its_key_in_the_newest_version_and_in_an_old_one(table):
    first = table.upsert(rows({}, {})).version
    table.upsert(rows({}, {"note": "changed"}))

    assert table.find({"id": "b"})["note"].tolist() == ["changed"]
    assert table.find({"id": "b"}, first)["note"].tolist() == ["n"]
    assert table.find({"id": "z"}).empty


def test_in_a_table_that_was_never_written_no_key_is_found(table):
    assert table.find({"id": "a"}).empty
    assert table.first_with({"id": "a"}) is None


@pytest.mark.parametrize(("key", "rank"), [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4)])
def test_the_first_version_with_a_key_is_the_one_that_wrote_it(table, key, rank):
    written = [table.append_new(rows(*[{}] * count)).version for count in range(1, 6)]
    table.upsert(rows(*[{"note": "changed"}] * 5))

    assert table.first_with({"id": key}) == written[rank]
    assert table.first_with({"id": "z"}) is None


def test_writers_at_once_store_each_key_once(table):
    batches = [rows(*({"id": f"k{key}"} for key in range(first, first + 5))) for first in (0, 2, 4, 6)]

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(table.append_new, batches))

    assert ids(table.read()) == sorted(f"k{key}" for key in range(11))
    assert sum(item.inserted for item in written) == 11


def test_differences_are_told_by_value_in_whatever_order_the_rows_are_stored():
    stored = rows({}, {"amount": None}, {"note": None}).iloc[::-1]
    message = rows({}, {"amount": None}, {"note": "known"}, {"amount": 4.0})

    new, changed = differences(stored, message, ("id",))

    assert ids(new) == ["d"]
    assert ids(changed) == ["c"]


def test_a_column_that_no_table_holds_is_refused_by_name():
    with pytest.raises(ValueError, match=r"expected columns of float64, .*, found \{'share': 'float32'\}"):
        arrow_schema({"id": "str", "share": "float32"})


@pytest.mark.parametrize(
    ("times", "newest"),
    [([], None), ([None], None), ([MAY_31, None, MAY_31 - DAY], MAY_31)],
    ids=["none", "all missing", "some"],
)
def test_the_latest_time_is_none_where_there_is_no_time(times, newest):
    assert latest(pd.Series(times, dtype=TIME)) == newest


def test_a_table_that_someone_else_extended_is_read_by_the_columns_that_it_knows(table):
    table.upsert(rows({}))
    write_deltalake(
        str(table.path), rows({"id": "b"}).assign(_month="2013-05", extra=1), mode="append", schema_mode="merge"
    )

    assert table.read().columns.tolist() == list(COLUMNS)


def test_rows_with_text_keys_are_found_again_in_files_that_a_merge_wrote(tmp_path):
    columns = {"place": "str", "seat": "str", "sold_at": "datetime64[us, UTC]", "price": "float64"}
    table = Dataset(tmp_path / "seats", arrow_schema(columns), ("place", "seat"), "sold_at")
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    sold = [{"place": "hall", "seat": seat, "sold_at": monday, "price": 1.0} for seat in ("A1", "A2")]
    table.upsert(table.rows(sold))
    table.upsert(table.rows([sold[0] | {"price": 2.0}]))

    again = table.upsert(table.rows([sold[0] | {"price": 3.0}, sold[1]]))

    assert (again.inserted, again.updated) == (0, 1)
    assert table.read().sort_values("seat")["price"].tolist() == [3.0, 1.0]
