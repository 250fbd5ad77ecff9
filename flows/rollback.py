"""Rollback: make an earlier version live again."""

from prefect import flow

from tasks.artifacts import run_name
from tasks.data.ledger import Reason
from tasks.registry.rollback import serving, take_back, target
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, moment


@flow(flow_run_name=run_name)
def rollback(usecase: UseCaseName, reason: Reason, version: str = "", as_of: AsOf = None) -> str:
    """Put an earlier version in the live one's place, after it was loaded and has predicted the newest rows.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        reason: Why the live version must go; kept in the ledger.
        version: Number of the version to go back to. Empty: the one that was live before.
        as_of: The moment taken as now, with its zone. Empty: the clock.
    """
    now = moment(as_of)
    back_to = target(usecase, version.strip())
    model = serving(usecase, back_to.version, now)
    return take_back(back_to, model, reason, now)
