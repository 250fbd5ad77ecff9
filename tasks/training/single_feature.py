"""How well does one feature alone predict the target in later rows?"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray


BLOCKS = 4


@dataclass(frozen=True)
class SingleScore:
    """How well one column alone predicts the target in blocks later than those it was learned from."""

    column: str
    score: float
    """Mean AUC, or R2."""
    skill: float
    """0: no better than a guess; 1: perfect."""


def single_scores(frame: pd.DataFrame, answers: "pd.Series[Any]", kind: str) -> list[SingleScore]:
    """Return how well each column alone predicts, best first; learned on the past, scored on the block after it."""
    cuts = np.linspace(0, len(frame), BLOCKS + 1).astype(int)
    scores_by_column = []
    for name in frame.columns:
        scores = [
            score
            for past, end in pairwise(cuts[1:])
            if (score := _block_score(frame[name], answers, past, end, kind)) is not None
        ]
        if scores:
            mean = float(np.mean(scores))
            scores_by_column.append(SingleScore(name, mean, mean if kind == "regression" else 2 * mean - 1))
    return sorted(scores_by_column, key=lambda single: -single.skill)


def _block_score(values: "pd.Series[Any]", answers: "pd.Series[Any]", past: int, end: int, kind: str) -> float | None:
    from sklearn.metrics import r2_score, roc_auc_score

    learned, asked = answers.iloc[:past], answers.iloc[past:end]
    if learned.nunique() < 2 or asked.nunique() < 2 or values.iloc[:past].isna().all():
        return None
    if kind == "regression":
        before, after = _coded_column(values, learned, past, end)
        return float(r2_score(asked, _fitted_model(before, learned, regression=True).predict(after)))
    classes = [1.0] if kind == "binary" else [label for label in asked.unique() if label in set(learned)]
    scores = []
    for label in classes:
        is_it, was_it = asked == label, (learned == label).astype(float)
        if is_it.nunique() == 2 and was_it.nunique() == 2:
            before, after = _coded_column(values, was_it, past, end)
            chances = _fitted_model(before, was_it, regression=False).predict_proba(after)[:, 1]
            scores.append(float(roc_auc_score(is_it, chances)))
    return float(np.mean(scores)) if scores else None


def _coded_column(
    values: "pd.Series[Any]", learned: "pd.Series[Any]", past: int, end: int
) -> "tuple[NDArray[Any], NDArray[Any]]":
    """Return the column before and after `past` as numbers: a word as the mean answer that it had before."""
    if values.dtype.kind != "f":
        words = values.fillna("").astype("str")
        means: Mapping[str, float] = learned.groupby(words.iloc[:past]).mean().to_dict()
        values = words.map(means).fillna(float(learned.mean())).astype("float64")
    numbers = values.to_numpy(dtype=float).reshape(-1, 1)
    return numbers[:past], numbers[past:end]


def _fitted_model(before: "NDArray[Any]", learned: "pd.Series[Any]", *, regression: bool) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    least = max(5, len(learned) // 1000)
    tree = (
        DecisionTreeRegressor(max_depth=8, min_samples_leaf=least, random_state=0)
        if regression
        else DecisionTreeClassifier(max_depth=6, min_samples_leaf=least, random_state=0)
    )
    return tree.fit(before, learned)
