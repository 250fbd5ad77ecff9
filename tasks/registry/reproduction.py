"""Fit a model again on the data that it cites, and say how far apart the two are."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tasks import artifacts, retries
from tasks.data.tables import rows_at
from tasks.metrics import relative_difference
from tasks.registry import champion, models, tracking
from tasks.registry.models import Champion
from tasks.steps import step
from tasks.training import estimators, folds
from tasks.usecases import UseCase, use_case
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

COMPARED_ROWS = 1_000
"""Newest rows that the model learned from on which both fits predict."""


class NotReproducedError(RuntimeError):
    """A model could not be made again from the data that it cites, or the new one predicts something else."""


class CitedModel(BaseModel):
    """What a run says its model was made from."""

    model_config = ConfigDict(frozen=True)

    candidate: str
    dataset_version: int
    window: Window
    model_uri: str


class Reproduction(BaseModel):
    """How far the predictions of a model are from those of a new fit on the same data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    """Rows that both have predicted."""
    largest_difference: float | None
    """As a share of the model's largest prediction; None: it could not be computed."""
    reason: str | None
    """Why the model does not count as reproduced, with the numbers; None if it does."""


def refit_difference(
    model: "Pipeline", unfitted: "Pipeline", learned: "pd.DataFrame", sample: "pd.DataFrame", problem: UseCase
) -> float | None:
    """Return how far predictions of `model` for the `sample` rows are from those of a new fit on the `learned` rows.

    The largest difference, as a share of the model's largest prediction; None where that is not defined.
    """
    again = estimators.fitted(unfitted, learned, problem)
    return relative_difference(
        estimators.predictions(model, sample, problem), estimators.predictions(again, sample, problem)
    )


def difference_refusal(difference: float | None, most: float, rows: int) -> str | None:
    """Say that a new fit predicts something else than the model, or None where it differs by `most` at most."""
    if difference is None:
        return f"the predictions of {rows:,} rows cannot be compared: some are not finite, or there is none"
    if difference <= most:
        return None
    share = f"{difference:.3g} of the largest prediction"
    return f"a second fit on the same data differs by {share} (limit {most:.3g}, n = {rows:,})"


def reproduced(usecase: str, run_id: str, max_difference: float = 1e-6) -> Reproduction:
    """Fit the model of a run again on the dataset version that it cites, and compare the two.

    An outage is raised; everything else that keeps the model from being made again is the reason.
    """
    try:
        return _compared(use_case(usecase), CitedModel.model_validate(tracking.trained_facts(run_id)), max_difference)
    except Exception as error:
        # A lost version, file or candidate fails in as many ways as there are; whichever it was, it refuses.
        if retries.is_outage(error):
            raise
        return Reproduction(rows=0, largest_difference=None, reason=f"it cannot be made again: {_error_text(error)}")


def _compared(problem: UseCase, cited: CitedModel, max_difference: float) -> Reproduction:
    if cited.candidate not in problem.candidates:
        raise ValueError(f"{problem.name} declares no candidate {cited.candidate!r} any more")
    rows = rows_at(problem, cited.window.end, cited.window, version=cited.dataset_version)
    learned = folds.labelled(rows, problem, cited.window.end)
    sample = learned.tail(COMPARED_ROWS)
    unfitted = estimators.contenders(problem)[cited.candidate]
    difference = refit_difference(models.load_logged(cited.model_uri), unfitted, learned, sample, problem)
    reason = difference_refusal(difference, max_difference, len(sample))
    return Reproduction(rows=len(sample), largest_difference=difference, reason=reason)


def _error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"


@step(**retries.RETRIED)
def cited_model(usecase: str, version: str) -> Champion:
    """Return the named version, or the live one where none is named.

    Raises:
        ValueError: there is no such version, or none is live.
    """
    if version:
        return models.named_version(usecase, version)
    live = champion.live(usecase)
    if live is None:
        raise ValueError(f"no version of {usecase} is live; name one, or run retrain first")
    return live


@step(**retries.RETRIED)
def refitted(model: Champion, max_difference: float) -> Reproduction:
    """Fit a version again on the data that it cites, and compare the two."""
    return reproduced(model.name, model.run_id, max_difference)


@step()
def show_reproduction(model: Champion, result: Reproduction, max_difference: float) -> str:
    """Show what a new fit has shown, and return it in a sentence.

    Raises:
        NotReproducedError: the model does not count as reproduced.
    """
    name = f"version {model.version} of {model.name}"
    sentence = f"{name} is reproduced" if result.reason is None else f"{name} is not reproduced: {result.reason}"
    facts = {
        "version": model.version,
        "dataset version": model.dataset_version,
        "trained on": model.trained,
        "rows compared": result.rows,
        "largest difference, as a share of the largest prediction": _plain(result.largest_difference),
        "allowed": _plain(max_difference),
        "trained by code": tracking.code_of(model.run_id),
        "fitted again by code": tracking.code_version(),
    }
    artifacts.show_markdown(f"{model.name} reproduction", f"# {sentence}\n\n{artifacts.as_markdown(facts)}", sentence)
    if result.reason is not None:
        raise NotReproducedError(sentence)
    return sentence


def _plain(number: float | None) -> str:
    return "unknown" if number is None else f"{number:.3g}"
