"""Is a rule light? Importing it must load no orchestrator, no registry and no report."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.settings import ROOT

HEAVY = ("prefect", "mlflow", "evidently", "deltalake")
RULES = (
    "tasks.triggers.policy",
    "tasks.triggers.episodes",
    "tasks.training.comparison",
    *(f"tasks.gates.{file.stem}" for file in sorted(Path(ROOT, "tasks", "gates").glob("[a-z]*.py"))),
)


def heavy_modules_after(statement: str) -> str:
    """Return which of the heavy libraries a fresh process holds after a statement, a name a line."""
    program = f"import sys\n{statement}\nprint(*(set({HEAVY}) & set(sys.modules)), sep='\\n', end='')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_loads_none_of_the_heavy_libraries(rule: str) -> None:
    assert heavy_modules_after(f"import {rule}") == ""


def test_what_is_loaded_would_be_noticed() -> None:
    assert heavy_modules_after("import prefect") == "prefect"
