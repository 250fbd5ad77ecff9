"""Read csv, parquet and json lines files, wherever fsspec opens them, as plain frames."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks.data.sources.frames import plain_frame, table_of
from tasks.data.sources.layout import Layout
from tasks.errors import SourceUnavailable, SourceUnreadable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset as ds

Format = Literal["csv", "parquet", "jsonl"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
}  # fmt: skip

# A stored time without zone, or stored as a date, is only comparable with the window to within a day.
_SLACK = timedelta(days=1)

# Text has no index to push a time filter down to. What is small is therefore kept parsed while its files stay as
# they are: a replay reads the same file once for each of its steps.
_CACHED_BYTES = 64_000_000
_CACHED_SOURCES = 2


def file_frames(
    url: str, layout: Layout, low: datetime, high: datetime, *, kind: Format | None, na_values: tuple[str, ...]
) -> "Iterator[pd.DataFrame]":
    """Yield at least the rows in `[low, high)` and those without a time, in plain dtypes."""
    with _file_errors(re.sub("//[^/@]*@", "//", url)):
        files, paths = _matching_files(url)
        file_format = kind or _format_of(paths[0])
        if file_format == "parquet":
            yield from _parquet(files, paths, layout, low, high)
        elif fingerprint := _fingerprint(files, paths):
            yield from _cached_rows(url, layout, file_format, na_values, fingerprint)
        else:
            yield from _text(url, layout, file_format, na_values)


def _matching_files(url: str) -> tuple[Any, list[str]]:
    """Return the file system and the paths that the URL, folder or glob stands for, sorted."""
    import fsspec

    # A fresh instance, because a kept one remembers the listing of a folder or archive that has changed since.
    files, path = fsspec.core.url_to_fs(url, skip_instance_cache=True)
    if files.isfile(path):
        return files, [path]
    matches = files.find(path) if files.isdir(path) else files.glob(path)
    paths = sorted(name for name in matches if not Path(name).name.startswith((".", "_")) and files.isfile(name))
    if not paths:
        raise FileNotFoundError("no such file, and no file that matches")
    return files, paths


def _format_of(path: str) -> Format:
    from fsspec.utils import infer_compression

    plain = Path(path).with_suffix("") if infer_compression(path) else Path(path)
    if file_format := _SUFFIXES.get(plain.suffix.lower()):
        return file_format
    raise SourceUnreadable(
        f"expected a file named {', '.join(_SUFFIXES)}, perhaps compressed, found {path}; "
        "set format, or write zip://<member>::<archive> for a file in an archive"
    )


def _parquet(files: Any, paths: list[str], layout: Layout, low: datetime, high: datetime) -> "Iterator[pd.DataFrame]":
    import pyarrow as pa
    import pyarrow.dataset as ds

    dataset = ds.dataset(paths, filesystem=files, format="parquet")
    wanted = layout.wanted(dataset.schema.names, paths[0])
    near = _time_filter(dataset.schema.field(layout.read_by), low, high)
    for batch in dataset.to_batches(columns=wanted, filter=near, batch_size=layout.chunk_rows):
        yield plain_frame(pa.Table.from_batches([batch]), layout)


def _time_filter(stored: "pa.Field", low: datetime, high: datetime) -> "ds.Expression | None":
    """Return the condition of having no time or one in about `[low, high)`, or None where that cannot be asked."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    if not (pa.types.is_timestamp(stored.type) or pa.types.is_date(stored.type)):
        return None
    column = ds.field(stored.name)
    first, last = (pa.scalar(moment.astimezone(UTC), stored.type) for moment in (low - _SLACK, high + _SLACK))
    return column.is_null() | ((column >= first) & (column <= last))


def _text(url: str, layout: Layout, kind: Format, na_values: tuple[str, ...]) -> "Iterator[pd.DataFrame]":
    files, paths = _matching_files(url)
    for path in paths:
        tables = _csv(files, path, layout, na_values) if kind == "csv" else _json_lines(files, path, layout)
        yield from (plain_frame(table, layout) for table in tables)


@lru_cache(maxsize=_CACHED_SOURCES)
def _cached_rows(
    url: str, layout: Layout, kind: Format, na_values: tuple[str, ...], fingerprint: tuple[Any, ...]
) -> "tuple[pd.DataFrame, ...]":
    """Return the rows of the files at `url`, of which `fingerprint` identifies the state."""
    return tuple(_text(url, layout, kind, na_values))


def _fingerprint(files: Any, paths: Sequence[str]) -> tuple[Any, ...] | None:
    """Return what changes whenever a file's content does, or None if the files are large or do not tell."""
    facts = [files.info(path) for path in paths]
    marks = tuple(next((fact[key] for key in ("mtime", "CRC", "ETag") if fact.get(key)), None) for fact in facts)
    sizes = tuple(fact.get("size") for fact in facts)
    if None in marks or None in sizes or sum(sizes) > _CACHED_BYTES:
        return None
    return tuple(zip(paths, sizes, marks, strict=True))


def _csv(files: Any, path: str, layout: Layout, na_values: tuple[str, ...]) -> "Iterator[pa.Table]":
    """Yield the file's rows, columns with a declared dtype as text: one bad cell would end the reading of the file."""
    import pyarrow as pa

    wanted = layout.wanted(next(_csv_blocks(files, path)).schema.names, path)
    texts = {name: pa.string() for name in wanted if layout.dtype(name)}
    for block in _csv_blocks(files, path, column_types=texts, include_columns=wanted, null_values=na_values):
        yield pa.Table.from_batches([block])


def _csv_blocks(files: Any, path: str, **convert: Any) -> "Iterator[pa.RecordBatch]":
    """Yield the file's blocks, and one without rows. Without threads: theirs outlive a reader that is left early."""
    from pyarrow import RecordBatch, csv

    with (
        files.open(path, "rb", compression="infer") as stream,
        csv.open_csv(
            stream,
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(strings_can_be_null=True, **convert),
        ) as blocks,
    ):
        empty = RecordBatch.from_pylist([], schema=blocks.schema)
        yield from chain(blocks, [empty])


def _json_lines(files: Any, path: str, layout: Layout) -> "Iterator[pa.Table]":
    """Yield the file's objects; read by `json`, since Arrow's reader drops the zone of a time."""
    with files.open(path, "rt", encoding="utf-8", compression="infer") as lines:
        numbered = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
        while objects := [_json_object(line, number, path) for number, line in islice(numbered, layout.chunk_rows)]:
            names = layout.wanted(list(dict.fromkeys(chain.from_iterable(objects))), path)
            yield table_of({name: [row.get(name) for row in objects] for name in names})


def _json_object(line: str, number: int, path: str) -> Mapping[str, Any]:
    expected = f"expected a JSON object in line {number} of {path}, found {line[:80]!r}"
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise SourceUnreadable(f"{expected}: {error}") from None
    if not isinstance(row, dict):
        raise SourceUnreadable(expected)
    return row


@contextmanager
def _file_errors(url: str) -> Iterator[None]:
    """Turn what goes wrong with files into a SourceError that names `url`."""
    import zipfile

    import pyarrow as pa

    try:
        yield
    except OSError as error:
        raise SourceUnavailable(
            f"expected a file to read at {url}, found: {error}; check the path and that its host answers"
        ) from error
    except (pa.ArrowException, ValueError, ImportError, zipfile.BadZipFile) as error:
        raise SourceUnreadable(
            f"expected well-formed rows of one layout in {url}, found: {error}; "
            "mend the file, or declare the column's dtype in the use case's source"
        ) from error
