"""Show people what a run found, as Prefect artifacts; the only module that makes them. In memory nobody looks."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tasks import lasting
from tasks.metrics import figure
from tasks.windows import moment


def show_markdown(key: str, text: str, summary: str) -> None:
    """Attach a page of markdown to the present run, under a key that keeps its history."""
    if lasting.memory() is not None:
        return
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(markdown=text, key=artifact_key(key), description=summary)


def show_table(key: str, rows: Sequence[Mapping[str, Any]], summary: str) -> None:
    """Attach a table to the present run, under a key that keeps its history."""
    if lasting.memory() is not None:
        return
    from prefect.artifacts import create_table_artifact

    create_table_artifact(table=[dict(row) for row in rows], key=artifact_key(key), description=summary)


def show_progress(key: str, summary: str) -> UUID:
    """Attach a progress bar at 0 % to the present run; return its id for `move_progress`."""
    from prefect.artifacts import create_progress_artifact

    made = create_progress_artifact(progress=0.0, key=artifact_key(key), description=summary)
    assert isinstance(made, UUID)
    return made


def move_progress(bar: UUID, share: float, summary: str) -> None:
    """Move a progress bar to `share` of the way, 0 to 1."""
    from prefect.artifacts import update_progress_artifact

    update_progress_artifact(artifact_id=bar, progress=round(100 * share, 1), description=summary)


def artifact_key(text: str) -> str:
    """Return `text` as Prefect wants a key: lower-case letters, digits and dashes."""
    return "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in text.lower()).split())


def run_name() -> str:
    """Name the present flow run after its use case and moment, as in "flights 2013-07-01", or its decision."""
    from prefect.runtime import flow_run

    given = flow_run.parameters
    return given.get("decision") or f"{given['usecase']} {moment(given.get('as_of')):%Y-%m-%d}"


def as_markdown(facts: Mapping[str, Any]) -> str:
    """Return a two-column markdown table."""
    lines = [f"| {name} | {_plain(value)} |" for name, value in facts.items()]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def as_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return a markdown table of some columns of the rows; what is missing is left empty."""
    lines = [[_plain("" if (value := row.get(name)) is None else value) for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(columns), ["---"] * len(columns), *lines])


def _plain(value: Any) -> str:
    text = figure(value) if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
