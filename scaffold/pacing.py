"""Choose lengths and limits for a new problem from when its rows happened."""

import math
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from tasks.data.validation import FEWEST_PERIODS, USUAL_PERIODS
from tasks.windows import EPOCH

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LENGTHS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY,
           *(n * DAY for n in (7, 14, 28, 91, 182, 364, 728, 1456)))  # fmt: skip
MOST_WINDOWS = 40
FEWEST_WINDOWS = 8
FEWEST_AT_ALL = 4
"""Windows of a history that has too few rows for more: two to learn from, two to compare on."""
WINDOW_ROWS = 500
"""Rows from which a window's score and drift say more than its noise."""
RARER_ROWS = 20
"""Rows of the rarer of two classes from which a window tells models apart."""
FEWEST_WINDOW_ROWS = 60
"""Rows below which a usual window is nothing to compare models on."""
FEWEST_MOMENTS = 3
"""Different times that a usual window holds at least: an interval is found from pieces of time."""
STRAY = 0.001
"""Share of the rows whose times, if they lie far out, are taken for mistakes."""
TRAIN_WINDOWS = 12


@dataclass(frozen=True)
class Pacing:
    """How a new problem is cut in time."""

    history_start: datetime
    history_end: datetime
    window: timedelta
    window_rows: int
    """Median rows of a window."""
    window_moments: int
    """Median different times of a window."""
    period: timedelta
    period_rows: int
    look_back: timedelta
    train_on: timedelta | None
    min_volume_share: float
    smallest_volume: float
    """The smallest complete period, as a share of the median of those before it."""
    strays: int
    """Rows before `history_start` or after `history_end`."""

    @property
    def windows(self) -> int:
        return math.ceil((self.history_end - self.history_start) / self.window)


def pacing(times: "pd.Series[Any]", delay: timedelta, forget: bool, rarer_share: float = 0.5) -> Pacing:
    """Return how to cut a history of these event times in UTC, with labels up to `delay` late.

    `forget`: whether the relation to the target changes, so that an old row teaches what no longer holds.
    `rarer_share`: share of the rows in the rarer of two classes, of which a window needs some to compare models on.
    """
    first, last = span_of(times)
    start = _floor(first, DAY if last - first > 3 * DAY else HOUR)
    inside = times[(times >= start) & (times <= last)]
    span = max(last - start, timedelta(minutes=20))
    window = window_length(inside, span, max(WINDOW_ROWS, math.ceil(RARER_ROWS / rarer_share)))
    period = _period(inside, window)
    counts = _counts(inside, period)
    smallest = smallest_share(counts.reindex(range(counts.index[0], counts.index[-1] + 1), fill_value=0).tolist())
    recent = max(TRAIN_WINDOWS * window, min(364 * DAY, span // 3 // window * window))
    return Pacing(
        history_start=start,
        history_end=last,
        window=window,
        window_rows=int(_counts(inside, window).median()),
        window_moments=int(_counts(inside.drop_duplicates(), window).median()),
        period=period,
        period_rows=int(counts.median()),
        look_back=max(_ceil(delay, DAY if delay > DAY else HOUR), period),
        train_on=recent if forget and recent < span / 2 else None,
        min_volume_share=math.floor(min(0.5, smallest / 2) * 100) / 100,
        smallest_volume=smallest,
        strays=int(len(times) - len(inside)),
    )


def span_of(times: "pd.Series[Any]") -> tuple[datetime, datetime]:
    """Return the first and last time, without stray ones that alone would stretch the history by half."""
    present = times.dropna().sort_values()
    low, high = present.quantile(STRAY), present.quantile(1 - STRAY)
    core = high - low
    inside = present[(present >= low - core / 2) & (present <= high + core / 2)]
    return inside.iloc[0].to_pydatetime(), inside.iloc[-1].to_pydatetime()


def window_length(times: "pd.Series[Any]", span: timedelta, enough: int = WINDOW_ROWS) -> timedelta:
    """Return the shortest of `LENGTHS` that has `enough` rows, several times, and does not cut the span too finely.

    Of a history that is too short for that the longest that cuts it into eight, or four where eighths are too poor.
    """
    moments = times.drop_duplicates()
    lengths = [length for length in LENGTHS if _counts(moments, length).median() >= FEWEST_MOMENTS] or LENGTHS[-1:]
    fitting = [length for length in lengths if span / length <= MOST_WINDOWS]
    rich = [length for length in fitting if _counts(times, length).median() >= enough]
    if rich and span / rich[0] >= FEWEST_WINDOWS:
        return rich[0]
    long = [length for length in lengths if span / length >= FEWEST_AT_ALL]
    poor = [length for length in long if span / length < FEWEST_WINDOWS]
    many = [length for length in long if length not in poor]
    best = many[-1] if many else lengths[0]
    if _counts(times, best).median() >= FEWEST_WINDOW_ROWS:
        return best
    return next((length for length in poor if _counts(times, length).median() >= FEWEST_WINDOW_ROWS), best)


def smallest_share(counts: list[int]) -> float:
    """Return the smallest count as a share of what the volume check would have called usual before it."""
    shares = []
    # The last period may not be over.
    for number in range(FEWEST_PERIODS, len(counts) - 1):
        before = [count for count in counts[max(0, number - USUAL_PERIODS) : number] if count]
        if len(before) >= FEWEST_PERIODS:
            shares.append(counts[number] / statistics.median_low(before))
    return min(shares, default=1.0)


def _period(times: "pd.Series[Any]", window: timedelta) -> timedelta:
    shorter = [length for length in LENGTHS if length < window and _counts(times, length).median() >= WINDOW_ROWS / 5]
    near = [length for length in shorter if length >= window / 4]
    return near[0] if near else window


def _counts(times: "pd.Series[Any]", length: timedelta) -> "pd.Series[Any]":
    """Return the number of rows of each piece of the grid that has any, in order."""
    return ((times - pd.Timestamp(EPOCH)) // length).value_counts().sort_index()


def _floor(time: datetime, length: timedelta) -> datetime:
    return time.astimezone(UTC) - (time - EPOCH) % length


def _ceil(length: timedelta, step: timedelta) -> timedelta:
    return math.ceil(length / step) * step
