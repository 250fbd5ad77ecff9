"""Say which rows and labels exist for a run at a moment; nothing else decides what may be known."""

from datetime import datetime
from typing import TYPE_CHECKING

from tasks.usecases import UseCase

if TYPE_CHECKING:
    import pandas as pd


def label_time_passed(rows: "pd.DataFrame", problem: UseCase, moment: datetime) -> "pd.Series":
    """Return, by row, whether its label time had come at `moment`; a row without a label time has none."""
    return rows[problem.label_time] <= moment


def usable(rows: "pd.DataFrame", problem: UseCase, moment: datetime) -> "pd.Series":
    """Return, by row, whether it has a label that could be learned from and measured with at `moment`.

    Where the use case names a time of maturity, a label that came earlier waits for it: those that come early are no
    fair sample of all (cancellations become known before stays do).
    """
    have = label_time_passed(rows, problem, moment) & rows[problem.target].notna()
    return have if problem.mature is None else have & (rows[problem.mature] <= moment)


def as_known(rows: "pd.DataFrame", problem: UseCase, as_of: datetime) -> "pd.DataFrame":
    """Return the rows as they were known at `as_of`: later rows gone, later labels missing together with their time.

    Rows without an event time stay.
    """
    visible = rows[~(rows[problem.event_time] >= as_of)]
    return _without_labels(visible, ~label_time_passed(visible, problem, as_of), problem)


def as_usable(rows: "pd.DataFrame", problem: UseCase, as_of: datetime) -> "pd.DataFrame":
    """Return the rows as known at `as_of`, labels that are not mature yet missing as well."""
    visible = rows[~(rows[problem.event_time] >= as_of)]
    return _without_labels(visible, ~usable(visible, problem, as_of), problem)


def _without_labels(rows: "pd.DataFrame", hidden: "pd.Series", problem: UseCase) -> "pd.DataFrame":
    return rows.assign(**{name: rows[name].mask(hidden) for name in (problem.target, problem.label_time)})
