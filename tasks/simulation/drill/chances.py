"""Measure how often luck is promoted, and how often real improvements of stated sizes are."""

from datetime import datetime
from typing import TYPE_CHECKING

from tasks.gates import GatePolicy, beats_champion
from tasks.simulation.drill import DrillPolicy, PromotionShare
from tasks.simulation.drill.stage import synthetic_problem, synthetic_rows
from tasks.training import estimators, evaluation
from tasks.training.estimators import SIMPLE_MODEL
from tasks.training.evidence import Evidence
from tasks.training.folds import BLOCK, EVENT_TIME, TARGET
from tasks.usecases import UseCase
from tasks.windows import Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

BLOCKS_DAYS = 28
"""Days at the end of the made-up history on which challenger and champion are compared, in two blocks."""
MANY = 200_000
"""Rows from which the size of an improvement is known."""


def luck(gates: GatePolicy, policy: DrillPolicy) -> PromotionShare:
    """Try challengers of the champion's own recipe with another seed, each on a history of its own.

    Both are fitted on the same rows; neither is better but by chance.
    """
    promoted = sum(_is_promoted(_lucky_evidence(seed), gates, policy.margin) for seed in range(policy.lucky_tries))
    return PromotionShare(tried="no better: the same recipe, another seed", promoted=promoted, tries=policy.lucky_tries)


def improvements(gates: GatePolicy, policy: DrillPolicy) -> tuple[PromotionShare, ...]:
    """Try challengers that are better than the champion by a stated gain in AUC, each on a history of its own."""
    return tuple(
        _improvement_share(gain, gates, policy) for gain in (policy.small_gain, policy.medium_gain, policy.large_gain)
    )


def _improvement_share(gain: float, gates: GatePolicy, policy: DrillPolicy) -> PromotionShare:
    blur = blur_that_costs(gain)
    promoted = sum(
        _is_promoted(_better_evidence(blur, seed), gates, policy.margin) for seed in range(policy.improvement_tries)
    )
    return PromotionShare(tried=f"better by {gain:g} AUC", promoted=promoted, tries=policy.improvement_tries)


def _is_promoted(evidence: Evidence, gates: GatePolicy, margin: float) -> bool:
    return beats_champion(evidence, gates.model_copy(update={"min_gain_over_champion": margin})).reason is None


def _lucky_evidence(seed: int) -> Evidence:
    from sklearn.ensemble import HistGradientBoostingClassifier

    problem, rows, ahead = _history(seed)
    past = rows[rows[problem.event_time] < ahead[problem.event_time].min()].dropna(subset=[problem.target])
    predicted = {}
    for number, who in enumerate((next(iter(problem.candidates)), evaluation.CHAMPION)):
        boosting = HistGradientBoostingClassifier(
            max_iter=40, max_leaf_nodes=7, max_features=0.5, early_stopping=False, random_state=2 * seed + number
        )
        model = estimators.fitted(estimators.pipeline(problem, boosting), past, problem)
        predicted[who] = estimators.predictions(model, ahead, problem)
    return _evidence_beside_champion(problem, rows, ahead, predicted)


def _better_evidence(blur: float, seed: int) -> Evidence:
    problem, rows, ahead = _history(seed)
    predicted = {next(iter(problem.candidates)): ahead["chance"].to_numpy()}
    predicted[evaluation.CHAMPION] = blurred_chances(ahead["chance"].to_numpy(), blur, seed)
    return _evidence_beside_champion(problem, rows, ahead, predicted)


def _history(seed: int) -> "tuple[UseCase, pd.DataFrame, pd.DataFrame]":
    """Return the made-up problem, a history of its own, and the labelled rows of its end."""
    import pandas as pd

    problem = synthetic_problem()
    rows = synthetic_rows(seed)
    times = rows[problem.event_time]
    ahead = rows[(times >= times.max() - pd.Timedelta(days=BLOCKS_DAYS)) & rows[problem.target].notna()]
    return problem, rows, ahead


def _evidence_beside_champion(
    problem: UseCase, rows: "pd.DataFrame", ahead: "pd.DataFrame", predicted: "dict[str, np.ndarray]"
) -> Evidence:
    """Return the evidence of predictions by contender beside a champion that was trained on none of the rows."""
    import pandas as pd

    times = ahead[problem.event_time]
    half = times.min() + (times.max() - times.min()) / 2
    held = {BLOCK: (times >= half).astype(int), EVENT_TIME: times, TARGET: estimators.targets(ahead, problem)}
    frame = pd.DataFrame(held | predicted | {SIMPLE_MODEL: 0.5}, index=ahead.index)
    training_window = Window(start=problem.history_start, end=_moment(times))
    challenger = next(iter(problem.candidates))
    parts = evaluation.beside_champion(frame, problem, challenger, "1", training_window, rows=rows, past=())
    whole = {"metric": problem.metric, "rows": len(frame), "challenger": None, "baseline": None}
    return Evidence.model_validate(whole | parts)


def _moment(times: "pd.Series") -> datetime:
    return times.min().to_pydatetime()


def blurred_chances(chances: "np.ndarray", blur: float, seed: int) -> "np.ndarray":
    """Return chances whose log odds are blurred by noise of that standard deviation."""
    import numpy as np

    noise = np.random.default_rng(seed + 1_000_000).normal(0, blur, len(chances))
    return 1 / (1 + (1 / chances - 1) * np.exp(-noise))


def blur_that_costs(gain: float) -> float:
    """Return the blur of log odds by which a model of the made-up problem loses that much AUC, found by halving."""
    from sklearn.metrics import roc_auc_score

    rows = synthetic_rows(seed=999, days=BLOCKS_DAYS * 4, a_day=MANY // (BLOCKS_DAYS * 4)).dropna(subset=["came"])
    rows = rows[
        rows["happened_at"] >= rows["happened_at"].max() - (rows["happened_at"].max() - rows["happened_at"].min()) / 2
    ]
    best = roc_auc_score(rows["came"], rows["chance"])
    low, high = 0.0, 20.0
    for _ in range(20):
        middle = (low + high) / 2
        lost = best - roc_auc_score(rows["came"], blurred_chances(rows["chance"].to_numpy(), middle, 0))
        low, high = (low, middle) if lost > gain else (middle, high)
    return (low + high) / 2
