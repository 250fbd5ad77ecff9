"""What the system did before, as far as it bears on the next retrain."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from tasks.data.ledger import ANSWERS, MOVES, Decision, open_request
from tasks.triggers.age_cost import Scouts
from tasks.triggers.episodes import Episode, open_episode

MONTH = timedelta(days=30)


class History(BaseModel):
    """What the system did before, as far as it bears on the next retrain."""

    model_config = ConfigDict(frozen=True)

    last_retrain: datetime | None
    new_rows: int
    """Labelled rows since the champion's training window ended."""
    unanswered: Decision | None = None
    """A request to retrain that nothing has answered yet."""
    episode: Episode | None = None
    """A drift that is not over."""
    refused: datetime | None = None
    """When a challenger was refused last, if no other version went live since."""
    rows_since_refusal: int = 0
    """Labelled rows since then."""
    answered_this_month: int = 0
    """Retrains answered in the last 30 days."""
    trained_until: datetime | None = None
    """End of the champion's training window."""
    asked: tuple[datetime, ...] = ()
    """When retrains were asked for."""
    scouts: Scouts | None = None
    """What the age of the live model costs; None where it is not looked at."""


def standing_refusal(past: Sequence[Decision]) -> datetime | None:
    """Return when a challenger was refused last, or None where another version went live since."""
    moves = [decision for decision in past if decision.kind == "refused" or decision.kind in MOVES]
    return moves[-1].as_of if moves and moves[-1].kind == "refused" else None


def retrain_history(
    past: Sequence[Decision], labelled_since: Callable[[datetime], int], trained_until: datetime, as_of: datetime
) -> History:
    """Return what bears on the next retrain, from the decisions up to `as_of` and a count of labelled rows since."""
    ends = [decision.as_of for decision in past if decision.kind in ANSWERS]
    refused = standing_refusal(past)
    return History(
        last_retrain=max(ends, default=None),
        new_rows=labelled_since(trained_until),
        unanswered=open_request(list(past)),
        episode=open_episode(past),
        refused=refused,
        rows_since_refusal=labelled_since(refused) if refused else 0,
        answered_this_month=sum(end > as_of - MONTH for end in ends),
        trained_until=trained_until,
        asked=tuple(decision.as_of for decision in past if decision.kind == "retrain asked"),
    )
