"""Look at a table that nobody has described yet: all of it if it is small, rows spread over it if it is large."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.data.sources import MISSING_WORDS
from tasks.data.sources.files import _csv_blocks, _file_errors, _format_of, _json_lines, _matching_files
from tasks.data.sources.frames import table_of
from tasks.data.sources.layout import Layout
from tasks.data.sources.sql import _column_names, _engine, _relation, _sql_errors
from tasks.errors import SourceUnreadable

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 250_000
"""Rows that a look holds at most; of a larger table every second, fourth, ... row."""
BATCH_ROWS = 50_000


@dataclass(frozen=True)
class Address:
    """Where a table lies: a file, folder, glob or fsspec URL, or a SQLAlchemy URL with a table or query."""

    url: str
    table: str | None = None
    query: str | None = None

    @property
    def in_database(self) -> bool:
        return self.table is not None or self.query is not None


@dataclass(frozen=True)
class TableSample:
    """The rows looked at, in stored order, and what is known of the whole."""

    frame: pd.DataFrame
    rows: int
    """Rows of the whole table."""
    unsupported: dict[str, str] = field(default_factory=dict)
    """Columns that are neither numbers, text, booleans nor times, with what they are."""

    @property
    def is_whole(self) -> bool:
        return len(self.frame) == self.rows


def table_sample(address: Address, most: int = MOST_ROWS) -> TableSample:
    """Return at most `most` rows spread evenly over the table.

    Raises:
        SourceError: it does not answer, is malformed, has no rows, or names a column twice.
    """
    unsupported: dict[str, str] = {}
    frame, rows = _thinned_rows((_plain(table, unsupported) for table in _tables(address)), most)
    if not rows:
        raise SourceUnreadable(f"expected rows in {_address_text(address)}, found none")
    texts = {name: _as_text(frame[name]) for name in frame.columns if frame[name].dtype == object}
    return TableSample(frame.assign(**texts), rows, unsupported)


def every_row_of(address: Address, columns: Sequence[str]) -> pd.DataFrame:
    """Return these columns of all rows, in stored order."""
    return pd.concat([_plain(table.select(list(columns)), {}) for table in _tables(address)], ignore_index=True)


def _thinned_rows(frames: Iterable[pd.DataFrame], most: int) -> tuple[pd.DataFrame, int]:
    """Return each 2^k-th row, k being the smallest with at most `most` rows held, and the number of all rows."""
    held: list[pd.DataFrame] = []
    step, rows_read = 1, 0
    for frame in frames:
        held.append(frame.iloc[(-rows_read) % step :: step])
        rows_read += len(frame)
        while sum(map(len, held)) > most:
            step *= 2
            held = [pd.concat(held, ignore_index=True).iloc[::2]]
    return (pd.concat(held, ignore_index=True) if held else pd.DataFrame()), rows_read


def _tables(address: Address) -> "Iterator[pa.Table]":
    yield from _sql(address) if address.in_database else _files(address.url)


def _files(url: str) -> "Iterator[pa.Table]":
    import pyarrow.dataset as ds
    from pyarrow import Table as ArrowTable

    with _file_errors(url):
        files, paths = _matching_files(url)
        kind = _format_of(paths[0])
        if kind == "parquet":
            dataset = ds.dataset(paths, filesystem=files, format="parquet")
            _refuse_twins(dataset.schema.names, url)
            for batch in dataset.to_batches(batch_size=BATCH_ROWS):
                yield ArrowTable.from_batches([batch])
            return
        for path in paths:
            yield from _csv(files, path) if kind == "csv" else _objects(files, path)


def _csv(files: Any, path: str) -> "Iterator[pa.Table]":
    """Yield the file's rows as text: the type of a column is decided only once all of it was read."""
    from pyarrow import Table as ArrowTable
    from pyarrow import string

    names = next(_csv_blocks(files, path)).schema.names
    _refuse_twins(names, path)
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise SourceUnreadable(f"expected columns separated by commas in {path}, found the single column {names[0]!r}")
    texts = dict.fromkeys(names, string())
    for block in _csv_blocks(files, path, column_types=texts, null_values=MISSING_WORDS):
        yield ArrowTable.from_batches([block])


def _objects(files: Any, path: str) -> "Iterator[pa.Table]":
    with files.open(path, "rt", encoding="utf-8", compression="infer") as lines:
        first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("["):
        raise SourceUnreadable(f"expected one JSON object a line in {path}, found a list; write one row a line")
    # A layout must name its time; any column that is there will do for a look.
    yield from _json_lines(files, path, Layout(event_time=_first_name(first, path), chunk_rows=BATCH_ROWS))


def _first_name(line: str, path: str) -> str:
    import json

    try:
        return next(iter(json.loads(line)))
    except (ValueError, StopIteration, TypeError):
        raise SourceUnreadable(f"expected a JSON object in the first line of {path}, found {line[:80]!r}") from None


def _sql(address: Address) -> "Iterator[pa.Table]":
    import sqlalchemy as sa

    engine = _engine(address.url)
    with _sql_errors(engine), engine.connect() as connection:
        relation = _relation(address.table, address.query)
        names = _column_names(connection, relation)
        _refuse_twins(names, _address_text(address))
        every: sa.Select[tuple[Any, ...]] = sa.select(sa.literal_column("*")).select_from(relation)
        result = connection.execution_options(yield_per=BATCH_ROWS).execute(every)
        for rows in result.partitions():
            yield table_of(dict(zip(names, zip(*rows, strict=True), strict=True)))


def _address_text(address: Address) -> str:
    return address.table or ("the query's result" if address.query else address.url)


def _refuse_twins(names: Sequence[str], where: str) -> None:
    if twins := sorted({name for name in names if list(names).count(name) > 1}):
        raise SourceUnreadable(f"expected each column once in {where}, found twice: {', '.join(map(repr, twins))}")


def _plain(table: "pa.Table", unsupported: dict[str, str]) -> pd.DataFrame:
    """Return numbers, booleans, text and times as pandas holds them; name the other columns in `unsupported`."""
    import pyarrow as pa

    columns = {}
    for name in table.column_names:
        values = table.column(name)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
        if pa.types.is_date(values.type):
            values = values.cast(pa.timestamp("us"))
        if _is_plain(values.type):
            columns[name] = values.to_pandas()
        else:
            unsupported[name] = str(values.type)
    return pd.DataFrame({name: values for name, values in columns.items() if name not in unsupported})


def _is_plain(stored: "pa.DataType") -> bool:
    from pyarrow import types

    tests = ("is_floating", "is_integer", "is_boolean", "is_string", "is_large_string", "is_timestamp", "is_null")
    return any(getattr(types, test)(stored) for test in tests)


def _as_text(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column that several batches hold in several kinds: booleans or numbers if all are, else text."""
    present = values.dropna()
    if present.empty:
        return values.astype("float64")
    if present.map(lambda value: isinstance(value, bool | np.bool_ | int | float)).all():
        return values.astype("float64")
    return values.map(str, na_action="ignore").astype("str")
