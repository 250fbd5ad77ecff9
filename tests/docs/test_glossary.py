"""Does the glossary explain each word once?"""

import re

import pytest

from tasks.settings import ROOT

PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^\| \*\*(.+?)\*\*", PAGE, flags=re.MULTILINE)
WORDS = [word.strip() for entry in ENTRIES for word in entry.split(",")]


def test_no_word_is_explained_twice() -> None:
    assert sorted(WORDS) == sorted(set(WORDS))


@pytest.mark.parametrize(
    "word",
    [
        *("use case", "event time", "label time", "as of", "window", "dataset", "version", "champion", "challenger"),
        *("reference", "gate", "check", "alarm", "episode", "ledger", "drill", "quarantine", "rolling origin", "fault"),
        *(
            "signal",
            "trigger",
            "policy",
            "scout",
            "probation",
            "limit",
            "drift",
            "leak",
            "slice",
            "verdict",
            "evidence",
        ),
    ],
)
def test_a_word_that_messages_use_is_explained(word: str) -> None:
    assert word in WORDS
