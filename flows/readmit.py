"""Readmit: take quarantined rows back that are good by the present schema."""

from prefect import flow

from tasks.artifacts import run_name
from tasks.data.quarantine import readmit_rows, show_readmission
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, Window, moment


@flow(flow_run_name=run_name)
def readmit(usecase: UseCaseName, over: Window | None = None, because: str = "", as_of: AsOf = None) -> str:
    """Validate quarantined rows again, after the schema has changed; store the good ones once, and leave the rest.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        over: Event times of the rows. Empty: all.
        because: Text that the reasons of the rows contain, such as a column's name. Empty: any.
        as_of: The moment taken as now, with its zone. Empty: the clock.
    """
    return show_readmission(usecase, readmit_rows(usecase, over, because.strip(), moment(as_of)))
