"""Is what README shows true? Its use case loads, its flow is the real one, its commands and links lead somewhere."""

import re
from datetime import UTC, datetime, timedelta
from textwrap import indent

import pandera.pandas as pa
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from tasks.data.sources import FileSource
from tasks.settings import ROOT
from tasks.usecases import UseCase

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in sorted(ROOT.glob("docs/*.md"))}
EVERY = {"README.md": README} | PAGES
USE_CASE, FLOW = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
WORDS = set(re.findall(r"^([a-z][a-z-]*):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
KB = 1000

each_page = pytest.mark.parametrize("page", EVERY)


def test_the_use_case_of_the_first_screen_is_one() -> None:
    columns = {name: pa.Column("float64") for name in ("ticket", "words", "queue")}
    columns |= {name: pa.Column("str") for name in ("product", "priority")}
    columns |= {"opened": pa.Column("datetime64[us, UTC]"), "closed": pa.Column("datetime64[us, UTC]", nullable=True)}
    columns |= {"late": pa.Column("float64", nullable=True)}
    names = {
        "SCHEMA": pa.DataFrameSchema(columns),
        "DAY": timedelta(days=1),
        "START": datetime(2024, 1, 1, tzinfo=UTC),
        **{"FileSource": FileSource, "UseCase": UseCase},
        "HistGradientBoostingClassifier": HistGradientBoostingClassifier,
    }

    exec(USE_CASE, names)

    declared = names["USE_CASE"]
    assert isinstance(declared, UseCase)
    assert declared.features == ("words", "queue", "product", "priority")


def test_the_flow_of_the_first_screen_is_the_real_one() -> None:
    assert indent(FLOW, "    ") in (ROOT / "flows" / "retrain.py").read_text(encoding="utf-8")


@each_page
def test_each_make_word_that_a_page_names_exists(page: str) -> None:
    commands = re.findall(r"(?:`|^    |\n)make ([a-z][a-z-]*)", EVERY[page])

    assert sorted(set(commands) - WORDS) == []


def test_readme_links_to_files_that_exist() -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", README)]

    assert [link for link in links if not (ROOT / link).exists()] == []


@each_page
def test_each_setting_that_a_page_names_is_read_somewhere(page: str) -> None:
    source = "\n".join(
        file.read_text(encoding="utf-8") for room in ("tasks", "deployments") for file in (ROOT / room).rglob("*.py")
    )
    settings = {name.removeprefix("EVERGREEN_") for name in re.findall(r"EVERGREEN_[A-Z_]+", EVERY[page])}

    assert [name for name in sorted(settings) if name not in source and name.lower() not in source] == []


def test_the_picture_of_the_first_screen_is_small() -> None:
    assert (ROOT / "docs" / "pictures" / "live-metric.svg").stat().st_size < 200 * KB
