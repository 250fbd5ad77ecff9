"""What the Prefect form refuses before a run is made, by name."""

from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError

from tasks.settings import Settings

pytestmark = pytest.mark.servers

GATES = {"min_gain_over_baseline": 0.02, "min_gain_over_champion": 0.002, "min_rows": 100}


def created_run(flow: str, parameters: dict[str, Any]) -> Any:
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{flow}/flights-{flow}")
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters)


@pytest.mark.parametrize(
    ("flow", "parameters", "named"),
    [
        ("score", {"usecase": "no_such_problem"}, "no_such_problem"),
        ("score", {"usecase": "flights", "as_of": "2013-07-01T00:00:00"}, "2013-07-01T00:00:00"),
        ("retrain", {"gates": GATES | {"min_gain_over_baseline": 0}}, "min_gain_over_baseline"),
        ("retrain", {"gates": GATES | {"min_gane": 1}}, "min_gane"),
        ("retrain", {"gates": GATES | {"min_rows": "many"}}, "many"),
    ],
)
def test_the_form_refuses_by_name(system: Settings, flow: str, parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(PrefectHTTPStatusError, match=named):
        created_run(flow, parameters)
