"""Compare a window's columns with a reference, with Evidently; the only module that knows it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from evidently.core.report import Snapshot

Kind = Literal["numeric", "categorical"]
METHODS: Mapping[Kind, str] = {"numeric": "wasserstein", "categorical": "jensenshannon"}


class DriftPolicy(BaseModel):
    """When a column is said to have drifted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    numeric_threshold: float = Field(
        gt=0, description="Wasserstein distance, in standard deviations of the reference, from which a number drifts"
    )
    categorical_threshold: float = Field(
        gt=0, le=0.84, description="Jensen-Shannon distance (0 to 0.83) from which a category drifts"
    )
    missing_threshold: float = Field(
        gt=0, le=1, description="Change in a column's share of missing values from which it drifts"
    )
    min_rows: int = Field(ge=1, description="Fewest rows, on either side, that are compared")
    max_rows: int = Field(ge=100, description="Most rows, on either side, that are compared; more are sampled")


class ColumnDrift(BaseModel):
    """What was found out about one column."""

    model_config = ConfigDict(frozen=True)

    column: str
    method: str
    threshold: float
    value: float | None
    """The distance, or None where it could not be computed; `note` says why."""
    drifted: bool | None
    """None means unknown, not "no"."""
    reference_missing: float
    """Share of missing values in the reference, 0 to 1."""
    current_missing: float
    note: str = ""


def sampled(rows: "pd.DataFrame", most: int) -> "pd.DataFrame":
    """Return at most `most` of the rows, drawn with a fixed seed, in their order."""
    return rows if len(rows) <= most else rows.sample(most, random_state=0).sort_index()


def plain(values: "pd.Series", kind: Kind) -> "pd.Series":
    """Return a column as Evidently can read it: numbers as float64 without infinities, categories as str."""
    import numpy as np

    if kind == "numeric":
        return values.astype("float64").replace([np.inf, -np.inf], np.nan)
    return values.astype("str")


def not_comparable(reference: "pd.Series", current: "pd.Series") -> str | None:
    """Say why no distance between two plain columns can be computed, or None."""
    if current.isna().all():
        return f"all {len(current)} values of the window are missing"
    if reference.isna().all():
        return f"all {len(reference)} values of the reference are missing"
    return None


def constant_share(reference: "pd.Series", current: "pd.Series") -> float | None:
    """Return the share of present current values that differ from a constant reference; None if it is not constant.

    Evidently divides by the reference's spread and calls 1.001 against a constant 1.0 a drift of .83.
    """
    known = reference.dropna()
    return None if known.nunique() > 1 else float((current.dropna() != known.iloc[0]).mean())


def column_drift(
    name: str, kind: Kind, reference: "pd.Series", current: "pd.Series", distance: float | None, policy: DriftPolicy
) -> ColumnDrift:
    """Judge one column of plain values; `distance` is what Evidently computed, None where it did not."""
    threshold = policy.numeric_threshold if kind == "numeric" else policy.categorical_threshold
    missing = float(reference.isna().mean()), float(current.isna().mean())
    unknown = not_comparable(reference, current)
    changed = None if unknown else constant_share(reference, current)
    value = distance if changed is None else changed
    notes = [unknown, "the reference is constant: share of other values" if changed is not None else None]
    if value is not None and value != value:
        value, notes = None, [*notes, "Evidently returned no number"]
    if value is None and unknown is None:
        notes.append("no distance came back from Evidently")
    jump = abs(missing[1] - missing[0]) >= policy.missing_threshold
    if jump:
        notes.append(f"share of missing values {missing[0]:.1%} before, {missing[1]:.1%} now")
    return ColumnDrift(
        column=name,
        method=METHODS[kind] if changed is None else "share changed",
        threshold=threshold,
        value=value,
        drifted=True if jump else (None if value is None else value >= threshold),
        reference_missing=missing[0],
        current_missing=missing[1],
        note="; ".join(note for note in notes if note),
    )


def compared(
    reference: "pd.DataFrame",
    current: "pd.DataFrame",
    kinds: Mapping[str, Kind],
    policy: DriftPolicy,
    *,
    outcomes: Collection[str] = (),
    until: datetime,
    name: str,
) -> "tuple[list[ColumnDrift], Snapshot]":
    """Return what was found out about each column of `kinds`, in order, and Evidently's snapshot of it.

    Both frames hold all columns of `kinds` and at least one row. Each column comes back, computed or named. The
    `outcomes` among them (prediction, target) are compared too, but not counted among the drifting columns.
    The snapshot bears `name` and is dated `until`, so that the UI's axis is event time.
    """
    sides = [
        sampled(side, policy.max_rows)[list(kinds)].apply(lambda values: plain(values, kinds[str(values.name)]))
        for side in (reference, current)
    ]
    usable = {
        column: kind
        for column, kind in kinds.items()
        if not not_comparable(sides[0][column], sides[1][column])
        and constant_share(sides[0][column], sides[1][column]) is None
    }
    frames = (_declared(side[list(usable)], usable) for side in reversed(sides))
    snapshot = _report(usable, [one for one in usable if one not in outcomes], policy).run(
        *frames, timestamp=until, name=name
    )
    distances = _distances(snapshot)
    found = [
        column_drift(column, kind, sides[0][column], sides[1][column], distances.get(column), policy)
        for column, kind in kinds.items()
    ]
    return found, snapshot


def save_html(snapshot: "Snapshot", path: Path) -> None:
    """Write a snapshot as one self-contained HTML file; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    snapshot.save_html(str(partial))
    partial.replace(path)


def publish(snapshot: "Snapshot", project: str, replaces: str) -> tuple[str, str]:
    """Put a snapshot behind Evidently's UI in place of the run `replaces` (may be empty).

    Returns the run's id and the address where the UI shows it.
    """
    from evidently.ui.workspace import Workspace

    workspace = Workspace.create(str(Settings().evidently_workspace))
    home = _project(workspace, project)
    if replaces in {str(run) for run in workspace.list_runs(home.id)}:
        workspace.delete_run(home.id, replaces)
    run = workspace.add_run(home.id, snapshot, include_data=False)
    return str(run.id), f"{Settings().evidently_url}/projects/{home.id}/reports/{run.id}"


def _project(workspace: Any, name: str) -> Any:
    found = [project for project in workspace.search_project(name) if project.name == name]
    return found[0] if found else _with_dashboard(workspace.create_project(name))


def _with_dashboard(project: Any) -> Any:
    """Give a new project its panels: how much drifts, and on how many rows that was seen."""
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import DashboardPanelPlot

    plot: dict[str, Any] = {"plot_type": "line"}
    share = PanelMetric(metric="DriftedColumnsCount", metric_labels={"value_type": "share"}, legend="share")
    for title, measured in (
        ("Share of drifting columns", share),
        ("Rows compared", PanelMetric(metric="RowCount", legend="rows")),
    ):
        project.dashboard.add_panel(DashboardPanelPlot(title=title, size="half", values=[measured], plot_params=plot))
    return project


def _declared(rows: "pd.DataFrame", kinds: Mapping[str, Kind]) -> Any:
    """Return rows as Evidently's dataset, with every column's kind said rather than guessed."""
    from evidently import DataDefinition, Dataset

    columns = DataDefinition(
        numerical_columns=[name for name, kind in kinds.items() if kind == "numeric"],
        categorical_columns=[name for name, kind in kinds.items() if kind == "categorical"],
    )
    return Dataset.from_pandas(rows, columns)


def _report(kinds: Mapping[str, Kind], counted: list[str], policy: DriftPolicy) -> Any:
    """Return the report that measures each column by our method and threshold, and counts the `counted` that drift."""
    from evidently import Report
    from evidently.metrics import DriftedColumnsCount, RowCount, ValueDrift

    thresholds: Mapping[Kind, float] = {
        "numeric": policy.numeric_threshold,
        "categorical": policy.categorical_threshold,
    }
    count = DriftedColumnsCount(
        columns=counted,
        num_method=METHODS["numeric"],
        num_threshold=policy.numeric_threshold,
        cat_method=METHODS["categorical"],
        cat_threshold=policy.categorical_threshold,
    )
    each = [ValueDrift(column=name, method=METHODS[kind], threshold=thresholds[kind]) for name, kind in kinds.items()]
    return Report([RowCount(), *([count] if counted else []), *each])


def _distances(snapshot: "Snapshot") -> dict[str, float]:
    """Return the distance of each column that came back."""
    found = snapshot.dict()["metrics"]
    return {
        one["config"]["column"]: float(one["value"])
        for one in found
        if one["config"]["type"].endswith(":ValueDrift") and one["value"] is not None
    }
