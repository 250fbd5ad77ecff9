"""Status: how a use case stands, on one page."""

from prefect import flow

from tasks.artifacts import run_name
from tasks.status import show_status
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, moment


@flow(flow_run_name=run_name)
def status(usecase: UseCaseName, as_of: AsOf = None) -> str:
    """Show what is live, what is open, what was decided, what comes next, and how fresh the data is; change nothing.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        as_of: The moment taken as now, with its zone. Empty: the clock.
    """
    return show_status(usecase, moment(as_of))
