"""Follow one row, by its key, through every step that it has taken."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks import artifacts, predictions, retries
from tasks.data import validation
from tasks.data.tables import observations, predicted, quarantine
from tasks.labels import as_usable
from tasks.predictions import MODEL_VERSION, PREDICTION
from tasks.registry import champion, models
from tasks.registry.models import Champion
from tasks.scoring.attribution import attribution
from tasks.scoring.explanation_page import SetAside, StoredPrediction, Story, page, summary
from tasks.steps import step
from tasks.training import estimators, folds
from tasks.usecases import UseCase, use_case

if TYPE_CHECKING:
    import pandas as pd

BACKGROUND_ROWS = 200
"""Training rows, drawn at random, beside which a prediction is explained."""


class UnknownRowError(ValueError):
    """No row of that key was ever stored or set aside; the message says how a key looks."""


def key_of(text: str, problem: UseCase) -> dict[str, Any]:
    """Return the key's columns with their values, in their stored types, from "value, value, ..." in the key's order.

    Raises:
        UnknownRowError: there are more or fewer values, or one of another type.
    """
    import pandas as pd

    names = list(problem.key)
    parts = [part.strip() for part in text.split(",")] if len(names) > 1 else [text.strip()]
    if len(parts) != len(names):
        raise UnknownRowError(f"expected {_form(problem)}, found {len(parts)} values: {text!r}")
    types = {name: problem.dtypes[name] for name in names}
    try:
        row = pd.DataFrame([dict(zip(names, parts, strict=True))]).astype(_parse_types(types)).astype(types)
    except (ValueError, TypeError) as error:
        expected = ", ".join(f"{name} as {dtype}" for name, dtype in types.items())
        raise UnknownRowError(f"expected {expected}, found {text!r}: {error}") from error
    return {name: row[name].iloc[0] for name in names}


def _parse_types(types: dict[str, str]) -> dict[str, str]:
    """Return through which type each text goes: a whole number may be written 12.0."""
    return {name: "float64" if dtype == "int64" else dtype for name, dtype in types.items()}


def _form(problem: UseCase) -> str:
    return f"the key of {problem.name} as {', '.join(problem.key)}"


def quarantine_history(aside: "pd.DataFrame", key: dict[str, Any]) -> tuple[SetAside, ...]:
    """Return when and why rows of a key were set aside, oldest first; `aside` is the quarantine's table."""
    events = [
        SetAside(reasons=record["reasons"], quarantined_at=record["quarantined_at"].to_pydatetime())
        for record in aside.to_dict("records")
        if _bears(json.loads(record["row"]), key)
    ]
    return tuple(sorted(events, key=lambda event: event.quarantined_at))


def _bears(row: dict[str, Any], key: dict[str, Any]) -> bool:
    """Say whether a row as JSON bears a key; a missing value elsewhere may have turned its whole number into 12.0."""
    return all(row.get(name) == value or str(row.get(name)) == str(value) for name, value in key.items())


@step()
def row_story(usecase: str, key: str, as_of: datetime) -> Story:
    """Return what is stored, set aside and predicted of the row that bears a key, as known at a moment.

    Raises:
        UnknownRowError: there is no such row, or that is no key.
    """
    problem = use_case(usecase)
    named = key_of(key, problem)
    rows = as_usable(observations(problem).find(named), problem, as_of)
    aside = quarantine_history(quarantine(problem).read(columns=("row", "reasons", "quarantined_at")), named)
    if rows.empty and not aside:
        raise UnknownRowError(f"no row {key!r} was stored or set aside by {as_of:%Y-%m-%d %H:%M}; {_example(problem)}")
    if rows.empty:
        return Story(usecase=usecase, key=key, stored={}, set_aside=aside)
    return Story(
        usecase=usecase,
        key=key,
        stored={name: _plain(value) for name, value in rows.iloc[0].items()},
        first_version=observations(problem).first_with(named),
        newest_version=observations(problem).version(),
        faults=validation.row_faults(rows, problem).iloc[0],
        set_aside=aside,
        prediction=_stored_prediction(problem, named),
    )


@step(**retries.RETRIED)
def with_attribution(story: Story) -> Story:
    """Add what each feature contributed to the prediction by the model that made it, or would by the live one."""
    problem = use_case(story.usecase)
    model = _explained_model(story)
    if not story.stored or model is None:
        return story
    row = observations(problem).find(key_of(story.key, problem))
    learned = observations(problem).read(model.trained, version=model.dataset_version)
    reference = folds.labelled(learned, problem, model.trained_until)
    background = reference.sample(min(len(reference), BACKGROUND_ROWS), random_state=0)
    fitted = models.load(model)
    output, output_column = _output(problem, estimators.predictions(fitted, row, problem))

    def predict(rows: "pd.DataFrame"):
        outputs = estimators.predictions(fitted, rows, problem)
        return outputs if output_column is None else outputs[:, output_column]

    parts = attribution(predict, estimators.features(row, problem), estimators.features(background, problem))
    return story.model_copy(update={"attribution": parts, "explained_version": model.version, "output": output})


@step()
def show_row(story: Story) -> str:
    """Show the row's story, and return it in a sentence."""
    sentence = summary(story)
    artifacts.show_markdown(f"{story.usecase} row", page(story), sentence)
    return sentence


def _explained_model(story: Story) -> Champion | None:
    if story.prediction is None:
        return champion.live(story.usecase)
    return models.named_version(story.usecase, story.prediction.model_version)


def _output(problem: UseCase, chances: Any) -> tuple[str, int | None]:
    """Return what is explained, and in which column of the predictions it stands, if there are several."""
    if problem.kind == "regression":
        return problem.target, None
    if not problem.classes:
        return f"chance of {problem.target} = 1", None
    likeliest = int(chances[0].argmax())
    return f"chance of {problem.target} = {problem.classes[likeliest]}", likeliest


def _stored_prediction(problem: UseCase, key: dict[str, Any]) -> StoredPrediction | None:
    stored = predicted(problem).find(key)
    if stored.empty:
        return None
    row = stored.iloc[0]
    values = tuple(float(row[name]) for name in predictions.columns_of(PREDICTION, problem))
    return StoredPrediction(values=values, model_version=row[MODEL_VERSION], scored_at=row["scored_at"].to_pydatetime())


def _example(problem: UseCase) -> str:
    keys = observations(problem).read(columns=list(problem.key)).tail(1)
    there = "nothing is stored yet" if keys.empty else f"such as {', '.join(str(value) for value in keys.iloc[0])}"
    return f"expected {_form(problem)}, {there}"


def _plain(value: Any) -> str:
    return "unknown" if value != value or value is None else str(value)
