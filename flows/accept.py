"""Accept: say that what looks like a fault of the data is how the world is now."""

from prefect import flow

from tasks.artifacts import run_name
from tasks.data.ledger import Reason
from tasks.triggers.operator import accept_faults
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, moment


@flow(flow_run_name=run_name)
def accept(usecase: UseCaseName, reason: Reason, column: str = "", as_of: AsOf = None) -> str:
    """Keep in the ledger that faults of the newest window hold no retrain back any more, until another version is live.

    Only what the world can bring about is accepted: low volume, missing values, unknown categories, a constant column.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        reason: How it is known that the data are right; kept in the ledger.
        column: Name of the column whose faults are accepted. Empty: all that can be.
        as_of: The moment taken as now, with its zone. Empty: the clock.
    """
    return accept_faults(usecase, column.strip(), reason, moment(as_of))
