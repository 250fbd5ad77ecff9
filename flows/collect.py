"""Collect: bring the newest rows and labels in, each once."""

from prefect import flow

from tasks.artifacts import run_name
from tasks.data.collection import Collected, collect_periods, list_windows, show_collected
from tasks.data.validation import BatchPolicy
from tasks.data.watermarks import mark_collected
from tasks.runs import newest_only
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, moment


@flow(flow_run_name=run_name)
@newest_only
def collect(usecase: UseCaseName, as_of: AsOf = None, *, batch: BatchPolicy) -> list[Collected]:
    """Store what the source has up to a moment and is not stored yet; set bad rows aside with their reasons.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        as_of: The moment taken as now, with its zone. Empty: the clock.
        batch: When a batch is refused as a whole.
    """
    now = moment(as_of)
    collected = collect_periods(usecase, list_windows(usecase, now), now, batch)
    mark_collected(usecase, now)
    show_collected(usecase, collected)
    return collected
