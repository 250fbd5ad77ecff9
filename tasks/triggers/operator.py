"""Keep what a person says of a drift or of the data: wait with it until a date, or that it is how the world is now."""

from datetime import datetime

from tasks import artifacts
from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.monitoring.accepted import acceptance
from tasks.monitoring.history import newest_look
from tasks.monitoring.signals.health import Fault
from tasks.monitoring.signals.sentences import fault_summary
from tasks.steps import step
from tasks.triggers import episodes
from tasks.usecases import use_case


@step()
def mute_episode(usecase: str, until: datetime, reason: str, now: datetime) -> str:
    """Keep that the open episode asks for no retrain until a date; return that in a sentence.

    Raises:
        ValueError: no episode is open, or the date is not ahead.
    """
    decision = episodes.muting(usecase, now, until, reason, ledger.decisions(usecase, now))
    return _recorded(decision, f"muted until {until:%Y-%m-%d %H:%M}: {reason}")


@step()
def accept_faults(usecase: str, column: str, reason: str, now: datetime) -> str:
    """Keep that the newest window's faults are how the world is now; return that in a sentence.

    Raises:
        CannotAcceptError: there is no such fault, or only of a kind that the world does not bring about.
    """
    look = newest_look(use_case(usecase), now)
    faults = look.faults if look else ()
    decision = acceptance(usecase, now, faults, column, reason, ledger.decisions(usecase, now))
    sentences = fault_summary(map(Fault.model_validate, decision.facts["faults"]))
    return _recorded(decision, f"taken for how the world is now: {sentences}: {reason}")


def _recorded(decision: Decision, message: str) -> str:
    ledger.record(decision)
    artifacts.show_markdown(f"{decision.usecase} {decision.kind}", f"# {message}", message)
    return f"{decision.usecase}: {message}"
