"""Keep rows in Delta tables, each row once; the only module that knows Delta."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from deltalake import DeltaTable

LOCK = "evergreen.write"
MONTH = "_month"
RETENTION = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
"""Delta forgets a version after 30 days, models cite theirs while registered: nothing expires by age."""


class LostVersionError(LookupError):
    """A version of a table cannot be read any more: its log or its files are gone."""


class Written(BaseModel):
    """What one write did: the table's version after it (None: no table), and the rows that were new or had changed."""

    model_config = ConfigDict(frozen=True)

    version: int | None
    inserted: int = 0
    updated: int = 0


@dataclass(frozen=True)
class Dataset:
    """A Delta table whose rows are named by `key` and, where `time` is given, lie in one partition a month.

    Every write reads the table, keeps what differs, and commits it under a transaction number that only one
    writer can take. So a write may be repeated, killed or raced: each key is stored once, in its newest form.
    """

    path: Path
    schema: "pa.Schema"
    key: tuple[str, ...]
    time: str | None = None

    def version(self) -> int | None:
        """Return the newest version, or None while there is no table."""
        return self._table().version() if self.exists() else None

    def exists(self) -> bool:
        """Say whether anything was ever written."""
        from deltalake import DeltaTable

        return DeltaTable.is_deltatable(str(self.path))

    def read(
        self, window: Window | None = None, columns: Iterable[str] | None = None, version: int | None = None
    ) -> "pd.DataFrame":
        """Return the rows with time in `window`, or all; an empty frame of the same columns where there are none.

        Raises:
            LostVersionError: `version` is given and is gone.
        """
        names = list(columns) if columns is not None else self.schema.names
        if version is None and not self.exists():
            return _frame(self._selected(names).empty_table())
        with _readable(self.path, version):
            found = self._table(version).to_pyarrow_dataset().to_table(names, filter=self._within(window))
        return _frame(found.cast(self._selected(names)))

    def find(self, key: dict[str, Any], version: int | None = None) -> "pd.DataFrame":
        """Return the row that bears a key, its columns given by name, or an empty frame of the same columns.

        Raises:
            LostVersionError: `version` is given and is gone.
        """
        import pyarrow as pa

        if version is None and not self.exists():
            return _frame(self._selected(self.schema.names).empty_table())
        sought = pa.Table.from_pylist([key], schema=self._selected(list(self.key)))
        with _readable(self.path, version):
            return _frame(self._bearing(self._table(version), sought))

    def first_with(self, key: dict[str, Any]) -> int | None:
        """Return the oldest version in which a row bears a key; None where there is none or the one before it is gone.

        No row is ever taken out, so the versions are halved until two neighbours differ; what is gone is mostly old.
        """
        newest = self.version()
        if newest is None or self.find(key).empty:
            return None
        before, since = -1, newest
        while since - before > 1:
            middle = (before + since) // 2
            before, since = (before, middle) if self._bears(key, middle) else (middle, since)
        return None if before >= 0 and self._bears(key, before) is None else since

    def _bears(self, key: dict[str, Any], version: int) -> bool | None:
        """Say whether a row bears a key in a version; None: the version is gone."""
        try:
            return not self.find(key, version).empty
        except LostVersionError:
            return None

    def rows(self, records: list[dict[str, Any]]) -> "pd.DataFrame":
        """Return records as rows of this table; what a record leaves out is missing."""
        import pyarrow as pa

        return _frame(pa.Table.from_pylist(records, schema=self.schema))

    def upsert(self, rows: "pd.DataFrame") -> Written:
        """Store `rows`: new keys are inserted, keys whose values differ are updated, all others are left alone."""
        return self._write(rows, update=True)

    def append_new(self, rows: "pd.DataFrame") -> Written:
        """Store the rows whose keys are new; a key that is stored already stays as it is."""
        return self._write(rows, update=False)

    def append_unless(self, rows: "pd.DataFrame", refusal: "Callable[[pd.DataFrame], str | None]") -> str | None:
        """Store the rows whose keys are new unless `refusal`, of all that is stored, gives a reason; return that.

        Asking and storing are one act: where another writer comes between them, it is asked again.
        """
        return _insisting(self._append_unless, rows, refusal)

    def compact(self, most_files: int) -> None:
        """Join small files once there are more than `most_files`; the rows stay the same."""
        if self.exists() and file_count(self.path) > most_files:
            compact(self.path)

    def _write(self, rows: "pd.DataFrame", *, update: bool) -> Written:
        return _insisting(self._write_once, rows, update=update)

    def _write_once(self, rows: "pd.DataFrame", *, update: bool) -> Written:
        import pandas as pd

        if rows.empty:
            return Written(version=self.version())
        table = self._created()
        new, changed = differences(self._stored(table, rows), rows[self.schema.names], self.key)
        if not update:
            changed = changed.iloc[:0]
        if changed.empty and new.empty:
            return Written(version=table.version())
        if changed.empty:
            self._append(table, new)
        else:
            self._merge(table, pd.concat([new, changed]))
        return Written(version=self._table().version(), inserted=len(new), updated=len(changed))

    def _append_unless(self, rows: "pd.DataFrame", refusal: "Callable[[pd.DataFrame], str | None]") -> str | None:
        table = self._created()
        stored = _frame(table.to_pyarrow_dataset().to_table(self.schema.names).cast(self._selected(self.schema.names)))
        new, _ = differences(stored, rows[self.schema.names], self.key)
        if new.empty:
            return None
        reason = refusal(stored)
        if reason is None:
            self._append(table, new)
        return reason

    def _append(self, table: "DeltaTable", rows: "pd.DataFrame") -> None:
        from deltalake import write_deltalake

        write_deltalake(table, self._arrow(rows), mode="append", commit_properties=_alone(table))

    def _merge(self, table: "DeltaTable", rows: "pd.DataFrame") -> None:
        same = " AND ".join(f"stored.`{column}` = row.`{column}`" for column in self.key)
        merge = table.merge(self._arrow(rows), same, "row", "stored", commit_properties=_alone(table))
        merge.when_matched_update_all().when_not_matched_insert_all().execute()

    def _stored(self, table: "DeltaTable", rows: "pd.DataFrame") -> "pd.DataFrame":
        return _frame(self._bearing(table, self._arrow(rows)))

    def _bearing(self, table: "DeltaTable", sought: "pa.Table") -> "pa.Table":
        """Return the stored rows that may bear a key of `sought`: those whose every key column has a value found there.

        Only times are filtered by while reading: pyarrow 25 fails on text in files that a merge wrote (string_view).
        """
        import pyarrow.compute as pc
        import pyarrow.dataset as ds

        stored = table.to_pyarrow_dataset()
        if self.time is None:
            return self._alike(stored.to_table(self.schema.names), sought)
        names = list(dict.fromkeys((*self.key, self.time)))
        bounds = pc.min_max(self._alike(stored.to_table(names), sought)[self.time])
        between = (ds.field(self.time) >= bounds["min"]) & (ds.field(self.time) <= bounds["max"])
        return self._alike(stored.to_table(self.schema.names, filter=between), sought)

    def _alike(self, found: "pa.Table", sought: "pa.Table") -> "pa.Table":
        """Return the rows of `found` whose every key column has a value that some row of `sought` has in it."""
        import pyarrow.compute as pc

        typed = found.cast(self._selected(found.column_names))
        for column in self.key:
            typed = typed.filter(pc.is_in(typed[column], value_set=sought[column].unique()))
        return typed

    def _within(self, window: Window | None):
        import pyarrow.dataset as ds

        if window is None:
            return None
        if self.time is None:
            raise ValueError(f"{self.path.name} has no time column to read a window by")
        return (ds.field(self.time) >= window.start) & (ds.field(self.time) < window.end)

    def _selected(self, names: list[str]) -> "pa.Schema":
        import pyarrow as pa

        return pa.schema([self.schema.field(name) for name in names])

    def _table(self, version: int | None = None) -> "DeltaTable":
        from deltalake import DeltaTable

        return DeltaTable(str(self.path), version=version)

    def _created(self) -> "DeltaTable":
        import pyarrow as pa
        from deltalake import DeltaTable

        if not self.exists():
            schema = self.schema if self.time is None else self.schema.append(pa.field(MONTH, pa.string()))
            partition = None if self.time is None else [MONTH]
            DeltaTable.create(
                str(self.path), schema=schema, partition_by=partition, mode="ignore", configuration=RETENTION
            )
        return _lasting(self.path)

    def _arrow(self, rows: "pd.DataFrame") -> "pa.Table":
        import pyarrow as pa
        import pyarrow.compute as pc

        table = pa.Table.from_pandas(rows, schema=self.schema, preserve_index=False)
        if self.time is None:
            return table
        return table.append_column(MONTH, pc.strftime(table[self.time], format="%Y-%m"))


class Vacuumed(BaseModel):
    """Which files a vacuum has deleted, or would delete."""

    model_config = ConfigDict(frozen=True)

    files: int = 0
    bytes: int = 0


def stored_tables(folder: Path) -> list[Path]:
    """Return the folders of the tables that lie directly in `folder`, by name."""
    return sorted(log.parent for log in folder.glob("*/_delta_log"))


def file_count(path: Path) -> int:
    """Return how many files the newest version of the table at `path` consists of."""
    from deltalake import DeltaTable

    return len(DeltaTable(str(path)).file_uris())


def compact(path: Path) -> None:
    """Join the small files of the table at `path`; the rows stay the same, and older versions readable."""
    _insisting(_compact_once, path)


def vacuum(path: Path, cited: Iterable[int], days: int, *, delete: bool) -> Vacuumed:
    """Delete the files of the table at `path` that left it more than `days` days ago, and tell what that freed.

    The files of the newest version and of the `cited` ones stay, whatever their age. Files that a killed writer left
    behind go at the same age. With `delete` off, nothing changes, and what would be deleted is told. Delta notes a
    vacuum in two versions without rows; none is made where there is nothing to delete.

    Raises:
        LostVersionError: a cited version is gone already; then nothing is deleted.
    """
    keep = sorted(set(cited))
    for version in keep:
        _require(path, version)
    sizes = _deletable(path, keep, days)
    if not delete or not sizes:
        return Vacuumed(files=len(sizes), bytes=sum(sizes.values()))
    _insisting(_lasting, path)
    _vacuum(path, keep, days, dry_run=False)
    gone = [size for file, size in sizes.items() if not file.exists()]
    return Vacuumed(files=len(gone), bytes=sum(gone))


def _deletable(path: Path, keep: list[int], days: int) -> dict[Path, int]:
    """Return the bytes of each file that a vacuum would delete; Delta names again what it deleted before."""
    files = {path / name for name in _vacuum(path, keep, days, dry_run=True)}
    return {file: file.stat().st_size for file in files if file.exists()}


def _vacuum(path: Path, keep: list[int], days: int, *, dry_run: bool) -> list[str]:
    """Let Delta vacuum. Its own lower limit is off: by that, nothing here would ever be old enough."""
    from deltalake import DeltaTable

    return DeltaTable(str(path)).vacuum(
        24 * days, dry_run, enforce_retention_duration=False, full=True, keep_versions=keep or None
    )


def _require(path: Path, version: int) -> None:
    from deltalake import DeltaTable

    with _readable(path, version):
        DeltaTable(str(path), version=version)


@contextmanager
def _readable(path: Path, version: int | None) -> Iterator[None]:
    """Say what it means that an old version cannot be read, and what to do."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, FileNotFoundError) as error:
        if version is None:
            raise
        raise LostVersionError(
            f"version {version} of the table {path.parent.name}/{path.name} cannot be read any more: its log or its "
            f"files were deleted ({type(error).__name__}). A model that cites it can be neither compared with its "
            f"training rows nor made again. Restore {path} from a backup; or run `retrain`, and once its model is "
            f"live, delete the model versions that cite version {version} in MLflow"
        ) from error


def _lasting(path: Path) -> "DeltaTable":
    """Return the newest version of the table at `path`, whose versions no clean-up takes from here on.

    A table from before versions were kept gets the properties in a version without rows, which one writer can make.
    """
    from deltalake import DeltaTable

    table = DeltaTable(str(path))
    if RETENTION.items() <= table.metadata().configuration.items():
        return table
    table.alter.set_table_properties(RETENTION, commit_properties=_alone(table))
    return DeltaTable(str(path))


def _compact_once(path: Path) -> None:
    _lasting(path).optimize.compact()


def _insisting(write: Callable, *given: Any, **named: Any) -> Any:
    """Do a write again each time that another writer was faster."""
    from deltalake.exceptions import CommitFailedError
    from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

    losing_a_race = retry(
        retry=retry_if_exception_type(CommitFailedError),
        wait=wait_random(0, 0.5),
        stop=stop_after_attempt(50),
        reraise=True,
    )
    return losing_a_race(write)(*given, **named)


def differences(
    stored: "pd.DataFrame", rows: "pd.DataFrame", key: tuple[str, ...]
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Split `rows` into those whose key is not in `stored` and those whose values differ from it; drop the rest.

    Both frames have the same columns; `key` is unique in each. Two missing values are equal.
    """
    import pandas as pd

    names = list(key)
    known = pd.MultiIndex.from_frame(stored[names])
    position = known.get_indexer(pd.MultiIndex.from_frame(rows[names]))
    new, kept = rows[position < 0], rows[position >= 0]
    before = stored.iloc[position[position >= 0]]
    same = pd.Series(True, index=kept.index)
    for column in rows.columns.difference(names):
        now, then = kept[column].to_numpy(), before[column].to_numpy()
        same &= (now == then) | (pd.isna(now) & pd.isna(then))
    return new, kept[~same]


def arrow_schema(columns: dict[str, str]) -> "pa.Schema":
    """Return the arrow schema of pandas columns given as name and dtype.

    Raises:
        ValueError: a dtype that a table here cannot hold.
    """
    import pyarrow as pa

    types = {
        "float64": pa.float64(),
        "int64": pa.int64(),
        "bool": pa.bool_(),
        "str": pa.string(),
        "datetime64[us, UTC]": pa.timestamp("us", tz="UTC"),
    }
    if strange := {name: dtype for name, dtype in columns.items() if dtype not in types}:
        raise ValueError(f"expected columns of {', '.join(types)}, found {strange}")
    return pa.schema([pa.field(name, types[dtype]) for name, dtype in columns.items()])


def _alone(table: "DeltaTable"):
    """Let this commit through only if no other writer has committed since `table` was read."""
    from deltalake import CommitProperties, Transaction

    turn = (table.transaction_version(LOCK) or 0) + 1
    return CommitProperties(app_transactions=[Transaction(LOCK, turn)], max_commit_retries=0)


def _frame(table: "pa.Table") -> "pd.DataFrame":
    return table.to_pandas()


def latest(times: "pd.Series") -> datetime | None:
    """Return the newest of some times, or None where there is none."""
    newest = times.max()
    return None if newest != newest else newest.to_pydatetime()
