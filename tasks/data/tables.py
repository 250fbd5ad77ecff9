"""The tables of a problem: their columns, their keys, and their rows as a moment may see them."""

from datetime import datetime
from typing import TYPE_CHECKING

from tasks import predictions
from tasks.data.store import Dataset, arrow_schema
from tasks.labels import as_usable
from tasks.predictions import IN_TRAINING, MODEL_VERSION, PREDICTION, SCORED_AT
from tasks.settings import Settings
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd

COLLECTED_UNTIL = "collected_until"


def observations(problem: UseCase) -> Dataset:
    """Return the table of the good rows, with the columns of the use case's schema."""
    return Dataset(
        Settings().tables / problem.name / "observations",
        arrow_schema(problem.dtypes),
        problem.key,
        problem.event_time,
    )


def quarantine(problem: UseCase) -> Dataset:
    """Return the table of the bad rows: the row as JSON, every reason, where it came from and when."""
    columns = {
        "id": "str",
        "row": "str",
        "reasons": "str",
        "source": "str",
        "event_time": "datetime64[us, UTC]",
        "quarantined_at": "datetime64[us, UTC]",
    }
    return Dataset(Settings().tables / problem.name / "quarantine", arrow_schema(columns), ("id",))


def watermarks(problem: UseCase) -> Dataset:
    """Return the table of watermarks: a row for each moment up to which the source was read to the end."""
    columns = {COLLECTED_UNTIL: "datetime64[us, UTC]"}
    return Dataset(Settings().tables / problem.name / "watermarks", arrow_schema(columns), (COLLECTED_UNTIL,))


def rows_at(
    problem: UseCase,
    as_of: datetime,
    window: Window,
    columns: tuple[str, ...] | None = None,
    version: int | None = None,
) -> "pd.DataFrame":
    """Return the stored rows of a window as a run at `as_of` may see them: each label known and mature, or missing.

    `columns`, where given, name those that are wanted; the times that tell what may be seen come along.
    """
    times = (problem.event_time, problem.label_time, problem.target, *([problem.mature] if problem.mature else []))
    names = None if columns is None else tuple(dict.fromkeys((*columns, *times)))
    return as_usable(observations(problem).read(window, names, version), problem, as_of)


def looks(problem: UseCase) -> Dataset:
    """Return the table of looks: one row a window, replaced when it is looked at again; `body` is the look as JSON."""
    columns = dict.fromkeys(("watch", "body"), "str")
    times = dict.fromkeys(("as_of", "window_start", "window_end"), "datetime64[us, UTC]")
    return Dataset(
        Settings().tables / problem.name / "looks", arrow_schema(columns | times), ("window_start", "window_end")
    )


def scouts_of(problem: UseCase) -> Dataset:
    """Return the table of scouts: one row a scout and window; `body` is what it did as JSON."""
    columns = dict.fromkeys(("declared", "body"), "str") | dict.fromkeys(("scout", "window"), "float64")
    return Dataset(Settings().tables / problem.name / "scouts", arrow_schema(columns), ("declared", "scout", "window"))


def checks(problem: UseCase) -> Dataset:
    """Return the table of checks: one row a window, column and role; a window checked again replaces its rows."""
    texts = ("column", "role", "method", "note", "model_version", "report_url", "evidently_url", "evidently_run")
    numbers = ("value", "threshold", "drifted", "reference_missing", "current_missing", "rows")
    times = ("as_of", "window_start", "window_end")
    columns = (
        dict.fromkeys(texts, "str") | dict.fromkeys(numbers, "float64") | dict.fromkeys(times, "datetime64[us, UTC]")
    )
    key = ("window_start", "window_end", "column", "role")
    return Dataset(Settings().tables / problem.name / "checks", arrow_schema(columns), key)


def shadows(problem: UseCase) -> Dataset:
    """Return the table of what predecessors predicted beside champions on probation: one row a key, as `predicted`."""
    predictions = predicted(problem)
    return Dataset(predictions.path.with_name("shadow"), predictions.schema, predictions.key, predictions.time)


def readmissions(problem: UseCase) -> Dataset:
    """Return the table of what was readmitted: the quarantine's id, the reasons that it had, and when."""
    columns = {"id": "str", "reasons": "str", "readmitted_at": "datetime64[us, UTC]"}
    return Dataset(Settings().tables / problem.name / "readmitted", arrow_schema(columns), ("id",))


def steps(problem: UseCase) -> Dataset:
    """Return the table of the steps that were played."""
    numbers = ("inserted", "updated", "quarantined", "scored", "drifted_share")
    columns = (
        {"as_of": "datetime64[us, UTC]"}
        | dict.fromkeys(numbers, "float64")
        | dict.fromkeys(("faults", "retrain", "verdict"), "str")
    )
    return Dataset(Settings().tables / problem.name / "replay", arrow_schema(columns), ("as_of",))


def predicted(problem: UseCase) -> Dataset:
    """Return the table of predictions: one row a key, as first predicted.

    Columns: the key, the event time, `prediction` (probability of class 1, or the value; where the use case declares
    classes `prediction_0`, `prediction_1`, ... with the probability of each, in their order), `model_version`,
    `in_training` (the row is older than the end of that model's training window, so it says nothing about how
    good the model is) and `scored_at`.
    """
    stored = {name: problem.dtypes[name] for name in (*problem.key, problem.event_time)}
    columns = stored | {
        **dict.fromkeys(predictions.columns_of(PREDICTION, problem), "float64"),
        MODEL_VERSION: "str",
        IN_TRAINING: "bool",
        SCORED_AT: "datetime64[us, UTC]",
    }
    return Dataset(
        Settings().tables / problem.name / "predictions",
        arrow_schema(columns),
        problem.key,
        problem.event_time,
    )
