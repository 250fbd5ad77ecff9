"""Turn given tables into use cases and stored observations, as they would be after `make new` and `collect`."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

import usecases
from deployments.new import answers_from, checked_description
from scaffold.writing import use_case_text
from tasks.data import validation
from tasks.data.tables import observations
from tasks.usecases import UseCase, use_case

FOR_EVER = datetime(2200, 1, 1, tzinfo=UTC)
MADE_UP = "made_up_time"


@contextmanager
def workshop(state: Path | None) -> Iterator[Path]:
    """Let this process keep its state in a folder of its own, and find further use cases below it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = (state or Path(temporary)).absolute()
        package = folder / "more" / "usecases"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        os.environ["EVERGREEN_STATE"] = str(folder)
        usecases.__path__.append(str(package))
        sys.path.append(str(package.parent))  # for the processes that this one starts
        try:
            yield package
        finally:
            usecases.__path__.remove(str(package))
            sys.path.remove(str(package.parent))


def drafted_use_case(name: str, words: dict[str, str], package: Path) -> UseCase:
    """Write the use case that `make new` would draft for a table into a package, and return it.

    Rows in order of time but without one get a made-up clock, an hour a row: say `TIME=rows`. What an earlier run on
    the same state drafted is used again.
    """
    if (package / f"{name}.py").exists():
        return use_case(name)
    if words["TIME"] == "rows":
        words = words | {"TIME": MADE_UP, "DATA": str(_with_clock(Path(words["DATA"]), package))}
    answers = answers_from([f"NAME={name}", *(f"{word}={text}" for word, text in words.items())])
    (package / f"{name}.py").write_text(use_case_text(checked_description(answers)))
    return use_case(name)


def store(problem: UseCase) -> datetime:
    """Store a use case's good rows with their labels at least one window late; return the end of its history."""
    table = observations(problem)
    if table.exists():
        return _end(table.read(columns=[problem.event_time])[problem.event_time])
    chunks = problem.source.rows(problem.history_start, FOR_EVER)
    rows = pd.concat([validation.with_declared_dtypes(chunk, problem) for chunk in chunks], ignore_index=True)
    good = rows[validation.row_faults(rows, problem) == ""].astype(problem.dtypes)
    late = good[problem.event_time] + problem.window
    label_times = good[problem.label_time].where(good[problem.label_time] >= late, late)
    table.append_new(good.assign(**{problem.label_time: label_times})[list(problem.columns)])
    return _end(good[problem.event_time])


def _end(times: "pd.Series") -> datetime:
    return times.max().to_pydatetime()


def _with_clock(path: Path, folder: Path) -> Path:
    rows = pd.read_parquet(path)
    clock = pd.date_range("2000-01-01", periods=len(rows), freq="h", tz="UTC")
    timed = folder / f"{path.stem}_timed.parquet"
    rows.assign(**{MADE_UP: clock}).to_parquet(timed)
    return timed


def weekly(name: str, package: Path) -> UseCase:
    """Write a use case that is one of ours with windows of a week: a year of longer ones is too short."""
    text = (
        f'"""{name} in windows of a week."""\n\nfrom dataclasses import replace\nfrom datetime import timedelta\n\n'
        f"from usecases.{name} import USE_CASE as MONTHLY\n\n"
        f'USE_CASE = replace(MONTHLY, name="{name}_weekly", window=timedelta(days=7))\n'
    )
    (package / f"{name}_weekly.py").write_text(text)
    return use_case(f"{name}_weekly")
