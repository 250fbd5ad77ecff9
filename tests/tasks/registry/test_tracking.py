"""What is left of a retrain in MLflow, and which run of it counts? Asked of a real MLflow."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import mlflow
import pytest
from mlflow import MlflowClient
from pydantic import ValidationError

from tasks.data.store import Dataset, arrow_schema
from tasks.registry import tracking
from tasks.registry.tracking import Request, code_version, conclude, fresh_run, mark_complete, run_of

pytestmark = pytest.mark.slow  # MLflow's tables alone take seconds to make
JAN_1 = datetime(2024, 1, 1, 6, tzinfo=UTC)
DAY = timedelta(days=1)
REQUEST = Request(usecase="stall", as_of=JAN_1, reason="3 of 4 features drifted")


def completed(request):
    with fresh_run(request, {}) as run:
        mlflow.log_metric("score", 1.0)
    mark_complete(run.info.run_id)
    return run.info.run_id


def died(request):
    """Leave a run as a process that was killed leaves it."""
    with fresh_run(request, {}) as run:
        mlflow.log_metric("score", 0.5)
    MlflowClient().set_terminated(run.info.run_id, "FAILED")
    return run.info.run_id


def run_ids():
    experiment = MlflowClient().get_experiment_by_name("stall")
    return [run.info.run_id for run in MlflowClient().search_runs([experiment.experiment_id])]


def test_a_retrain_is_named_after_the_request_that_it_answers_or_its_moment():
    assert REQUEST.id == "stall/20240101T060000/retrain"
    assert REQUEST.model_copy(update={"decision": "stall/20231231/retrain-asked"}).id == "stall/20231231/retrain-asked"


def test_a_request_without_a_zone_is_refused():
    with pytest.raises(ValidationError, match=r"as_of\n.*timezone"):
        Request(usecase="stall", as_of=datetime(2024, 1, 1), reason="")


def test_no_run_is_found_before_the_first(mlflow_server):
    assert run_of(REQUEST) is None


def test_only_a_run_that_is_complete_is_found(mlflow_server):
    died(REQUEST)
    assert run_of(REQUEST) is None

    run_id = completed(REQUEST)

    assert run_of(REQUEST).info.run_id == run_id


def test_a_run_is_not_found_for_another_request(mlflow_server):
    completed(REQUEST)

    assert run_of(REQUEST.model_copy(update={"decision": "another"})) is None
    assert run_of(REQUEST.model_copy(update={"usecase": "bakery"})) is None


def test_a_fresh_run_deletes_what_remains_of_those_that_died_and_of_no_other_request(mlflow_server):
    other = completed(REQUEST.model_copy(update={"decision": "another"}))
    [died(REQUEST), died(REQUEST)]

    run_id = completed(REQUEST)

    assert sorted(run_ids()) == sorted([other, run_id])


def test_a_run_that_fails_ends_as_failed(mlflow_server):
    with pytest.raises(RuntimeError, match="out of memory"), fresh_run(REQUEST, {}) as run:
        raise RuntimeError("out of memory")

    assert MlflowClient().get_run(run.info.run_id).info.status == "FAILED"
    assert run_of(REQUEST) is None


def test_a_run_says_why_and_as_of_when_it_was_made_and_by_which_code(mlflow_server):
    with fresh_run(REQUEST, {"evergreen.prefect": "a link"}) as run:
        tags = run.data.tags

    own_tags = {name: text for name, text in tags.items() if name.startswith("evergreen.")}
    assert own_tags == {
        "evergreen.request": "stall/20240101T060000/retrain",
        "evergreen.as_of": "2024-01-01T06:00:00+00:00",
        "evergreen.reason": "3 of 4 features drifted",
        "evergreen.code": code_version(),
        "evergreen.prefect": "a link",
    }
    assert run.info.run_name == "2024-01-01 running"


def test_a_verdict_is_the_runs_name_description_and_tag(mlflow_server):
    run_id = completed(REQUEST)

    conclude(run_id, "refused", "no gain", "2024-01-01 refused", {"gain": -0.25}, JAN_1, "[Page](http://page)")

    run = MlflowClient().get_run(run_id)
    assert run.info.run_name == "2024-01-01 refused"
    assert run.data.tags["mlflow.note.content"] == "**refused**: no gain\n\n[Page](http://page)"
    assert run.data.metrics["gain"] == -0.25
    assert (run.data.tags["evergreen.verdict"], run.data.tags["evergreen.verdict_reason"]) == ("refused", "no gain")


def test_a_run_names_the_dataset_version_that_it_learned_from(mlflow_server, tmp_path):
    dataset = Dataset(tmp_path / "observations", arrow_schema({"sale": "str"}), ("sale",))

    with fresh_run(REQUEST, {}) as run:
        tracking.log_dataset(dataset, 12, "stall 2024-01")

    [used] = MlflowClient().get_run(run.info.run_id).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("stall 2024-01", "v12")
    assert '"path": "observations"' in used.dataset.source
    assert '"delta_table_version": 12' in used.dataset.source


def test_a_table_among_ours_is_named_by_its_place_among_them_and_no_folder_of_the_machine(mlflow_server, state):
    dataset = Dataset(state / "tables" / "stall" / "observations", arrow_schema({"sale": "str"}), ("sale",))

    with fresh_run(REQUEST, {}) as run:
        tracking.log_dataset(dataset, 12, "stall 2024-01")

    [used] = MlflowClient().get_run(run.info.run_id).inputs.dataset_inputs
    assert '"path": "stall/observations"' in used.dataset.source


def test_the_experiment_holds_a_view_whose_columns_are_verdict_score_and_gain(mlflow_server):
    completed(REQUEST)

    view = json.loads(MlflowClient().get_experiment_by_name("stall").tags["mlflow.sharedViewState.retrains"])
    assert view["name"] == "retrains"
    assert json.loads(view["state"])["selectedColumns"] == [
        "tags.`evergreen.verdict`",
        "metrics.`score`",
        "metrics.`gain`",
        "metrics.`gain_low`",
        "metrics.`gain_high`",
    ]


RUN = "http://mlflow/#/experiments/1/runs/2"


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {},
            f"[Run in MLflow]({RUN}?workflowType=machine_learning) · [All retrains](http://mlflow/#/experiments/1/runs?viewStateShareKey=retrains&workflowType=machine_learning)",
        ),
        (
            {"version": "3", "report_url": "http://reports/a.html", "flow_run_url": "http://prefect/run"},
            f"[Run in MLflow]({RUN}?workflowType=machine_learning) · [Version 3](http://127.0.0.1:5000/#/models/stall/versions/3)"
            f" · [Model card]({RUN}/artifacts/card.md?workflowType=machine_learning) · [Drift report](http://reports/a.html)"
            " · [Flow run in Prefect](http://prefect/run)"
            " · [All retrains](http://mlflow/#/experiments/1/runs?viewStateShareKey=retrains&workflowType=machine_learning)",
        ),
    ],
)
def test_what_goes_with_a_challenger_is_linked_and_what_is_not_there_is_left_out(monkeypatch, facts, message):
    monkeypatch.delenv("EVERGREEN_MLFLOW_PORT", raising=False)
    monkeypatch.delenv("EVERGREEN_HOST", raising=False)

    assert tracking.links("stall", {"mlflow_run": RUN} | facts) == message


def test_a_checkout_says_its_commit_and_whether_it_was_changed(monkeypatch):
    commit = {"rev-parse": "abc123", "status": ""}
    monkeypatch.setattr(tracking, "_git", lambda word, *_: commit[word])
    assert code_version() == "abc123"

    monkeypatch.setitem(commit, "status", " M tasks/registry/tracking.py")
    assert code_version() == "abc123+changes"


def test_without_a_checkout_the_code_is_unknown(monkeypatch):
    monkeypatch.setattr(tracking, "_git", lambda *_: "")

    assert code_version() == "unknown"


def test_a_model_that_could_not_be_loaded_again_is_not_logged(mlflow_server, sales):
    rows = sales({}, {})[["price"]]

    with pytest.raises(Exception, match=r"fractions\.Fraction"), fresh_run(REQUEST, {}):
        tracking.log_model(odd_model(rows), rows, [0, 1])


def odd_model(rows):
    from sklearn.tree import DecisionTreeClassifier

    model = DecisionTreeClassifier().fit(rows, [0, 1])
    model.odd = Fraction(1, 2)
    return model


def points(run_id, name):
    return [(metric.value, metric.timestamp) for metric in MlflowClient().get_metric_history(run_id, name)]


def test_a_check_s_numbers_are_points_of_its_model_s_run_dated_by_its_window(mlflow_server):
    run_id = completed(REQUEST)

    tracking.log_check(run_id, {"rows": 56.0, "share": 0.25}, JAN_1)
    tracking.log_check(run_id, {"rows": 57.0}, JAN_1 + DAY)
    tracking.log_check(run_id, {"rows": 56.0}, JAN_1)

    noted = 1000 * int(JAN_1.timestamp())
    assert points(run_id, "check/rows") == [(56.0, noted), (57.0, noted + 86_400_000)]
    assert points(run_id, "check/share") == [(0.25, noted)]


def test_a_run_that_is_gone_keeps_no_check(mlflow_server):
    deleted = completed(REQUEST)
    MlflowClient().delete_run(deleted)

    tracking.log_check(deleted, {"rows": 56.0}, JAN_1)
    tracking.log_check("0" * 32, {"rows": 56.0}, JAN_1)

    assert points(deleted, "check/rows") == []


def test_limits_are_metrics_and_a_sentence_of_the_run(mlflow_server):
    run_id = completed(REQUEST)

    tracking.log_limits(run_id, {"statistics": 12, "fallback": 1.0}, "too little reference")

    run = MlflowClient().get_run(run_id).data
    assert (run.metrics["limits/statistics"], run.metrics["limits/fallback"]) == (12.0, 1.0)
    assert run.tags["evergreen.limits"] == "too little reference"
