"""Is every code of a signal, fault or trigger explained, and only those?"""

import re
from pathlib import Path
from typing import get_args

import pytest

from tasks.codes import FAULTS, PAGE, SIGNALS, TRIGGERS, Trigger
from tasks.monitoring.signals.faults import FAULT_KINDS
from tasks.monitoring.signals.models import Family

ROOT = Path(__file__).parents[2]
CHAPTERS = {"Signals": SIGNALS, "Faults": FAULTS, "Triggers": TRIGGERS}


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
    assert list(sections(title)) == [entry.code for entry in CHAPTERS[title].values()]


@pytest.mark.parametrize("title", CHAPTERS)
def test_every_section_says_something(title: str) -> None:
    assert [code for code, text in sections(title).items() if len(text.split()) < 10] == []


def test_every_family_kind_and_trigger_has_a_code() -> None:
    assert set(SIGNALS) == set(get_args(Family))
    assert set(FAULTS) == set(FAULT_KINDS)
    assert set(TRIGGERS) == set(get_args(Trigger))
    assert [code for code, entry in TRIGGERS.items() if entry.code != code] == []


def test_a_code_stands_for_one_thing_and_is_an_anchor() -> None:
    codes = [entry.code for registry in CHAPTERS.values() for entry in registry.values()]

    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []
    assert SIGNALS["features"].place == "docs/codes.md#feature-drift"
