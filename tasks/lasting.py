"""Say where what lasts lies: in files and on servers, or in memory while history is played without them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Memory:
    """All that a history played in memory keeps; it is gone when that ends."""

    tables: dict[Path, Any] = field(default_factory=dict)
    """The versions of each table, by the folder that would hold it (see `tasks/data/memory.py`)."""
    registry: Any = None
    """Runs, models and versions (see `tasks/registry/memory.py`)."""
    fits: dict[str, Any] = field(default_factory=dict)
    """Fitted models, by their recipe and the rows that they learned from: none is fitted twice."""


_MEMORY: ContextVar[Memory | None] = ContextVar("memory", default=None)


def memory() -> Memory | None:
    """Return the memory in which history is played, or None where files and servers keep what lasts."""
    return _MEMORY.get()


@contextmanager
def in_memory() -> Iterator[Memory]:
    """Let everything within keep what lasts in a memory of its own, and find nothing else."""
    token = _MEMORY.set(Memory())
    try:
        yield _MEMORY.get()  # type: ignore[misc]  # it was set above
    finally:
        _MEMORY.reset(token)
