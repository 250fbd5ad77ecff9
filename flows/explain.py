"""Explain: one row, through every step."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from tasks.artifacts import run_name
from tasks.scoring.explanation import row_story, show_row, with_attribution
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, moment

Key = Annotated[str, Field(pattern=r"\S")]


@flow(flow_run_name=run_name)
def explain(usecase: UseCaseName, key: Key, as_of: AsOf = None) -> str:
    """Follow a row from where it was stored or set aside to its prediction, and what each feature contributed to that.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        key: The values of the use case's key, in its order, separated by commas.
        as_of: The moment taken as now, with its zone: a label that came later is left out. Empty: the clock.
    """
    story = row_story(usecase, key, moment(as_of))
    whole = with_attribution(story)
    return show_row(whole)
