"""Say which stretch of time a run looks at; the only place that reads the clock."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_PICKER = {"type": "string", "format": "date-time", "pattern": r"(Z|[+-]\d\d:?\d\d)$"}
"""The form shows a date picker, and the server refuses a moment without its zone before a run is made."""

Moment = Annotated[AwareDatetime, WithJsonSchema(_PICKER)]
AsOf = Annotated[AwareDatetime | None, WithJsonSchema(_PICKER)]
"""A flow's `as_of`: a moment with its zone, or None for the clock."""


class Window(BaseModel):
    """A half-open interval of event time, `[start, end)`, in UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Moment = Field(description="First moment, with its zone")
    end: Moment = Field(description="Moment after the last, with its zone")

    @field_validator("start", "end")
    @classmethod
    def _in_utc(cls, value: datetime) -> datetime:
        return value.astimezone(UTC)

    @model_validator(mode="after")
    def _forward(self) -> "Window":
        if self.start >= self.end:
            raise ValueError(f"expected a start before the end, found {self.start} and {self.end}")
        return self

    @property
    def length(self) -> timedelta:
        """How long the window is."""
        return self.end - self.start

    def __str__(self) -> str:
        return f"[{self.start:%Y-%m-%d %H:%M}, {self.end:%Y-%m-%d %H:%M})"


def moment(as_of: datetime | None) -> datetime:
    """Return `as_of` in UTC, or the clock's time to the second: the one reading of a run.

    Raises:
        ValueError: `as_of` is naive.
    """
    if as_of is None:
        return datetime.now(UTC).replace(microsecond=0)
    if as_of.tzinfo is None:
        raise ValueError(f"expected a time with its zone, found {as_of}; write {as_of}Z for UTC")
    return as_of.astimezone(UTC)


def on_grid(time: datetime, length: timedelta) -> datetime:
    """Return the last moment at or before `time` that is a whole number of `length` after 1970-01-01 UTC."""
    return time - (time - EPOCH) % length


def periods(window: Window, length: timedelta) -> list[Window]:
    """Cut `window` at the grid of `length`; the first and last pieces may be shorter."""
    pieces = []
    start = window.start
    while start < window.end:
        end = min(on_grid(start, length) + length, window.end)
        pieces.append(Window(start=start, end=end))
        start = end
    return pieces


def window_before(end: datetime, length: timedelta) -> Window:
    """Return the window of `length` that ends at `end`."""
    return Window(start=end - length, end=end)
