"""Show the results of a drill, and fail where something slipped through."""

import json
from pathlib import Path

from tasks import artifacts
from tasks.settings import Settings
from tasks.simulation.drill import DrillFailedError, DrillPolicy, DrillReport, as_rows, failures, summary
from tasks.steps import step


def drill_name() -> str:
    """Name the present drill after its use case."""
    from prefect.runtime import flow_run

    return f"{flow_run.parameters['usecase']} drill"


def report_file(usecase: str) -> Path:
    """Return where the newest drill of a use case is stored, as JSON."""
    return Settings().state.absolute() / "drills" / f"{usecase}.json"


@step()
def show_drill(report: DrillReport, policy: DrillPolicy) -> str:
    """Show the drill's table and store it; return its summary.

    Raises:
        DrillFailedError: a sabotage slipped through, false promotions were too many, or an improvement was refused.
    """
    failed = failures(report, policy)
    summary_text = summary(report, failed)
    file = report_file(report.usecase)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report.model_dump(mode="json"), indent=1))
    artifacts.show_table(f"{report.usecase} drill", as_rows(report, policy), summary_text)
    if failed:
        raise DrillFailedError(summary_text)
    return summary_text
