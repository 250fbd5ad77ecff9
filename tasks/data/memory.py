"""Keep the versions of a table in memory, while history is played without servers."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.dataset as ds

LAST = 2**31 - 1
"""The end of a row that no version has replaced."""
MOST_PIECES = 64
"""Pieces of a table from which it is laid together; a scan looks at each."""


@dataclass(frozen=True)
class MemorySnapshot:
    """One version of a table in memory."""

    number: int
    rows: "pa.Table"

    def version(self) -> int:
        """Return its number."""
        return self.number

    def to_pyarrow_dataset(self) -> "ds.Dataset":
        """Return its rows."""
        import pyarrow.dataset as ds

        return ds.dataset(self.rows)


class MemoryLog:
    """The versions of one table (see `tasks.data.store.Log`); each row knows the versions in which it stands.

    So a version costs what it adds, and all of them stay readable.
    """

    def __init__(self, key: tuple[str, ...], schema: "pa.Schema") -> None:
        import numpy as np

        self._key = key
        self._rows = schema.empty_table()
        self._since: np.ndarray = np.empty(0, dtype="int32")
        self._until: np.ndarray = np.empty(0, dtype="int32")
        self._newest: int | None = None

    def exists(self) -> bool:
        """Say whether anything was ever written."""
        return self._newest is not None

    def snapshot(self, version: int | None = None) -> MemorySnapshot:
        """Return a version, the newest where none is named."""
        import pyarrow as pa

        assert self._newest is not None
        number = self._newest if version is None else version
        there = self._standing(number)
        return MemorySnapshot(number, self._rows if there.all() else self._rows.filter(pa.array(there)))

    def writable(self) -> MemorySnapshot:
        """Return the newest version, of a table that was made where there was none."""
        if self._newest is None:
            self._newest = 0
        return self.snapshot()

    def append(self, snapshot: MemorySnapshot, rows: "pa.Table") -> None:
        """Add rows."""
        import numpy as np
        import pyarrow as pa

        self._newest = snapshot.number + 1
        whole = pa.concat_tables([self._rows, rows])
        self._rows = whole.combine_chunks() if whole.column(0).num_chunks > MOST_PIECES else whole
        self._since = np.concatenate([self._since, np.full(len(rows), self._newest, dtype="int32")])
        self._until = np.concatenate([self._until, np.full(len(rows), LAST, dtype="int32")])

    def merge(self, snapshot: MemorySnapshot, rows: "pa.Table") -> None:
        """Add rows, each in place of the one that bears its key."""
        import numpy as np
        import pandas as pd

        places = np.flatnonzero(self._standing(snapshot.number))
        stored = pd.MultiIndex.from_frame(self._rows.select(list(self._key)).take(places).to_pandas())
        replaced = stored.get_indexer(pd.MultiIndex.from_frame(rows.select(list(self._key)).to_pandas()))
        self._until[places[replaced[replaced >= 0]]] = snapshot.number
        self.append(snapshot, rows)

    def insist(self, write: Callable, *given: Any, **named: Any) -> Any:
        """Write; nobody else does."""
        return write(*given, **named)

    def readable(self, _version: int | None) -> AbstractContextManager[None]:
        """Change nothing: every version can be read."""
        return nullcontext()

    def compact(self, _most_files: int) -> None:
        """Change nothing: there are no files."""

    def _standing(self, version: int) -> "np.ndarray":
        return (self._since <= version) & (self._until >= version)
