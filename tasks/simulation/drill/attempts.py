"""Let a retrain run under one sabotage after the other, and see which gate refuses."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from tasks import retries
from tasks.data import ledger
from tasks.gates import GatePolicy
from tasks.registry import champion, models, tracking
from tasks.simulation.drill import NOTHING, Attempt
from tasks.simulation.drill.sabotages import Sabotage, has_exploded
from tasks.simulation.drill.stage import Stage, environment, put

Retrain = Callable[[datetime, GatePolicy], str]
"""The true flow, for the use case on the stage: its moment and gates, and what it answers."""
HOST = "127.0.0.1"
PATIENCE = 120
HALFWAY = "one whole state, and after a rerun the other"


class HonestModelRefusedError(RuntimeError):
    """The first model of the drill, which nothing sabotages, does not go live; there is nothing to drill with."""


def honest_champion(stage: Stage, run: Retrain, gates: GatePolicy) -> str:
    """Make the model live that every challenger of the drill has to beat; return the flow's answer.

    Raises:
        HonestModelRefusedError: it was refused.
    """
    answer = run(stage.first, gates)
    if models.champion(stage.problem.name) is None:
        raise HonestModelRefusedError(f"the drill's first model of {stage.problem.name} did not go live: {answer}")
    return answer


def sabotaged_attempt(stage: Stage, sabotage: Sabotage, number: int, run: Retrain, gates: GatePolicy) -> Attempt:
    """Run one sabotaged retrain, record the result, and put everything back."""
    as_of = stage.second + timedelta(seconds=number)
    began, before = time.monotonic(), _version(stage)
    with sabotage.on(stage):
        answer = _answer(lambda: run(as_of, sabotage.gates(gates)))
    seconds, after, refused_by = time.monotonic() - began, _version(stage), refusing_gates(stage, as_of)
    _put_back(stage, before)
    unharmed = after == before and not has_exploded(stage)
    caught = after != before if sabotage.expected == NOTHING else unharmed and sabotage.expected in refused_by
    return Attempt(
        tried=sabotage.tried,
        expected=sabotage.expected,
        refused_by=refused_by,
        caught=caught,
        seconds=seconds,
        answer=answer,
    )


def refusing_gates(stage: Stage, as_of: datetime) -> tuple[str, ...]:
    """Return the gates that refused the retrain of a moment, as its MLflow run lists them, if it got so far."""
    return tracking.refusing_gates(tracking.Request(usecase=stage.problem.name, as_of=as_of, reason="drill"))


def halfway(stage: Stage, number: int, run: Retrain, gates: GatePolicy) -> Attempt:
    """Stop MLflow in the middle of an honest promotion, then run it again; both ends must be whole states."""
    from mlflow import MlflowClient

    as_of = stage.second + timedelta(seconds=number)
    began, before = time.monotonic(), _version(stage)
    with mlflow_server(stage) as (address, stop):

        def stopping(client: Any, *given: Any, **more: Any) -> Any:
            stop()
            return honest(client, *given, **more)

        words = {"MLFLOW_TRACKING_URI": address, "MLFLOW_REGISTRY_URI": address} | QUICK
        at_once = put(retries, "is_outage", lambda error: False)
        with environment(words), at_once, put(MlflowClient, "set_registered_model_alias", stopping) as honest:
            first = _answer(lambda: run(as_of, gates))
    between, promoted_between = _version(stage), _promotions(stage, as_of)
    answer = _answer(lambda: run(as_of, gates))
    after, promoted_after = _version(stage), _promotions(stage, as_of)
    seconds = time.monotonic() - began
    _put_back(stage, before)
    # Live and ledger agree: both from before the promotion, or both from after it.
    whole = (between != before) == (promoted_between == 1)
    return Attempt(
        tried="MLflow stopped halfway through a promotion",
        expected=HALFWAY,
        refused_by=(),
        caught=whole and after != before and promoted_after == 1,
        seconds=seconds,
        answer=f"{first}; again: {answer}",
    )


QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""MLflow's client gives a server that is gone up at once."""


@contextmanager
def mlflow_server(stage: Stage) -> Iterator[tuple[str, Callable[[], None]]]:
    """Serve the namespace's MLflow; give its address and what stops it."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{stage.folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(stage.folder / "artifacts")]
    with (stage.folder / "mlflow.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def stop() -> None:
        import os
        import signal

        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()

    try:
        _wait(f"http://{HOST}:{port}/health")
        yield f"http://{HOST}:{port}", stop
    finally:
        stop()


def _wait(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urlopen(url, timeout=5).close()  # noqa: S310
        except (URLError, OSError) as silence:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the drill's MLflow did not answer at {url} within {PATIENCE} s") from silence
            time.sleep(0.3)
        else:
            return


def _answer(run: Callable[[], str]) -> str:
    """Return what a retrain answers, or the error in which it ends: a drill goes on after either."""
    try:
        return run()
    except Exception as error:
        return f"ended in {type(error).__name__}: {error}"


def _version(stage: Stage) -> str | None:
    live = champion.live(stage.problem.name)
    return None if live is None else live.version


def _promotions(stage: Stage, as_of: datetime) -> int:
    decisions = ledger.decisions(stage.problem.name)
    return sum(decision.kind == "promoted" and decision.as_of == as_of for decision in decisions)


def _put_back(stage: Stage, version: str | None) -> None:
    """Make the drill's champion live again, and forget the tries: each sabotage meets the same system."""
    if version is not None and _version(stage) != version:
        models.make_champion(stage.problem.name, version)
    shutil.rmtree(stage.folder / "tables" / "ledger", ignore_errors=True)
