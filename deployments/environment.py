"""Say which environment every process of the system runs in: the one place for the servers' variables."""

import os

from deployments.password import password
from tasks.settings import ROOT, Settings


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables to lay over `os.environ` for a server, a worker, a client or a test.

    Two processes given the same settings find the same servers, databases and folders, whatever their
    working directory, and nothing reports to anyone. The password of Prefect's API is among them as soon as the first
    start has made it.
    """
    return {
        **_evergreen(settings),
        **_prefect(settings),
        **_mlflow(settings),
        # mlflow knows only the word "true"; evidently asks whether it is set; prefect takes both.
        "DO_NOT_TRACK": "true",
        # Threads that spin on contended cores made a boosting fit nine times slower.
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        # What the caller's path adds stays: a folder there may hold more use cases.
        "PYTHONPATH": os.pathsep.join(dict.fromkeys([str(ROOT), *_folders(os.environ.get("PYTHONPATH", ""))])),
        "PYTHONUNBUFFERED": "1",
    }


def _folders(path: str) -> list[str]:
    return [folder for folder in path.split(os.pathsep) if folder]


def join(settings: Settings) -> None:
    """Make this process one of the installation: its environment, and files that only their owner can read."""
    os.environ.update(environment(settings))
    os.umask(0o077)


def prefect_database(settings: Settings) -> str:
    """Return the address of Prefect's database, for the asynchronous driver that Prefect needs."""
    return f"sqlite+aiosqlite:///{settings.state.absolute() / 'prefect' / 'prefect.db'}"


def mlflow_database(settings: Settings) -> str:
    """Return the address of MLflow's database; never Prefect's, two products corrupt one SQLite file."""
    return f"sqlite:///{settings.state.absolute() / 'mlflow' / 'mlflow.db'}"


def _evergreen(settings: Settings) -> dict[str, str]:
    values = settings.model_dump() | {"state": settings.state.absolute()}
    return {f"EVERGREEN_{name.upper()}": str(value) for name, value in values.items()}


def _prefect(settings: Settings) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(settings.state.absolute() / "prefect"),
        "PREFECT_API_URL": f"{settings.prefect_url}/api",
        "PREFECT_UI_URL": settings.prefect_url,
        "PREFECT_API_DATABASE_CONNECTION_URL": prefect_database(settings),
        "PREFECT_SERVER_API_HOST": settings.host,
        "PREFECT_SERVER_API_PORT": str(settings.prefect_port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
        "PREFECT_CLI_PROMPT": "false",
        # From creation to the first line of a flow: 10 s at the default poll of 10 s, 3.6 s at 1 s.
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        **_prefect_protection(settings),
    }


def _prefect_protection(settings: Settings) -> dict[str, str]:
    """Return what keeps other pages and other users from Prefect's API, which runs commands."""
    secret = password(settings)
    return {
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(settings.origins(settings.prefect_port)),
    } | ({"PREFECT_SERVER_API_AUTH_STRING": secret, "PREFECT_API_AUTH_STRING": secret} if secret else {})


def _mlflow(settings: Settings) -> dict[str, str]:
    return {
        "MLFLOW_TRACKING_URI": settings.mlflow_url,
        "MLFLOW_REGISTRY_URI": settings.mlflow_url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(settings.hosts(settings.mlflow_port)),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(settings.origins(settings.mlflow_port)),
        # Job runners for generative models: eight processes and 1.5 GB that tabular models never use.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "GIT_PYTHON_REFRESH": "quiet",
    }
