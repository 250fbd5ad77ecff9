"""Measure what Prefect adds: the flights year as flows beside the same functions called bare: `make bench`.

Both play the same days with `collect` and `score`, each into a state folder of its own, against the same running
servers, in turns; the ratio of the medians is what counts, seconds depend on the machine. The first model is trained
before the clock starts. Retrains are left out: they cost the same in both.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from deployments.environment import join
from deployments.running import stop
from deployments.startup import PREFECT_FILE, ready_system
from tasks.settings import ROOT, Settings

USECASE = "flights"
FIRST = datetime(2013, 3, 1, 5, tzinfo=UTC)
LAST = datetime(2014, 1, 1, 5, tzinfo=UTC)
RESULTS = ROOT / "benchmarks" / "results" / "overhead.json"
Play = Callable[[datetime], None]


def main() -> None:
    """Print and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is measured (default 3)")
    parser.add_argument("--step-days", type=float, default=30.6, help="days between two moments (default 30.6)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(state=Path(folder) / "servers", **free_ports())
        ready_system(settings)
        join(settings)
        try:
            figures = overhead_figures(Path(folder), options.rounds, timedelta(days=options.step_days))
        finally:
            stop(settings)
    figures["import_seconds_of_flows"] = import_seconds("flows.replay", options.rounds)
    figures["command"] = f"make bench (rounds {options.rounds}, step {options.step_days} days)"
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def overhead_figures(folder: Path, rounds: int, step: timedelta) -> dict[str, Any]:
    """Return the medians of both ways, their ratio, and the seconds that Prefect adds to a flow run."""
    numbers = policies()
    as_flows, bare = flow_play(numbers), bare_play(numbers)
    in_state(folder / "warm")
    as_flows(FIRST)
    first_model(numbers)
    bare(FIRST)
    moments = [FIRST + number * step for number in range(int((LAST - FIRST) / step) + 1)]
    seconds: dict[str, list[float]] = {"flows": [], "bare": []}
    for number in range(rounds):
        for way, play in (("flows", as_flows), ("bare", bare)):
            in_state(folder / f"{way}{number}")
            seconds[way].append(played_seconds(play, moments))
    flows, functions = (statistics.median(seconds[way]) for way in ("flows", "bare"))
    return {
        "flow_runs": 2 * len(moments),
        "seconds_as_flows": seconds["flows"],
        "seconds_bare": seconds["bare"],
        "ratio_of_medians": flows / functions,
        "seconds_added_per_flow_run": (flows - functions) / (2 * len(moments)),
    }


def played_seconds(play: Play, moments: list[datetime]) -> float:
    """Return the seconds that it takes to play all moments."""
    began = time.perf_counter()
    for now in moments:
        play(now)
    return time.perf_counter() - began


def flow_play(numbers: dict[str, Any]) -> Play:
    """Return what plays a moment through the flows."""
    from flows.collect import collect
    from flows.score import score

    def play(now: datetime) -> None:
        collect(USECASE, now, batch=numbers["batch"])
        score(USECASE, now)

    return play


def bare_play(numbers: dict[str, Any]) -> Play:
    """Return what plays a moment through the same functions, without Prefect."""
    from tasks.data.collection import collect_periods, list_windows
    from tasks.data.watermarks import mark_collected
    from tasks.scoring.scoring import live_model, score_new_rows

    def play(now: datetime) -> None:
        collect_periods.fn(USECASE, list_windows.fn(USECASE, now), now, numbers["batch"])
        mark_collected.fn(USECASE, now)
        live = live_model.fn(USECASE)
        if live is not None:
            score_new_rows.fn(USECASE, live, now)

    return play


def first_model(numbers: dict[str, Any]) -> None:
    """Train the model that both ways score with."""
    from flows.retrain import retrain

    own = {name: numbers[name] for name in ("training", "gates", "promotion")}
    retrain(USECASE, "benchmark", FIRST, **own)


def policies() -> dict[str, Any]:
    """Return the numbers of the flights' own deployments."""
    from tasks.simulation.replay import Policies

    deployments = yaml.safe_load(PREFECT_FILE.read_text())["deployments"]
    (replay,) = [deployment for deployment in deployments if deployment["name"] == f"{USECASE}-replay"]
    return dict(Policies.model_validate(replay["parameters"]["policies"]))


def in_state(folder: Path) -> None:
    """Let this process keep its tables in `folder` from now on."""
    os.environ["EVERGREEN_STATE"] = str(folder)


def import_seconds(module: str, rounds: int) -> float:
    """Return the median seconds that a fresh interpreter needs to import a module, its own start left out."""
    code = f"import time; began = time.perf_counter(); import {module}; print(time.perf_counter() - began)"
    runs = [subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)]
    runs += [
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        for _ in range(rounds)
    ]
    return statistics.median(float(run.stdout) for run in runs[1:])


def free_ports() -> dict[str, Any]:
    """Return four ports on which nothing listens, as settings."""
    names = ("prefect_port", "mlflow_port", "evidently_port", "reports_port")
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in names]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(names, probes, strict=True)}


if __name__ == "__main__":
    main()
