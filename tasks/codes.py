"""The codes by which messages, tables and the ledger name a signal, fault or trigger; `docs/codes.md` explains each.

A code never changes its meaning. One that is added here needs its section in the page; a test demands it.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

PAGE = "docs/codes.md"

Trigger = Literal["drift-alarm", "age-cost", "performance-loss", "max-age"]
"""What asks for a retrain."""


class Code(NamedTuple):
    """A short name that stays, and what it stands for in a few words."""

    code: str
    title: str

    @property
    def place(self) -> str:
        """Where it is explained."""
        return f"{PAGE}#{self.code}"


SIGNALS: Mapping[str, Code] = {
    "features": Code("feature-drift", "A feature is distributed otherwise"),
    "missing": Code("missing-drift", "A feature is missing more or less often"),
    "joint": Code("joint-drift", "Two features go together otherwise"),
    "prediction": Code("prediction-drift", "The predictions are distributed otherwise"),
    "target": Code("target-drift", "The target is distributed otherwise"),
    "performance": Code("performance-drift", "The model errs more, or to one side"),
    "concept": Code("concept-drift", "The model's errors go along with a feature"),
}
"""By the family of a signal."""
FAULTS: Mapping[str, Code] = {
    "stopped feed": Code("stopped-feed", "No rows come any more"),
    "low volume": Code("low-volume", "Far fewer rows come than ever"),
    "high volume": Code("high-volume", "Far more rows come than ever"),
    "duplicates": Code("duplicates", "Rows repeat other rows"),
    "missing values": Code("missing-values", "A column is missing far more often than ever"),
    "unknown categories": Code("unknown-categories", "A column has categories that the reference did not have"),
    "constant column": Code("constant-column", "A column is stuck at one value"),
    "changed units": Code("changed-units", "A column is in another unit"),
    "shifted clock": Code("shifted-clock", "The hours of the day are shifted"),
}
"""By the kind of a fault."""
TRIGGERS: Mapping[Trigger, Code] = {
    "drift-alarm": Code("drift-alarm", "Signals lie beyond their limits"),
    "age-cost": Code("age-cost", "The live model's age costs more than a retrain"),
    "performance-loss": Code("performance-loss", "The metric fell below its value at promotion"),
    "max-age": Code("max-age", "The live model is older than allowed"),
}
"""What asks for a retrain, in the order in which they are looked at."""


def with_code(sentence: str, code: str) -> str:
    """Return a sentence that ends with its code in brackets, as a linter's do."""
    return f"{sentence} [{code}]"
