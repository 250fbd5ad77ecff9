"""Has each code of a signal, fault or trigger its section, and each section its code?"""

import re
from typing import get_args

import pytest

from tasks.monitoring.signals.models import SIGNAL_TITLES, Family
from tasks.settings import ROOT
from tasks.triggers.codes import CODES

PAGE = (ROOT / "docs" / "codes.md").read_text(encoding="utf-8")
CHAPTERS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE))


def sections(chapter: str) -> dict[str, str]:
    """Return the titles of a chapter's sections by their anchors."""
    return {anchor: title for title, anchor in re.findall(r"^### (.+) \{#(.+)\}$", CHAPTERS[chapter], flags=re.M)}


def test_the_page_has_a_chapter_for_each_sort_of_code() -> None:
    assert list(CHAPTERS) == list(CODES) == ["Signals", "Faults", "Triggers"]


@pytest.mark.parametrize("chapter", CODES)
def test_each_code_has_its_section_and_each_section_its_code(chapter: str) -> None:
    assert sections(chapter) == CODES[chapter]


def test_no_code_has_two_meanings() -> None:
    codes = [code for titles in CODES.values() for code in titles]

    assert sorted(codes) == sorted(set(codes))


def test_each_kind_of_signal_has_a_title() -> None:
    assert set(SIGNAL_TITLES) == set(get_args(Family))
