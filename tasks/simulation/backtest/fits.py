"""Train each model of a matrix once and keep its row, so that a backtest that died goes on where it was."""

import functools
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.data.tables import rows_at
from tasks.settings import Settings
from tasks.simulation.backtest.matrix import Matrix, Plan, Role, Row, edges, landings, row_of
from tasks.training import estimators, folds
from tasks.training.scouts import PARTS
from tasks.usecases import UseCase, use_case
from tasks.windows import Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
from tasks.training.scouts import FEWEST_ROWS, scout, scout_rows


def folder(plan: Plan) -> Path:
    """Return where the rows of exactly this plan, with this declaration of its use case, are stored."""
    problem = use_case(plan.usecase)
    declared = (plan.model_dump_json(), *map(str, (problem.features, problem.target, problem.metric, problem.train_on)))
    estimator = str(problem.candidates[plan.candidate].get_params())
    digest = hashlib.sha256("|".join((*declared, estimator)).encode()).hexdigest()[:16]
    return Settings().state.absolute() / "backtests" / plan.usecase / digest


def stored_row(plan: Plan, role: Role, at: int) -> Row | None:
    """Return the row of the model trained at the end of window `at`, if it is stored."""
    import numpy as np

    path = _path(plan, role, at)
    if not path.exists():
        return None
    with np.load(path) as arrays:
        return Row(
            scores=arrays["scores"],
            settled_scores=arrays["settled_scores" if "settled_scores" in arrays else "seen"],
            parts=arrays["parts"],
            losses=arrays["losses"],
            rows=int(arrays["rows"]),
            seconds=float(arrays["seconds"]),
        )


def model_row(plan: Plan, role: Role, at: int) -> float:
    """Train one model, store its row, and return the seconds of its fit; a stored row is not made again."""
    stored = stored_row(plan, role, at)
    if stored is not None:
        return stored.seconds
    row = _trained_row(plan, role, at)
    _store_row(_path(plan, role, at), row)
    return row.seconds


def matrix(plan: Plan, role: Role) -> Matrix:
    """Return the matrix of a plan whose rows are all stored.

    Raises:
        FileNotFoundError: a row is missing; the message names it.
    """
    import numpy as np

    rows = {at: _expected_row(plan, role, at) for at in plan.trained_at}
    problem, count = use_case(plan.usecase), len(plan.windows)
    history, landed = _history(plan, str(Settings().tables))
    blank = next(iter(rows.values()))
    stacked = {
        name: np.stack([getattr(rows[at], name) if at in rows else np.full_like(getattr(blank, name), np.nan)
                        for at in range(count)])
        for name in ("scores", "settled_scores", "parts")
    }  # fmt: skip
    return Matrix(
        **stacked,
        seconds=np.array([rows[at].seconds if at in rows else np.nan for at in range(count)]),
        trained=np.array([at in rows and rows[at].seconds > 0 for at in range(count)]),
        losses=[rows[at].losses if at in rows else None for at in range(count)],
        counts=np.diff(edges(plan, history[problem.event_time])),
        landed=landed,
    )


def estimator(problem: UseCase, plan: Plan, role: Role) -> Any:
    """Return the unfitted final estimator: the use case's candidate, or the scout."""
    return problem.candidates[plan.candidate] if role == "champion" else scout(problem)


def _trained_row(plan: Plan, role: Role, at: int) -> Row:
    problem, until = use_case(plan.usecase), plan.windows[at].end
    past = rows_at(problem, until, folds.training_window(problem, until), version=plan.dataset_version)
    labelled_rows = folds.labelled(past, problem, until)
    if role == "scout":
        labelled_rows = scout_rows(labelled_rows, problem)
    history, landed = _history(plan, str(Settings().tables))
    if len(labelled_rows) < FEWEST_ROWS or (
        problem.kind != "regression" and labelled_rows[problem.target].nunique() < 2
    ):
        return _untrained_row(plan, int((history[problem.event_time] >= until).sum()), len(labelled_rows))
    began = time.perf_counter()
    model = estimators.fitted(estimators.pipeline(problem, estimator(problem, plan, role)), labelled_rows, problem)
    seconds = time.perf_counter() - began
    ahead = history[history[problem.event_time] >= until]
    scores, settled_scores, parts, each = row_of(model, ahead, problem, plan, landed)
    return Row(
        scores=scores, settled_scores=settled_scores, parts=parts, losses=each, rows=len(labelled_rows), seconds=seconds
    )


def _untrained_row(plan: Plan, later_rows: int, rows: int) -> Row:
    import numpy as np

    count = len(plan.windows)
    none = np.full(count, np.nan)
    losses = np.full(later_rows, np.nan, "float32")
    return Row(
        scores=none, settled_scores=none, parts=np.full((count, PARTS), np.nan), losses=losses, rows=rows, seconds=0.0
    )


@functools.lru_cache(maxsize=1)
def _history(plan: Plan, _state: str) -> "tuple[pd.DataFrame, np.ndarray]":
    """Return the labelled rows of all windows, with every label known at the end of the last, and their landings.

    A process that trains several models of a plan reads them once.
    """
    problem = use_case(plan.usecase)
    span = Window(start=plan.windows[0].start, end=plan.windows[-1].end)
    rows = rows_at(problem, span.end, span, version=plan.dataset_version)
    have = rows[rows[problem.target].notna()].sort_values(problem.event_time, kind="stable", ignore_index=True)
    return have, landings(have, problem, plan)


def _expected_row(plan: Plan, role: Role, at: int) -> Row:
    row = stored_row(plan, role, at)
    if row is None:
        raise FileNotFoundError(
            f"expected the {role} trained at {plan.windows[at].end:%Y-%m-%d %H:%M} in {folder(plan)}, found none; "
            f"run the backtest again, it goes on with the models it has"
        )
    return row


def _path(plan: Plan, role: Role, at: int) -> Path:
    return folder(plan) / f"{role}-{at:04d}.npz"


def _store_row(path: Path, row: Row) -> None:
    """Write a row; the file appears whole or not at all."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as file:
        np.savez_compressed(
            file,
            scores=row.scores,
            settled_scores=row.settled_scores,
            parts=row.parts,
            losses=row.losses,
            rows=row.rows,
            seconds=row.seconds,
        )
    os.replace(file.name, path)
