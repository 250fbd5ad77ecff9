"""Find what makes evidence too good to be true: answers among the features, rows on both sides, later knowledge."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.labels import label_time_passed
from tasks.training.estimators import features, targets
from tasks.training.folds import Fold, in_block
from tasks.usecases import UseCase

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

ASKED_ROWS = 6_000
"""Rows, evenly over time, of which it is asked what each feature alone predicts."""
FEWEST_ROWS = 20
"""Fewest rows from which a share is computed."""


def best_single_feature(rows: "pd.DataFrame", problem: UseCase) -> tuple[str, float] | None:
    """Return the feature that alone predicts best in rows later than those it was learned from, and how well.

    `rows` are labelled. 0 is a guess, 1 is perfect: R2, or 2 AUC - 1. None where no feature can be asked.
    """
    import numpy as np
    import pandas as pd

    from tasks.training.single_feature import single_scores

    ordered = rows.sort_values(problem.event_time, kind="stable")
    some = ordered.iloc[np.linspace(0, len(ordered) - 1, min(len(ordered), ASKED_ROWS)).astype(int)]
    answers = pd.Series(targets(some, problem), index=some.index, dtype=float, name=problem.target)
    kind = "regression" if problem.kind == "regression" else "multiclass" if problem.classes else "binary"
    scores = single_scores(features(some, problem), answers, kind)
    return (scores[0].column, max(0.0, scores[0].skill)) if scores else None


def learned_rows(folds: Sequence[Fold], rows: "pd.DataFrame", problem: UseCase, as_of: "datetime") -> int:
    """Return how many rows are evaluated by a model that was fitted on them."""
    return sum(int(in_block(rows, problem, fold.block, as_of).index.isin(fold.learned).sum()) for fold in folds)


def early_rows(folds: Sequence[Fold], rows: "pd.DataFrame", problem: UseCase) -> int:
    """Return how many rows were fitted on before their label was known, or before they had happened."""
    count = 0
    for fold in folds:
        learned = rows.loc[fold.learned]
        past = label_time_passed(learned, problem, fold.block.start) & (learned[problem.event_time] < fold.block.start)
        count += int((~past).sum())
    return count


def copied_share(folds: Sequence[Fold], rows: "pd.DataFrame", problem: UseCase, as_of: "datetime") -> float | None:
    """Return the share of evaluated rows that lie in their model's training rows with equal features and target.

    Less what these data repeat anyway: the same share, of the newest training rows in the rest of them. At least 0.
    """
    import numpy as np
    import pandas as pd

    shares, weights = [], []
    names = [*problem.features, problem.target]
    for fold in folds:
        ahead = in_block(rows, problem, fold.block, as_of)
        learned = rows.loc[fold.learned].sort_values(problem.event_time, kind="stable")
        if min(len(ahead), len(learned)) < FEWEST_ROWS:
            continue
        new, old = (pd.util.hash_pandas_object(some[names], index=False) for some in (ahead, learned))
        newest = min(len(ahead), len(learned) // 2)
        usual = old.iloc[-newest:].isin(old.iloc[:-newest]).mean()
        shares.append(float(new.isin(old).mean() - usual))
        weights.append(len(ahead))
    return max(0.0, float(np.average(shares, weights=weights))) if shares else None


def filled_later(rows: "pd.DataFrame", problem: UseCase) -> tuple[str, float]:
    """Return the feature that is missing most where the label still is, and by how much more than elsewhere.

    `rows` are as known at one moment. 0 where too few rows have a label, or lack one.
    """
    open_ = rows[problem.target].isna()
    if min(open_.sum(), (~open_).sum()) < FEWEST_ROWS:
        return "", 0.0
    gaps = rows[list(problem.features)].isna()
    more = gaps[open_].mean() - gaps[~open_].mean()
    return str(more.idxmax()), max(0.0, float(more.max()))


def changed_later(before: "pd.DataFrame", now: "pd.DataFrame", problem: UseCase) -> tuple[str, float]:
    """Return the feature whose value changed most often when the label came, and in which share of those rows.

    `before` and `now` are the same rows as stored at two versions. 0 where too few labels came in between.
    """
    names = list(problem.key)
    earlier, later = (frame.set_index(names) for frame in (before, now))
    shared = earlier.index.intersection(later.index)
    earlier, later = earlier.loc[shared], later.loc[shared]
    came = earlier[problem.target].isna() & later[problem.target].notna()
    if came.sum() < FEWEST_ROWS:
        return "", 0.0
    # What names a row cannot change.
    asked = [name for name in problem.features if name not in names]
    old, new = earlier.loc[came, asked], later.loc[came, asked]
    differs = (old != new) & ~(old.isna() & new.isna())
    if not asked:
        return "", 0.0
    shares = differs.mean()
    return str(shares.idxmax()), float(shares.max())
