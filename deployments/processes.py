"""Say which processes make up the system: their commands, their ports and where they answer."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tasks.settings import Settings

WORK_POOL = "evergreen"
FLOW_RUNS_AT_ONCE = 4


@dataclass(frozen=True)
class Server:
    """A process that listens on a port.

    `port_setting` is the environment variable that moves it, `health_url` answers 200 once it serves,
    `page` is what a person opens.
    """

    name: str
    title: str
    command: tuple[str, ...]
    port: int
    port_setting: str
    health_url: str
    page: str


def servers(settings: Settings) -> list[Server]:
    """Return the four servers of this installation, our own pages first."""
    return [_reports(settings), _prefect(settings), _mlflow(settings), _evidently(settings)]


def commands(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return every supervised process by name: the servers and the worker that runs the flows."""
    return {server.name: server.command for server in servers(settings)} | {"worker": _module("deployments.worker")}


def worker_command() -> tuple[str, ...]:
    """Return the command of the Prefect worker; its name is stable, so that a restart is the same worker."""
    options = ("--pool", WORK_POOL, "--name", WORK_POOL, "--type", "process", "--limit", str(FLOW_RUNS_AT_ONCE))
    return (*_module("prefect"), "worker", "start", *options)


def work_pool_url(settings: Settings) -> str:
    """Return the address that answers 200, to the password, once Prefect serves and the work pool exists."""
    return f"{settings.prefect_url}/api/work_pools/{WORK_POOL}"


def log_file(settings: Settings, name: str) -> Path:
    """Return the file that keeps the output of the process `name`."""
    return settings.state.absolute() / "logs" / f"{name}.log"


def folders(settings: Settings) -> list[Path]:
    """Return the folders that must exist before the first process starts."""
    state = settings.state.absolute()
    own = [state / name for name in ("prefect", "mlflow/artifacts", "logs", "run")]
    return [*own, settings.tables, settings.reports, settings.evidently_workspace]


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)


def _prefect(settings: Settings) -> Server:
    return Server(
        name="prefect",
        title="Prefect",
        command=_served("prefect"),
        port=settings.prefect_port,
        port_setting="EVERGREEN_PREFECT_PORT",
        health_url=f"{settings.prefect_url}/api/health",
        page=settings.prefect_url,
    )


def _mlflow(settings: Settings) -> Server:
    return Server(
        name="mlflow",
        title="MLflow",
        command=_served("mlflow"),
        port=settings.mlflow_port,
        port_setting="EVERGREEN_MLFLOW_PORT",
        health_url=f"{settings.mlflow_url}/health",
        # Without the type the page opens for generative models, and is empty.
        page=f"{settings.mlflow_url}/#/experiments?workflowType=machine_learning",
    )


def _evidently(settings: Settings) -> Server:
    return Server(
        name="evidently",
        title="Evidently",
        command=_served("evidently"),
        port=settings.evidently_port,
        port_setting="EVERGREEN_EVIDENTLY_PORT",
        health_url=f"{settings.evidently_url}/api/version",
        page=settings.evidently_url,
    )


def _reports(settings: Settings) -> Server:
    return Server(
        name="reports",
        title="Home page",
        command=_served("reports"),
        port=settings.reports_port,
        port_setting="EVERGREEN_REPORTS_PORT",
        health_url=f"{settings.reports_url}/health",
        page=settings.reports_url,
    )


def _served(name: str) -> tuple[str, ...]:
    return (*_module("deployments.serve"), name)
