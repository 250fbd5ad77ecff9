"""Keep every decision of the system, append-only, each once."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.data.store import Dataset, arrow_schema
from tasks.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal[
    "feed late",
    "fault",
    "fault lasts",
    "fault accepted",
    "on probation",
    "rolled back",
    "drift found",
    "muted",
    "retrain asked",
    "approval asked",
    "promoted",
    "refused",
    "episode closed",
]
ORDER: tuple[Kind, ...] = get_args(Kind)
"""In which order those of one moment are made; files keep no order of their own."""
ANSWERS: tuple[Kind, ...] = ("promoted", "refused")
"""What closes a request to retrain."""
FAULTS: tuple[Kind, ...] = ("fault", "fault lasts", "fault accepted")
"""What is said of the data themselves."""
MOVES: tuple[Kind, ...] = ("promoted", "rolled back")
"""What makes another version live."""
BY_MOMENT: tuple[Kind, ...] = ("retrain asked", "on probation", *FAULTS, "feed late", "drift found", "muted")
"""What is decided at most once at a moment; all else at most once about the decision that it answers."""

Reason = Annotated[str, Field(pattern=r"\S", description="Why; kept in the ledger")]
"""A person's, which must not be blank."""


class Decision(BaseModel):
    """One decision: what was decided at which moment, why, and on which numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    kind: Kind
    as_of: AwareDatetime
    reason: str
    facts: dict[str, Any] = Field(default_factory=dict)
    """The numbers and links behind the reason; JSON values."""
    answers: str = ""
    """The id of the decision that this one answers."""

    @property
    def id(self) -> str:
        """The decision's name, the same whenever it is made again."""
        by_moment = self.kind in BY_MOMENT or not self.answers
        about = f"{self.usecase}/{self.as_of:%Y%m%dT%H%M%S}" if by_moment else self.answers
        return f"{about}/{self.kind.replace(' ', '-')}"


def record(decision: Decision) -> str:
    """Keep a decision and return its id; one that is kept already stays as it was first written."""
    _ledger().append_new(_rows(decision))
    return decision.id


def record_unless(decision: Decision, refusal: Callable[[list[Decision]], str | None]) -> str | None:
    """Keep a decision unless `refusal`, asked about its use case's past, gives a reason; return the reason.

    Asking and keeping are one act, whoever else writes meanwhile. One that is kept already is not asked about.
    """
    return _ledger().append_unless(_rows(decision), lambda stored: refusal(_past(stored, decision.usecase)))


def answered(decision: Decision) -> Decision:
    """Keep a promotion's or refusal's answer to a request unless it has one; return the answer that stands."""
    standing = [decision]

    def refusal(past: list[Decision]) -> str | None:
        answers = [entry for entry in past if entry.answers == decision.answers and entry.kind in ANSWERS]
        standing[:] = answers or [decision]
        return "answered before" if answers else None

    record_unless(decision, refusal)
    return standing[0]


def decisions(usecase: str, until: datetime | None = None) -> list[Decision]:
    """Return the decisions about a use case up to and including `until`, oldest first, a request before its answer."""
    past = _past(_ledger().read(), usecase)
    return past if until is None else [entry for entry in past if entry.as_of <= until]


def decision(decision_id: str) -> Decision:
    """Return the decision of that id.

    Raises:
        ValueError: the ledger has none.
    """
    rows = _ledger().read()
    matches = rows[rows["id"] == decision_id]
    if matches.empty:
        raise ValueError(f"the ledger has no decision {decision_id!r}")
    return _decision(matches.iloc[0].to_dict())


def answer_to(decision_id: str) -> Decision | None:
    """Return the promotion or refusal that answered a request to retrain, or None while it is open."""
    rows = _ledger().read()
    matches = rows[(rows["answers"] == decision_id) & rows["kind"].isin(ANSWERS)]
    return None if matches.empty else _decision(matches.iloc[0].to_dict())


def open_request(history: list[Decision]) -> Decision | None:
    """Return the newest request to retrain that nothing in `history` answers, or None."""
    closed = {entry.answers for entry in history if entry.kind in ANSWERS}
    asked = [entry for entry in history if entry.kind == "retrain asked" and entry.id not in closed]
    return asked[-1] if asked else None


def open_approvals(history: list[Decision]) -> list[Decision]:
    """Return the approvals that were asked for and are not answered, oldest first."""
    closed = {decision.answers for decision in history if decision.kind in ANSWERS}
    return [asked for asked in history if asked.kind == "approval asked" and asked.answers not in closed]


def moves(history: list[Decision]) -> list[Decision]:
    """Return what made another version live, oldest first; the last says which one is live now."""
    return sorted((entry for entry in history if entry.kind in MOVES), key=lambda entry: entry.facts.get("turn", 0))


def _past(rows: "pd.DataFrame", usecase: str) -> list[Decision]:
    mine = rows[rows["usecase"] == usecase]
    mine = mine.assign(place=mine["kind"].map(ORDER.index)).sort_values(["as_of", "place", "id"])
    return [_decision(row) for row in mine.to_dict("records")]


def _rows(decision: Decision) -> "pd.DataFrame":
    row = decision.model_dump(exclude={"facts"}) | {
        "id": decision.id,
        "facts": json.dumps(decision.facts, default=str, allow_nan=False),
    }
    return _ledger().rows([row])


def _decision(row: dict[str, Any]) -> Decision:
    return _parsed(*(row[name] for name in ("usecase", "kind", "as_of", "reason", "answers", "facts")))


@lru_cache(maxsize=10_000)
def _parsed(usecase: str, kind: Kind, as_of: datetime, reason: str, answers: str, facts: str) -> Decision:
    return Decision(usecase=usecase, kind=kind, as_of=as_of, reason=reason, answers=answers, facts=json.loads(facts))


def _ledger() -> Dataset:
    names = ("id", "usecase", "kind", "reason", "facts", "answers")
    columns = dict.fromkeys(names, "str") | {"as_of": "datetime64[us, UTC]"}
    return Dataset(Settings().tables / "ledger", arrow_schema(columns), ("id",))
