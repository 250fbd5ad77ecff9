"""Compare a window's columns with a reference, with Evidently; `tasks/monitoring/dashboard.py` shows the result."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.monitoring.check import ColumnDrift
from tasks.monitoring.drift_numbers import Drawing

if TYPE_CHECKING:
    import pandas as pd
    from evidently.core.report import Snapshot

Kind = Literal["numeric", "categorical"]
METHODS: Mapping[Kind, str] = {"numeric": "wasserstein", "categorical": "jensenshannon"}
NEVER = 1e12


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
    present = reference.dropna()
    return None if present.nunique() > 1 else float((current.dropna() != present.iloc[0]).mean())


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


def drift_comparison(
    reference: "pd.DataFrame",
    current: "pd.DataFrame",
    kinds: Mapping[str, Kind],
    policy: DriftPolicy,
    *,
    until: datetime,
    name: str,
    drawing: "Drawing | None" = None,
) -> "tuple[list[ColumnDrift], Snapshot]":
    """Return what was found out about each column of `kinds`, in order, and Evidently's snapshot of it.

    Both frames hold all columns of `kinds` and at least one row. Each column comes back, computed or named.
    The snapshot bears `name` and is dated `until`, so that the UI's axis is event time. It shows the `drawing`, where
    one is given, and draws as drifted the columns that lie beyond a limit there, instead of those of the policy.
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
    snapshot = _report(usable, policy, drawing).run(
        *frames, timestamp=until, name=name, additional_data=_ours(drawing), tags=list(drawing.tags) if drawing else []
    )
    distances = _distances(snapshot)
    drifts = [
        column_drift(column, kind, sides[0][column], sides[1][column], distances.get(column), policy)
        for column, kind in kinds.items()
    ]
    return drifts, snapshot


def _declared(rows: "pd.DataFrame", kinds: Mapping[str, Kind]) -> Any:
    """Return rows as Evidently's dataset, with every column's kind said rather than guessed."""
    from evidently import DataDefinition, Dataset

    columns = DataDefinition(
        numerical_columns=[name for name, kind in kinds.items() if kind == "numeric"],
        categorical_columns=[name for name, kind in kinds.items() if kind == "categorical"],
    )
    return Dataset.from_pandas(rows, columns)


def _report(kinds: Mapping[str, Kind], policy: DriftPolicy, drawing: "Drawing | None") -> Any:
    """Return the report that measures each column by our method, below what the drawing says."""
    from evidently import Report
    from evidently.metrics import RowCount, ValueDrift

    from tasks.monitoring.drift_metric import Ours

    first = [Ours()] if drawing else []
    each = [
        ValueDrift(column=name, method=METHODS[kind], threshold=_threshold(name, kind, policy, drawing))
        for name, kind in kinds.items()
    ]
    return Report([*first, RowCount(), *each])


def _threshold(name: str, kind: Kind, policy: DriftPolicy, drawing: "Drawing | None") -> float:
    """Return the distance from which Evidently draws a drift: any where the drawing has one, none where it has none."""
    if drawing is not None:
        return 0.0 if drawing.beyond(name) else NEVER
    return policy.numeric_threshold if kind == "numeric" else policy.categorical_threshold


def _ours(drawing: "Drawing | None") -> "dict[str, pd.DataFrame] | None":
    """Return the drawing as the additional data of a report."""
    import pandas as pd

    from tasks.monitoring.drift_metric import HEADLINE, OURS

    if drawing is None:
        return None
    parts = (("window", drawing.numbers), ("column", drawing.distances))
    rows = [(role, name, value) for role, numbers in parts for name, value in numbers.items()]
    return {
        OURS: pd.DataFrame(rows, columns=["role", "name", "value"]),
        HEADLINE: pd.DataFrame({HEADLINE: [drawing.headline]}),
    }


def _distances(snapshot: "Snapshot") -> dict[str, float]:
    """Return the distance of each column that came back."""
    results = snapshot.dict()["metrics"]
    return {
        result["config"]["column"]: float(result["value"])
        for result in results
        if result["config"]["type"].endswith(":ValueDrift") and result["value"] is not None
    }
