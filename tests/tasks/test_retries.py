"""Which error is worth another try?"""

import httpx
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, TEMPORARILY_UNAVAILABLE
from prefect.states import Failed

from tasks.errors import BatchRefusedError, SourceUnavailable, SourceUnreadable
from tasks.retries import is_outage, worth_another_try


@pytest.mark.parametrize(
    "error",
    [
        SourceUnavailable("no answer"),
        ConnectionRefusedError("no answer"),
        TimeoutError("no answer"),
        MlflowException("API request failed"),
        MlflowException("busy", TEMPORARILY_UNAVAILABLE),
        httpx.ConnectError("the Prefect server does not answer"),
        httpx.ReadTimeout("the Prefect server does not answer"),
    ],
    ids=repr,
)
def test_a_server_or_source_that_does_not_answer_is_an_outage(error):
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        SourceUnreadable("no such column"),
        BatchRefusedError("too many bad rows"),
        MlflowException("no such model", RESOURCE_DOES_NOT_EXIST),
        MlflowException("no such alias", INVALID_PARAMETER_VALUE),
        ValueError("wrong"),
        OSError("disk full"),
        KeyError("price"),
    ],
    ids=repr,
)
def test_an_answer_that_would_be_the_same_again_is_no_outage(error):
    assert not is_outage(error)


@pytest.mark.parametrize(("error", "again"), [(SourceUnavailable("no answer"), True), (ValueError("wrong"), False)])
def test_a_task_is_run_again_after_an_outage_and_nothing_else(error, again):
    assert worth_another_try(None, None, Failed(data=error)) is again
