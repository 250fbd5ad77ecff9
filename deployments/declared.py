"""Find the numbers with which a deployment is declared, in whichever file of deployments/ declares it."""

from typing import Any

import yaml

from deployments.startup import prefect_files


class NotDeclaredError(ValueError):
    """No file declares the deployment; the message says which and what to do."""


def parameters_of(flow: str, name: str) -> dict[str, Any]:
    """Return the parameters of the deployment `flow/name`.

    Raises:
        NotDeclaredError: no file in deployments/ declares it.
    """
    for file in prefect_files():
        for deployment in yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]:
            if deployment["name"] == name and deployment["entrypoint"] == f"flows/{flow}.py:{flow}":
                return deployment["parameters"]
    raise NotDeclaredError(
        f"No file in deployments/ declares the deployment {flow}/{name}, whose numbers are needed. "
        "Describe a new problem with `make new`, or copy that of flights in deployments/prefect.yaml."
    )
