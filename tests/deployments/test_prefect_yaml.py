"""Are the files of `deployments/` what Prefect will read, drafted ones too? A misspelt key deploys in silence."""

from typing import Any

import pytest
import yaml
from prefect.exceptions import ParameterTypeError
from prefect.flows import Flow, load_flow_from_entrypoint

from deployments.startup import prefect_files
from tasks.settings import ROOT
from tasks.usecases import use_case_names

DEPLOYMENTS: list[dict[str, Any]] = [
    one for file in prefect_files() for one in yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
]
DEMO = ("flights", "weather")
KNOWN = {
    *("name", "entrypoint", "description", "tags", "work_pool", "schedules", "concurrency_limit", "parameters"),
    "triggers",
}
FLOWS = (
    *("collect", "score", "monitor", "retrain", "replay", "rollback", "mute", "accept", "readmit", "reproduce"),
    *("maintain", "explain", "drill", "status", "backtest"),
)
ASKED = {
    "rollback": {"reason": "it is worse"},
    "mute": {"until": "2024-01-01T00:00:00Z", "reason": "it is a holiday"},
    "accept": {"reason": "the field is optional now"},
    "explain": {"key": "1"},
}
"""What a person fills in; it has no default."""


def named(deployment: dict[str, Any]) -> str:
    return str(deployment["name"])


def flow_of(deployment: dict[str, Any]) -> str:
    return str(deployment["entrypoint"].split(":")[1])


each_deployment = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=named)


def test_every_flow_is_deployed_for_every_use_case() -> None:
    assert sorted(map(named, DEPLOYMENTS)) == sorted(f"{name}-{flow}" for flow in FLOWS for name in use_case_names())


@each_deployment
def test_a_deployment_has_only_keys_that_prefect_knows(deployment: dict[str, Any]) -> None:
    assert set(deployment) <= KNOWN


@each_deployment
def test_a_deployment_s_flow_loads_and_takes_its_parameters(deployment: dict[str, Any]) -> None:
    flow: Flow[Any, Any] = load_flow_from_entrypoint(str(ROOT / deployment["entrypoint"]))

    taken = flow.validate_parameters(deployment["parameters"] | ASKED.get(flow.name, {}))

    assert deployment["name"] == f"{taken['usecase']}-{flow.name}"


@pytest.mark.parametrize(("flow", "asked"), ASKED.items())
def test_what_a_person_must_say_is_refused_when_it_is_blank(flow: str, asked: dict[str, str]) -> None:
    form: Flow[Any, Any] = load_flow_from_entrypoint(str(ROOT / f"flows/{flow}.py:{flow}"))

    with pytest.raises(ParameterTypeError, match=next(iter(asked))):
        form.validate_parameters({"usecase": "flights"} | dict.fromkeys(asked, "  "))


@each_deployment
def test_a_deployment_is_tagged_with_its_use_case_and_how_often_a_person_needs_it(deployment: dict[str, Any]) -> None:
    is_daily = flow_of(deployment) in {"collect", "score", "monitor", "retrain", "status"}

    assert deployment["tags"] == [deployment["parameters"]["usecase"], "every-day" if is_daily else "by-hand"]


@each_deployment
def test_runs_of_a_deployment_come_one_at_a_time(deployment: dict[str, Any]) -> None:
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}


@pytest.mark.parametrize(
    "deployment",
    [deployment_row for deployment_row in DEPLOYMENTS if deployment_row["parameters"]["usecase"] in DEMO],
    ids=named,
)
def test_the_demos_schedules_are_paused(deployment: dict[str, Any]) -> None:
    assert [deployment_row["active"] for deployment_row in deployment.get("schedules", [])].count(True) == 0


@each_deployment
def test_schedules_have_a_slug_so_that_a_redeploy_leaves_them_as_they_are(deployment: dict[str, Any]) -> None:
    assert [
        deployment_row for deployment_row in deployment.get("schedules", []) if not deployment_row.get("slug")
    ] == []


@pytest.mark.parametrize("name", use_case_names())
def test_drift_of_a_use_case_starts_its_own_retrain_with_the_decision(name: str) -> None:
    (retrain,) = [item for item in DEPLOYMENTS if named(item) == f"{name}-retrain"]
    (trigger,) = retrain["triggers"]

    assert trigger["match"] == {"prefect.resource.id": f"evergreen.use-case.{name}"}
    assert trigger["expect"] == ["drift.detected"]
    assert trigger["parameters"] == {"decision": "{{ event.payload.decision }}"}


def test_a_form_explains_each_of_its_fields() -> None:
    flows = [load_flow_from_entrypoint(str(ROOT / f"flows/{name}.py:{name}")) for name in FLOWS]
    silent = [
        f"{flow.name}.{field}"
        for flow in flows
        for field, shown in parameter_properties(flow).items()
        if not shown.get("description")
    ]

    assert silent == []


@pytest.mark.parametrize(
    ("flow", "fields"),
    [
        ("collect", ["usecase", "as_of", "batch"]),
        ("monitor", ["usecase", "as_of", "drift", "policy"]),
        ("retrain", ["usecase", "reason", "as_of", "decision", "training", "gates", "promotion"]),
        ("reproduce", ["usecase", "version", "max_difference"]),
        ("replay", ["usecase", "over", "pace", "policies"]),
        ("backtest", ["usecase", "price", "as_of", "candidate", "workers", "span", "gate", "policies"]),
    ],
)
def test_a_form_begins_with_what_a_person_sets_and_the_policies_follow(flow: str, fields: list[str]) -> None:
    shown = parameter_properties(load_flow_from_entrypoint(str(ROOT / f"flows/{flow}.py:{flow}")))

    assert sorted(shown, key=lambda name: shown[name]["position"]) == fields


def parameter_properties(flow: Any) -> dict[str, Any]:
    from prefect.utilities.callables import parameter_schema

    return parameter_schema(flow).properties
