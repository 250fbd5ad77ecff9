"""Read the rows between two event times from files and SQL, as plain frames, losing none in silence."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.data.sources.files import Format, file_frames
from tasks.data.sources.frames import joined_frame
from tasks.data.sources.layout import TIME, UNPARSED, Layout
from tasks.data.sources.sql import sql_frames
from tasks.errors import SourceError, SourceUnavailable, SourceUnreadable

if TYPE_CHECKING:
    import pandas as pd


__all__ = [
    "TIME", "UNPARSED", "FileSource", "SourceError", "SourceUnavailable", "SourceUnreadable", "SqlSource",
    "TimedSource", "chosen", "package_file",
]  # fmt: skip


MISSING_WORDS = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")


@dataclass(frozen=True, kw_only=True, eq=False)
class TimedSource(Layout, ABC):
    """What files and SQL have in common: a window of time, read with margins, prepared, then cut to size."""

    margin_before: timedelta = timedelta(0)
    """How much earlier than the window `prepare` must see rows, for lags or a stored time coarser than the event's."""
    margin_after: timedelta = timedelta(0)
    """How much later than the window `prepare` must see rows, for leads."""
    prepare: "Callable[[pd.DataFrame], pd.DataFrame] | None" = None
    """Pure function from the raw rows of the window with its margins, gathered in one frame, to the rows of the use
    case. It must let the column `_unparsed` through where there is one: end with `chosen(frame, columns)`."""

    def rows(self, start: datetime, end: datetime) -> "Iterator[pd.DataFrame]":
        """Yield the rows with event time in `[start, end)` and those that have none; nothing where there are none.

        Columns are float64, int64, bool, str or datetime64[us, UTC]: integers and booleans with missing values come
        as float64, decimals as float64, dates as their midnight. A row with a cell that is not of its declared dtype
        comes with that cell missing and the reason in the extra column `_unparsed`.

        Raises:
            SourceUnavailable: the source does not answer.
            SourceUnreadable: a column is gone, the stored time is no time, or a file is malformed.
        """
        low, high = start - self.margin_before, end + self.margin_after
        raw = (_between(frame, self.read_by, low, high) for frame in self._frames(low, high) if len(frame))
        for frame in _joined_frames(raw, self.chunk_rows if self.prepare is None else None):
            prepared = frame if self.prepare is None else _prepared_rows(frame, self.prepare)
            rows = _between(prepared, self.event_time, start, end)
            if len(rows):
                yield rows

    @abstractmethod
    def _frames(self, low: datetime, high: datetime) -> "Iterator[pd.DataFrame]":
        """Yield the rows, as the source holds them, that may lie between two moments; others may come along."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FileSource(TimedSource):
    """Rows of csv, parquet or json lines files, wherever fsspec opens them."""

    path: str | Callable[[], str]
    """Path, fsspec URL (`s3://...`, `zip://a.csv::b.zip`), folder or glob, or a function that finds it when rows are
    read. Csv and json lines may be compressed."""
    format: Format | None = None
    """None: read from the suffix of the first file."""
    na_values: tuple[str, ...] = MISSING_WORDS
    """Words that mean a missing value in csv."""

    def __str__(self) -> str:
        return self._url()

    def _url(self) -> str:
        return self.path() if callable(self.path) else self.path

    def _frames(self, low: datetime, high: datetime) -> "Iterator[pd.DataFrame]":
        url = self._url()
        return file_frames(url, self, low, high, kind=self.format, na_values=self.na_values)


@dataclass(frozen=True, kw_only=True, eq=False)
class SqlSource(TimedSource):
    """Rows of a table, or of a query, that SQLAlchemy reaches."""

    url: str | None = None
    """SQLAlchemy URL."""
    url_env: str | None = None
    """Environment variable that holds the URL, where it has a password."""
    table: str | None = None
    """Table or view, `schema.table` if it is not in the default schema."""
    query: str | None = None
    """Select statement, used as a subselect; a colon that is no parameter is written `\\:`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.url is None) == (self.url_env is None):
            raise ValueError("expected either url or url_env, found both or none")
        if (self.table is None) == (self.query is None):
            raise ValueError("expected either table or query, found both or none")

    def __str__(self) -> str:
        """Return what is read and where, without the password."""
        from sqlalchemy import make_url

        where = f"the database that {self.url_env} names" if self.url is None else f"{make_url(self.url)!r}"
        return f"{self.table or self.query} in {where}"

    def _frames(self, low: datetime, high: datetime) -> "Iterator[pd.DataFrame]":
        address = self.url or os.environ.get(self.url_env or "")
        if not address:
            raise SourceUnreadable(
                f"expected a SQLAlchemy URL in the environment variable {self.url_env}, found none; "
                "set it where the flow runs"
            )
        return sql_frames(address, self, low, high, table=self.table, query=self.query)


def chosen(frame: "pd.DataFrame", columns: Sequence[str]) -> "pd.DataFrame":
    """Return these columns, and `_unparsed` where there is one: how every `prepare` should end."""
    return frame[[*columns, *({UNPARSED} & set(frame.columns))]]


def package_file(package: str, *parts: str) -> str:
    """Return the path of a data file inside an installed package, without importing it.

    Raises FileNotFoundError if the package is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            f"expected the package {package}, found none; run any make word, which installs requirements.lock"
        )
    return str(Path(spec.origin).parent.joinpath(*parts))


def _joined_frames(frames: "Iterable[pd.DataFrame]", least: int | None) -> "Iterator[pd.DataFrame]":
    """Yield the frames joined to at least `least` rows each, or to a single one; empty ones vanish."""
    held: list[pd.DataFrame] = []
    for frame in frames:
        if len(frame):
            held.append(frame)
        if least is not None and sum(map(len, held)) >= least:
            yield joined_frame(held)
            held = []
    if held:
        yield joined_frame(held)


def _prepared_rows(frame: "pd.DataFrame", prepare: "Callable[[pd.DataFrame], pd.DataFrame]") -> "pd.DataFrame":
    prepared = prepare(frame)
    if UNPARSED in frame.columns and UNPARSED not in prepared.columns:
        raise SourceUnreadable(
            f"found {frame[UNPARSED].count()} rows with a cell that cannot be read, and prepare drops the reasons; "
            "end it with chosen(frame, columns)"
        )
    return prepared


def _between(frame: "pd.DataFrame", column: str, start: datetime, end: datetime) -> "pd.DataFrame":
    """Return the rows whose `column` is in `[start, end)` or missing."""
    if column not in frame.columns:
        raise SourceUnreadable(f"expected the event time {column!r}, found the columns {', '.join(frame.columns)}")
    times = frame[column]
    if str(times.dtype) != TIME:
        raise SourceUnreadable(
            f"expected times in column {column!r}, found {times.dtype}; name a column of times, or make one in prepare"
        )
    return frame[times.isna() | ((times >= start) & (times < end))].reset_index(drop=True)
