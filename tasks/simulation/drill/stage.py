"""The place in which a drill plays: a use case of its own, its own tables, its own MLflow, nobody's champion."""

import functools
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.data.tables import observations
from tasks.usecases import UseCase, use_case

if TYPE_CHECKING:
    import pandas as pd

SYNTHETIC = "synthetic"
STARTED = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS, ROWS_A_DAY = 98, 60
CHANGED = 56
"""Day from which a feature matters that did not matter before."""
TIME = "datetime64[us, UTC]"


@dataclass(frozen=True)
class Stage:
    """Where a drill plays: the use case, the folder of its state, and its two moments."""

    problem: UseCase
    folder: Path
    first: datetime
    """When the honest champion is made."""
    second: datetime
    """When challengers are made."""


class Nowhere:
    """The source of a use case whose rows are stored already."""

    def rows(self, start: datetime, end: datetime) -> "Iterator[pd.DataFrame]":
        """Yield nothing."""
        return iter(())


@contextmanager
def drill_stage(usecase: str) -> Iterator[Stage]:
    """Set up a namespace with the rows of a use case, or made-up ones, and remove it in the end.

    The rows of a use case are those that were collected before. This process's environment points to the namespace
    meanwhile: tables, MLflow and the use case's name are the drill's own.

    Raises:
        ValueError: nothing was collected for the use case.
    """
    problem, rows = synthetic() if usecase == SYNTHETIC else _collected_rows(usecase)
    second = _end(rows[problem.event_time])
    with tempfile.TemporaryDirectory(prefix="drill-") as name, namespace(Path(name), problem):
        observations(problem).upsert(rows)
        yield Stage(problem, Path(name), second - 3 * problem.window, second)


@contextmanager
def namespace(folder: Path, problem: UseCase) -> Iterator[None]:
    """Let this process keep all its state in `folder`, and know `problem` as a use case."""
    from mlflow import MlflowClient

    (folder / "usecases").mkdir()
    (folder / "usecases" / f"{problem.name}.py").touch()
    package = importlib.import_module("usecases")
    paths = list(package.__path__)
    address = f"sqlite:///{folder / 'mlflow.db'}"
    words = {"EVERGREEN_STATE": str(folder), "MLFLOW_TRACKING_URI": address, "MLFLOW_REGISTRY_URI": address}
    with environment(words):
        package.__path__ = [*paths, str(folder / "usecases")]
        importlib.import_module(f"usecases.{problem.name}").USE_CASE = problem  # type: ignore[attr-defined]
        MlflowClient().create_experiment(problem.name, artifact_location=(folder / "artifacts").as_uri())
        try:
            yield
        finally:
            package.__path__ = paths
            del sys.modules[f"usecases.{problem.name}"]


@contextmanager
def environment(words: Mapping[str, str]) -> Iterator[None]:
    """Change this process's environment for a while; what MLflow leaves in it is taken out again, too."""
    before = {name: os.environ.get(name) for name in (*words, "MLFLOW_EXPERIMENT_ID")}
    os.environ.update(words)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def put(place: Any, name: str, thing: Any) -> Iterator[Any]:
    """Put something in another's place for a while; give the other."""
    before = getattr(place, name)
    setattr(place, name, thing)
    try:
        yield before
    finally:
        setattr(place, name, before)


def declaration_module(problem: UseCase) -> Any:
    """Return the module that declares a staged use case, so that another declaration can be put in its place."""
    return sys.modules[f"usecases.{problem.name}"]


def _collected_rows(usecase: str) -> "tuple[UseCase, pd.DataFrame]":
    problem = use_case(usecase)
    rows = observations(problem).read()
    if rows.empty:
        raise ValueError(f"nothing is collected of {usecase}: run {usecase}-collect first, or drill {SYNTHETIC!r}")
    return replace(problem, name=f"drill_{usecase}", source=Nowhere()), rows


def _end(times: "pd.Series") -> datetime:
    return times.max().to_pydatetime().replace(microsecond=0) + timedelta(seconds=1)


def synthetic() -> "tuple[UseCase, pd.DataFrame]":
    """Return a made-up problem and its rows: what a new model learns of the last weeks is worth much."""
    rows = synthetic_rows(seed=0)
    return synthetic_problem(), rows


def synthetic_rows(seed: int, days: int = DAYS, a_day: int = ROWS_A_DAY) -> "pd.DataFrame":
    """Return rows of the made-up problem; `chance` is the true probability that it comes true."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(seed)
    count = days * a_day
    at = np.sort(random.uniform(0, days, count))
    level, pull, season = random.normal(size=(3, count))
    luck = random.normal(0, 0.2, days + 1)[at.astype(int)]
    odds = 1.2 * level + 0.8 * pull + np.where(at >= CHANGED, 1.8, 0.0) * season + luck
    chance = 1 / (1 + np.exp(-odds))
    happened = pd.Series(pd.Timestamp(STARTED) + pd.to_timedelta(at, unit="D")).astype(TIME)
    label_times = happened + 2 * DAY
    came = (random.uniform(size=count) < chance).astype(float)
    has_landed = label_times < happened.max()
    return pd.DataFrame(
        {
            "row": np.arange(count),
            "happened_at": happened,
            "known_at": label_times.where(has_landed),
            "came": np.where(has_landed, came, np.nan),
            "level": level,
            "pull": 100 * pull,
            "season": season,
            "place": random.choice(["north", "south", "east", "west"], count, p=[0.4, 0.3, 0.2, 0.1]),
            "chance": chance,
        }
    )


@functools.cache
def synthetic_problem() -> UseCase:
    """Return the made-up problem."""
    import pandera.pandas as pa
    from sklearn.ensemble import HistGradientBoostingClassifier

    numbers = ("level", "pull", "season", "chance")
    schema = {"row": pa.Column("int64"), "happened_at": pa.Column(TIME), "place": pa.Column(str)}
    schema |= {"known_at": pa.Column(TIME, nullable=True), "came": pa.Column(float, nullable=True)}
    boosting = HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=7, min_samples_leaf=40, early_stopping=False, random_state=0
    )
    return UseCase(
        name="drill_synthetic",
        question="Will it come true?",
        source=Nowhere(),
        schema=pa.DataFrameSchema(schema | {name: pa.Column(float) for name in numbers}),
        key=("row",),
        event_time="happened_at",
        label_time="known_at",
        target="came",
        kind="classification",
        numeric=("level", "pull", "season"),
        categorical=("place",),
        candidates={"boosting": boosting},
        metric="roc_auc",
        slices=("place",),
        history_start=STARTED,
        period=7 * DAY,
        look_back=3 * DAY,
        window=14 * DAY,
    )
