"""The words in which one ML problem is declared, and how a declaration is found by its name."""

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, WithJsonSchema

from tasks.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

MetricName = str
"""A name in `tasks/metrics.py`."""
DTYPES = ("float64", "int64", "bool", "str", "datetime64[us, UTC]")
"""The dtypes that a stored column may have."""
OURS = re.compile(r"(prediction|shadow)(_\d+)?|model_version|in_training|scored_at|_month|_unparsed")
"""Names of columns that the system lays beside a use case's own."""
CONTENDERS = ("baseline", "simple_model", "champion", "block", "event_time", "target")
"""What stands beside the candidates where models are compared."""


class Source(Protocol):
    """Where rows come from: the one interface, which `tasks/data/sources/` implements and a use case may too."""

    def rows(self, start: datetime, end: datetime) -> "Iterator[pd.DataFrame]":
        """Yield, in chunks, the rows with event time in `[start, end)` and those that have no event time.

        Raises:
            SourceError: the source does not answer, or its answer cannot be read.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """One ML problem. Column names refer to `schema`, which describes a row as the source yields it.

    Times are `datetime64[us, UTC]` columns. The target and the label time must be nullable: a row is stored without
    them until its label time has passed.
    """

    name: str
    question: str
    """What the model predicts, in one sentence."""
    source: Source
    schema: "pa.DataFrameSchema"
    key: tuple[str, ...]
    """Columns that together name one row for ever."""
    event_time: str
    label_time: str
    mature: str | None = None
    """Time column from which on a row's label, if it has one, is an unbiased sample; None: as soon as it is known."""
    target: str
    kind: Literal["classification", "regression"]
    classes: tuple[str, ...] = ()
    """The values of a text target, three or more; empty for a number, or for a class that is 0.0 or 1.0."""
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    candidates: Mapping[str, Any]
    """Final estimators by name, all compared by each retrain, behind the encoding of `tasks/training/estimators.py`."""
    metric: MetricName
    """What decides between models."""
    slices: tuple[str, ...] = ()
    """Categorical columns whose groups are compared one by one: a model that is worse on one does not go live."""
    protected: tuple[str, ...] = ()
    """Categorical columns whose groups must be treated alike; they need not be features."""
    history_start: datetime
    """The earliest event time that is collected."""
    period: timedelta
    """Length of the batches in which rows are collected and judged as a whole."""
    look_back: timedelta
    """How far back late, restated and newly labelled rows are looked for: at least the longest label delay."""
    window: timedelta
    """Length of a monitoring window, and of a block of the rolling-origin evaluation."""
    train_on: timedelta | None = None
    """How much of the past a model is trained on; None for all of it."""
    intended_use: str = ""

    def __post_init__(self) -> None:
        columns = set(self.schema.columns)
        named = {*self.key, self.event_time, self.label_time, self.target, *self.features, *self.slices}
        named |= set(self.protected)
        named |= {self.mature} if self.mature else set()
        if missing := sorted(named - columns):
            raise ValueError(f"use case {self.name!r} names columns that its schema lacks: {', '.join(missing)}")
        if leaks := sorted({self.target, self.label_time} & set(self.features)):
            raise ValueError(f"use case {self.name!r} lists as features what is known only later: {', '.join(leaks)}")
        for column in (self.target, self.label_time):
            if not self.schema.columns[column].nullable:
                raise ValueError(f"use case {self.name!r}: column {column!r} must be nullable until the label is known")
        if strange := {name: dtype for name, dtype in self.dtypes.items() if dtype not in DTYPES}:
            raise ValueError(f"use case {self.name!r} declares {strange}; expected one of: {', '.join(DTYPES)}")
        for column in (name for name, dtype in self.dtypes.items() if dtype in ("int64", "bool")):
            if self.schema.columns[column].nullable:
                declared = f"{column!r} as nullable {self.dtypes[column]}"
                raise ValueError(f"use case {self.name!r} declares {declared}, which has no missing value; use float64")
        if self.classes and (self.kind, self.metric) != ("classification", "log_loss"):
            raise ValueError(f"use case {self.name!r} declares classes; expected a classification by log_loss")
        for column in (*self.key, self.event_time):
            if self.schema.columns[column].nullable:
                raise ValueError(f"use case {self.name!r}: column {column!r} names rows and must not be nullable")
        ours = [name for name in self.columns if OURS.fullmatch(name)]
        if ours := ours + sorted({"target"} & set(self.features)):
            raise ValueError(f"use case {self.name!r} gives columns names of ours; rename them: {', '.join(ours)}")
        if self.metric not in METRICS:
            expected = f"expected a metric among {', '.join(METRICS)}"
            raise ValueError(f"use case {self.name!r}: {expected}; found {self.metric!r}")
        if not self.candidates:
            raise ValueError(f"use case {self.name!r} declares no candidate estimator")
        if taken := sorted(set(CONTENDERS) & set(self.candidates)):
            raise ValueError(f"use case {self.name!r} gives candidates names of ours; rename them: {', '.join(taken)}")
        if self.history_start.tzinfo is None:
            raise ValueError(f"use case {self.name!r}: history_start needs a time zone")

    @property
    def outputs(self) -> int:
        """How many numbers are predicted for a row: the probability of each of several classes, or one."""
        return len(self.classes) or 1

    @property
    def features(self) -> tuple[str, ...]:
        """All feature columns, numeric first."""
        return (*self.numeric, *self.categorical)

    @property
    def dtypes(self) -> dict[str, str]:
        """All stored columns with their dtype, in the schema's order."""
        named = {name: str(column.dtype) for name, column in self.schema.columns.items()}
        # pandera's name for pandas' own str
        return {name: "str" if dtype.startswith("string") else dtype for name, dtype in named.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """All stored columns, in the schema's order."""
        return tuple(self.schema.columns)


def use_case_names() -> list[str]:
    """Return the names of the files in `usecases/`, sorted."""
    package = importlib.import_module("usecases")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def use_case(name: str) -> UseCase:
    """Return the declaration `USE_CASE` in `usecases/<name>.py`.

    Raises:
        ValueError: there is no such file; the message lists those that there are.
    """
    return importlib.import_module(f"usecases.{_declared_name(name)}").USE_CASE


def _declared_name(name: str) -> str:
    if name not in (names := use_case_names()):
        raise ValueError(f"unknown use case {name!r}; expected one of: {', '.join(names)}")
    return name


class _UseCaseSchema(WithJsonSchema):
    """A choice among the files in `usecases/` at the time the schema is asked for."""

    def __init__(self) -> None:
        super().__init__({"type": "string"})

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "enum": use_case_names(), "title": "Use case"}


UseCaseName = Annotated[str, AfterValidator(_declared_name), _UseCaseSchema()]
