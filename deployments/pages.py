"""Serve our own pages: a home page with links to every server, and the kept reports."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from deployments.processes import servers
from tasks.settings import Settings

HEALTH = "/health"
HOME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = (
    "sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "connect-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A report's script draws its plots. It has an origin of its own (`sandbox`), and nobody to talk to."""
WHAT_IT_IS = {
    "prefect": "runs, schedules, forms, approvals",
    "mlflow": "models, training runs, verdicts of the gates",
    "evidently": "dashboards of drift and performance",
}


@dataclass(frozen=True)
class ReportPage:
    """A kept report: its problem, its name, its address below the home page, and when it was written."""

    problem: str
    name: str
    address: str
    written: datetime


def pages(settings: Settings) -> Starlette:
    """Return the application that serves the home page at `/` and each report at `/<problem>/<name>`."""

    def home(_: Request) -> Response:
        return HTMLResponse(home_page(settings), headers={"Content-Security-Policy": HOME_POLICY})

    def health(_: Request) -> Response:
        return PlainTextResponse("OK")

    return Starlette(
        routes=[
            Route("/", home),
            Route(HEALTH, health),
            Mount("/", ReportFiles(directory=settings.reports, check_dir=False)),
        ]
    )


class ReportFiles(StaticFiles):
    """The files of the reports' folder, each with `REPORT_POLICY`; folders are not listed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file's answer with the policy on it."""
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = REPORT_POLICY
        return response

    def file_response(self, *given: Any, **more: Any) -> Response:
        """Return the file, to be asked for anew each time: a report of the same window may be written again."""
        response = super().file_response(*given, **more)
        if isinstance(response, FileResponse):
            response.headers["Cache-Control"] = "no-cache"
        return response


def home_page(settings: Settings) -> str:
    """Return the home page: a link to each server, and the reports of each problem, newest first."""
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    others = [(server, WHAT_IT_IS[server.name]) for server in servers(settings) if server.name in WHAT_IT_IS]
    return templates.get_template("home.html").render(servers=others, problems=reports_by_problem(settings.reports))


def reports_by_problem(folder: Path) -> dict[str, list[ReportPage]]:
    """Return the reports below a folder by problem, in alphabetical order, the newest report of each first."""
    reports = sorted(map(_report, folder.glob("*/*.html")), key=lambda report: report.written, reverse=True)
    problems = sorted({report.problem for report in reports})
    return {problem: [report for report in reports if report.problem == problem] for problem in problems}


def _report(path: Path) -> ReportPage:
    problem, name = path.parent.name, path.name
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return ReportPage(problem, path.stem, f"/{quote(problem)}/{quote(name)}", written)
