"""Find and stop the processes of one installation, whoever started them and however they were orphaned.

Every supervised process inherits a variable that names the state folder, down to the flow runs, which sit in
process groups of their own. It is read back from `/proc`: no list of process ids can be stale, and an id that
the system has given to another program is never signalled.
"""

import os
import signal
import time
from pathlib import Path

from tasks.settings import Settings

MARK = "EVERGREEN_SUPERVISED"


def mark(settings: Settings) -> dict[str, str]:
    """Return the variable that tells this installation's processes from all others."""
    return {MARK: str(settings.state.absolute())}


def supervised(settings: Settings) -> set[int]:
    """Return the ids of the living processes of this installation, this process left out."""
    wanted = f"{MARK}={settings.state.absolute()}".encode()
    pids = {int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if wanted in _variables(path)}
    return pids - {os.getpid()}


def supervisor_file(settings: Settings) -> Path:
    """Return the file in which the supervisor's process id is kept."""
    return settings.state.absolute() / "run" / "supervisor.pid"


def supervisor_pid(settings: Settings) -> int | None:
    """Return the id of the supervisor that runs this installation, or None when it is down."""
    file = supervisor_file(settings)
    if not file.exists():
        return None
    pid = int(file.read_text())
    return pid if pid in supervised(settings) else None


def stop(settings: Settings) -> int:
    """Leave no process of this installation alive; return how many there were.

    The supervisor is asked first and given time to end the others in order. Who is left is asked, then killed.
    """
    count = len(supervised(settings))
    supervisor = supervisor_pid(settings)
    if supervisor is not None:
        _signal({supervisor}, signal.SIGTERM)
        _wait_for_the_end(settings, seconds=12)
    stop_stragglers(settings)
    supervisor_file(settings).unlink(missing_ok=True)
    return count


def stop_stragglers(settings: Settings) -> None:
    """End every other process of this installation, within seconds and by force where asking is not enough."""
    for request in (signal.SIGTERM, signal.SIGKILL):
        _signal(supervised(settings), request)
        _wait_for_the_end(settings, seconds=5)


def _variables(environ: Path) -> list[bytes]:
    try:
        return environ.read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile, or is another user's
        return []


def _signal(pids: set[int], request: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, request)
        except ProcessLookupError:
            continue


def _wait_for_the_end(settings: Settings, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while supervised(settings) and time.monotonic() < deadline:
        time.sleep(0.1)
