"""A person's answer and the hand tools against real servers: suspended, declined, overdue, approved, made again."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import FlowPauseTimeout, NotPausedError, PrefectHTTPStatusError
from prefect.flow_runs import resume_flow_run

from deployments.running import supervised
from flows.collect import collect
from flows.monitor import monitor
from tasks.data import delta, ledger
from tasks.data.validation import BatchPolicy
from tasks.monitoring.drift_report import DriftPolicy
from tasks.registry import models
from tasks.settings import ROOT, Settings
from tasks.triggers.policy import RetrainPolicy
from tasks.usecases import use_case

pytestmark = pytest.mark.servers

NUMBERS = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())["definitions"]
MOMENTS = {name: datetime(2013, 4, day, tzinfo=UTC) for name, day in (("declined", 1), ("overdue", 2), ("approved", 3))}
SECONDS = 20
PATIENCE = 240


def started(flow: str, **parameters: Any) -> UUID:
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{flow}/weather-{flow}")
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters).id


def in_state(run: UUID, *names: str) -> FlowRun:
    """Wait until a run is in one of the states, and return it."""
    end = time.monotonic() + PATIENCE
    with get_client(sync_client=True) as client:
        while time.monotonic() < end:
            result = client.read_flow_run(run)
            if result.state is not None and result.state.name in names:
                return result
            time.sleep(0.5)
    raise AssertionError(f"expected {names} within {PATIENCE} s, found {result.state}")


def suspended(verdict: str, hours: float) -> UUID:
    """Start a retrain that asks for approval, and return it once it waits."""
    promotion = NUMBERS["promotion"] | {"approval": "required", "approval_hours": hours}
    run = started("retrain", as_of=MOMENTS[verdict].isoformat(), promotion=promotion)
    assert in_state(run, "Suspended", "Failed", "Crashed").state.name == "Suspended"
    # Prefect's worker dies of a run that is resumed before its first process has ended.
    while processes_of(run):
        time.sleep(0.2)
    return run


def processes_of(run: UUID) -> list[str]:
    """Return the processes of this system in which a flow run is executed."""
    environments = [Path(f"/proc/{pid}/environ") for pid in supervised(Settings())]
    return [str(file) for file in environments if file.exists() and str(run).encode() in file.read_bytes()]


def shown_by(run: UUID) -> dict[str, Any]:
    """Return what a run has shown, a page or a table, by its key."""
    mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
    with get_client(sync_client=True) as client:
        return {str(artifact.key): artifact.data for artifact in client.read_artifacts(artifact_filter=mine)}


def completed(flow: str, **parameters: Any) -> dict[str, Any]:
    """Run a deployment to its good end, and return what it has shown."""
    run = in_state(started(flow, **parameters), "Completed", "Failed", "Crashed")
    assert run.state.name == "Completed", run.state.message
    return shown_by(run.id)


def answered(verdict: str) -> ledger.Decision:
    (result,) = [
        decision
        for decision in ledger.decisions("weather")
        if decision.as_of == MOMENTS[verdict] and decision.kind in ledger.ANSWERS
    ]
    return result


@pytest.fixture(scope="module")
def weather(system: Settings) -> None:
    """A quarter of weather is collected; nothing was ever trained."""
    collect("weather", max(MOMENTS.values()), batch=BatchPolicy(**NUMBERS["batch"]))
    assert models.champion("weather") is None


@pytest.fixture(scope="module")
def declined(weather: None) -> FlowRun:
    """A retrain that a person declined."""
    run = suspended("declined", hours=1)
    resume_flow_run(run, run_input={"approve": False, "comment": "too bold"})
    return in_state(run, "Completed", "Failed")


@pytest.fixture(scope="module")
def overdue(declined: FlowRun) -> FlowRun:
    """A retrain that nobody answered in time, and the monitoring that came after it."""
    run = suspended("overdue", hours=SECONDS / 3600)
    result = in_state(run, "Failed")
    policy = RetrainPolicy(**NUMBERS["weather_policy"])
    monitor("weather", MOMENTS["overdue"], drift=DriftPolicy(**NUMBERS["drift"]), policy=policy)
    return result


@pytest.fixture(scope="module")
def approved(overdue: FlowRun) -> FlowRun:
    """A retrain that a person approved."""
    run = suspended("approved", hours=1)
    assert models.champion("weather") is None
    resume_flow_run(run, run_input={"approve": True, "comment": "looks right"})
    return in_state(run, "Completed", "Failed")


def test_a_challenger_that_is_declined_is_refused_with_the_comment(declined: FlowRun) -> None:
    assert declined.state.name == "Completed"
    assert (answered("declined").kind, answered("declined").reason) == ("refused", "declined: too bold")


def test_the_evidence_is_an_artifact_of_the_run_that_waits(declined: FlowRun) -> None:
    assert "| beats_baseline |" in shown_by(declined.id)["weather-approval"]


def test_silence_is_a_refusal_that_the_next_run_keeps(overdue: FlowRun) -> None:
    assert overdue.state.name == "Failed"
    assert answered("overdue").kind == "refused"
    assert answered("overdue").reason.startswith("nobody approved it by ")


def test_an_answer_that_comes_too_late_is_not_taken(overdue: FlowRun) -> None:
    with pytest.raises((FlowPauseTimeout, NotPausedError), match=r"no longer be resumed|isn't paused"):
        resume_flow_run(overdue.id, run_input={"approve": True, "comment": "late"})


def test_a_challenger_that_is_approved_goes_live_and_the_ledger_keeps_the_comment(approved: FlowRun) -> None:
    assert approved.state.name == "Completed"
    assert (answered("approved").kind, answered("approved").facts["approved"]) == ("promoted", "approved: looks right")
    assert models.champion("weather").version == "1"


def test_what_waited_was_trained_once(approved: FlowRun) -> None:
    from mlflow import MlflowClient

    experiment = MlflowClient().get_experiment_by_name("weather")

    runs = MlflowClient().search_runs([experiment.experiment_id])
    assert sorted(run.info.run_name.partition(":")[0] for run in runs) == [
        "2013-04-01 refused",
        "2013-04-02 refused",
        "2013-04-03 promoted v1",
    ]


REPRODUCED = "# version 1 of weather is reproduced\n"


def test_the_live_model_is_made_again_from_the_data_that_it_cites(approved: FlowRun) -> None:
    page = completed("reproduce")["weather-reproduction"]

    assert page.startswith(REPRODUCED)
    assert f"| dataset version | {models.champion('weather').dataset_version} |" in page
    assert "| rows compared | 1000 |" in page


def test_a_row_is_explained_by_its_key(approved: FlowRun) -> None:
    page = completed("explain", key="JFK, 2013-03-01T12:00:00Z")["weather-row"]

    # version 1 went live on 3 April: it was never asked about a row of March
    assert page.startswith("# JFK, 2013-03-01T12:00:00Z is stored and has no prediction\n")
    assert "| origin | JFK |" in page
    assert "It passes today's schema." in page
    contributions = page.split("## What each feature contributed")[1]
    assert " by version 1: " in contributions
    assert set(re.findall(r"^\| (\w+) \| .+ \| -?[\d.]+ \| [\d.]+ \|$", contributions, re.MULTILINE)) == set(
        use_case("weather").features
    )


def test_a_maintained_problem_s_live_model_can_still_be_made_again(approved: FlowRun) -> None:
    tables = {row["table"]: row for row in json.loads(completed("maintain")["weather-maintenance"])}

    assert tables["weather/observations"]["versions protected"] == 1
    assert {"weather/observations", "ledger"} <= set(tables)
    assert delta.file_count(Settings().tables / "ledger") == tables["ledger"]["files after"]
    assert tables["ledger"]["files after"] < tables["ledger"]["files before"]
    assert completed("reproduce")["weather-reproduction"].startswith(REPRODUCED)


def test_a_rollback_without_a_predecessor_fails_and_says_why(approved: FlowRun) -> None:
    run = in_state(started("rollback", reason="a test"), "Completed", "Failed")

    assert run.state.name == "Failed"
    assert "version 1 of weather has no predecessor" in run.state.message


def test_a_rollback_without_a_reason_is_refused_by_the_form(approved: FlowRun) -> None:
    with pytest.raises(PrefectHTTPStatusError, match="reason"):
        started("rollback", reason="  ")
