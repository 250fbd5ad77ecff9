"""Reproduce: make a model again from the data that it cites."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from tasks.artifacts import run_name
from tasks.registry.reproduction import cited_model, refitted, show_reproduction
from tasks.usecases import UseCaseName

Share = Annotated[float, Field(ge=0)]


@flow(flow_run_name=run_name)
def reproduce(usecase: UseCaseName, version: str = "", *, max_difference: Share) -> str:
    """Fit a version again on the dataset version that it cites; fail with the numbers where it predicts otherwise.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        version: Number of the version to make again. Empty: the live one.
        max_difference: Largest difference between two predictions of a row, as a share of the largest prediction.
    """
    model = cited_model(usecase, version.strip())
    reproduction = refitted(model, max_difference)
    return show_reproduction(model, reproduction, max_difference)
