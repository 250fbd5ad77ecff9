"""Watch a new champion beside its predecessor, and take it back if the labels show it to be worse."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tasks import artifacts, predictions, retries
from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.data.watermarks import checked_until
from tasks.metrics import change
from tasks.monitoring.accepted import accepted
from tasks.monitoring.history import broken_windows
from tasks.monitoring.signals.health import FaultPolicy
from tasks.predictions import IN_TRAINING, MODEL_VERSION, PREDICTION
from tasks.registry.rollback import CannotRollBackError, Target, restored, working_version
from tasks.steps import step
from tasks.training import estimators
from tasks.training.comparison import BootstrapEstimate, gain_estimate, time_pieces
from tasks.usecases import UseCase, use_case
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd
from tasks.data.tables import shadows
from tasks.scoring.scoring import predictions_by
from tasks.scoring.shadow import SHADOW, Trial, on_probation


def judged_window(trial: Trial, problem: UseCase, as_of: datetime) -> Window | None:
    """Return what the next look is about, from the promotion on: one window more than the last; None while it lasts."""
    over = Window(start=trial.since, end=trial.since + (trial.looks + 1) * problem.window)
    return over if over.end <= as_of else None


def probation_gain(pairs: "pd.DataFrame", problem: UseCase, since: datetime) -> BootstrapEstimate | None:
    """Return by how much the champion predicts better than its predecessor; None where that is not defined.

    `pairs` are labelled rows with the predictions of both; windows since the promotion are the blocks of the bootstrap.
    """
    import pandas as pd

    times = pairs[problem.event_time]
    blocks = ((times - pd.Timestamp(since)) // pd.Timedelta(problem.window)).astype(int)
    new, old = (predictions.from_columns(pairs, who, problem) for who in (PREDICTION, SHADOW))
    target = estimators.targets(pairs, problem)
    return gain_estimate(problem.metric, target, new, old, blocks.to_numpy(), time_pieces(times, blocks))


def worse_reason(gain: BootstrapEstimate, trial: Trial, metric: str, rows: int) -> str | None:
    """Say how much worse than its predecessor the champion surely is, or None where it may not be worse.

    Each of the looks may err with its share of the rate (Bonferroni): they go on however the earlier ones ended.
    """
    rate = trial.policy.error_rate / trial.policy.windows
    if not gain.high(rate) < 0:
        return None
    return (
        f"{metric} of version {trial.version} is worse than that of its predecessor {trial.predecessor} on the same "
        f"{rows:,} labelled rows: gain {change(gain.value)}, at most {change(gain.high(rate))} "
        f"at an error rate of {rate:.2g}"
    )


@step(**retries.RETRIED)
def judge_probation(usecase: str, as_of: datetime, faults: FaultPolicy) -> str | None:
    """Look at a champion on probation once a window, and take it back where it is worse; return what was found.

    What is not collected yet tells nothing, nor do windows whose data were broken, by `faults`.
    A look that finds too few labels is put off, however long
    they take.
    """
    problem, past = use_case(usecase), ledger.decisions(usecase, as_of)
    trial = on_probation(past)
    until = checked_until(problem, as_of)
    window = None if trial is None else judged_window(trial, problem, until)
    if trial is None or window is None:
        return None
    broken = broken_windows(problem, as_of, faults, accepted(past))
    pairs = outside(labelled_pairs(trial, problem, window, until), problem, broken)
    if len(pairs) < trial.policy.min_rows or (gain := probation_gain(pairs, problem, trial.since)) is None:
        return None
    reason = worse_reason(gain, trial, problem.metric, len(pairs))
    facts = gain.model_dump() | {"rows": len(pairs), "window": str(window), "look": trial.looks + 1}
    if reason is None:
        return _recorded_look(
            usecase, trial, as_of, f"look {trial.looks + 1} of {trial.policy.windows}: not worse", facts
        )
    try:
        old = working_version(usecase, trial.predecessor, as_of)
    except CannotRollBackError as error:
        return _recorded_look(usecase, trial, as_of, f"{reason}. It stays, because {error}", facts)
    target = Target(version=trial.predecessor, over=trial.version, answers=trial.promotion)
    return restored(target, old, reason, as_of, facts)


def labelled_pairs(trial: Trial, problem: UseCase, window: Window, as_of: datetime) -> "pd.DataFrame":
    """Return the window's rows with a label that both have predicted and neither had learned from."""
    key = list(problem.key)
    rows = predictions_by(trial.version, problem, window, as_of)
    old = shadows(problem).read(window)
    old = old[(old[MODEL_VERSION] == trial.predecessor) & ~old[IN_TRAINING].astype(bool)]
    names = dict(zip(predictions.columns_of(PREDICTION, problem), predictions.columns_of(SHADOW, problem), strict=True))
    pairs = rows.merge(old[[*key, *names]].rename(columns=names), on=key, validate="1:1")
    return pairs[pairs[problem.target].notna() & ~pairs[IN_TRAINING].astype(bool)]


def outside(rows: "pd.DataFrame", problem: UseCase, windows: Sequence[Window]) -> "pd.DataFrame":
    """Return the rows that lie in none of the windows."""
    for window in windows:
        times = rows[problem.event_time]
        rows = rows[(times < window.start) | (times >= window.end)]
    return rows


def _recorded_look(usecase: str, trial: Trial, as_of: datetime, reason: str, facts: dict) -> str:
    """Keep a look that left the champion where it is, and show it."""
    looked = Decision(
        usecase=usecase, kind="on probation", as_of=as_of, reason=reason, facts=facts, answers=trial.promotion
    )
    ledger.record(looked)
    sentence = f"version {trial.version} on probation: {reason}"
    artifacts.show_markdown(f"{usecase} probation", f"# {sentence}\n\n{artifacts.as_markdown(facts)}", sentence)
    return sentence
