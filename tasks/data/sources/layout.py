"""What is read of a source, and what it may answer instead of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.errors import SourceUnreadable

UNPARSED = "_unparsed"
"""Name of the extra text column that says which cells of a row could not be read as their declared type."""


TIME = "datetime64[us, UTC]"


DTYPES = ("float64", "int64", "bool", "str", TIME)


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """How raw rows are stored and which columns of them are read, whatever the window."""

    event_time: str
    """Column of the event time, after `prepare`."""
    stored_time: str | None = None
    """Raw column that the window is read by, when `prepare` makes the event time; else the event time itself."""
    columns: tuple[str, ...] | None = None
    """Raw columns that are read; None for all."""
    dtypes: Mapping[str, str] = field(default_factory=dict)
    """float64, int64, bool, str or datetime64[us, UTC] by raw column. A csv column without one has the type of its
    file's first block, which may differ between files: declare identifiers str and quantities float64."""
    time_zone: str = "UTC"
    """Where times without zone were written. An hour that clocks pass twice is read as its first passing, a time that
    they skip as the first moment after the gap."""
    chunk_rows: int = 100_000
    """About how many rows are held and yielded at once where there is no `prepare`."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.dtypes.values()) - set(DTYPES)):
            raise ValueError(f"expected dtypes among {', '.join(DTYPES)}; found {', '.join(unknown)}")

    @property
    def read_by(self) -> str:
        """Raw column that a window is read by."""
        return self.stored_time or self.event_time

    def dtype(self, name: str) -> str | None:
        """Return the declared dtype of a raw column, or None."""
        return self.dtypes.get(name, TIME if name == self.read_by else None)

    def wanted(self, available: Sequence[str], where: str) -> list[str]:
        """Return the columns to read; refuse with SourceUnreadable if `available` lacks one of them or the time."""
        names = list(available if self.columns is None else dict.fromkeys((*self.columns, self.read_by)))
        if missing := sorted({*names, self.read_by} - set(available)):
            raise SourceUnreadable(
                f"expected column {', '.join(map(repr, missing))} in {where}, found {', '.join(available)}; "
                "name the column as it is now called in the use case's source"
            )
        return names
