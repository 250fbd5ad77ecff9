"""What do our own pages show, and what may the script of a report do?"""

import asyncio
import os
from pathlib import Path

import httpx
import pytest

from deployments.pages import home_page, pages, reports_by_problem
from tasks.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path, prefect_port=4201, mlflow_port=5001, evidently_port=8001)


def report(settings: Settings, problem: str, name: str, written: int) -> None:
    path = settings.reports / problem / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("<script>plot()</script>")
    os.utime(path, (written, written))


def answer(settings: Settings, path: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(pages(settings))) as client:
            return await client.get(f"http://home{path}")

    return asyncio.run(asked())


def test_the_home_page_links_to_each_server_at_its_port(settings):
    page = home_page(settings)

    assert 'href="http://127.0.0.1:4201"' in page
    assert 'href="http://127.0.0.1:5001/#/experiments?workflowType=machine_learning"' in page
    assert 'href="http://127.0.0.1:8001"' in page


def test_reports_stand_under_their_problem_the_newest_first(settings):
    report(settings, "weather", "a.html", 60)
    report(settings, "flights", "old.html", 60)
    report(settings, "flights", "new.html", 120)

    listed = reports_by_problem(settings.reports)

    assert [(problem, [page.name for page in reports]) for problem, reports in listed.items()] == [
        ("flights", ["new", "old"]),
        ("weather", ["a"]),
    ]
    assert "1970-01-01 00:02 UTC" in home_page(settings)


def test_names_of_problems_and_reports_are_shown_escaped(settings):
    report(settings, '<img src=x onerror="alert(1)">', "a&b?.html", 60)

    page = home_page(settings)

    assert "<img" not in page
    assert "Reports of &lt;img src=x onerror=&#34;alert(1)&#34;&gt;" in page
    assert '/a%26b%3F.html">a&amp;b?</a>' in page


def test_without_reports_the_home_page_says_when_there_will_be_some(settings):
    assert "No reports yet" in home_page(settings)


def test_a_report_is_served_with_an_origin_of_its_own_and_nobody_to_talk_to(settings):
    report(settings, "flights", "a.html", 60)

    served = answer(settings, "/flights/a.html")
    policy = served.headers["Content-Security-Policy"].split("; ")

    assert (served.status_code, served.text) == (200, "<script>plot()</script>")
    assert policy[0].split()[0] == "sandbox"
    assert "allow-same-origin" not in policy[0]
    assert {"default-src 'none'", "connect-src 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(policy)


def test_the_home_page_runs_no_script(settings):
    policy = answer(settings, "/").headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'; style-src")
    assert "script-src" not in policy


@pytest.mark.parametrize("path", ["/flights/", "/flights", "/../prefect/prefect.db", "/%2e%2e/run/prefect-password"])
def test_no_folder_is_listed_and_nothing_beside_the_reports_is_served(settings, path):
    report(settings, "flights", "a.html", 60)
    (settings.state / "run").mkdir()
    (settings.state / "run" / "prefect-password").write_text("secret")

    assert answer(settings, path).status_code == 404


def test_a_home_page_answers_that_it_is_up(settings):
    assert answer(settings, "/health").text == "OK"
