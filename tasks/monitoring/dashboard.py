"""Show Evidently's snapshots: as pages of their own, and behind its UI with a dashboard for each use case."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.monitoring.drift_numbers import SHARE
from tasks.settings import Settings
from tasks.usecases import MetricName

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

COLUMNS = {"role": "column"}


def save_html(snapshot: "Snapshot", path: Path) -> None:
    """Write a snapshot as one self-contained HTML file; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    snapshot.save_html(str(partial))
    partial.replace(path)


def publish(snapshot: "Snapshot", project: str, metric: MetricName, replaces: str) -> tuple[str, str]:
    """Put a snapshot behind Evidently's UI in place of the run `replaces` (may be empty).

    The project, if it lacks a panel of the dashboard, gets it. Returns the run's id and the address where the UI shows
    it.
    """
    from evidently.ui.workspace import Workspace

    workspace = Workspace.create(str(Settings().evidently_workspace))
    candidates = [candidate for candidate in workspace.search_project(project) if candidate.name == project]
    home = candidates[0] if candidates else workspace.create_project(project)
    complete(home, panels(metric))
    if replaces in {str(run) for run in workspace.list_runs(home.id)}:
        workspace.delete_run(home.id, replaces)
    run = workspace.add_run(home.id, snapshot, include_data=False)
    return str(run.id), f"{Settings().evidently_url}/projects/{home.id}/reports/{run.id}"


def complete(project: Any, wanted: list[Any]) -> None:
    """Leave a project with each of the wanted panels once, told by its title; other panels stay as they are.

    A panel of a wanted title that shows something else, as an earlier release's, is replaced.
    """
    dashboard = project.dashboard.model()
    shown = {panel.title: panel for panel in dashboard.panels}
    for panel in wanted:
        before = shown.get(panel.title)
        if before is not None and _content(before) == _content(panel):
            continue
        for title in [tab.title for tab in dashboard.tabs if before is not None and before.id in tab.panels]:
            project.dashboard.delete_panel(panel.title, title)
        project.dashboard.add_panel(panel)


def panels(metric: MetricName) -> list[Any]:
    """Return the panels of a dashboard; they show our verdict, by `tasks/monitoring/drift_metric.py`."""
    return [
        _panel("Share of drifting columns", "By the limits learned at promotion", {"share": {"name": SHARE}}),
        _panel("Distance of each column", "In multiples of its limit: above 1, it drifts", {"{{name}}": COLUMNS}),
        _panel(
            "Performance",
            f"{metric} on the labelled rows of a window, and in the evaluation that promoted its version",
            {f"{metric} {which}": {"name": f"{metric} {which}"} for which in ("on labelled rows", "at promotion")},
        ),
        _panel("Rows", "Of a window", {name: {"name": name} for name in ("rows", "labelled rows")}, "bar"),
        _panel("Live version", "A step is a promotion or a rollback", {"version": {"name": "version"}}),
    ]  # fmt: skip


def _panel(title: str, subtitle: str, series: Mapping[str, Mapping[str, str]], kind: str = "line") -> Any:
    """Return a panel of half the width; `series` gives the labels of the numbers by their legend."""
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import DashboardPanelPlot

    values = [
        PanelMetric(metric="Ours", metric_labels=dict(labels), legend=legend) for legend, labels in series.items()
    ]
    shown: dict[str, Any] = {"plot_type": kind} | ({"is_stacked": False} if kind == "bar" else {})
    return DashboardPanelPlot(title=title, subtitle=subtitle, size="half", values=values, plot_params=shown)


def _content(panel: Any) -> dict[str, Any]:
    return panel.dict(exclude={"id"})
