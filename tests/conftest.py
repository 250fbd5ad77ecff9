"""What several tests share: free ports, and one real system for those that ask for it."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import usecases
from deployments.environment import environment
from deployments.running import stop, supervised
from deployments.startup import deploy, prepare, ready_system
from tasks.settings import Settings

HOST = "127.0.0.1"
SHOP = Path(__file__).parent / "shop"


def free_ports(count: int) -> list[int]:
    """Return different ports on which nothing listens now."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def settings_in(state: Path) -> Settings:
    """Return the settings of an installation of its own: its state in `state`, its servers on free ports."""
    prefect, mlflow, evidently, reports = free_ports(4)
    return Settings(
        state=state,
        host=HOST,
        prefect_port=prefect,
        mlflow_port=mlflow,
        evidently_port=evidently,
        reports_port=reports,
    )


def program(name: str) -> str:
    """Return the path of a program that a test needs; without it the test is left out, or fails where none may be."""
    path = shutil.which(name)
    if path is not None:
        return path
    lacking = f"{name} is not installed; `apt-get install {name}` as root, or as .ci/run does, brings this test back"
    if os.environ.get("EVERGREEN_NO_SKIPS"):
        pytest.fail(f"{lacking} (EVERGREEN_NO_SKIPS is set: no test may be left out for want of a program)")
    pytest.skip(lacking)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Opens an address in a browser of its own, and returns the page as its script has left it.

    To this browser every name that ends in `.example` is this machine.
    """
    browser = program("chromium")
    quiet = ("gpu", "quic", "background-networking", "component-update", "sync", "extensions")

    def opened(address: str) -> str:
        profile = tmp_path_factory.mktemp("chromium")
        options = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{part}" for part in quiet)]
        options += ["--host-resolver-rules=MAP *.example 127.0.0.1", "--virtual-time-budget=60000", "--dump-dom"]
        command = [browser, *options, f"--user-data-dir={profile}", address]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=180).stdout

    return opened


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens now."""
    return free_ports(1)[0]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Settings]:
    """Settings of an installation that is down; whatever the test starts there is stopped after it."""
    settings = settings_in(tmp_path / "state")
    yield settings
    stop(settings)


@pytest.fixture(scope="session")
def shop_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 days of 60 visits each; after 55 days what sold repels, and both numbers move. Four prices are bad."""
    chance, visits = np.random.default_rng(0), 6_000
    result = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.sort(chance.uniform(0, 100, visits)), unit="D")
    changed = result >= pd.Timestamp("2024-02-25", tz="UTC")
    interest = chance.normal(0, 1, visits) + 2.0 * changed
    odds = np.where(changed, 4 - 2 * interest, 2 * interest)
    table = pd.DataFrame(
        {
            "visit": np.arange(visits),
            "seen_at": result.as_unit("us"),
            "known_at": (result + pd.Timedelta(hours=5)).as_unit("us"),
            "interest": interest,
            "price": chance.normal(0, 1, visits) + 1.0 * changed,
            "channel": chance.choice(["ad", "mail", "search"], visits),
            "bought": (chance.uniform(size=visits) < 1 / (1 + np.exp(-odds))).astype(float),
        }
    )
    table.loc[100:103, "price"] = 99.0
    path = tmp_path_factory.mktemp("shop") / "visits.parquet"
    table.to_parquet(path)
    return path


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, shop_table: Path) -> Iterator[Settings]:
    """One real system for the whole session: servers that answer, a worker, all deployments and those of two more.

    This process is its client while the session lasts. Prefect reads the environment once, when it is
    imported, and that may have been long ago.
    """
    settings = settings_in(tmp_path_factory.mktemp("system"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SHOP))
        patch.setenv("SHOP_TABLE", str(shop_table))
        patch.setattr(usecases, "__path__", [*usecases.__path__, str(SHOP / "usecases")])
        prepare(settings)
        for name, value in environment(settings).items():
            patch.setenv(name, value)
        from prefect import context

        patch.setattr(context, "GLOBAL_SETTINGS_CONTEXT", context.root_settings_context())
        try:
            ready_system(settings)
            deploy(settings, SHOP / "prefect.yaml", print)
            yield settings
        finally:
            stop(settings)
        assert supervised(settings) == set()
