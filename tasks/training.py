"""Fit candidates on the past and let each predict the blocks that came after: rolling origin, never random."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.durations import in_words
from tasks.labels import usable
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

Shelf = MutableMapping[tuple[str, datetime], "Pipeline"]
"""Fitted models by contender and the moment up to which they learned."""
BASELINE = "baseline"
SIMPLE_MODEL = "simple_model"
MOST_LEVELS = 30
"""Levels of a category that the simple model tells apart."""
BLOCK = "block"
TARGET = "target"
EVENT_TIME = "event_time"


class TrainPolicy(BaseModel):
    """How much evidence a retrain gathers, and how little it accepts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    blocks: int = Field(
        ge=1, le=24, description="Newest blocks (of the use case's window) on which models are compared"
    )
    min_rows: int = Field(
        ge=10,
        description="Fewest labelled rows on which a model is fitted, and fewest in a block to be compared on",
    )
    origins: int = Field(
        default=1,
        ge=1,
        le=12,
        description="Times that models are fitted anew within a block while they are compared: more show better "
        "what fresh rows gain, and take longer; each part is compared by itself and needs its share of min_rows",
    )
    refit: bool = Field(
        default=True,
        description="On: what goes live is fitted again on all labelled rows. Off: it is the model that was evaluated "
        "on the newest block, which has not learned from that block",
    )


def training_window(problem: UseCase, until: datetime) -> Window:
    """Return the event times that a model fitted at `until` learns from."""
    start = problem.history_start if problem.train_on is None else until - problem.train_on
    return Window(start=max(start, problem.history_start), end=until)


def labelled(rows: "pd.DataFrame", problem: UseCase, until: datetime) -> "pd.DataFrame":
    """Return the rows of the training window at `until` whose label was known by then."""
    window = training_window(problem, until)
    times = rows[problem.event_time]
    return rows[(times >= window.start) & (times < window.end) & usable(rows, problem, until)]


def blocks_before(problem: UseCase, as_of: datetime, count: int, origins: int = 1) -> list[Window]:
    """Return the newest `count` blocks that end at or before `as_of` and begin after history does, oldest first.

    Each is cut into as many parts as there are origins, and these are returned in its place.
    """
    length = problem.window / origins
    ends = [as_of - step * length for step in range(count * origins)]
    starts = [(end - length, end) for end in ends]
    return [Window(start=a, end=b) for a, b in reversed(starts) if a > problem.history_start]


def evidence_window(problem: UseCase, as_of: datetime, count: int, origins: int = 1) -> Window:
    """Return the event times needed to fit and compare at `as_of` on `count` blocks."""
    blocks = blocks_before(problem, as_of, count, origins)
    origin = blocks[0].start if blocks else as_of
    return Window(start=training_window(problem, origin).start, end=as_of)


def lacking(rows: "pd.DataFrame", problem: UseCase, as_of: datetime, policy: TrainPolicy) -> str | None:
    """Say what keeps a model from being fitted and compared at `as_of`, with the number that is needed, or None."""
    known = labelled(rows, problem, as_of)
    if len(known) < policy.min_rows:
        return f"{len(known)} labelled rows at {as_of:%Y-%m-%d %H:%M}, {policy.min_rows} needed"
    if problem.kind == "classification" and known[problem.target].nunique() < 2:
        return f"all {len(known)} labelled rows are of one class, two are needed"
    if not usable_blocks(rows, problem, as_of, policy):
        return (
            f"no block of {in_words(problem.window)} before {as_of:%Y-%m-%d %H:%M} has {policy.min_rows} labelled rows "
            f"of each kind needed both in it and before it"
        )
    return None


def usable_blocks(rows: "pd.DataFrame", problem: UseCase, as_of: datetime, policy: TrainPolicy) -> list[Window]:
    """Return the newest blocks that have enough labelled rows, both to fit on before them and to compare on."""
    return [
        block
        for block in blocks_before(problem, as_of, policy.blocks, policy.origins)
        if _enough(labelled(rows, problem, block.start), problem, policy.min_rows)
        and _enough(in_block(rows, problem, block, as_of), problem, policy.min_rows / policy.origins)
    ]


def in_block(rows: "pd.DataFrame", problem: UseCase, block: Window, as_of: datetime) -> "pd.DataFrame":
    """Return the rows of a block whose label is known at `as_of`."""
    times = rows[problem.event_time]
    return rows[(times >= block.start) & (times < block.end) & usable(rows, problem, as_of)]


def contenders(problem: UseCase) -> Mapping[str, "Pipeline"]:
    """Return the unfitted models that a retrain compares: the declared candidates, and two that they must beat."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    trivial = DummyClassifier(strategy="prior") if problem.kind == "classification" else DummyRegressor()
    known = {name: pipeline(problem, final) for name, final in {**problem.candidates, BASELINE: trivial}.items()}
    return known | {SIMPLE_MODEL: simple_model(problem)}


def simple_model(problem: UseCase) -> "Pipeline":
    """Return a linear model of the same features: numbers scaled, gaps filled with the median, categories one-hot."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    scaled = Pipeline(
        [("gaps", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
    )
    levels = OneHotEncoder(max_categories=MOST_LEVELS, handle_unknown="infrequent_if_exist", sparse_output=False)
    encoding = ColumnTransformer(
        [("numeric", scaled, list(problem.numeric)), ("categorical", levels, list(problem.categorical))]
    )
    final = LogisticRegression(max_iter=100, tol=1e-3) if problem.kind == "classification" else Ridge()
    return Pipeline([("encoding", encoding), ("model", final)])


def pipeline(problem: UseCase, final: Any) -> "Pipeline":
    """Return `final` behind the encoding: numbers as they are, categories as codes (unseen -1, missing -2)."""
    from sklearn.base import clone
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    encoding = ColumnTransformer(
        [("numeric", "passthrough", list(problem.numeric)), ("categorical", codes, list(problem.categorical))]
    )
    return Pipeline([("encoding", encoding), ("model", clone(final))])


def features(rows: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the feature columns: numbers as float64 (so that a signature admits a missing one), categories as str."""
    dtypes = dict.fromkeys(problem.numeric, "float64") | dict.fromkeys(problem.categorical, "str")
    return rows[list(problem.features)].astype(dtypes)


def fitted(model: "Pipeline", rows: "pd.DataFrame", problem: UseCase) -> "Pipeline":
    """Return a copy of `model` fitted on labelled rows.

    A number that is missing in all of them is learned as a constant: boosted trees refuse it, and none can use it.
    """
    from sklearn.base import clone

    known = features(rows, problem)
    unseen = [name for name in problem.numeric if known[name].isna().all()]
    return clone(model).fit(known.assign(**dict.fromkeys(unseen, 0.0)), targets(rows, problem))


def targets(rows: "pd.DataFrame", problem: UseCase) -> "np.ndarray":
    """Return the targets of labelled rows: for classification 0 or 1, or the number of the declared class."""
    if problem.classes:
        return rows[problem.target].map({name: number for number, name in enumerate(problem.classes)}).to_numpy(int)
    values = rows[problem.target].to_numpy(dtype=float)
    return values.astype(int) if problem.kind == "classification" else values


def predictions(model: "Pipeline", rows: "pd.DataFrame", problem: UseCase) -> "np.ndarray":
    """Return one number a row: the probability of class 1, or the regression's value.

    Where the use case declares classes, a column for each, in their order; 0 for one that was not learned.
    """
    return answers(model, features(rows, problem), problem.kind, problem.classes)


def answers(model: "Pipeline", known: "pd.DataFrame", kind: str, classes: Sequence[str]) -> "np.ndarray":
    """Return predictions (see `predictions`) from the feature columns alone."""
    import numpy as np

    if kind == "regression":
        return model.predict(known)
    chances = model.predict_proba(known)
    every = np.zeros((len(known), max(2, len(classes))))
    every[:, model.classes_.astype(int)] = chances
    return every if classes else every[:, 1]


def columns_of(contender: str, problem: UseCase) -> list[str]:
    """Return the columns that hold a contender's predictions: one, or one for each declared class."""
    return [f"{contender}_{number}" for number in range(problem.outputs)] if problem.classes else [contender]


def as_columns(contender: str, problem: UseCase, predicted: "np.ndarray") -> "dict[str, np.ndarray]":
    """Return predictions as columns of a frame (see `columns_of`)."""
    import numpy as np

    held = np.asarray(predicted, dtype=float).reshape(len(predicted), problem.outputs)
    return dict(zip(columns_of(contender, problem), held.T, strict=True))


def from_columns(frame: "pd.DataFrame", contender: str, problem: UseCase) -> "np.ndarray":
    """Return the predictions that `as_columns` laid into a frame."""
    held = frame[columns_of(contender, problem)].to_numpy(dtype=float)
    return held if problem.classes else held[:, 0]


@dataclass(frozen=True)
class Fold:
    """One evaluation block and the contenders, fitted on what was known when it began."""

    block: Window
    models: "Mapping[str, Pipeline]"
    learned: "pd.Index"
    """The rows that they were fitted on."""


def rolling_folds(
    rows: "pd.DataFrame", problem: UseCase, as_of: datetime, policy: TrainPolicy, shelf: Shelf | None = None
) -> list[Fold]:
    """Fit each contender before each usable block, oldest block first; as many at once as there are cores.

    What lies on the `shelf` is not fitted again; what is fitted is put there.
    """
    from joblib import Parallel, delayed

    known = {} if shelf is None else shelf
    blocks = usable_blocks(rows, problem, as_of, policy)
    pasts = {block.start: labelled(rows, problem, block.start) for block in blocks}
    unfitted = contenders(problem)
    missing = [(name, block.start) for block in blocks for name in unfitted if (name, block.start) not in known]
    jobs = (delayed(fitted)(unfitted[name], pasts[start], problem) for name, start in missing)
    known.update(zip(missing, Parallel(n_jobs=-1, prefer="threads")(jobs), strict=True))
    return [
        Fold(
            block=block,
            models={name: known[name, block.start] for name in unfitted},
            learned=pasts[block.start].index,
        )
        for block in blocks
    ]


def rolling_predictions(rows: "pd.DataFrame", problem: UseCase, as_of: datetime, folds: list[Fold]) -> "pd.DataFrame":
    """Return what each fold's contenders predict for the block's labelled rows.

    One row a labelled row of a block, with its index in `rows`; columns `block` (0 is the oldest),
    `event_time`, `target`, and those of each contender (see `contenders` and `columns_of`).
    """
    import pandas as pd

    found = []
    for number, fold in enumerate(folds):
        ahead = in_block(rows, problem, fold.block, as_of)
        columns = {BLOCK: number, EVENT_TIME: ahead[problem.event_time], TARGET: targets(ahead, problem)}
        for name, model in fold.models.items():
            columns |= as_columns(name, problem, predictions(model, ahead, problem))
        found.append(pd.DataFrame(columns, index=ahead.index))
    return pd.concat(found)


def _enough(rows: "pd.DataFrame", problem: UseCase, least: float) -> bool:
    both = problem.kind == "regression" or rows[problem.target].nunique() > 1
    return len(rows) >= least and both
