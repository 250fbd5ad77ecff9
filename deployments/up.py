"""Start the whole system: `python -m deployments.up`."""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from pydantic import ValidationError

from deployments.password import where_password_is
from deployments.processes import log_file, servers
from deployments.running import stop
from deployments.startup import CannotStart, end_of, ready_system, start
from tasks.runs import EVERY_DAY
from tasks.settings import Settings

ASKED_TO_STOP = (130, 143)  # the supervisor's exit codes after SIGINT and SIGTERM


def main() -> None:
    """Start, print the addresses, and stay until Ctrl-C unless detached; exit 1 with a sentence on refusal."""
    options = _parser().parse_args()
    for request in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(request, signal.default_int_handler)
    try:
        settings = Settings()
        if options.detach:
            ready_system(settings, options.prefect_file)
            print(addresses(settings))
        else:
            _stay(settings, start(settings, options.prefect_file, print))
    except (CannotStart, ValidationError) as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        sys.exit(130)


def addresses(settings: Settings) -> str:
    """Return the pages that a person opens, the deployments of every day, the logs and where the password is."""
    pages = [f"  {server.title:<12} {server.page}" for server in servers(settings)]
    daily = f"  {'Every day':<12} {settings.prefect_url}/deployments?deployments.tags.name={EVERY_DAY}"
    logs = f"  {'Logs':<12} {log_file(settings, 'supervisor').parent}"
    return "\n".join(["The system is up:", *pages, daily, logs, where_password_is(settings)])


def _stay(settings: Settings, supervisor: subprocess.Popen[bytes]) -> None:
    print(addresses(settings))
    print("Stop it with Ctrl-C, or with `make down` from anywhere.")
    try:
        asked_to_stop = supervisor.wait() in ASKED_TO_STOP
    except KeyboardInterrupt:
        asked_to_stop = True
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("\nStopping ...")
    finally:
        stop(settings)
    if not asked_to_stop:
        raise CannotStart(end_of(settings))
    print("Stopped.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.up",
        description="Start Prefect, MLflow, Evidently, the report pages and a worker on this machine.",
        epilog="Ports and the state folder are settings: EVERGREEN_STATE, EVERGREEN_PREFECT_PORT, "
        "EVERGREEN_MLFLOW_PORT, EVERGREEN_EVIDENTLY_PORT, EVERGREEN_REPORTS_PORT.",
    )
    parser.add_argument("--detach", action="store_true", help="return when all is up and leave it running")
    parser.add_argument("--prefect-file", type=Path, help="deploy this file only, not all in deployments/")
    return parser


if __name__ == "__main__":
    main()
