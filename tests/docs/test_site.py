"""Do the pages build into a site that needs no network and whose links all lead somewhere?"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.settings import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_each_page_of_the_docs_is_in_the_site(site: Path) -> None:
    pages = sorted(page.stem for page in ROOT.glob("docs/*.md"))

    assert [page for page in pages if not (site / f"{page}.html").exists()] == []


def test_no_page_fetches_anything_from_another_host(site: Path) -> None:
    fetched = re.compile(r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//[^"]*"|<link[^>]+href="(?:https?:)?//[^"]*"')
    pages = {page.name: fetched.findall(page.read_text(encoding="utf-8")) for page in site.glob("*.html")}

    assert {name: links for name, links in pages.items() if links} == {}
