"""Measure a window against stored limits."""

from typing import TYPE_CHECKING

import numpy as np

from tasks.metrics import short
from tasks.monitoring.signals.coding import column_named, numeric_values
from tasks.monitoring.signals.models import Limits, Signal
from tasks.monitoring.signals.sampling import sampled_rows
from tasks.monitoring.signals.summaries import CodedWindow, ReferenceCoding, coded_window, window_numbers
from tasks.monitoring.signals.variation import deviation

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray


def window_signals(limits: Limits, window: "pd.DataFrame") -> tuple[Signal, ...]:
    """Return each statistic of the limits as this window shows it."""
    sample = sampled_rows(window, limits.policy.max_rows)
    judged_signals = coded_window_signals(limits, coded_window(sample, coding_of(limits)))
    return tuple(
        _signal_with_medians(signal, window, limits) if signal.exceeded else signal for signal in judged_signals
    )


def coded_window_signals(limits: Limits, window: CodedWindow) -> tuple[Signal, ...]:
    """Return each statistic of the limits as a window of codes shows it."""
    means, rows = _in_order(limits, window)
    center, row_sd, skewness, counted = (
        np.array([getattr(statistic, name) for statistic in limits.statistics])
        for name in ("center", "row_sd", "skewness", "counted")
    )
    away = deviation(means, rows, center, row_sd, skewness, counted)
    allowed = limit_at(np.array([statistic.limits for statistic in limits.statistics]), limits.sizes, rows)
    at_once = limit_at(
        np.array([statistic.at_once or statistic.limits for statistic in limits.statistics]), limits.sizes, rows
    )
    far = (np.abs(away) > at_once) & (limits.policy.share_at_once > 0)
    enough_rows = (rows >= limits.policy.min_rows) & ~np.isnan(means)
    beyond = (
        enough_rows
        & (np.abs(away) > allowed)
        & ((away > 0) | np.array([statistic.sides == 2 for statistic in limits.statistics]))
    )
    side = np.where(beyond, np.sign(away), 0).astype(int)
    shown = allowed * _stretch(means - center, away)
    return tuple(
        Signal(
            family=statistic.family,
            column=statistic.column,
            statistic=statistic.name,
            rows=int(rows[place]),
            value=float(means[place]) if enough_rows[place] else None,
            expected=statistic.center,
            limit=float(shown[place]),
            exceeded=side[place],
            at_once=bool(beyond[place] and far[place]),
            note="" if enough_rows[place] else f"{rows[place]:g} rows, {limits.policy.min_rows} needed",
        )
        for place, statistic in enumerate(limits.statistics)
    )


def coding_of(limits: Limits) -> ReferenceCoding:
    """Return what the limits' reference fixed for reducing windows."""
    return ReferenceCoding(limits.columns, limits.pairs, limits.target, limits.error_cap)


def limit_at(limits: Array, sizes: tuple[int, ...], rows: Array) -> Array:
    """Return each limit (first axis) for its number of rows; its square is linear in 1 / rows between the sizes."""
    inverse = 1 / np.array(sizes, dtype=float)
    at = np.clip(1 / np.maximum(rows, 1), inverse[-1], inverse[0])
    right = np.clip(np.searchsorted(-inverse, -at), 1, len(sizes) - 1)
    part = (inverse[right - 1] - at) / (inverse[right - 1] - inverse[right])
    each = np.arange(len(limits))
    return np.sqrt((1 - part) * limits[each, right - 1] ** 2 + part * limits[each, right] ** 2)


def _in_order(limits: Limits, window: CodedWindow) -> tuple[Array, Array]:
    """Return means and rows in the order of the limits' statistics."""
    numbers = window_numbers(window, coding_of(limits))
    places = {name: place for place, name in enumerate(numbers.names)}
    order = [places[(statistic.family, statistic.column, statistic.name)] for statistic in limits.statistics]
    return numbers.mean[order], numbers.rows[order].astype(float)


def _stretch(raw: Array, away: Array) -> Array:
    """Return the factor that puts a limit on the raw value's scale, so that value and verdict agree."""
    same = (raw * away > 0) & (np.abs(away) > 1e-12)
    return np.where(same, np.abs(raw) / np.where(same, np.abs(away), 1), 1.0)


def _signal_with_medians(signal: Signal, window: "pd.DataFrame", limits: Limits) -> Signal:
    """Return a signal of a number's distribution with the medians that a person can check."""
    if signal.family not in ("features", "prediction", "target"):
        return signal
    column = column_named(signal.column, limits.columns)
    if column.kind != "numeric" or not column.knots:
        return signal
    values = numeric_values(window[signal.column])
    now, before = float(np.nanmedian(values)), column.knots[len(column.knots) // 2]
    moved = f"median {short(before)} -> {short(now)}"
    return signal.model_copy(update={"note": moved if short(before) != short(now) else f"median still {short(now)}"})
