"""Which old versions of a table can still be read, after clean-ups and deletions, and what is said of the others?"""

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable, write_deltalake

from tasks.data.delta import RETENTION, Vacuumed, compact, stored_tables, vacuum
from tasks.data.store import Dataset, arrow_schema
from tasks.errors import LostVersionError

DAY = 86_400
COLUMNS = {"id": "str", "time": "datetime64[us, UTC]", "amount": "float64"}


@pytest.fixture
def table(tmp_path):
    """A table that is not there yet, by month, in a folder whose name a URL would spell otherwise."""
    return a_table(tmp_path / "my tables")


def a_table(folder):
    return Dataset(folder / "stall" / "observations", arrow_schema(COLUMNS), ("id",), "time")


def rows(first, last, amount=1.0):
    """Return rows of the numbers from `first` to before `last`, of one month."""
    time = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")
    return pd.DataFrame([{"id": f"{n:04}", "time": time, "amount": amount} for n in range(first, last)])


def without_retention(table):
    """Store five rows in a table as it was made before versions were kept."""
    schema = table._arrow(rows(0, 1)).schema
    DeltaTable.create(str(table.path), schema=schema, partition_by=["_month"])
    write_deltalake(str(table.path), table._arrow(rows(0, 5)), mode="append")


def commit(table, count):
    """Store one row in each of `count` versions."""
    stored, written = DeltaTable(str(table.path)), table._arrow(rows(900, 900 + count))
    for number in range(count):
        write_deltalake(stored, written.slice(number, 1), mode="append")


def age(table, days):
    """Make what was written so far look older: the log's files, by which Delta goes, and when data left."""
    for file in (table.path / "_delta_log").iterdir():
        older(file, days * DAY)
        os.utime(file, (time.time() - days * DAY,) * 2)
    for file in table.path.glob("*/*.parquet"):
        os.utime(file, (time.time() - days * DAY,) * 2)


def older(file, seconds):
    actions = [json.loads(line) for line in file.read_text().splitlines()] if file.suffix == ".json" else []
    for removed in (action["remove"] for action in actions if "remove" in action):
        removed["deletionTimestamp"] -= 1000 * seconds
    file.write_text("\n".join(map(json.dumps, actions))) if actions else None


def clean_up(table):
    DeltaTable(str(table.path)).create_checkpoint()
    DeltaTable(str(table.path)).cleanup_metadata()


def properties(table):
    return DeltaTable(str(table.path)).metadata().configuration


def data_files(table):
    return {file.name for file in table.path.glob("*/*.parquet")}


def amounts(table, version):
    return table.read(version=version).sort_values("id")["amount"].tolist()


def test_versions_are_read_after_a_hundred_commits_forty_days_and_a_clean_up(table):
    first = table.upsert(rows(0, 5)).version
    changed = table.upsert(rows(0, 3, amount=2.0)).version
    commit(table, 50)
    middle = table.version()
    commit(table, 55)
    age(table, 40)

    table.upsert(rows(5, 6))
    clean_up(table)

    assert [amounts(table, first), amounts(table, changed)] == [[1.0] * 5, [2.0] * 3 + [1.0] * 2]
    assert len(table.read(version=middle)) == 5 + 50
    assert table.first_with({"id": "0004"}) == first


def test_versions_of_a_table_from_before_they_were_kept_are_read_once_it_was_written_to_again(table):
    without_retention(table)
    commit(table, 98)  # the next version is number 100, at which Delta cleans up by itself
    age(table, 40)

    table.upsert(rows(0, 5, amount=2.0))
    commit(table, 3)
    clean_up(table)

    assert properties(table) == RETENTION
    assert [amounts(table, 1), len(table.read(version=50))] == [[1.0] * 5, 5 + 49]


def test_without_the_properties_delta_forgets_old_versions_and_the_error_says_what_to_do(table):
    without_retention(table)
    commit(table, 105)
    age(table, 40)
    commit(table, 1)
    clean_up(table)

    with pytest.raises(LostVersionError, match=r"version 50 of the table stall/observations cannot .* run `retrain`"):
        table.read(version=50)
    with pytest.raises(LostVersionError, match="version 50 of the table"):
        table.find({"id": "0001"}, version=50)
    assert table.first_with({"id": "0001"}) is None


def test_a_table_is_migrated_once_in_a_version_of_its_own_and_keeps_its_rows(table):
    without_retention(table)

    versions = [table.upsert(rows(0, 6)).version, table.upsert(rows(0, 7)).version]

    assert versions == [3, 4]  # 0 creation, 1 rows, 2 properties
    assert len(table.read()) == 7


def test_writers_that_migrate_at_once_store_each_key_once(table):
    without_retention(table)

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(table.append_new, [rows(first, first + 5) for first in (3, 5, 7, 9)]))

    assert sorted(table.read()["id"]) == sorted(rows(0, 14)["id"])
    assert sum(item.inserted for item in written) == 9
    assert [operation["operation"] for operation in DeltaTable(str(table.path)).history()].count(
        "SET TBLPROPERTIES"
    ) == 1


@pytest.mark.slow
def test_a_writer_that_is_killed_right_after_its_migration_leaves_a_table_that_the_next_one_completes(state, killed):
    table = a_table(state / "tables")
    without_retention(table)

    killed(
        f"""
import pandas as pd
from pathlib import Path
from tasks.data.store import Dataset, arrow_schema
table = Dataset(Path({str(table.path)!r}), arrow_schema({COLUMNS!r}), ("id",), "time")
ready.set()
table.append_new(pd.DataFrame([dict(id="0005", time=pd.Timestamp("2024-01-01", tz="UTC"), amount=1.0)]))
""",
        0.0,
    )
    table.append_new(rows(0, 7))

    assert properties(table) == RETENTION
    assert sorted(table.read()["id"]) == sorted(rows(0, 7)["id"])


@pytest.fixture
def rewritten(table):
    """A table whose five versions with rows have one file each; the rows of each are those of one write, changed."""
    for amount in range(1, 6):
        table.upsert(rows(0, 5, amount=float(amount)))
    age(table, 8)
    return table


def test_a_vacuum_keeps_the_newest_and_each_cited_version_and_deletes_all_others(rewritten):
    stray = rewritten.path / "_month=2024-01" / "stray.parquet"
    stray.write_bytes(b"12345678")
    os.utime(stray, (time.time() - 8 * DAY,) * 2)
    size = sum(file.stat().st_size for file in rewritten.path.glob("*/*.parquet"))

    gone = vacuum(rewritten.path, [2, 4, 2], 7, delete=True)

    assert [amounts(rewritten, version) for version in (2, 4, None)] == [[2.0] * 5, [4.0] * 5, [5.0] * 5]
    left = list(rewritten.path.glob("*/*.parquet"))
    # of versions 1 to 5 with a file each, those of 1 and 3 go, and what no version names
    assert (gone.files, len(left)) == (3, 3)
    assert gone.bytes == size - sum(file.stat().st_size for file in left)
    with pytest.raises(LostVersionError, match=r"version 3 .* \(FileNotFoundError\)"):
        rewritten.read(version=3)


@pytest.mark.parametrize(("days", "files"), [(7, 4), (9, 0)], ids=["left 8 days ago", "not yet old enough"])
def test_only_files_that_left_long_enough_ago_are_deleted(rewritten, days, files):
    assert vacuum(rewritten.path, [], days, delete=True).files == files
    assert len(data_files(rewritten)) == 5 - files


def test_a_vacuum_that_may_not_delete_counts_and_changes_nothing(rewritten):
    before, version = data_files(rewritten), rewritten.version()

    counted = vacuum(rewritten.path, [2], 7, delete=False)

    assert (counted.files, counted.bytes > 0) == (3, True)
    assert (data_files(rewritten), rewritten.version()) == (before, version)


def test_a_second_vacuum_has_nothing_to_do_and_makes_no_version(rewritten):
    vacuum(rewritten.path, [2], 7, delete=True)
    version = rewritten.version()

    assert vacuum(rewritten.path, [2], 7, delete=True) == Vacuumed(files=0, bytes=0)
    assert rewritten.version() == version


@pytest.mark.parametrize("cited", [[2, 99], [99]])
def test_nothing_is_deleted_where_a_cited_version_is_gone_already(rewritten, cited):
    before = data_files(rewritten)

    with pytest.raises(LostVersionError, match="version 99 of the table stall/observations"):
        vacuum(rewritten.path, cited, 7, delete=True)

    assert data_files(rewritten) == before


def test_files_of_a_table_that_had_forgotten_when_they_left_are_kept_where_a_version_is_cited(table):
    without_retention(table)
    table.upsert(rows(0, 5, amount=2.0))
    table.upsert(rows(0, 5, amount=3.0))
    age(table, 8)  # Delta names no file any more that left over a week ago, once there is a checkpoint
    DeltaTable(str(table.path)).alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 1 weeks"})
    DeltaTable(str(table.path)).create_checkpoint()

    vacuum(table.path, [1], 7, delete=True)

    assert (amounts(table, 1), amounts(table, None)) == ([1.0] * 5, [3.0] * 5)


def test_a_row_s_first_version_is_told_while_the_versions_around_it_are_there(rewritten):
    rewritten.upsert(rows(5, 6))
    since = rewritten.version()
    rewritten.upsert(rows(6, 9))
    vacuum(rewritten.path, [], 7, delete=True)

    assert rewritten.first_with({"id": "0005"}) == since
    assert rewritten.first_with({"id": "0000"}) is None


def test_a_cited_version_is_read_after_its_files_were_joined_and_the_old_ones_deleted(table):
    cited = table.append_new(rows(0, 5)).version
    table.append_new(rows(5, 9))
    before = table.version()
    compact(table.path)
    age(table, 8)

    vacuum(table.path, [cited], 7, delete=True)

    assert len(data_files(table)) == 2
    assert (len(table.read(version=cited)), len(table.read())) == (5, 9)
    with pytest.raises(LostVersionError, match=f"version {before} of"):
        table.read(version=before)


def test_a_version_of_a_table_that_is_not_there_is_no_empty_table(table):
    with pytest.raises(LostVersionError, match="version 1 of the table stall/observations cannot be read any more"):
        table.read(version=1)


def test_the_tables_of_a_folder_are_named_in_order_and_nothing_else(table, tmp_path):
    table.upsert(rows(0, 1))
    shutil.copytree(table.path, table.path.with_name("checks"))
    (table.path.parent / "notes").mkdir()

    assert [path.name for path in stored_tables(table.path.parent)] == ["checks", "observations"]
    assert stored_tables(Path(tmp_path / "none")) == []
