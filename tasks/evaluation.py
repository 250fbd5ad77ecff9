"""Turn rolling predictions into the evidence that the gates judge."""

from typing import TYPE_CHECKING

from tasks.gates import Evidence
from tasks.metrics import metric, score
from tasks.training import BASELINE, BLOCK, EVENT_TIME, TARGET, features, from_columns, predictions, targets
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

CHAMPION = "champion"


def block_scores(evaluated: "pd.DataFrame", problem: UseCase, contenders: list[str]) -> "pd.DataFrame":
    """Return the metric by block (row) and contender (column); NaN where it is not defined."""
    import pandas as pd

    return pd.DataFrame(
        {
            number: {
                who: score(problem.metric, rows[TARGET].to_numpy(), from_columns(rows, who, problem))
                for who in contenders
            }
            for number, rows in evaluated.groupby(BLOCK)
        },
        dtype=float,
    ).T


def mean_score(evaluated: "pd.DataFrame", problem: UseCase, contender: str) -> float | None:
    """Return the mean of a contender's block scores, weighted by rows, or None where no block has one."""
    import numpy as np

    if evaluated.empty:
        return None
    scores = block_scores(evaluated, problem, [contender])[contender].dropna()
    if scores.empty:
        return None
    return float(np.average(scores, weights=evaluated[BLOCK].value_counts()[scores.index]))


def best_candidate(evaluated: "pd.DataFrame", problem: UseCase) -> str:
    """Return the declared candidate with the best mean score; the first declared of those that tie."""
    chosen = metric(problem.metric)
    means = {name: mean_score(evaluated, problem, name) for name in problem.candidates}
    defined = {name: value for name, value in means.items() if value is not None}
    if not defined:
        return next(iter(problem.candidates))
    pick = max if chosen.greater_is_better else min
    return pick(defined, key=lambda name: defined[name])


def evidence(
    evaluated: "pd.DataFrame", problem: UseCase, challenger: str, version: str | None, seen: Window | None
) -> Evidence:
    """Return what the gates need to know of `challenger`.

    `evaluated` has the columns of `rolling_predictions` and, where there is a champion (its `version` and the
    window it has `seen`), its predictions as contender `champion`.
    """
    base = Evidence(
        metric=problem.metric,
        rows=len(evaluated),
        challenger=mean_score(evaluated, problem, challenger),
        baseline=mean_score(evaluated, problem, BASELINE),
    )
    if version is None or seen is None:
        return base
    times = evaluated[EVENT_TIME]
    fair = evaluated[~((times >= seen.start) & (times < seen.end))]
    return base.model_copy(
        update={
            "champion_version": version,
            "compared_rows": len(fair),
            "overlap_rows": len(evaluated) - len(fair),
            "challenger_beside_champion": mean_score(fair, problem, challenger),
            "champion": mean_score(fair, problem, CHAMPION),
        }
    )


def permutation_importances(model: "Pipeline", rows: "pd.DataFrame", problem: UseCase) -> "pd.Series":
    """Return, by feature, how much of the metric is lost when its values are shuffled (mean of three).

    Source: Breiman, Random Forests, Machine Learning 45, 2001.
    """
    import pandas as pd
    from sklearn.inspection import permutation_importance

    def scorer(fitted: "Pipeline", _known: "pd.DataFrame", target: "np.ndarray") -> float:
        value = score(problem.metric, target, predictions(fitted, _known, problem))
        sign = 1 if metric(problem.metric).greater_is_better else -1
        return float("nan") if value is None else sign * value

    found = permutation_importance(
        model, features(rows, problem), targets(rows, problem), scoring=scorer, n_repeats=3, random_state=0
    )
    return pd.Series(found.importances_mean, index=list(problem.features))
