"""Mark runs as crashed whose process is gone: all that a dead worker has left, and each that dies under a living one.

The open-source server sends no such verdict by itself: a run whose process was killed stays "Running" for good, and
holds its deployment's only slot.
"""

from collections.abc import Collection
from dataclasses import dataclass
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
DIED = "Its process is gone, and it had not ended: killed, or out of memory."


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
        return [crashed for run in left for crashed in _crashed_with_its_own(client, run, LEFT, force=True)]


@dataclass
class DeadRunWatch:
    """Looks again and again, while a worker is at work, for runs whose process died; it acts where two looks agree.

    A run whose process ends between the server's answer and the look at the processes has told its end by the next.
    One that is "Pending" waits for its process, and is left alone.
    """

    settings: Settings
    suspects: frozenset[UUID] = frozenset()

    def look(self) -> list[UUID]:
        """Mark the runs as crashed, with their subflows, that had no process at the look before either; return them."""
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            begun = [run.id for run in _at_work(client) if run.state_type != "PENDING"]
            left = abandoned(begun, executed(self.settings))
            dead = [run for run in left if run in self.suspects]
            self.suspects = frozenset(left) - frozenset(dead)
            return [crashed for run in dead for crashed in _crashed_with_its_own(client, run, DIED, force=False)]


def _crashed_with_its_own(client: "SyncPrefectClient", run: UUID, message: str, *, force: bool) -> list[UUID]:
    """Mark a run and all that it has started and that has not ended as crashed; return them.

    Without `force` the server refuses where the run has ended meanwhile.
    """
    from prefect.states import Crashed

    client.set_flow_run_state(run, Crashed(message=message), force=force)
    children = [child.id for child in _children(client, run)]
    return [
        run,
        *(crashed for child in children for crashed in _crashed_with_its_own(client, child, message, force=force)),
    ]


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
    runs = [variable.removeprefix(RUN_VARIABLE).decode() for variable in variables if variable.startswith(RUN_VARIABLE)]
    return runs[0] if runs else ""
