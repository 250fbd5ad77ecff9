"""Is every code of a signal, fault or trigger explained, and only those?"""

import re
from pathlib import Path
from typing import get_args

import pytest

from tasks.codes import PAGE
from tasks.monitoring.signals.faults import FAULT_KINDS
from tasks.monitoring.signals.health import Fault
from tasks.monitoring.signals.models import SIGNALS, Family
from tasks.triggers.policy import TRIGGERS

ROOT = Path(__file__).parents[2]
CHAPTERS = {
    "Signals": [entry.code for entry in SIGNALS.values()],
    "Faults": [Fault.model_construct(kind=kind).code for kind in FAULT_KINDS],
    "Triggers": [trigger.code for trigger in TRIGGERS],
}


def chapter(title: str) -> str:
    """Return a chapter of the page."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", (ROOT / PAGE).read_text(), re.S | re.M)
    return text


def sections(title: str) -> dict[str, str]:
    """Return the sections of a chapter by their title, which is their anchor too."""
    parts = re.split(r"^### (.+)\n", chapter(title), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("title", CHAPTERS)
def test_every_code_has_its_section_and_no_section_lacks_a_code(title: str) -> None:
    assert list(sections(title)) == CHAPTERS[title]


@pytest.mark.parametrize("title", CHAPTERS)
def test_every_section_says_something(title: str) -> None:
    assert [code for code, text in sections(title).items() if len(text.split()) < 10] == []


def test_every_family_of_signals_has_a_code() -> None:
    assert set(SIGNALS) == set(get_args(Family))


def test_a_code_stands_for_one_thing_and_is_an_anchor() -> None:
    codes = [code for registry in CHAPTERS.values() for code in registry]

    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []
    assert SIGNALS["features"].place == "docs/codes.md#feature-drift"
