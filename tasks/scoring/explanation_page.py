"""Tell what one row has been through, as values and as a page."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tasks import artifacts
from tasks.metrics import figure
from tasks.scoring.attribution import METHOD, Attribution


class SetAside(BaseModel):
    """A time that the row was bad and went to the quarantine."""

    model_config = ConfigDict(frozen=True)

    reasons: str
    quarantined_at: AwareDatetime


class StoredPrediction(BaseModel):
    """A prediction of the row: of class 1, of each class in their order, or the value."""

    model_config = ConfigDict(frozen=True)

    values: tuple[float, ...]
    model_version: str
    scored_at: AwareDatetime


class Story(BaseModel):
    """What has happened to one row."""

    model_config = ConfigDict(frozen=True)

    usecase: str
    key: str
    stored: dict[str, str]
    """Each column as stored, label and label time only where they were known; empty if the row was never stored."""
    first_version: int | None = None
    """Oldest dataset version that holds it."""
    newest_version: int | None = None
    faults: str = ""
    """What today's schema says against it."""
    set_aside: tuple[SetAside, ...] = ()
    prediction: StoredPrediction | None = None
    explained_version: str = ""
    attribution: Attribution | None = None
    output: str = ""
    """What the attribution explains."""


def summary(story: Story) -> str:
    """Say in a sentence what became of the row."""
    if not story.stored:
        return f"{story.key} was set aside and never stored: {story.set_aside[-1].reasons}"
    if story.prediction is None:
        return f"{story.key} is stored and has no prediction"
    values = ", ".join(f"{figure(value)}" for value in story.prediction.values)
    return f"{story.key} was predicted {values} by version {story.prediction.model_version}"


def page(story: Story) -> str:
    """Return the row's story as markdown, step by step."""
    aside = [{"when": f"{event.quarantined_at:%Y-%m-%d %H:%M}", "reasons": event.reasons} for event in story.set_aside]
    parts = [
        f"# {summary(story)}",
        f"## Stored\n\n{_stored_text(story)}",
        f"## Validated\n\n{_validation_text(story)}",
        "## In quarantine\n\n" + (artifacts.as_table(aside, ("when", "reasons")) if aside else "Never."),
        f"## Predicted\n\n{_prediction_text(story)}",
        f"## What each feature contributed\n\n{_attribution_text(story)}",
    ]
    return "\n\n".join(parts)


def _stored_text(story: Story) -> str:
    if not story.stored:
        return "Never."
    since = "a version that is no longer kept" if story.first_version is None else f"version {story.first_version}"
    return (
        f"Since {since} of the dataset, up to version {story.newest_version}.\n\n{artifacts.as_markdown(story.stored)}"
    )


def _validation_text(story: Story) -> str:
    if not story.stored:
        return "It did not pass."
    return f"Today's schema says: {story.faults}" if story.faults else "It passes today's schema."


def _prediction_text(story: Story) -> str:
    if story.prediction is None:
        return "Not yet."
    prediction = story.prediction
    values = ", ".join(f"{figure(value)}" for value in prediction.values)
    return f"{values} by version {prediction.model_version}, scored as of {prediction.scored_at:%Y-%m-%d %H:%M}."


def _attribution_text(story: Story) -> str:
    attribution = story.attribution
    if attribution is None:
        return "Nothing was predicted: the row is not stored, or no model is live."
    rows = [contribution.model_dump() for contribution in attribution.contributions]
    head = (
        f"{story.output} by version {story.explained_version}: {figure(attribution.prediction)}. That is "
        f"{figure(attribution.baseline)}, the mean over rows that it learned from, and what follows. Method: {METHOD}."
    )
    return f"{head}\n\n{artifacts.as_table(rows, ('feature', 'value', 'contribution', 'error'))}"
