"""Keep rows in tables, each row once: what a write adds, replaces and leaves alone, wherever the table lies."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from tasks import lasting
from tasks.errors import LostVersionError
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset as ds

MONTH = "_month"


class Written(BaseModel):
    """What one write did: the table's version after it (None: no table), and the rows that were new or had changed."""

    model_config = ConfigDict(frozen=True)

    version: int | None
    inserted: int = 0
    updated: int = 0


class Snapshot(Protocol):
    """One version of a table."""

    def version(self) -> int:
        """Return its number."""
        ...

    def to_pyarrow_dataset(self) -> "ds.Dataset":
        """Return its rows."""
        ...


class Log(Protocol):
    """Where the versions of one table lie: Delta's files (`tasks/data/delta.py`) or memory (`tasks/data/memory.py`)."""

    def exists(self) -> bool:
        """Say whether anything was ever written."""
        ...

    def snapshot(self, version: int | None = None) -> Snapshot:
        """Return a version, the newest where none is named."""
        ...

    def writable(self) -> Snapshot:
        """Return the newest version, of a table that was made where there was none."""
        ...

    def append(self, snapshot: Any, rows: "pa.Table") -> None:
        """Add rows, unless another writer has written since the snapshot; then raise."""
        ...

    def merge(self, snapshot: Any, rows: "pa.Table") -> None:
        """Add rows, each in place of the one with its key, unless another writer has written since; then raise."""
        ...

    def insist(self, write: "Callable[..., Any]", *given: Any, **named: Any) -> Any:
        """Do a write again each time that another writer was faster."""
        ...

    def readable(self, version: int | None) -> "AbstractContextManager[None]":
        """Turn the errors of reading a version that is gone into `LostVersionError`."""
        ...

    def compact(self, most_files: int) -> None:
        """Join small files once there are more than `most_files`; the rows stay the same."""
        ...


@dataclass(frozen=True)
class Dataset:
    """A table whose rows are named by `key` and, where `time` is given, lie in one partition a month.

    Every write reads the table, keeps what differs, and commits it under a transaction number that only one
    writer can take. So a write may be repeated, killed or raced: each key is stored once, in its newest form.
    """

    path: Path
    schema: "pa.Schema"
    key: tuple[str, ...]
    time: str | None = None

    def version(self) -> int | None:
        """Return the newest version, or None while there is no table."""
        return self._log.snapshot().version() if self.exists() else None

    def exists(self) -> bool:
        """Say whether anything was ever written."""
        return self._log.exists()

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
        with self._log.readable(version):
            stored = self._log.snapshot(version).to_pyarrow_dataset().to_table(names, filter=self._within(window))
        return self._ordered(_frame(stored.cast(self._selected(names))))

    def find(self, key: dict[str, Any], version: int | None = None) -> "pd.DataFrame":
        """Return the row that bears a key, its columns given by name, or an empty frame of the same columns.

        Raises:
            LostVersionError: `version` is given and is gone.
        """
        import pyarrow as pa

        if version is None and not self.exists():
            return _frame(self._selected(self.schema.names).empty_table())
        sought = pa.Table.from_pylist([key], schema=self._selected(list(self.key)))
        with self._log.readable(version):
            return _frame(self._bearing(self._log.snapshot(version), sought))

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
        return self._log.insist(self._append_unless, rows, refusal)

    def compact(self, most_files: int) -> None:
        """Join small files once there are more than `most_files`; the rows stay the same."""
        self._log.compact(most_files)

    def _write(self, rows: "pd.DataFrame", *, update: bool) -> Written:
        return self._log.insist(self._write_once, rows, update=update)

    def _write_once(self, rows: "pd.DataFrame", *, update: bool) -> Written:
        import pandas as pd

        if rows.empty:
            return Written(version=self.version())
        snapshot = self._log.writable()
        new, changed = differences(self._stored(snapshot, rows), rows[self.schema.names], self.key)
        if not update:
            changed = changed.iloc[:0]
        if changed.empty and new.empty:
            return Written(version=snapshot.version())
        if changed.empty:
            self._log.append(snapshot, self._arrow(new))
        else:
            self._log.merge(snapshot, self._arrow(pd.concat([new, changed])))
        return Written(version=self._log.snapshot().version(), inserted=len(new), updated=len(changed))

    def _append_unless(self, rows: "pd.DataFrame", refusal: "Callable[[pd.DataFrame], str | None]") -> str | None:
        snapshot = self._log.writable()
        rows_stored = snapshot.to_pyarrow_dataset().to_table(self.schema.names)
        stored = _frame(rows_stored.cast(self._selected(self.schema.names)))
        new, _ = differences(stored, rows[self.schema.names], self.key)
        if new.empty:
            return None
        reason = refusal(stored)
        if reason is None:
            self._log.append(snapshot, self._arrow(new))
        return reason

    def _stored(self, snapshot: Snapshot, rows: "pd.DataFrame") -> "pd.DataFrame":
        return _frame(self._bearing(snapshot, self._arrow(rows)))

    def _bearing(self, snapshot: Snapshot, sought: "pa.Table") -> "pa.Table":
        """Return the stored rows that may bear a key of `sought`: those whose every key column has a value found there.

        Only times are filtered by while reading: pyarrow 25 fails on text in files that a merge wrote (string_view).
        """
        import pyarrow.compute as pc
        import pyarrow.dataset as ds

        stored = snapshot.to_pyarrow_dataset()
        if self.time is None:
            return self._alike(stored.to_table(self.schema.names), sought)
        names = list(dict.fromkeys((*self.key, self.time)))
        bounds = pc.min_max(self._alike(stored.to_table(names), sought)[self.time])
        between = (ds.field(self.time) >= bounds["min"]) & (ds.field(self.time) <= bounds["max"])
        return self._alike(stored.to_table(self.schema.names, filter=between), sought)

    def _alike(self, candidates: "pa.Table", sought: "pa.Table") -> "pa.Table":
        """Return the rows of `candidates` whose every key column has a value that some row of `sought` has in it."""
        import pyarrow.compute as pc

        typed = candidates.cast(self._selected(candidates.column_names))
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

    @property
    def _log(self) -> "Log":
        from tasks.data.delta import DeltaLog
        from tasks.data.memory import MemoryLog

        memory = lasting.memory()
        if memory is not None:
            return memory.tables.setdefault(self.path, MemoryLog(self.key, self._stored_schema()))
        return DeltaLog(self.path, self.key, self._stored_schema(), () if self.time is None else (MONTH,))

    def _stored_schema(self) -> "pa.Schema":
        import pyarrow as pa

        return self.schema if self.time is None else self.schema.append(pa.field(MONTH, pa.string()))

    def _ordered(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """Return rows in order of time and key, however they lie in files: a fit depends on the order of its rows.

        Rows that were read without their key stay as they came.
        """
        names = list(dict.fromkeys((self.time, *self.key)))
        if self.time is None or not set(names) <= set(rows.columns):
            return rows
        return rows.sort_values(names, kind="stable", ignore_index=True)

    def _arrow(self, rows: "pd.DataFrame") -> "pa.Table":
        import pyarrow as pa
        import pyarrow.compute as pc

        table = pa.Table.from_pandas(rows, schema=self.schema, preserve_index=False)
        if self.time is None:
            return table
        return table.append_column(MONTH, pc.strftime(table[self.time], format="%Y-%m"))


def differences(
    stored: "pd.DataFrame", rows: "pd.DataFrame", key: tuple[str, ...]
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Split `rows` into those whose key is not in `stored` and those whose values differ from it; drop the rest.

    Both frames have the same columns; `key` is unique in each. Two missing values are equal.
    """
    import pandas as pd

    names = list(key)
    stored_keys = pd.MultiIndex.from_frame(stored[names])
    position = stored_keys.get_indexer(pd.MultiIndex.from_frame(rows[names]))
    new, common = rows[position < 0], rows[position >= 0]
    before = stored.iloc[position[position >= 0]]
    same = pd.Series(True, index=common.index)
    for column in rows.columns.difference(names):
        now, then = common[column].to_numpy(), before[column].to_numpy()
        same &= (now == then) | (pd.isna(now) & pd.isna(then))
    return new, common[~same]


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


def _frame(table: "pa.Table") -> "pd.DataFrame":
    return table.to_pandas()


def latest(times: "pd.Series") -> datetime | None:
    """Return the newest of some times, or None where there is none."""
    newest = times.max()
    return None if newest != newest else newest.to_pydatetime()
