"""Keep every decision of the system, append-only, each once."""

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.datasets import Dataset, arrow_schema
from tasks.settings import Settings

Kind = Literal["retrain asked", "promoted", "refused"]
ANSWERS: tuple[Kind, ...] = ("promoted", "refused")


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
        """The decision's name, the same whenever it is made again for the same moment."""
        return f"{self.usecase}/{self.as_of:%Y%m%dT%H%M%S}/{self.kind.replace(' ', '-')}"


def record(decision: Decision) -> str:
    """Keep a decision and return its id; one that is kept already stays as it was first written."""
    row = decision.model_dump(exclude={"facts"}) | {
        "id": decision.id,
        "facts": json.dumps(decision.facts, default=str, allow_nan=False),
    }
    _ledger().append_new(_ledger().rows([row]))
    return decision.id


def decisions(usecase: str, until: datetime | None = None) -> list[Decision]:
    """Return the decisions about a use case up to and including `until`, oldest first, a request before its answer."""
    rows = _ledger().read()
    mine = rows[rows["usecase"] == usecase]
    if until is not None:
        mine = mine[mine["as_of"] <= until]
    mine = mine.assign(answered=mine["answers"] != "").sort_values(["as_of", "answered"], kind="stable")
    return [_decision(row) for row in mine.to_dict("records")]


def decision(decision_id: str) -> Decision:
    """Return the decision of that id.

    Raises:
        ValueError: the ledger has none.
    """
    rows = _ledger().read()
    found = rows[rows["id"] == decision_id]
    if found.empty:
        raise ValueError(f"the ledger has no decision {decision_id!r}")
    return _decision(found.iloc[0].to_dict())


def answer_to(decision_id: str) -> Decision | None:
    """Return the promotion or refusal that answered a request to retrain, or None while it is open."""
    rows = _ledger().read()
    found = rows[rows["answers"] == decision_id]
    return None if found.empty else _decision(found.iloc[0].to_dict())


def open_request(history: list[Decision]) -> Decision | None:
    """Return the newest request to retrain that nothing in `history` answers, or None."""
    answered = {entry.answers for entry in history}
    asked = [entry for entry in history if entry.kind == "retrain asked" and entry.id not in answered]
    return asked[-1] if asked else None


def _decision(row: dict[str, Any]) -> Decision:
    facts = json.loads(row["facts"])
    return Decision(**{name: row[name] for name in ("usecase", "kind", "as_of", "reason", "answers")}, facts=facts)


def _ledger() -> Dataset:
    names = ("id", "usecase", "kind", "reason", "facts", "answers")
    columns = dict.fromkeys(names, "str") | {"as_of": "datetime64[us, UTC]"}
    return Dataset(Settings().tables / "ledger", arrow_schema(columns), ("id",))
