"""Ask a clean process what a stored model predicts there, how fast, and how large its file is."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.metrics import relative_difference
from tasks.settings import ROOT
from tasks.training.evidence import Serving

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tasks.usecases import UseCase

PATIENCE = 180
"""Seconds after which a clean process that has not answered is given up."""
TIMED_ROWS = 2_000
"""Rows whose prediction is timed: enough that the model takes the time, not the call."""
ROUNDS = 9
START = "import sys; sys.path.insert(0, sys.argv[1]); from tasks.registry.sandbox import answer; answer(sys.argv[2])"
CHALLENGER, CHAMPION = "challenger", "champion"
ROWS, ASKED, OUTCOME, PREDICTED = "rows.parquet", "asked.json", "outcome.json", "predicted.npy"


def serving_check(
    model_uri: str, champion_uri: str | None, rows: "pd.DataFrame", expected: "np.ndarray", problem: "UseCase"
) -> Serving:
    """Return how a stored model does in a process that has the project and nothing of the caller.

    It is loaded against our own list of types and predicts rows of features, whose predictions here are `expected`.
    The champion is timed beside it, in turns, so that the machine's noise is shared.
    """
    import numpy as np

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows.reset_index(drop=True).to_parquet(folder / ROWS)
        models = {CHALLENGER: model_uri} | ({CHAMPION: champion_uri} if champion_uri else {})
        asked = {"models": models, "kind": problem.kind, "classes": problem.classes}
        (folder / ASKED).write_text(json.dumps(asked))
        if fault := _run(folder):
            return Serving(fault=fault)
        outcome = json.loads((folder / OUTCOME).read_text())
        if outcome["fault"]:
            return Serving(fault=outcome["fault"])
        difference = relative_difference(expected, np.load(folder / PREDICTED))
        return Serving(difference=difference, **outcome["numbers"])


def _run(folder: Path) -> str | None:
    """Let a process without this one's paths and modules answer; say why it did not, or None."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-I", "-c", START, str(ROOT), str(folder)]
    try:
        done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {PATIENCE} s"
    if done.returncode == 0:
        return None
    stderr_lines = done.stderr.strip().splitlines() or ["no message"]
    return f"the process ended with {done.returncode}: {stderr_lines[-1]}"


def answer(folder: str) -> None:
    """Load the models that are asked about, predict and time; write what came of it beside the question.

    This is what the clean process does.
    """
    import numpy as np
    import pandas as pd

    place = Path(folder)
    asked, rows = json.loads((place / ASKED).read_text()), pd.read_parquet(place / ROWS)
    try:
        predict, size = _model(asked["models"][CHALLENGER], asked)
        np.save(place / PREDICTED, predict(rows))
    except Exception as error:
        # Whatever it is: a model that does not load and predict here does not go live.
        outcome: dict[str, Any] = {"fault": f"{type(error).__name__}: {error}", "numbers": {}}
    else:
        outcome = {"fault": None, "numbers": {"size": size} | _times(predict, asked, rows)}
    (place / OUTCOME).write_text(json.dumps(outcome))


def _times(predict: "Callable[[pd.DataFrame], np.ndarray]", asked: dict, rows: "pd.DataFrame") -> dict[str, Any]:
    """Return the median milliseconds of both models, and the champion's size, or why it does not load."""
    many = rows.iloc[[number % len(rows) for number in range(TIMED_ROWS)]]
    uri = asked["models"].get(CHAMPION)
    rival, size, fault = None, None, None
    try:
        rival, size = (None, None) if uri is None else _model(uri, asked)
    except Exception as error:
        # The gates get no numbers of the champion, and refuse with this reason.
        fault = f"{type(error).__name__}: {error}"
    spent: dict[str, list[float]] = {"milliseconds": [], "champion_milliseconds": []}
    for _ in range(ROUNDS):
        for who, model in (("milliseconds", predict), ("champion_milliseconds", rival)):
            if model is not None:
                began = time.perf_counter()
                model(many)
                spent[who].append(1000 * (time.perf_counter() - began))
    return {"champion_size": size, "champion_fault": fault} | {
        who: sorted(ms)[len(ms) // 2] for who, ms in spent.items() if ms
    }


def _model(uri: str, asked: dict) -> "tuple[Callable[[pd.DataFrame], np.ndarray], int]":
    """Return a stored model as a function of features, loaded against our own list of types, and its file's size."""
    import mlflow

    from tasks.registry.models import UntrustedModelError, trusted
    from tasks.training.estimators import answers

    folder = Path(mlflow.artifacts.download_artifacts(uri))
    files = sorted(folder.glob("*.skops"))
    if len(files) != 1:
        names = ", ".join(sorted(path.name for path in folder.iterdir()))
        raise UntrustedModelError(f"expected one skops file, found {names}")
    model = trusted(files[0])
    return lambda rows: answers(model, rows, asked["kind"], asked["classes"]), files[0].stat().st_size
