"""Predict the rows that have no prediction yet, each once, with the model version that did it."""

from datetime import datetime
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from tasks import champions, outages, registry, reporting, training
from tasks.collection import rows_at
from tasks.datasets import Dataset, arrow_schema
from tasks.registry import Champion
from tasks.settings import Settings
from tasks.usecases import UseCase, use_case
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd

PREDICTION = "prediction"
MODEL_VERSION = "model_version"
IN_TRAINING = "in_training"
SCORED_AT = "scored_at"


class Scored(BaseModel):
    """What one run of scoring stored."""

    model_config = ConfigDict(frozen=True)

    model_version: str
    rows: int
    since: datetime


def predicted(problem: UseCase) -> Dataset:
    """Return the table of predictions: one row a key, as first predicted.

    Columns: the key, the event time, `prediction` (probability of class 1, or the value; where the use case declares
    classes `prediction_0`, `prediction_1`, ... with the probability of each, in their order), `model_version`,
    `in_training` (the row is older than the end of that model's training window, so it says nothing about how
    good the model is) and `scored_at`.
    """
    stored = {name: problem.dtypes[name] for name in (*problem.key, problem.event_time)}
    columns = stored | {
        **dict.fromkeys(training.columns_of(PREDICTION, problem), "float64"),
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


def scored_rows(rows: "pd.DataFrame", problem: UseCase, live: Champion, prediction, as_of: datetime) -> "pd.DataFrame":
    """Return the predictions' rows for observed `rows` and their `prediction`s."""
    import pandas as pd

    names = list(dict.fromkeys((*problem.key, problem.event_time)))
    table = rows[names].assign(
        **{
            **training.as_columns(PREDICTION, problem, prediction),
            MODEL_VERSION: live.version,
            IN_TRAINING: rows[problem.event_time] < live.trained_until,
            SCORED_AT: pd.Timestamp(as_of).as_unit("us"),
        }
    )
    return table.astype({SCORED_AT: "datetime64[us, UTC]", MODEL_VERSION: "str"})


def without_prediction(rows: "pd.DataFrame", known: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the rows whose key is not among the `known` predictions."""
    import pandas as pd

    names = list(problem.key)
    have = pd.MultiIndex.from_frame(known[names])
    return rows[~pd.MultiIndex.from_frame(rows[names]).isin(have)]


@task(**outages.RETRIED)
def live_model(usecase: str) -> Champion | None:
    """Return the live version, its alias put right where a promotion was cut off; None while there is none."""
    return champions.live(usecase)


@task(**outages.RETRIED)
def score_new_rows(usecase: str, live: Champion, as_of: datetime) -> Scored:
    """Store the champion's predictions for all rows since the first model went live that have none."""
    problem = use_case(usecase)
    since = _first_scored(problem, live)
    window = Window(start=since, end=as_of) if since < as_of else None
    if window is None:
        return Scored(model_version=live.version, rows=0, since=since)
    rows = rows_at(problem, as_of, window)
    waiting = without_prediction(rows, predicted(problem).read(window, problem.key), problem)
    if waiting.empty:
        return Scored(model_version=live.version, rows=0, since=since)
    prediction = training.predictions(registry.load(live), waiting, problem)
    written = predicted(problem).append_new(scored_rows(waiting, problem, live, prediction, as_of))
    return Scored(model_version=live.version, rows=written.inserted, since=since)


def _first_scored(problem: UseCase, live: Champion) -> datetime:
    """Return the event time since which rows are scored: the end of the first champion's training window."""
    first = registry.first_version(problem.name)
    return min(first.trained_until, live.trained_until)


@task(cache_policy=NO_CACHE)
def tell_no_champion(usecase: str) -> None:
    """Say that nothing is live yet, and what to do."""
    reporting.show_markdown(
        f"{usecase} no champion",
        f"# nothing to do\n\nNo model of {usecase} is live yet. Run the deployment `retrain` of {usecase}; "
        f"its model goes live if it beats the trivial baseline.",
        f"nothing to do: {usecase} has no champion yet",
    )
