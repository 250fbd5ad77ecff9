"""Reduce a window to numbers: each is a mean over rows of a bounded function that the reference fixed.

A numeric column is described by the Legendre polynomials of its rank in the reference: location, spread, skew and
tails, whatever its distribution, without a heavy tail's noise (components of the smooth test: Neyman, Skandinavisk
Aktuarietidskrift 20, 1937; Rayner and Best, Smooth Tests of Goodness of Fit, 1989). A category is described by the
shares of its levels, two columns together through the correlation of their scores, the model through its residuals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.monitoring.signals.coding import codes_of, learned_column, legendre, numeric_values, row_scores
from tasks.monitoring.signals.models import Family, Kind, ReferenceColumn, TargetKind

if TYPE_CHECKING:
    import pandas as pd

PREDICTION, TARGET = "prediction", "target"
UNSEEN, UNLIKE = "share unseen", "share not as ever"
COMPONENTS = ("location", "spread", "skew", "tails")
Array = np.ndarray


@dataclass(frozen=True)
class Numbers:
    """The statistics of one window, or of a whole reference, side by side."""

    names: tuple[tuple[Family, str, str], ...]
    """Family, column, statistic."""
    counted: Array
    """Whether the statistic is a share of rows that are or are not so."""
    rows: Array
    mean: Array
    square: Array
    """Mean of the squares of the rows' contributions."""
    cube: Array


@dataclass(frozen=True)
class ReferenceCoding:
    """What a reference fixed for reducing windows: columns, pairs, and how errors are counted."""

    columns: tuple[ReferenceColumn, ...]
    pairs: tuple[tuple[str, str], ...]
    target: TargetKind
    error_cap: float | None


@dataclass(frozen=True)
class CodedWindow:
    """A window as whole numbers: what each row's value is to the reference, -1 where it is missing.

    A number's code is its rank among the knots, as twice their number below plus those equal; a category's its place
    among the reference's levels, and one more for a level that the reference does not have.
    """

    codes: Mapping[str, Array]
    error: Array | None
    """Target less prediction, NaN where either is missing; None where the two cannot be compared."""
    rows: int

    def only(self, chosen: Array) -> "CodedWindow":
        """Return some of the rows."""
        error = None if self.error is None else self.error[chosen]
        return CodedWindow({name: codes[chosen] for name, codes in self.codes.items()}, error, int(chosen.sum()))


def learned_coding(rows: "pd.DataFrame", kinds: Mapping[str, Kind], most_pairs: int) -> ReferenceCoding:
    """Return what the reference fixes; `rows` has the columns of `kinds` and, perhaps, prediction and target."""
    columns = tuple(learned_column(rows[name], kind) for name, kind in kinds.items())
    target, cap = _errors(rows, kinds)
    features = [column for column in columns if column.name not in (PREDICTION, TARGET)]
    pairs = _pairs(coded_window(rows, ReferenceCoding(columns, (), target, cap)), features, most_pairs)
    return ReferenceCoding(columns, pairs, target, cap)


def coded_window(rows: "pd.DataFrame", coding: ReferenceCoding) -> CodedWindow:
    """Return the window's codes; a column that it lacks is missing throughout."""
    codes = {
        column.name: codes_of(rows[column.name], column) if column.name in rows else np.full(len(rows), -1)
        for column in coding.columns
    }
    error = None
    if coding.target != "other" and {PREDICTION, TARGET} <= set(rows.columns):
        error = numeric_values(rows[TARGET]) - numeric_values(rows[PREDICTION])
        error = error if coding.error_cap is None else np.clip(error, -coding.error_cap, coding.error_cap)
    return CodedWindow(codes, error, len(rows))


def window_numbers(window: CodedWindow, coding: ReferenceCoding, moments: int = 1) -> Numbers:
    """Return the window's statistics, always the same in the same order; NaN where no row counts.

    `moments` 3 adds the mean squares and cubes, which only a reference needs.
    """
    scores = {column.name: row_scores(window.codes[column.name], column) for column in coding.columns if column.scored}
    parts = [part for column in coding.columns for part in _of_column(window.codes[column.name], column, moments)]
    parts.append(_of_pairs(scores, coding.pairs, moments))
    if coding.target != "other":
        parts.append(_of_errors(window, scores, coding, moments))
    return Numbers(
        names=tuple(name for part in parts for name in part.names),
        counted=np.concatenate([part.counted for part in parts]),
        rows=np.concatenate([part.rows for part in parts]),
        mean=np.concatenate([part.mean for part in parts]),
        square=np.concatenate([part.square for part in parts]),
        cube=np.concatenate([part.cube for part in parts]),
    )


def _family(column: str) -> Family:
    if column == PREDICTION:
        return "prediction"
    return "target" if column == TARGET else "features"


def _of_column(codes: Array, column: ReferenceColumn, moments: int) -> list[Numbers]:
    """Return one column's statistics. A target's missing values are labels to come, so their share is not one."""
    present = codes[codes >= 0]
    numbers = _of_numbers(present, column, moments) if column.kind == "numeric" else _of_levels(present, column)
    if column.name in (PREDICTION, TARGET):
        return [numbers]
    gone = len(codes) - len(present)
    return [numbers, _shares("missing", column.name, ["share missing"], np.array([gone]), len(codes))]


def _of_numbers(codes: Array, column: ReferenceColumn, moments: int) -> Numbers:
    knots = column.knots
    if not knots or knots[0] == knots[-1]:
        other = np.array([(codes != len(knots)).sum()])
        return _shares(_family(column.name), column.name, [UNLIKE], other, len(codes))
    components = min(4, len(set(knots)) - 1)
    table = legendre(len(knots))[:, :components]
    shares = np.bincount(codes, minlength=len(table)) / max(len(codes), 1)
    powers = [shares @ table**power if power <= moments else np.zeros(components) for power in (1, 2, 3)]
    names = [(_family(column.name), column.name, component) for component in COMPONENTS[:components]]
    return _numbers(names, len(codes), (powers[0], powers[1], powers[2]))


def _of_levels(codes: Array, column: ReferenceColumn) -> Numbers:
    counts = np.bincount(codes, minlength=len(column.all_levels or column.levels) + 1)
    labels, counted_rows = [f"share of {level}" for level in column.levels], counts[: len(column.levels)]
    if column.all_levels:
        labels, counted_rows = [*labels, UNSEEN], np.append(counted_rows, counts[-1])
    return _shares(_family(column.name), column.name, labels, counted_rows, len(codes))


def _of_pairs(scores: Mapping[str, Array], pairs: Sequence[tuple[str, str]], moments: int) -> Numbers:
    """Return the covariances of the pairs' scores within the window; a missing value counts as average."""
    used = sorted({name for pair in pairs for name in pair})
    places = {name: place for place, name in enumerate(used)}
    some = np.stack([_centered_scores(scores[name]) for name in used], axis=1) if used else np.zeros((0, 0))
    left, right = ([places[pair[side]] for pair in pairs] for side in (0, 1))
    powers = [
        ((some**power).T @ some**power / max(len(some), 1))[left, right] if power <= moments else np.zeros(len(pairs))
        for power in (1, 2, 3)
    ]
    return _numbers(
        [("joint", f"{a} & {b}", "correlation") for a, b in pairs], len(some), (powers[0], powers[1], powers[2])
    )


def _of_errors(window: CodedWindow, scores: Mapping[str, Array], coding: ReferenceCoding, moments: int) -> Numbers:
    """Return how wrong the predictions are, and how that goes along with each column: a rule that changed shows here.

    Only rows with prediction and target count. For classes the loss is Brier's (Monthly Weather Review 78, 1950).
    """
    present = np.zeros(window.rows, dtype=bool) if window.error is None else ~np.isnan(window.error)
    error = np.zeros(0) if window.error is None else window.error[present]
    loss = error**2 if coding.error_cap is None else np.abs(error)
    along = [column.name for column in coding.columns if column.scored and column.name != TARGET]
    names: list[tuple[Family, str, str]] = [("performance", PREDICTION, "loss"), ("performance", PREDICTION, "bias")]
    names += [("performance" if name == PREDICTION else "concept", name, "error along it") for name in along]
    many = np.stack(
        [loss, error, *(_centered_scores(error) * _centered_scores(scores[name][present]) for name in along)], axis=1
    )
    size = max(len(many), 1)
    powers = [(many**power).sum(axis=0) / size if power <= moments else np.zeros(len(names)) for power in (1, 2, 3)]
    return _numbers(names, len(many), (powers[0], powers[1], powers[2]))


def _centered_scores(scores: Array) -> Array:
    """Return the scores less their mean in this window: that a column moved shows in other statistics."""
    return scores - (scores.mean() if len(scores) else 0.0)


def _pairs(rows: CodedWindow, columns: Sequence[ReferenceColumn], most: int) -> tuple[tuple[str, str], ...]:
    """Return the pairs of columns to watch: all, or those most correlated in the reference."""
    scores = {column.name: row_scores(rows.codes[column.name], column) for column in columns if column.scored}
    varied = list(scores)
    if len(varied) < 2 or most == 0:
        return ()
    some = np.stack([scores[name] for name in varied], axis=1)
    strength = np.abs(some.T @ some / len(some))
    left, right = np.triu_indices(len(varied), 1)
    best = np.sort(np.argsort(-strength[left, right], kind="stable")[:most])
    return tuple((varied[left[pair]], varied[right[pair]]) for pair in best)


def _errors(rows: "pd.DataFrame", kinds: Mapping[str, Kind]) -> tuple[TargetKind, float | None]:
    """Return what kind of number the target is, and where a regression's errors are capped."""
    if not {PREDICTION, TARGET} <= set(kinds) or rows[TARGET].dtype.kind not in "fiub":
        return "other", None
    target = numeric_values(rows[TARGET])
    present = target[~np.isnan(target)]
    if kinds[TARGET] == "categorical":
        return ("binary" if np.isin(present, (0, 1)).all() else "other"), None
    errors = np.abs(target - numeric_values(rows[PREDICTION]))
    errors = errors[~np.isnan(errors)]
    return ("number", float(np.quantile(errors, 0.99))) if len(errors) else ("other", None)


def _shares(family: Family, column: str, names: Sequence[str], counts: Array, rows: int) -> Numbers:
    share = counts / max(rows, 1)
    return _numbers([(family, column, statistic) for statistic in names], rows, (share, share, share), counted=True)


def _numbers(
    names: Sequence[tuple[Family, str, str]], rows: int, moments: tuple[Array, Array, Array], counted: bool = False
) -> Numbers:
    mean, square, cube = moments
    shown_mean = mean if rows else np.full(len(names), np.nan)
    return Numbers(tuple(names), np.full(len(names), counted), np.full(len(names), rows), shown_mean, square, cube)
