"""Mark runs as crashed that a dead worker has left behind; done before a worker starts."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from deployments.processes import WORK_POOL
from deployments.running import supervised
from tasks.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.objects import FlowRun

RUN_VARIABLE = b"PREFECT__FLOW_RUN_ID="
LEFT = "The worker that ran it is gone: found at the start of a new one."


def abandoned(runs: Collection[UUID], alive: Collection[UUID]) -> list[UUID]:
    """Return the runs said to be at work that no living process executes, in their order."""
    return [run for run in runs if run not in alive]


def executed(settings: Settings) -> set[UUID]:
    """Return the flow runs that a living process of this installation executes."""
    texts = [_variable(Path(f"/proc/{pid}/environ")) for pid in supervised(settings)]
    return {UUID(text) for text in texts if text}


def sweep(settings: Settings) -> list[UUID]:
    """Leave no run of our work pool "Running" or "Pending" without a process, nor its subflows; return which were.

    There is one worker to a work pool: a run that no process on this machine executes is nobody's.
    """
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        left = abandoned([run.id for run in _at_work(client)], executed(settings))
        return [one for run in left for one in _crashed_with_its_own(client, run)]


def _crashed_with_its_own(client: "SyncPrefectClient", run: UUID) -> list[UUID]:
    """Mark a run and all that it has started and that has not ended as crashed; return them."""
    from prefect.states import Crashed

    client.set_flow_run_state(run, Crashed(message=LEFT), force=True)
    return [run, *(one for child in _children(client, run) for one in _crashed_with_its_own(client, child.id))]


def _at_work(client: "SyncPrefectClient") -> "list[FlowRun]":
    from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName

    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL]))
    return client.read_flow_runs(flow_run_filter=_unfinished(), work_pool_filter=pool, limit=200)


def _children(client: "SyncPrefectClient", run: UUID) -> "list[FlowRun]":
    from prefect.client.schemas.filters import FlowRunFilterParentFlowRunId

    mine = _unfinished().model_copy(update={"parent_flow_run_id": FlowRunFilterParentFlowRunId(any_=[run])})
    return client.read_flow_runs(flow_run_filter=mine, limit=200)


def _unfinished() -> "FlowRunFilter":
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType

    at_work = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
    return FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=at_work)))


def _variable(environ: Path) -> str:
    """Return the flow run that a process executes, or an empty text."""
    try:
        variables = environ.read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile
        return ""
    found = [one.removeprefix(RUN_VARIABLE).decode() for one in variables if one.startswith(RUN_VARIABLE)]
    return found[0] if found else ""
