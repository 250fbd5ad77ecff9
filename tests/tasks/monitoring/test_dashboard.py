"""What is seen behind Evidently's UI? Asked of its real workspace."""

import asyncio
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from evidently.sdk.models import PanelMetric
from evidently.sdk.panels import line_plot_panel
from evidently.ui.service.base import SeriesFilter
from evidently.ui.service.storage.local.base import InMemoryDataStorage
from evidently.ui.workspace import Workspace

from tasks.monitoring.dashboard import complete, panels, publish, save_html
from tasks.monitoring.drift_numbers import SHARE, Drawing
from tasks.monitoring.drift_report import DriftPolicy, drift_comparison

pytestmark = pytest.mark.slow

NOON = datetime(2024, 1, 8, 12, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = DriftPolicy(
    numeric_threshold=0.5, categorical_threshold=0.3, missing_threshold=0.25, min_rows=1, max_rows=1000
)
TITLES = ["Share of drifting columns", "Distance of each column", "Performance", "Rows", "Live version"]


def a_snapshot(until=NOON, share=0.5, price=2.0):
    frame = pd.DataFrame({"price": [0.0, 2.0] * 20})
    ours = Drawing(headline=f"as of {until}", numbers={SHARE: share}, distances={"price": price}, tags=("version 3",))
    return drift_comparison(frame, frame, {"price": "numeric"}, POLICY, until=until, name="test", drawing=ours)[1]


def a_workspace(state):
    return Workspace.create(str(state / "evidently"))


def the_project(state):
    [project] = a_workspace(state).list_projects()
    return project


def runs_behind_the_ui(state):
    return [str(run) for run in a_workspace(state).list_runs(the_project(state).id)]


def series(state, labels):
    """Return the points that the UI gets for a panel of these labels: the names of the series and their values."""
    points = InMemoryDataStorage(str(state / "evidently"))
    wanted = [SeriesFilter(metric="evidently:metric_v2:Ours", metric_labels=labels, tags=[], metadata={})]
    response = asyncio.run(points.get_data_series(the_project(state).id, wanted, None, None))
    return {line.params["name"]: line.values for line in response.series}


def titles(project):
    return [panel.title for panel in project.dashboard.model().panels]


def test_a_report_is_a_whole_page_that_begins_with_our_verdict(state):
    save_html(a_snapshot(), state / "reports" / "stall" / "page.html")

    assert [path.name for path in (state / "reports" / "stall").iterdir()] == ["page.html"]
    page = (state / "reports" / "stall" / "page.html").read_text()
    assert page.rstrip().endswith("</html>")
    assert page.index("as of 2024-01-08") < page.index("Drift in column")


def test_a_snapshot_published_again_replaces_the_one_before(state):
    first, _ = publish(a_snapshot(), "stall", "roc_auc", "")
    second, address = publish(a_snapshot(), "stall", "roc_auc", first)

    assert address.endswith(f"/reports/{second}")
    assert runs_behind_the_ui(state) == [second]


def test_a_project_gets_each_panel_once_however_often_it_is_published_to(state):
    publish(a_snapshot(), "stall", "roc_auc", "")
    publish(a_snapshot(NOON + DAY), "stall", "roc_auc", "")

    assert titles(the_project(state)) == TITLES


def test_a_project_of_an_earlier_release_gets_what_it_lacks_and_keeps_what_a_person_added(state):
    project = a_workspace(state).create_project("stall")
    old = PanelMetric(metric="DriftedColumnsCount", metric_labels={"value_type": "share"}, legend="share")
    project.dashboard.add_panel(line_plot_panel("Share of drifting columns", [old]))
    project.dashboard.add_panel(line_plot_panel("my own", [old]))

    complete(project, panels("roc_auc"))

    assert sorted(titles(project)) == sorted(["my own", *TITLES])
    [share] = [panel for panel in project.dashboard.model().panels if panel.title == TITLES[0]]
    assert [value.metric for value in share.values] == ["evidently:metric_v2:Ours"]


def test_each_number_is_a_line_over_time_in_multiples_of_our_limits(state):
    publish(a_snapshot(NOON, share=0.5, price=2.0), "stall", "roc_auc", "")
    publish(a_snapshot(NOON + DAY, share=0.25, price=0.5), "stall", "roc_auc", "")

    assert series(state, {"name": SHARE}) == {SHARE: [0.5, 0.25]}
    assert series(state, {"role": "column"}) == {"price": [2.0, 0.5]}
