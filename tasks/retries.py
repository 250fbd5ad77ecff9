"""Tell an outage, which may pass, from an error, which will not."""

from typing import Any


def is_outage(error: BaseException) -> bool:
    """Say whether a server or a source did not answer, so that another try may succeed."""
    from httpx import TransportError
    from mlflow.exceptions import MlflowException

    from tasks.errors import SourceUnavailable

    if isinstance(error, MlflowException):
        return error.error_code in {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"}
    return isinstance(error, SourceUnavailable | ConnectionError | TimeoutError | TransportError)


def worth_another_try(_task: Any, _run: Any, state: Any) -> bool:
    """Let a Prefect task be retried after an outage, and after nothing else."""
    return is_outage(state.result(raise_on_failure=False))


RETRIED: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": [2.0, 10.0, 30.0],
    "retry_condition_fn": worth_another_try,
}
"""How a task is declared whose effect may be repeated and needs a server or a source."""
