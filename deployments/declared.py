"""Find the numbers with which a deployment is declared, in whichever file of deployments/ declares it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from deployments.startup import prefect_files


def declared(files: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the deployments that the files declare."""
    return [
        deployment for file in files for deployment in yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    ]


class NotDeclaredError(ValueError):
    """No file declares the deployment; the message says which and what to do."""


def parameters_of(flow: str, usecase: str) -> dict[str, Any]:
    """Return the parameters with which a flow is deployed for a use case.

    Raises:
        NotDeclaredError: no file in deployments/ declares it.
    """
    return deployment_of(flow, usecase)["parameters"]


def deployment_of(flow: str, usecase: str) -> dict[str, Any]:
    """Return the deployment of a flow for a use case, whatever it is called.

    Raises:
        NotDeclaredError: no file in deployments/ declares it.
    """
    for deployment in declared(prefect_files()):
        if deployment["parameters"]["usecase"] == usecase and deployment["entrypoint"] == f"flows/{flow}.py:{flow}":
            return deployment
    raise NotDeclaredError(
        f"No file in deployments/ declares the deployment {usecase}-{flow}, whose numbers are needed. "
        "Describe a new problem with `make new`, or copy that of flights in deployments/prefect.yaml."
    )
