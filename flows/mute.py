"""Mute: let an open drift ask for no retrain until a date."""

from prefect import flow

from tasks.artifacts import run_name
from tasks.data.ledger import Reason
from tasks.triggers.operator import mute_episode
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, Moment, moment


@flow(flow_run_name=run_name)
def mute(usecase: UseCaseName, until: Moment, reason: Reason, as_of: AsOf = None) -> str:
    """Keep in the ledger that the open episode asks for no retrain until a date; it is watched and told as before.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        until: The moment from which on it may ask again, with its zone.
        reason: Why it may wait; kept in the ledger.
        as_of: The moment taken as now, with its zone. Empty: the clock.
    """
    return mute_episode(usecase, moment(until), reason, moment(as_of))
