"""What the tests of tasks share: a small use case, a state folder, a registry of their own, processes to kill."""

import importlib
import multiprocessing
import os
import runpy
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tasks.registry.models import Champion
from tasks.training.scouts import PARTS
from tasks.triggers.moment import DecisionMoment
from tasks.usecases import UseCase

STALL = '''
"""A stall that asks which of its sales will come back; told two days after the sale."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pandera.pandas as pa
from sklearn.tree import DecisionTreeClassifier

from tasks.usecases import UseCase

OPENED = datetime(2024, 1, 1, tzinfo=UTC)
TIME = "datetime64[us, UTC]"
DAYS = 12
SCHEMA = pa.DataFrameSchema(
    {
        "sale": pa.Column(str, pa.Check.str_matches(r"^S\\d+$")),
        "sold_at": pa.Column(TIME),
        "told_at": pa.Column(TIME, nullable=True),
        "returned": pa.Column(float, pa.Check.isin([0.0, 1.0]), nullable=True),
        "price": pa.Column(float, pa.Check.in_range(0, 1000)),
        "weight": pa.Column(float, nullable=True),
        "items": pa.Column("int64", pa.Check.ge(1)),
        "gift": pa.Column(bool),
        "channel": pa.Column(str, pa.Check.isin(["store", "web"])),
    }
)


def sales(*changes):
    """Return one good sale for each of `changes`, three hours apart, with those values changed."""
    return pd.DataFrame([sale(number) | change for number, change in enumerate(changes)]).astype(
        {"sold_at": TIME, "told_at": TIME}
    )


def sale(number):
    sold_at = OPENED + timedelta(hours=3 * number)
    return {
        "sale": f"S{number}",
        "sold_at": sold_at,
        "told_at": sold_at + timedelta(days=2),
        "returned": float(number % 3 == 0),
        "price": 10.0 + number % 7,
        "weight": float(number % 5),
        "items": 1 + number % 3,
        "gift": number % 2 == 0,
        "channel": "web" if number % 2 else "store",
    }


class Shelf:
    """Sales held in memory: eight a day, of which every twentieth has a price below zero."""

    def __init__(self):
        self.stock = sales(*({"price": -1.0} if n % 20 == 7 else {} for n in range(8 * DAYS)))

    def rows(self, start, end):
        times = self.stock["sold_at"]
        found = self.stock[((times >= start) & (times < end)) | times.isna()]
        yield found[:3]
        yield found[3:]

    def __str__(self):
        return "shelf"


USE_CASE = UseCase(
    name="stall",
    question="Will this sale come back?",
    source=Shelf(),
    schema=SCHEMA,
    key=("sale",),
    event_time="sold_at",
    label_time="told_at",
    target="returned",
    kind="classification",
    numeric=("price", "weight", "items"),
    categorical=("channel",),
    candidates={"stump": DecisionTreeClassifier(max_depth=1), "tree": DecisionTreeClassifier(max_depth=3)},
    metric="roc_auc",
    slices=("channel",),
    history_start=OPENED,
    period=timedelta(days=1),
    look_back=timedelta(days=3),
    window=timedelta(days=7),
)
'''

DAY = timedelta(days=1)
LIBRARIES = [
    "deltalake",
    "mlflow.sklearn",
    "mlflow.store.tracking.sqlalchemy_store",
    "pandera.pandas",
    "prefect.tasks",
    "pyarrow.dataset",
    "skops.io",
    "sklearn.compose",
    "sklearn.tree",
    "tenacity",
]
"""What a process that collects or scores imports: done once, before it is forked off."""


def pytest_configure(config: pytest.Config) -> None:
    """Let the tests that take seconds be told apart from the others."""
    config.addinivalue_line(
        "markers", "slow: starts processes, MLflow or Evidently, which takes seconds; needs no servers"
    )


@pytest.fixture(scope="session", autouse=True)
def _silence() -> Iterator[None]:
    """No library reports to anyone, and none spins on threads."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("DO_NOT_TRACK", "true"), ("MLFLOW_DISABLE_TELEMETRY", "true"), ("OMP_NUM_THREADS", "1")):
            patch.setenv(name, value)
        yield


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds everything which the test's tasks write."""
    monkeypatch.setenv("EVERGREEN_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def stall_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of the use case `stall`, in a folder of its own: `usecases` finds it beside its own files."""
    folder = tmp_path / "more" / "usecases"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "stall.py").write_text(STALL)
    monkeypatch.syspath_prepend(str(folder.parent))
    usecases = importlib.import_module("usecases")
    monkeypatch.setattr(usecases, "__path__", [*usecases.__path__, str(folder)])
    yield importlib.import_module("usecases.stall")
    del sys.modules["usecases.stall"]
    del usecases.stall


@pytest.fixture
def stall(stall_file: ModuleType) -> UseCase:
    """A small use case: will this sale come back? Eight sales a day since 2024-01-01, told after two days."""
    return stall_file.USE_CASE


@pytest.fixture
def sales(stall_file: ModuleType):
    """Make good sales S0, S1, ... three hours apart since 2024-01-01: one for each dict of changes to it."""
    return stall_file.sales


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """The Prefect artifacts that were made, oldest first, instead of telling a server; events go nowhere."""
    made: list[dict] = []
    monkeypatch.setattr("prefect.artifacts.create_markdown_artifact", lambda **artifact: made.append(artifact))
    monkeypatch.setattr("prefect.artifacts.create_table_artifact", lambda **artifact: made.append(artifact))
    monkeypatch.setattr("prefect.events.emit_event", lambda **event: None)
    return made


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables made, which takes seconds, and nothing in them."""
    from mlflow import MlflowClient

    database = tmp_path_factory.mktemp("mlflow") / "empty.db"
    MlflowClient(f"sqlite:///{database}").search_experiments()
    return database


@pytest.fixture(scope="session")
def mlflow_at() -> Callable[[Path, Path, pytest.MonkeyPatch], None]:
    """Let all of MLflow use a copy of a database, in a folder that takes its artifacts too."""

    def use(database: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
        shutil.copy(database, folder / "mlflow.db")
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            patch.setenv(name, f"sqlite:///{folder / 'mlflow.db'}")
        patch.chdir(folder)
        patch.setenv("MLFLOW_EXPERIMENT_ID", "0")  # set_experiment leaves it behind
        patch.delenv("MLFLOW_EXPERIMENT_ID")

    return use


@pytest.fixture
def mlflow_server(empty_registry: Path, mlflow_at, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An MLflow of the test's own, on a file, which all of MLflow uses meanwhile."""
    mlflow_at(empty_registry, tmp_path, monkeypatch)


@pytest.fixture
def stored(stall: UseCase, state: Path, sales) -> UseCase:
    """The stall, with eighty good sales of ten days stored."""
    from tasks.data.tables import observations

    observations(stall).upsert(sales(*[{}] * 80))
    return stall


@pytest.fixture
def challenger(stored: UseCase, mlflow_server: None) -> Callable[..., tuple]:
    """Train the stall's tree as a retrain on some day does, compared with a version or none; return request and result.

    The evidence is made up, and good enough. A tree whose leaves must hold more rows than there are is a constant.
    """
    from tasks.data.tables import observations
    from tasks.promotion.training_run import Trained
    from tasks.registry.tracking import Request, fresh_run, log_model, log_trained, mark_complete, run_url
    from tasks.training.estimators import features, fitted, pipeline, predictions
    from tasks.training.evidence import Evidence
    from tasks.training.folds import labelled
    from tasks.windows import Window

    def train(day: int, over: str | None = None, leaf: int = 1) -> tuple[Request, Trained]:

        as_of = stored.history_start + day * DAY
        rows = labelled(observations(stored).read(), stored, as_of)
        tree = pipeline(stored, stored.candidates["tree"]).set_params(model__min_samples_leaf=leaf)
        model = fitted(tree, rows, stored)
        request = Request(usecase="stall", as_of=as_of, reason=f"test of day {day}")
        beside = {"champion_version": over, "compared_rows": 40, "challenger_beside_champion": 0.75, "champion": 0.5}
        evidence = Evidence(metric="roc_auc", rows=40, challenger=0.75, baseline=0.5, **beside if over else {})
        with fresh_run(request, {}) as run:
            trained = Trained(
                run_id=run.info.run_id,
                run_url=run_url(run),
                model_uri=log_model(model, features(rows, stored), predictions(model, rows, stored)),
                candidate="tree",
                dataset_version=observations(stored).version(),
                window=Window(start=stored.history_start, end=as_of),
                rows=len(rows),
                evidence=evidence,
            )
            log_trained(trained.run_id, trained.model_dump(mode="json"))
        mark_complete(run.info.run_id)
        return request, trained

    return train


@pytest.fixture
def process(tmp_path: Path, state: Path) -> Iterator[Callable[..., BaseProcess]]:
    """Start a process that runs a program on this test's state and use cases, and wait until it says `ready.set()`."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(LIBRARIES)
    started = []

    def start(program: str) -> BaseProcess:
        script = tmp_path / f"program{len(started)}.py"
        # The server that forks keeps the folder and the environment of the test that first asked for it.
        ours = {name: value for name, value in os.environ.items() if name.startswith(("EVERGREEN_", "MLFLOW_"))}
        script.write_text(f"import os\nos.chdir({os.getcwd()!r})\nos.environ.update({ours!r})\n{program}")
        ready = forks.Event()
        child = forks.Process(target=runpy.run_path, args=(str(script), {"ready": ready}))
        child.start()
        started.append(child)
        assert ready.wait(60)
        return child

    yield start
    for child in started:
        child.kill()
        child.join()


@pytest.fixture
def killed(process: Callable[..., BaseProcess], state: Path) -> Callable[[str, float], int | None]:
    """Run a program, send it the signal 9 some seconds after its next commit to any table, return how it ended."""

    def commits() -> int:
        return len(list(state.glob("tables/**/_delta_log/*.json")))

    def kill(program: str, seconds: float) -> int | None:
        before = commits()
        running = process(program)
        while commits() == before and running.is_alive():
            time.sleep(0.005)
        time.sleep(seconds)
        running.kill()
        running.join()
        return running.exitcode

    return kill


@pytest.fixture
def a_champion() -> Callable[..., Champion]:
    """Make the stall's version 3, which learned from the days since 2024-01-01 up to one of them."""

    def make(until: int = 7, dataset_version: int = 1) -> Champion:
        opened = datetime(2024, 1, 1, tzinfo=UTC)
        end = opened + timedelta(days=until)
        return Champion(
            name="stall",
            version="3",
            run_id="run",
            dataset_version=dataset_version,
            trained_from=opened,
            trained_until=end,
            promoted_at=end,
            expected_score=0.75,
        )

    return make


@pytest.fixture
def observed(stall: UseCase, state: Path, sales) -> int | None:
    """Forty days of sales, eight a day, in one version; the champion of the tests knows the first seven days."""
    from tasks.data.tables import observations

    observations(stall).upsert(sales(*[{}] * 8 * 40))
    return observations(stall).version()


@pytest.fixture
def filled():
    """Make a matrix of scores from a rule on the model and the window; NaN up to the model's own window."""

    def make(count: int, score) -> np.ndarray:
        scores = np.full((count, count), np.nan)
        for model in range(count - 1):
            scores[model, model + 1 :] = [score(model, window) for window in range(model + 1, count)]
        return scores

    return make


@pytest.fixture
def moment(filled):
    """Make the end of a window at which all windows so far are known, and every piece scores as its window does."""

    def make(count: int, now: int, score, scout=None, **changes) -> DecisionMoment:
        scores, scouts = filled(count, score), filled(count, scout or score)
        scores[:, now + 1 :] = scouts[:, now + 1 :] = np.nan
        base = {
            "now": now,
            "first": 0,
            "champion": 0,
            "asked": (),
            "live": (),
            "greater_is_better": True,
            "scores": scores,
            "scouts": scouts,
            "parts": np.repeat(scores[:, :, None], PARTS, axis=2),
            "scout_parts": np.repeat(scouts[:, :, None], PARTS, axis=2),
            "rows": np.where(np.arange(count) <= now, 100, 0),
        }
        return DecisionMoment(**base | changes)

    return make
