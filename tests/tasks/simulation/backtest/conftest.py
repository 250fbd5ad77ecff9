"""What the tests of the backtest share: a moment, and a history, made from small matrices."""

import importlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tasks.data.tables import observations
from tasks.simulation.backtest.matrix import Matrix, Plan
from tasks.simulation.backtest.planning import BacktestSpan, plan_for
from tasks.simulation.backtest.simulation import BacktestHistory
from tasks.training.scouts import PARTS
from tasks.usecases import UseCase
from tasks.windows import Window

START = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def weeks(count: int) -> tuple[Window, ...]:
    """Return consecutive weeks since 2024-01-01."""
    return tuple(Window(start=START + n * WEEK, end=START + (n + 1) * WEEK) for n in range(count))


@pytest.fixture
def plan():
    """Make a plan of so many weeks whose first live model is trained at the end of week `first`."""

    def make(count: int, first: int = 0) -> Plan:
        return Plan(
            usecase="stall", windows=weeks(count), rehearsed=0, first=first, candidate="stump", dataset_version=None
        )

    return make


@pytest.fixture
def history(plan, filled):
    """Make a history whose labels come `late` windows after their own, from rules on the model and the window."""

    def make(count: int, score, *, scout=None, late: int = 0, first: int = 0, greater: bool = True) -> BacktestHistory:
        def matrix(rule) -> Matrix:
            scores = filled(count, rule)
            return Matrix(
                scores=scores,
                settled_scores=scores,
                parts=np.repeat(scores[:, :, None], PARTS, axis=2),
                seconds=np.ones(count),
                trained=np.ones(count, dtype=bool),
                losses=[np.repeat(np.arange(n + 1, count), 2).astype(float) for n in range(count)],
                counts=np.full(count, 2),
                landed=np.minimum(np.arange(count) + late, count),
            )

        return BacktestHistory(
            plan=plan(count, first), models=matrix(score), scouts=matrix(scout or score), greater_is_better=greater
        )

    return make


KIOSK = '''
"""The stall, with windows of five days."""

from dataclasses import replace
from datetime import timedelta

from usecases.stall import USE_CASE as STALL

USE_CASE = replace(STALL, name="kiosk", window=timedelta(days=5), train_on=timedelta(days=15))
'''


@pytest.fixture
def kiosk(stall_file, state) -> Iterator[UseCase]:
    """A use case with fifty days of sales stored, eight a day, labelled after two days; what comes back turns once."""
    folder = Path(stall_file.__file__).parent
    (folder / "kiosk.py").write_text(KIOSK)
    problem = importlib.import_module("usecases.kiosk").USE_CASE
    chance = np.random.default_rng(0)
    changes = [{"price": float(price), "returned": float((price > 50) == (n < 200))}
               for n, price in enumerate(chance.uniform(0, 100, 400))]  # fmt: skip
    observations(problem).append_new(stall_file.sales(*changes))
    yield problem
    del sys.modules["usecases.kiosk"]


@pytest.fixture
def kiosk_plan(kiosk) -> Plan:
    """The plan of a backtest of the kiosk: ten windows, the first model lives from the fourth on."""
    return plan_for(kiosk, START + timedelta(days=50), BacktestSpan(rehearsal_share=0.3, min_rehearsal=2))
