"""Keep a Prefect worker at work as soon as there is a work pool to serve, and start it again where it died.

Prefect's worker dies of a suspended run that is resumed before its process has ended ("borrower is already holding
one of this CapacityLimiter's tokens"). A worker that dies again and again ends this process too, and the supervisor
then stops everything, with the reason; so does a server that ends.

While the worker works, runs are looked for each minute whose process died under it.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from deployments.answers import answers
from deployments.password import password
from deployments.processes import work_pool_url, worker_command
from deployments.sweep import DeadRunWatch, sweep
from tasks.settings import Settings

MOST_DEATHS = 5
WITHIN = 600.0
"""Seconds in which so many deaths end it all: two or three are bad luck, five are a worker that cannot work."""

LOOK_EVERY = 60.0
"""Seconds from one look for dead runs to the next; two must agree."""


def main() -> None:
    """Wait for the pool that `up` creates, sweep, run the worker, and begin again while it dies seldom enough."""
    settings = Settings()
    while not answers(work_pool_url(settings), password(settings)):
        time.sleep(0.5)
    look = partial(report_dead_runs, DeadRunWatch(settings))
    sys.exit(supervise(worker_command(), lambda: report_swept_runs(settings), time.monotonic, look))


def supervise(
    command: Sequence[str],
    before: Callable[[], None],
    clock: Callable[[], float],
    meanwhile: Callable[[], None],
    every: float = LOOK_EVERY,
) -> int:
    """Run a command, and again each time it dies, `before` first; return its exit code once it must not be again.

    `meanwhile` is done all the time, `every` so many seconds.
    """
    deaths: list[float] = []
    while True:
        before()
        code = ended(command, meanwhile, every)
        deaths.append(clock())
        reason = no_restart_reason(code, deaths)
        if reason is not None:
            print(f"the worker ended with exit code {code} and is not started again: {reason}", flush=True)
            return code if code > 0 else 1
        print(f"the worker ended with exit code {code} and is started again", flush=True)


def no_restart_reason(code: int, deaths: Sequence[float]) -> str | None:
    """Say why a worker that ended is not started again, or None; `deaths` are the times, in seconds, oldest first."""
    if code == 0:
        return "it was asked to end"
    recent = [death for death in deaths if death > deaths[-1] - WITHIN]
    if len(recent) >= MOST_DEATHS:
        return f"{len(recent)} deaths in {WITHIN / 60:.0f} minutes"
    return None


def ended(command: Sequence[str], meanwhile: Callable[[], None], every: float) -> int:
    """Run a command to its end and return its exit code; a request to stop is handed on, and then obeyed."""
    child: subprocess.Popen[bytes] | None = None
    asked = False

    def stop(*_: object) -> None:
        # It may come while the child is being started: raised from here, it would leave a child that nobody stops.
        nonlocal asked
        asked = True
        if child is not None:
            child.terminate()

    signal.signal(signal.SIGTERM, stop)
    child = subprocess.Popen(command)
    if asked:
        child.terminate()
    try:
        while (code := _ended_within(child, every)) is None:
            meanwhile()
    finally:
        child.terminate()
        child.wait()
    if asked:
        sys.exit(128 + signal.SIGTERM)
    return code


def _ended_within(child: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def report_dead_runs(watch: DeadRunWatch) -> None:
    """Mark runs whose process died as crashed, and say so in the log; a server that is down is asked again later."""
    from httpx import HTTPError
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        died = watch.look()
    except (HTTPError, PrefectHTTPStatusError) as error:
        print(f"dead runs were not looked for, the server did not answer: {error!r}", flush=True)
        return
    for run in died:
        print(f"flow run {run} lost its process: crashed", flush=True)


def report_swept_runs(settings: Settings) -> None:
    """Mark what a dead worker has left as crashed, and say so in the log."""
    for run in sweep(settings):
        print(f"flow run {run} was left by a worker that is gone: crashed", flush=True)


if __name__ == "__main__":
    main()
