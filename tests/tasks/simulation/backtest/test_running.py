"""Are the models of a backtest the same wherever they are trained?"""

import html
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from prefect.testing.utilities import prefect_test_harness

from flows.backtest import backtest, train_models
from tasks.simulation.backtest.fits import matrix, model_row
from tasks.simulation.backtest.planning import BacktestSpan
from tasks.simulation.backtest.running import BacktestPolicies, runner_for
from tasks.simulation.backtest.simulation import BacktestGate
from tasks.training import estimators
from tasks.triggers.published_policies import Cara, Upf
from tasks.triggers.regret import RegretPolicy
from tasks.triggers.simple_policies import AtAge, EvidentlyPreset, LossAboveFirst, PerformanceDrop

ROOT = Path(__file__).parents[4]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prefect_server() -> Iterator[None]:
    """An ephemeral Prefect."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


@contextmanager
def cluster(more: Path) -> Iterator[str]:
    """A Dask scheduler and two workers, each a process of its own that finds the test's use cases and state."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    paths = os.pathsep.join([str(ROOT), str(more), os.environ.get("PYTHONPATH", "")])
    variables = os.environ | {"PYTHONPATH": paths}
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
    commands = [
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", str(port), "--no-dashboard"],
        worker,
        worker,
    ]
    started = [subprocess.Popen(command, env=variables, cwd=more, stderr=subprocess.DEVNULL) for command in commands]
    try:
        yield address
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)


def trained(plan, workers, monkeypatch, folder):
    """Train all models into a state of their own, and return both matrices."""
    from tasks.data.tables import observations
    from tasks.usecases import use_case

    rows = observations(use_case(plan.usecase)).read()
    monkeypatch.setenv("EVERGREEN_STATE", str(folder))
    observations(use_case(plan.usecase)).append_new(rows)
    done = train_models.with_options(task_runner=runner_for(workers))(plan)
    assert done == 2 * len(plan.trained_at)
    return [matrix(plan, role) for role in ("champion", "scout")]


def same(left, right):
    """Say whether two pairs of matrices hold the same numbers to the last digit."""
    return all(
        np.array_equal(getattr(left_row, name), getattr(right_row, name), equal_nan=True)
        for left_row, right_row in zip(left, right, strict=True)
        for name in ("scores", "settled_scores", "parts")
    )


def test_the_numbers_are_the_same_on_threads_processes_and_a_dask_cluster(
    prefect_server, kiosk, kiosk_plan, stall_file, monkeypatch, tmp_path
):
    more = Path(stall_file.__file__).parents[1]
    threads = trained(kiosk_plan, "threads", monkeypatch, tmp_path / "threads")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(more), os.environ.get("PYTHONPATH", "")]))
    processes = trained(kiosk_plan, "processes", monkeypatch, tmp_path / "processes")
    monkeypatch.setenv("EVERGREEN_STATE", str(tmp_path / "dask"))
    with cluster(more) as address:
        monkeypatch.setenv("EVERGREEN_STATE", str(tmp_path / "threads"))
        dask = trained(kiosk_plan, address, monkeypatch, tmp_path / "dask")

    assert np.isfinite(threads[0].scores).any()
    assert same(threads, processes)
    assert same(threads, dask)


@pytest.mark.parametrize("workers", ["thread", "", "localhost"])
def test_workers_of_another_kind_are_refused(workers):
    with pytest.raises(ValueError, match="expected threads, processes or an address such as tcp://host:8786"):
        runner_for(workers)


POLICIES = BacktestPolicies(
    clocks=(1, 3),
    age=AtAge(windows=2),
    drop=PerformanceDrop(points=0.05, share=0.1, windows=1),
    above_first=LossAboveFirst(share=0.1),
    evidently=EvidentlyPreset(share=0.5),
    cara=Cara(variant="cumulative", price=0.1),
    upf=Upf(horizon=3, confidence=0.9, price=0.1),
    regret=RegretPolicy(),
)


def test_a_backtest_ends_with_its_advice_a_page_and_a_run_in_mlflow(
    prefect_server, kiosk, kiosk_plan, mlflow_server, state
):
    from mlflow import MlflowClient

    advice = backtest(
        "kiosk",
        as_of=kiosk_plan.windows[-1].end,
        span=BacktestSpan(rehearsal_share=0.3, min_rehearsal=2),
        gate=BacktestGate(blocks=1, min_gain=0.0),
        policies=POLICIES,
    )

    (run,) = MlflowClient().search_runs([MlflowClient().get_experiment_by_name("kiosk").experiment_id])
    assert "roc_auc" in advice
    assert html.escape(advice) in (state / "reports" / "kiosk" / "backtest.html").read_text(encoding="utf-8")
    assert run.data.tags["evergreen.backtest"] == advice
    assert set(POLICIES.by_name()) >= {"never", "every window", "calibrated alarm", "UPF", "regret"}
    assert len([name for name in run.data.metrics if name.startswith("mean.")]) == len(POLICIES.by_name())
    assert {artifact.path for artifact in MlflowClient().list_artifacts(run.info.run_id)} == {
        "backtest.html",
        "backtest.json",
    }


def test_a_backtest_that_died_goes_on_with_the_models_it_has(prefect_server, kiosk, kiosk_plan, monkeypatch):
    for at in list(kiosk_plan.trained_at)[:5]:
        model_row(kiosk_plan, "champion", at)
    fitted = []
    honest = estimators.fitted
    monkeypatch.setattr(estimators, "fitted", lambda *given: fitted.append(1) or honest(*given))

    train_models(kiosk_plan)

    assert len(fitted) == 2 * len(kiosk_plan.trained_at) - 5
