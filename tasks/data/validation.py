"""Tell good rows from bad ones, and a bad batch from a good one, before anything is stored."""

import statistics
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tasks.data.sources import UNPARSED
from tasks.usecases import UseCase

if TYPE_CHECKING:
    import pandas as pd


USUAL_PERIODS = 8
"""How many of the newest complete periods tell what volume is usual."""


FEWEST_PERIODS = 3
"""Below this many complete periods no volume is called unusual."""


REPEATED = "borne by a later row too"
"""The reason given for a row that was replaced by a later row of the same key."""


class BatchPolicy(BaseModel):
    """When a batch is refused as a whole instead of row by row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bad_share: float = Field(
        ge=0, le=1, description="Largest share of bad rows in a batch that is still stored without them"
    )
    min_volume_share: float = Field(
        ge=0,
        le=1,
        description="Smallest number of rows in a batch, as a share of the usual number (the median)",
    )


def with_declared_dtypes(rows: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Give back the declared dtype to columns that only missing values have moved away from it.

    An all-missing column takes any declared dtype; a whole-number or boolean column that missing values made
    float or object is left to `row_faults`, which names those rows. No present value is changed.
    """
    nullable = [name for name, column in problem.schema.columns.items() if column.nullable and name in rows]
    moved = {name: problem.dtypes[name] for name in nullable if rows[name].isna().all()}
    return rows.astype(moved)


def shape_fault(rows: "pd.DataFrame", problem: UseCase) -> str | None:
    """Say which columns are gone or of another type than declared, or None if they all fit."""
    if gone := [name for name in problem.columns if name not in rows]:
        return f"expected column {_name_list(gone)}, found only {_name_list(rows.columns)}"
    for name, dtype in problem.dtypes.items():
        if not _fits(rows[name], dtype):
            examples = rows[name].dropna().unique()[:3].tolist()
            return f"expected {name!r} as {dtype}, found {rows[name].dtype}, such as {examples}"
    return None


def row_faults(rows: "pd.DataFrame", problem: UseCase, period: "pd.Series | None" = None) -> "pd.Series":
    """Return for each row every reason it is bad, joined by "; ", or an empty string for a good row.

    `rows` has a unique index and passed `shape_fault`. Beyond the schema's own checks, a row is bad when a cell
    did not parse, a number is infinite, or a later row (of the same `period`, where given by row) bears the same key.
    """
    import pandas as pd

    rule_faults = [_unparsed(rows), _missing(rows, problem), _schema_faults(rows, problem), _infinite(rows, problem)]
    rule_faults.append(_repeated(rows, problem.key, period))
    faults = pd.concat([part for part in rule_faults if not part.empty] or [pd.Series(dtype=str)])
    reasons = faults.groupby(level=0, sort=False).agg(lambda texts: "; ".join(dict.fromkeys(texts)))
    return reasons.reindex(rows.index, fill_value="").astype(str)


def batch_fault(rows: int, bad: "pd.Series", usual: list[int], policy: BatchPolicy, *, complete: bool) -> str | None:
    """Say why a batch of `rows` rows, of which those named in `bad` are bad, must not be stored, or None.

    `usual` holds the row counts of the complete periods before; only a `complete` period is judged by its volume.
    """
    if rows and len(bad) / rows > policy.max_bad_share:
        worst = bad.str.split("; ").explode().value_counts().head(3)
        reasons = ", ".join(f"{reason} ({count:,} rows)" for reason, count in worst.items())
        return (
            f"expected at most {policy.max_bad_share:.1%} bad rows, found {len(bad) / rows:.1%} of {rows:,}: {reasons}"
        )
    if not complete or len(usual) < FEWEST_PERIODS:
        return None
    normal = statistics.median_low(usual[-USUAL_PERIODS:])
    if rows < policy.min_volume_share * normal:
        return f"expected at least {policy.min_volume_share:.0%} of the usual {normal:,} rows, found {rows:,}"
    return None


def _fits(values: "pd.Series", dtype: str) -> bool:
    """Say whether `values` have `dtype`, or would have it without their missing values."""
    if str(values.dtype) == dtype:
        return True
    present = values.dropna()
    if dtype == "int64":
        return str(values.dtype) == "float64" and bool((present % 1 == 0).all())
    return dtype == "bool" and len(present) < len(values) and all(isinstance(v, bool) for v in present)


def _schema_faults(rows: "pd.DataFrame", problem: UseCase) -> "pd.Series":
    """Ask pandera, without coercion, about the rows whose cells could be held in the declared dtypes.

    A check that only the batch as a whole can fail is held against each of its rows.
    """
    import pandas as pd
    import pandera.pandas as pa

    held = rows[rows[_required(problem)].notna().all(axis=1)]
    asked = held[list(problem.columns)].astype(problem.dtypes)
    try:
        problem.schema.validate(asked, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        messages = cases["column"].fillna("row").astype(str) + ": " + cases["check"].astype(str)
        of_rows = pd.Series(messages.to_numpy(), index=cases["index"])[cases["index"].notna().to_numpy()]
        of_all = [pd.Series(text, index=held.index) for text in messages[cases["index"].isna()].unique()]
        return pd.concat([of_rows, *of_all])
    return pd.Series(dtype=str)


def _required(problem: UseCase) -> list[str]:
    return [name for name, column in problem.schema.columns.items() if not column.nullable]


def _missing(rows: "pd.DataFrame", problem: UseCase) -> "pd.Series":
    import pandas as pd

    parts = [pd.Series(f"{name}: missing", index=rows.index[rows[name].isna()]) for name in _required(problem)]
    return pd.concat(parts) if parts else pd.Series(dtype=str)


def _infinite(rows: "pd.DataFrame", problem: UseCase) -> "pd.Series":
    import numpy as np
    import pandas as pd

    numbers = [name for name, dtype in problem.dtypes.items() if dtype == "float64"]
    parts = [
        pd.Series(f"{name}: infinite", index=rows.index[np.isinf(rows[name].to_numpy(dtype=float))]) for name in numbers
    ]
    return pd.concat(parts) if parts else pd.Series(dtype=str)


def _repeated(rows: "pd.DataFrame", key: tuple[str, ...], period: "pd.Series | None") -> "pd.Series":
    import pandas as pd

    named = rows[list(key)] if period is None else rows[list(key)].assign(_period=period)
    again = named.duplicated(keep="last")
    return pd.Series(f"key {', '.join(key)}: {REPEATED}", index=rows.index[again])


def _unparsed(rows: "pd.DataFrame") -> "pd.Series":
    import pandas as pd

    if UNPARSED not in rows:
        return pd.Series(dtype=str)
    reasons = rows[UNPARSED].dropna().astype(str)
    return reasons[reasons != ""]


def _name_list(columns) -> str:
    return ", ".join(repr(str(column)) for column in columns)
