"""Predict the rows that have no prediction yet, each once, with the model version that did it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tasks import artifacts, predictions, retries
from tasks.data.tables import predicted, rows_at
from tasks.predictions import IN_TRAINING, MODEL_VERSION, PREDICTION, SCORED_AT
from tasks.registry import champion, models
from tasks.registry.models import Champion
from tasks.steps import step
from tasks.training import estimators
from tasks.usecases import UseCase, use_case
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd

MOMENT = timedelta(microseconds=1)


def scored_observations(problem: UseCase, window: Window, as_of: datetime) -> "pd.DataFrame":
    """Return the window's observed rows, as known at `as_of`, with the prediction of each, missing where it has none.

    Beside the columns of the observations: those of the prediction, `model_version` and `in_training`.
    """
    rows = rows_at(problem, as_of, window)
    names = [*problem.key, *predictions.columns_of(PREDICTION, problem), MODEL_VERSION, IN_TRAINING]
    scored = predicted(problem).read(window, names)
    return rows.merge(scored, on=list(problem.key), how="left", validate="1:1")


def fair_predictions(problem: UseCase, scored: "pd.DataFrame", version: str) -> "pd.DataFrame":
    """Return what a version predicted live for rows that it had not learned from, missing elsewhere.

    `scored` are rows with their predictions (see `scored_observations`), whose index stays.
    """
    names = predictions.columns_of(PREDICTION, problem)
    fair = (scored[MODEL_VERSION] == version) & (scored[IN_TRAINING] == False)  # noqa: E712  # it may be missing
    return scored[names].astype(float).where(fair)


def live_predictions(problem: UseCase, window: Window, as_of: datetime) -> "pd.DataFrame":
    """Return the window's observed rows that were predicted, as known at `as_of`, with what was predicted when."""
    scored = scored_observations(problem, window, as_of)
    return scored[scored[MODEL_VERSION].notna()]


def predictions_by(version: str, problem: UseCase, window: Window, as_of: datetime) -> "pd.DataFrame":
    """Return the window's rows, as known at a moment, that a version has predicted, with its predictions."""
    stored = predicted(problem).read(window)
    names = [*problem.key, *predictions.columns_of(PREDICTION, problem), IN_TRAINING]
    mine = stored.loc[stored[MODEL_VERSION] == version, names]
    return rows_at(problem, as_of, window).merge(mine, on=list(problem.key), validate="1:1")


class Scored(BaseModel):
    """What one run of scoring stored."""

    model_config = ConfigDict(frozen=True)

    model_version: str
    rows: int
    since: datetime


def scored_rows(rows: "pd.DataFrame", problem: UseCase, live: Champion, prediction, as_of: datetime) -> "pd.DataFrame":
    """Return the predictions' rows for observed `rows` and their `prediction`s."""
    import pandas as pd

    names = list(dict.fromkeys((*problem.key, problem.event_time)))
    table = rows[names].assign(
        **{
            **predictions.as_columns(PREDICTION, problem, prediction),
            MODEL_VERSION: live.version,
            IN_TRAINING: rows[problem.event_time] < live.trained_until,
            SCORED_AT: pd.Timestamp(as_of).as_unit("us"),
        }
    )
    return table.astype({SCORED_AT: "datetime64[us, UTC]", MODEL_VERSION: "str"})


def without_prediction(rows: "pd.DataFrame", stored: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the rows whose key is not among the `stored` predictions."""
    import pandas as pd

    names = list(problem.key)
    have = pd.MultiIndex.from_frame(stored[names])
    return rows[~pd.MultiIndex.from_frame(rows[names]).isin(have)]


@step(**retries.RETRIED)
def live_model(usecase: str) -> Champion | None:
    """Return the live version, its alias put right where a promotion was cut off; None while there is none."""
    return champion.live(usecase)


@step(**retries.RETRIED)
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
    prediction = estimators.predictions(models.load(live), waiting, problem)
    written = predicted(problem).append_new(scored_rows(waiting, problem, live, prediction, as_of))
    return Scored(model_version=live.version, rows=written.inserted, since=since)


def _first_scored(problem: UseCase, live: Champion) -> datetime:
    """Return the event time since which rows are scored: the end of the first champion's training window."""
    first = models.first_version(problem.name)
    return min(first.trained_until, live.trained_until)


@step()
def show_no_champion(usecase: str) -> None:
    """Say that nothing is live yet, and what to do."""
    artifacts.show_markdown(
        f"{usecase} no champion",
        f"# nothing to do\n\nNo model of {usecase} is live yet. Run the deployment `{usecase}-retrain`; "
        f"its model goes live if it beats the trivial baseline.",
        f"nothing to do: {usecase} has no champion yet",
    )
