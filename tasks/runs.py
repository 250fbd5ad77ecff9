"""Know Prefect's flow runs: which come next, and which a later one has made superfluous."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tasks.windows import moment

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun


P = ParamSpec("P")
R = TypeVar("R")
DAILY_FLOWS = ("collect", "score", "monitor", "retrain", "status")
"""What a person looks at every day; all else is started by hand."""
EVERY_DAY, BY_HAND = "every-day", "by-hand"
"""Tags of the deployments of the one and of the other; no use case can be called so, as its name has no dash."""
MOST = 200
"""Most runs that are read at once, which is Prefect's own limit."""


class NextRun(BaseModel):
    """When a deployment runs next by its schedule."""

    model_config = ConfigDict(frozen=True)

    flow: str
    at: AwareDatetime


class Due(BaseModel):
    """A flow run as its schedule made it."""

    model_config = ConfigDict(frozen=True)

    id: str
    at: AwareDatetime | None
    by_schedule: bool


def superseded_reason(run: Due, others: Sequence[Due], now: datetime) -> str | None:
    """Say which later run of the same deployment does this one's work, or None if this one has to.

    Only a run that a schedule has made can be superseded, and only by another of its kind that is due.
    """
    if not run.by_schedule or run.at is None:
        return None
    later = [other.at for other in others if other.by_schedule and other.at is not None and run.at < other.at <= now]
    if not later:
        return None
    return f"scheduled for {run.at:%Y-%m-%d %H:%M}, superseded by the run scheduled for {max(later):%Y-%m-%d %H:%M}"


def newest_only(function: Callable[P, R]) -> Callable[P, R]:
    """Let a flow's run that its schedule has missed end at once as "Superseded" where a newer one is due too.

    A run that had begun before, as one that a person's approval wakes, was not missed.
    """

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        reason = _superseded()
        if reason is None:
            return function(*args, **kwargs)
        from prefect.states import Completed

        return cast(R, Completed(name="Superseded", message=reason))

    return guarded


def next_runs(usecase: str) -> tuple[NextRun, ...] | None:
    """Return when each flow of a use case runs next by its schedule, soonest first; None where Prefect is silent."""
    from httpx import HTTPError, TransportError
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        return _next_runs(usecase)
    except (TransportError, HTTPError, PrefectHTTPStatusError):
        return None


def _next_runs(usecase: str) -> tuple[NextRun, ...]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterTags,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    waiting = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    with get_client(sync_client=True) as client:
        waiting_runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[usecase])),
            flow_run_filter=FlowRunFilter(state=waiting),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=MOST,
        )
        flows: dict[UUID, datetime] = {}
        for run in waiting_runs:
            if run.expected_start_time is not None:
                flows.setdefault(run.flow_id, run.expected_start_time)
        return tuple(NextRun(flow=client.read_flow(flow).name, at=at) for flow, at in flows.items())


def retrain_states(usecase: str, decision: str) -> list[str]:
    """Return the states of the flow runs that were started to answer a decision."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags, FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["retrain"])),
            deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[usecase])),
            sort=FlowRunSort.START_TIME_DESC,
            limit=100,
        )
    return [str(run.state_type.value) for run in runs if run.parameters.get("decision") == decision and run.state_type]


def _superseded() -> str | None:
    """Say why the present run is superfluous, or None; also None where no deployment's schedule has made it."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None or not run.auto_scheduled or run.run_count > 1:
        return None
    return superseded_reason(_due(run), [_due(sibling) for sibling in _siblings(run)], moment(None))


def _siblings(run: "FlowRun") -> list["FlowRun"]:
    """Return a run and the later ones of its deployment that are not lost: waiting, at work or done."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterExpectedStartTime,
    )

    assert run.deployment_id is not None
    since = FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(after_=run.expected_start_time))
    with get_client(sync_client=True) as client:
        later_runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[run.deployment_id])),
            flow_run_filter=since,
            limit=MOST,
        )
    return [run_of_deployment for run_of_deployment in later_runs if not _is_lost(run_of_deployment)]


def _is_lost(run: Any) -> bool:
    return run.state is not None and (run.state.is_failed() or run.state.is_crashed() or run.state.is_cancelled())


def _due(run: "FlowRun") -> Due:
    return Due(id=str(run.id), at=run.expected_start_time, by_schedule=bool(run.auto_scheduled))
