"""Turn rolling predictions into the evidence that the gates judge."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tasks.metrics import metric, score
from tasks.predictions import columns_of, from_columns
from tasks.training import leakage, sanity
from tasks.training.comparison import (
    Try,
    affordable_share,
    as_estimate,
    gain_estimate,
    independent_tries,
    resampled_gains,
    time_pieces,
)
from tasks.training.estimators import BASELINE, SIMPLE_MODEL, features, predictions, targets
from tasks.training.evidence import Evidence
from tasks.training.folds import BLOCK, EVENT_TIME, TARGET, Fold, labelled
from tasks.training.slices import group_gaps, slice_gains
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

CHAMPION = "champion"
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


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
    evaluated: "pd.DataFrame",
    problem: UseCase,
    challenger: str,
    version: str | None,
    training_window: Window | None,
    *,
    rows: "pd.DataFrame",
    folds: Sequence[Fold],
    as_of: datetime,
    past: Sequence[Try] = (),
) -> Evidence:
    """Return what the gates need about `challenger`, except the results of a clean process and of a second fit.

    `evaluated` has the columns of `rolling_predictions` and, where there is a champion (its `version` and
    `training_window`) that could be asked, its predictions as contender `champion`. `rows` holds all that fitting and
    comparing needed, as known at `as_of`, `folds` what was fitted when. `past` are the challengers that were compared
    with a champion before.
    """
    pieces = time_pieces(evaluated[EVENT_TIME], evaluated[BLOCK])
    base = Evidence(
        metric=problem.metric,
        rows=len(evaluated),
        challenger=mean_score(evaluated, problem, challenger),
        baseline=mean_score(evaluated, problem, BASELINE),
        gain_over_baseline=gain_estimate(
            problem.metric,
            evaluated[TARGET].to_numpy(),
            from_columns(evaluated, challenger, problem),
            from_columns(evaluated, BASELINE, problem),
            evaluated[BLOCK].to_numpy(),
            pieces,
        ),
        simple_model=mean_score(evaluated, problem, SIMPLE_MODEL),
        as_of=as_of,
        rows_per_day=float((evaluated[BLOCK] == evaluated[BLOCK].max()).sum() / (folds[-1].block.length / DAY)),
        group_gaps=group_gaps(evaluated, rows, problem, challenger),
    )
    parts = sanity_evidence(evaluated, problem, challenger, pieces, rows) | leakage_evidence(
        rows, problem, folds, as_of
    )
    if version is not None and training_window is not None:
        parts |= beside_champion(evaluated, problem, challenger, version, training_window, rows=rows, past=past)
    return base.model_copy(update=parts)


def beside_champion(
    evaluated: "pd.DataFrame",
    problem: UseCase,
    challenger: str,
    version: str,
    training_window: Window,
    *,
    rows: "pd.DataFrame",
    past: Sequence[Try],
) -> dict[str, Any]:
    """Return the evidence from the rows that the champion was not trained on."""
    times = evaluated[EVENT_TIME]
    fair = evaluated[~((times >= training_window.start) & (times < training_window.end))]
    parts = {"champion_version": version, "compared_rows": len(fair), "overlap_rows": len(evaluated) - len(fair)}
    if fair.empty or columns_of(CHAMPION, problem)[0] not in fair:
        return parts
    over = Window(start=fair[EVENT_TIME].min().to_pydatetime(), end=fair[EVENT_TIME].max().to_pydatetime() + MOMENT)
    pieces = time_pieces(fair[EVENT_TIME], fair[BLOCK])
    target, blocks = fair[TARGET].to_numpy(), fair[BLOCK].to_numpy()
    old = from_columns(fair, CHAMPION, problem)
    gains = {
        name: resampled_gains(problem.metric, target, from_columns(fair, name, problem), old, blocks, pieces)
        for name in problem.candidates
    }
    return parts | {
        "compared_from": over.start,
        "compared_until": over.end,
        "challenger_beside_champion": mean_score(fair, problem, challenger),
        "champion": mean_score(fair, problem, CHAMPION),
        "simple_model_beside_champion": mean_score(fair, problem, SIMPLE_MODEL),
        "gain_over_champion": as_estimate(*gains[challenger]),
        "candidates": independent_tries([drawn for drawn, _ in gains.values()]),
        "error_share": affordable_share(past, over),
        "slices": slice_gains(fair, rows, problem, challenger, CHAMPION, pieces),
        "champion_calibration_error": _calibration(problem, target, old, pieces),
        "champion_bias": _bias(problem, target, old, pieces),
    }


def sanity_evidence(
    evaluated: "pd.DataFrame", problem: UseCase, challenger: str, pieces: "np.ndarray", rows: "pd.DataFrame"
) -> dict[str, Any]:
    """Return the evidence on whether the challenger's predictions are possible, various, calibrated and unbiased."""
    target, predicted = evaluated[TARGET].to_numpy(), from_columns(evaluated, challenger, problem)
    learned = targets(rows[rows[problem.target].notna()], problem)
    return {
        "finite_share": sanity.finite_share(predicted),
        "outside": sanity.outside(predicted, problem, learned),
        "same_share": sanity.same_share(predicted),
        "is_classification": problem.kind == "classification",
        "calibration_error": _calibration(problem, target, predicted, pieces),
        "bias": _bias(problem, target, predicted, pieces),
    }


def leakage_evidence(rows: "pd.DataFrame", problem: UseCase, folds: Sequence[Fold], as_of: datetime) -> dict[str, Any]:
    """Return the evidence on whether the comparison is too good to be true."""
    single = leakage.best_single_feature(labelled(rows, problem, as_of), problem)
    late, share = leakage.filled_later(rows, problem)
    return {
        "best_single_feature": "" if single is None else single[0],
        "single_skill": None if single is None else single[1],
        "learned_rows": leakage.learned_rows(folds, rows, problem, as_of),
        "early_rows": leakage.early_rows(folds, rows, problem),
        "copied_share": leakage.copied_share(folds, rows, problem, as_of),
        "late_feature": late,
        "late_share": share,
    }


def _calibration(problem: UseCase, target: "np.ndarray", predicted: "np.ndarray", pieces: "np.ndarray") -> float | None:
    is_asked = problem.kind == "classification"
    return sanity.calibration_error(target, predicted, pieces) if is_asked else None


def _bias(problem: UseCase, target: "np.ndarray", predicted: "np.ndarray", pieces: "np.ndarray") -> float | None:
    return sanity.bias(target, predicted, pieces) if problem.kind == "regression" else None


def permutation_importances(model: "Pipeline", rows: "pd.DataFrame", problem: UseCase) -> "pd.Series":
    """Return, by feature, how much of the metric is lost when its values are shuffled (mean of three).

    Source: Breiman, Random Forests, Machine Learning 45, 2001.
    """
    import pandas as pd
    from sklearn.inspection import permutation_importance

    def scorer(fitted: "Pipeline", inputs: "pd.DataFrame", target: "np.ndarray") -> float:
        value = score(problem.metric, target, predictions(fitted, inputs, problem))
        sign = 1 if metric(problem.metric).greater_is_better else -1
        return float("nan") if value is None else sign * value

    importances = permutation_importance(
        model, features(rows, problem), targets(rows, problem), scoring=scorer, n_repeats=3, random_state=0
    )
    return pd.Series(importances.importances_mean, index=list(problem.features))
