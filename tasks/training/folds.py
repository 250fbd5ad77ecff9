"""Cut the past into rolling-origin folds, never at random, and let each model predict the block after it."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tasks.durations import in_words
from tasks.labels import usable
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline
from tasks.predictions import as_columns
from tasks.training.estimators import contenders, fitted, predictions, targets

Shelf = MutableMapping[tuple[str, datetime], "Pipeline"]
"""Fitted models by contender and the moment up to which they learned."""


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
    labelled_rows = labelled(rows, problem, as_of)
    if len(labelled_rows) < policy.min_rows:
        return f"{len(labelled_rows):,} labelled rows at {as_of:%Y-%m-%d %H:%M}, {policy.min_rows:,} needed"
    if problem.kind == "classification" and labelled_rows[problem.target].nunique() < 2:
        return f"all {len(labelled_rows):,} labelled rows are of one class, two are needed"
    if not usable_blocks(rows, problem, as_of, policy):
        return (
            f"no block of {in_words(problem.window)} before {as_of:%Y-%m-%d %H:%M} has {policy.min_rows:,} labelled "
            f"rows of each kind needed both in it and before it"
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

    models = {} if shelf is None else shelf
    blocks = usable_blocks(rows, problem, as_of, policy)
    pasts = {block.start: labelled(rows, problem, block.start) for block in blocks}
    unfitted = contenders(problem)
    missing = [(name, block.start) for block in blocks for name in unfitted if (name, block.start) not in models]
    jobs = (delayed(fitted)(unfitted[name], pasts[start], problem) for name, start in missing)
    models.update(zip(missing, Parallel(n_jobs=-1, prefer="threads")(jobs), strict=True))
    return [
        Fold(
            block=block,
            models={name: models[name, block.start] for name in unfitted},
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

    blocks = []
    for number, fold in enumerate(folds):
        ahead = in_block(rows, problem, fold.block, as_of)
        columns = {BLOCK: number, EVENT_TIME: ahead[problem.event_time], TARGET: targets(ahead, problem)}
        for name, model in fold.models.items():
            columns |= as_columns(name, problem, predictions(model, ahead, problem))
        blocks.append(pd.DataFrame(columns, index=ahead.index))
    return pd.concat(blocks)


def _enough(rows: "pd.DataFrame", problem: UseCase, least: float) -> bool:
    both = problem.kind == "regression" or rows[problem.target].nunique() > 1
    return len(rows) >= least and both
