"""Bring one installation up: refuse what cannot work, create the databases, start, wait, deploy."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from deployments.answers import answers, port_is_free
from deployments.environment import environment, mlflow_database
from deployments.password import make_password, password
from deployments.processes import WORK_POOL, Server, folders, log_file, servers, work_pool_url
from deployments.running import mark, stop, supervised, supervisor_file, supervisor_pid
from deployments.supervisor import ENDED
from tasks.settings import ROOT, Settings

PREFECT_FILE = ROOT / "deployments" / "prefect.yaml"
PATIENCE = 180  # seconds; a first start takes 40 on two cores, five times that on a very busy machine
Say = Callable[[str], None]


class CannotStart(Exception):
    """The system is not up; the message says why and what to do."""


def ready_system(settings: Settings, prefect_file: Path | None = None, say: Say = print) -> None:
    """Make sure that the system is up, detached from this process; return when every server answers.

    Raises `CannotStart` when it cannot be; nothing is left running then.
    """
    pid = supervisor_pid(settings)
    if pid is None:
        start(settings, prefect_file, say)
    else:
        say(f"Already up on {settings.state.absolute()} (process {pid}).")
        wait_for_answers(settings)


def start(settings: Settings, prefect_file: Path | None, say: Say) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own; return it when every server answers and all is deployed."""
    prepare(settings)
    with _alone(settings):
        refuse_a_second_start(settings)
        if supervised(settings):
            say("Stopping what a killed supervisor left behind ...")
            stop(settings)
        refuse_ports_in_use(settings)
        create_databases(settings, say)
        say("Starting the servers ...")
        supervisor = launch(settings)
        try:
            wait_for_answers(settings, supervisor)
            for file in prefect_files() if prefect_file is None else [prefect_file]:
                deploy(settings, file, say)
            automate(settings)
        except BaseException:
            stop(settings)
            raise
    return supervisor


def prepare(settings: Settings) -> None:
    """Leave folders that only their owner can enter, and a password; what this process writes from here on is private.

    Raises:
        CannotStart: another user owns the state folder.
    """
    os.umask(0o077)
    try:
        for folder in [settings.state.absolute(), *folders(settings)]:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        make_password(settings)
    except PermissionError as refusal:
        raise CannotStart(
            f"Expected a state folder of our own, and cannot change {refusal.filename}. "
            "Choose another one with EVERGREEN_STATE=..."
        ) from refusal


def refuse_a_second_start(settings: Settings) -> None:
    """Raise `CannotStart` when a supervisor already runs on this state folder."""
    pid = supervisor_pid(settings)
    if pid is not None:
        raise CannotStart(
            f"The system is already up on {settings.state.absolute()} (process {pid}). "
            "Use it, stop it with `make down`, or give this one a folder of its own with EVERGREEN_STATE=..."
        )


def refuse_ports_in_use(settings: Settings) -> None:
    """Raise `CannotStart` naming each port that a server wants and something else has."""
    taken = [server for server in servers(settings) if not port_is_free(settings.host, server.port)]
    if taken:
        raise CannotStart("\n".join(_taken(settings, server) for server in taken))
    doubled = port_wanted_twice(servers(settings))
    if doubled:
        raise CannotStart(doubled)


def port_wanted_twice(wanted: list[Server]) -> str | None:
    """Say which two servers are set to one port, or None when each has its own."""
    owners: dict[int, Server] = {}
    for server in wanted:
        other = owners.setdefault(server.port, server)
        if other is not server:
            return (
                f"{other.title} and {server.title} are both set to port {server.port}. "
                f"Give {server.title} another one with {server.port_setting}=..."
            )
    return None


def create_databases(settings: Settings, say: Say) -> None:
    """Leave both databases at the schema that the servers expect, whether they are new or in use for long.

    One process each, and before any other: several that first touch a fresh one corrupt MLflow's for good.
    """
    say("Creating the databases, or bringing them up to date ...")
    upgrades = {
        "prefect-database": _run(settings, "prefect-database", "prefect", "server", "database", "upgrade", "--yes"),
        "mlflow-database": _run(settings, "mlflow-database", "mlflow", "db", "upgrade", mlflow_database(settings)),
    }
    for name, process in upgrades.items():
        if process.wait() != 0:
            raise CannotStart(f"{name} could not be created or upgraded. The reason is in {log_file(settings, name)}")


def launch(settings: Settings) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own, its id on file, and return it at once."""
    with log_file(settings, "supervisor").open("wb") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "deployments.supervisor"],
            cwd=ROOT,
            env=os.environ | environment(settings) | mark(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    supervisor_file(settings).write_text(str(supervisor.pid))
    return supervisor


def wait_for_answers(settings: Settings, supervisor: subprocess.Popen[bytes] | None = None) -> None:
    """Return when every server answers; raise `CannotStart` naming the first that ended or stayed silent."""
    deadline = time.monotonic() + PATIENCE
    for server in servers(settings):
        while not answers(server.health_url):
            if supervisor is not None and supervisor.poll() is not None:
                raise CannotStart(end_of(settings))
            if time.monotonic() > deadline:
                log = log_file(settings, server.name)
                raise CannotStart(
                    f"{server.title} did not answer at {server.health_url} in {PATIENCE} s. Its log is {log}"
                )
            time.sleep(0.3)


def prefect_files() -> list[Path]:
    """Return the files that declare deployments: `prefect.yaml`, and one for each problem that `make new` described."""
    folder = PREFECT_FILE.parent
    return [PREFECT_FILE, *sorted(set(folder.glob("*.yaml")) - {PREFECT_FILE})]


def deploy(settings: Settings, prefect_file: Path, say: Say) -> None:
    """Create the work pool where it is missing, and deploy every flow that `prefect_file` declares.

    A deployment that bears the old name of a declared one is replaced, which is said.
    """
    if not answers(work_pool_url(settings), password(settings)):
        _finish(settings, "work-pool", "prefect", "work-pool", "create", WORK_POOL, "--type", "process")
    if prefect_file.exists():
        say(f"Deploying {prefect_file.name} ...")
        _finish(settings, "deploy", "prefect", "deploy", "--all", "--prefect-file", str(prefect_file))
        _finish(settings, "renamed", "deployments.renamed", str(prefect_file))
        for line in log_file(settings, "renamed").read_text().splitlines():
            say(line)


def automate(settings: Settings) -> None:
    """Create the automations that watch over the runs and tell people, or bring them up to date."""
    _finish(settings, "automations", "deployments.automations")


def end_of(settings: Settings) -> str:
    """Say which process ended and took the others with it, from the supervisor's own words."""
    log = log_file(settings, "supervisor")
    ends = [line for line in log.read_text().splitlines() if ENDED in line]
    return ends[0] if ends else f"The supervisor was stopped, and all with it. Its log is {log}"


def last_error(text: str) -> str:
    """Return the last line that names an error, or else the last line, short enough for a terminal."""
    lines = text.strip().splitlines() or ["it said nothing"]
    errors = [line for line in lines if "Error" in line]
    return (errors or lines)[-1][:600]


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the right to start on this state folder; the system releases it when the holder dies."""
    try:
        with FileLock(settings.state.absolute() / "run" / "start.lock", timeout=0):
            yield
    except Timeout:
        raise CannotStart(
            f"Another start on {settings.state.absolute()} is under way. Wait for it, or end it with `make down`"
        ) from None


def _taken(settings: Settings, server: Server) -> str:
    return (
        f"Port {server.port} of {settings.host}, which {server.title} wants, is in use by another program. "
        f"Stop that, or choose another port with {server.port_setting}=..."
    )


def _run(settings: Settings, name: str, *words: str) -> subprocess.Popen[bytes]:
    with log_file(settings, name).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=os.environ | environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _finish(settings: Settings, name: str, *words: str) -> None:
    if _run(settings, name, *words).wait() != 0:
        log = log_file(settings, name)
        raise CannotStart(f"`{' '.join(words)}` failed: {last_error(log.read_text())}\nThe whole is in {log}")
