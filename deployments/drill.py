"""Sabotage the system on purpose and print what was caught, without servers: `python -m deployments.drill`."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "GIT_PYTHON_REFRESH": "quiet",
    "OMP_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
}
TRAINING = {"blocks": 2, "min_rows": 200}
GATES = {"min_gain_over_baseline": 0.02, "min_gain_over_champion": 0.002, "min_rows": 500, "min_slice_rows": 100}


def main() -> None:
    """Drill in this process, with a Prefect of its own; exit 1 if anything slipped through."""
    parser = argparse.ArgumentParser(prog="python -m deployments.drill", description=__doc__)
    parser.add_argument(
        "usecase", nargs="?", default="synthetic", help="a use case that was collected; else made-up rows"
    )
    usecase = parser.parse_args().usecase
    with tempfile.TemporaryDirectory(prefix="drill-prefect-") as home:
        os.environ.update(QUIET | {"PREFECT_HOME": home})
        os.environ.pop("PREFECT_API_URL", None)
        sys.exit(drilled(usecase))


def drilled(usecase: str) -> int:
    """Run the drill and print its table; return the exit code."""
    from flows.drill import drill
    from tasks.gates import GatePolicy
    from tasks.simulation.drill import DrillFailedError, DrillPolicy, DrillReport, as_rows
    from tasks.simulation.drill.report import report_file
    from tasks.training.folds import TrainPolicy

    training, gates = numbers(usecase)
    policy = DrillPolicy()
    console = Console(width=None if sys.stdout.isatty() else 140)
    try:
        message = drill(usecase, TrainPolicy(**training), GatePolicy(**gates), policy)
    except DrillFailedError as failure:
        message, code = str(failure), 1
    else:
        code = 0
    report = DrillReport.model_validate_json(report_file(usecase).read_text())
    console.print(table(as_rows(report, policy)))
    console.print(message, highlight=False)
    return code


def numbers(usecase: str) -> tuple[dict, dict]:
    """Return the numbers for training and gates: those of the use case's own deployment, or of the made-up one."""
    import yaml

    retrains = []
    for path in sorted((Path(__file__).parent).glob("*.yaml")):
        declared = yaml.safe_load(path.read_text()).get("deployments", [])
        retrains += [retrain["parameters"] for retrain in declared if retrain["entrypoint"].endswith(":retrain")]
    (own,) = [retrain for retrain in retrains if retrain["usecase"] == usecase] or [
        {"training": TRAINING, "gates": GATES}
    ]
    return own["training"], own["gates"]


def table(rows: list[dict[str, object]]) -> Table:
    """Return the drill's table for a terminal."""
    shown = Table(*rows[0])
    for row in rows:
        style = "bold red" if row["as expected"] == "NO" else None
        shown.add_row(*(str(cell) for cell in row.values()), style=style)
    return shown


if __name__ == "__main__":
    main()
