"""Do the diffs of the page about extending still apply, and do the tests that they bring pass?"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.settings import ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
CHAPTERS = re.findall(r"^## (A new [a-z ]+)\n.*?```diff\n(.*?)```", PAGE, flags=re.DOTALL | re.MULTILINE)
DIFFS = dict(CHAPTERS)

each_request = pytest.mark.parametrize("request_for", DIFFS)


def files_of(diff: str) -> list[str]:
    """Return the files that a diff changes or adds."""
    return re.findall(r"^\+\+\+ b/(\S+)", diff, flags=re.MULTILINE)


def run(*command: str, folder: Path, text: str | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the files that git knows, as they are in the work tree."""
    folder = tmp_path / "copy"
    for name in run("git", "ls-files", folder=ROOT).splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


def test_each_of_the_six_requests_has_its_diff() -> None:
    assert list(DIFFS) == [
        f"A new {what}" for what in ("gate", "metric", "estimator", "source", "kind of fault", "trigger")
    ]


@each_request
def test_a_request_is_one_place_and_its_test_beside_what_the_docs_say(request_for: str) -> None:
    files = [name for name in files_of(DIFFS[request_for]) if not name.startswith("docs/")]

    assert sorted(name.startswith("tests/") for name in files) == [False, True]


@each_request
def test_a_diff_applies_and_the_tests_that_it_brings_pass(request_for: str, copy: Path) -> None:
    diff = DIFFS[request_for]
    tests = [name for name in files_of(diff) if name.startswith("tests/")]

    run("git", "init", "--quiet", folder=copy)
    run("git", "apply", "-", folder=copy, text=diff)
    added = re.findall(r"^\+def (test_\w+)", diff, flags=re.MULTILINE)
    ran = run(sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *tests, folder=copy)

    assert added
    assert [name for name in added if not re.search(rf"^PASSED \S+::{name}\b", ran, flags=re.MULTILINE)] == []
