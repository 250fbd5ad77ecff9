"""Does the page about one's own problem say what happens? Its commands are run, in a copy of the repository."""

import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tasks.settings import ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "your-own-use-case.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(sh|text)\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [text.strip() for kind, text in BLOCKS if kind == "sh"]
ROOMS = ("tasks", "scaffold", "usecases", "deployments", "flows", "docs", "benchmarks")


def masked(line: str) -> str:
    """Return a line of output without what differs between machines: digits, and the widths of a table's cells."""
    return re.sub(r"[\s│━─┃]+", " ", re.sub(r"\d[\d.,]*", "#", line)).strip()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command of the page prints, run one after the other."""
    copy = tmp_path_factory.mktemp("clone")
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy2(ROOT / file, copy / file)
    (copy / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    return {command: printed(command, copy) for command in COMMANDS}


def printed(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_has_a_command_for_each_step(outputs: dict[str, str]) -> None:
    assert [command.split()[1] for command in COMMANDS] == ["docs/examples/tickets.py", "new", "try", "help"]


@pytest.mark.parametrize("word", ["new", "try"])
def test_what_the_page_shows_is_what_is_printed(outputs: dict[str, str], word: str) -> None:
    command = next(command for command in COMMANDS if command.startswith(f"make {word} "))
    shown = next(after[1] for before, after in pairwise(BLOCKS) if before[1].strip() == command)
    lines = {masked(line) for line in outputs[command].splitlines()}

    missing = [line for line in shown.splitlines() if masked(line) and "..." not in line and masked(line) not in lines]

    assert missing == []


def test_the_help_lists_the_words_of_the_page(outputs: dict[str, str]) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", PAGE))

    assert named <= set(re.findall(r"^make ([a-z-]+)", outputs["make help"], flags=re.MULTILINE))
