"""Run one of the servers behind the guard: `python -m deployments.serve mlflow`."""

import argparse
import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import uvicorn
from starlette.types import ASGIApp

from deployments.environment import mlflow_database
from deployments.guard import Guard
from deployments.password import password, password_file
from deployments.processes import servers
from tasks.settings import Settings


def main() -> None:
    """Serve until asked to stop."""
    parser = argparse.ArgumentParser(prog="python -m deployments.serve", description=__doc__)
    parser.add_argument("name", choices=sorted(APPS))
    name, settings = parser.parse_args().name, Settings()
    os.umask(0o077)
    port = next(server.port for server in servers(settings) if server.name == name)
    app, options = APPS[name](settings)
    guarded = Guard(app, settings.hosts(port), settings.origins(port))
    # What a forwarded header claims is believed by nobody here.
    uvicorn.run(guarded, host=settings.host, port=port, proxy_headers=False, **options)


def prefect_app(settings: Settings) -> tuple[ASGIApp, dict[str, Any]]:
    """Return what `prefect server start` serves, with all its services."""
    if password(settings) is None or not os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        raise SystemExit(f"Prefect is not served without a password; expected one in {password_file(settings)}")
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    api = get_current_settings().server.api
    options = {
        "timeout_keep_alive": api.keepalive_timeout,
        "ws_ping_interval": api.websocket_ping_interval,
        "ws_ping_timeout": api.websocket_ping_timeout,
        "log_level": "warning",
    }
    return create_app(final=True), options


def mlflow_app(settings: Settings) -> tuple[ASGIApp, dict[str, Any]]:
    """Return what `mlflow server` serves: it hands these variables to its own workers."""
    os.environ.update(mlflow_variables(settings))
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(mlflow_database(settings), mlflow_database(settings), "mlflow-artifacts:/")
    return app, {"log_level": "warning"}


def mlflow_variables(settings: Settings) -> dict[str, str]:
    """Return the variables by which MLflow's application knows where to keep what; artifacts go through the server."""
    return {
        "_MLFLOW_SERVER_FILE_STORE": mlflow_database(settings),
        "_MLFLOW_SERVER_REGISTRY_STORE": mlflow_database(settings),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(settings.state.absolute() / "mlflow" / "artifacts"),
        # By these MLflow knows that it is a server, which never runs code that a client has stored.
        "_MLFLOW_SERVER_BOOT_ID": uuid4().hex,
        "_MLFLOW_IN_JOB_EXECUTOR": "false",
    }


def evidently_app(settings: Settings) -> tuple[ASGIApp, dict[str, Any]]:
    """Return what `evidently ui` serves: the projects of our workspace."""
    from evidently.ui.service.app import create_app, get_config

    config = get_config(settings.host, settings.evidently_port, str(settings.evidently_workspace))
    return create_app(config), {"log_level": "warning"}


def reports_app(settings: Settings) -> tuple[ASGIApp, dict[str, Any]]:
    """Return our own pages."""
    from deployments.pages import pages

    return pages(settings), {"log_level": "warning"}


APPS: dict[str, Callable[[Settings], tuple[ASGIApp, dict[str, Any]]]] = {
    "prefect": prefect_app,
    "mlflow": mlflow_app,
    "evidently": evidently_app,
    "reports": reports_app,
}

if __name__ == "__main__":
    main()
