"""The codes by which messages, tables and the ledger name a signal, fault or trigger; `docs/codes.md` explains each.

The signals' stand in `tasks/monitoring/signals/models.py`, the faults' in `faults.py` beside it, the triggers' in
`tasks/triggers/policy.py`. A code never changes its meaning; a test demands its section in the page.
"""

from typing import NamedTuple

PAGE = "docs/codes.md"


class Code(NamedTuple):
    """A short name that stays, and what it stands for in a few words."""

    code: str
    title: str

    @property
    def place(self) -> str:
        """Where it is explained."""
        return f"{PAGE}#{self.code}"


def with_code(sentence: str, code: str) -> str:
    """Return a sentence that ends with its code in brackets, as a linter's do."""
    return f"{sentence} [{code}]"
