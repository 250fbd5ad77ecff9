"""Watch a new champion beside its predecessor, and take it back if the labels show it to be worse."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from prefect import task
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks import ledger, outages, registry, reporting, training
from tasks.acceptance import accepted
from tasks.collection import rows_at
from tasks.comparison import Estimate, gain_estimate, time_pieces
from tasks.datasets import Dataset
from tasks.ledger import Decision
from tasks.looking import broken_windows
from tasks.metrics import change
from tasks.rollbacks import CannotRollBackError, Target, restored, working_version
from tasks.scoring import IN_TRAINING, MODEL_VERSION, PREDICTION, predicted, scored_rows, without_prediction
from tasks.signals.health import FaultPolicy
from tasks.usecases import UseCase, use_case
from tasks.watermarks import checked_until
from tasks.windows import Window

if TYPE_CHECKING:
    import pandas as pd

SHADOW = "shadow"
"""What the predecessor's predictions are called beside the champion's."""


class ProbationPolicy(BaseModel):
    """How long a new champion is watched beside its predecessor, and what takes it back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: int = Field(
        ge=0, le=24, description="Windows after a promotion in which the predecessor predicts the same rows; 0: none"
    )
    error_rate: float = Field(
        gt=0,
        lt=1,
        description="Chance, over the whole probation, that a model no worse than its predecessor is taken back",
    )
    min_rows: int = Field(ge=2, description="Fewest labelled rows that both have predicted on which they are compared")


class Trial(BaseModel):
    """A champion on probation."""

    model_config = ConfigDict(frozen=True)

    promotion: str
    """Id of the decision that made it live."""
    version: str
    predecessor: str
    since: AwareDatetime
    policy: ProbationPolicy
    looks: int
    """How many of the windows were judged already."""


def on_probation(history: list[Decision]) -> Trial | None:
    """Return the live version's probation as its promotion states it, or None where it has none or has passed it."""
    past = ledger.moves(history)
    if not past or past[-1].kind != "promoted" or not past[-1].facts.get("probation"):
        return None
    promotion, policy = past[-1], ProbationPolicy.model_validate(past[-1].facts["probation"])
    looks = sum(one.kind == "on probation" and one.answers == promotion.id for one in history)
    if promotion.facts["over"] is None or looks >= policy.windows:
        return None
    return Trial(
        promotion=promotion.id,
        version=promotion.facts["version"],
        predecessor=promotion.facts["over"],
        since=promotion.as_of,
        policy=policy,
        looks=looks,
    )


def judged_window(trial: Trial, problem: UseCase, as_of: datetime) -> Window | None:
    """Return what the next look is about, from the promotion on: one window more than the last; None while it lasts."""
    over = Window(start=trial.since, end=trial.since + (trial.looks + 1) * problem.window)
    return over if over.end <= as_of else None


def probation_gain(pairs: "pd.DataFrame", problem: UseCase, since: datetime) -> Estimate | None:
    """Return by how much the champion predicts better than its predecessor; None where that is not defined.

    `pairs` are labelled rows with the predictions of both; windows since the promotion are the blocks of the bootstrap.
    """
    import pandas as pd

    times = pairs[problem.event_time]
    blocks = ((times - pd.Timestamp(since)) // pd.Timedelta(problem.window)).astype(int)
    new, old = (training.from_columns(pairs, who, problem) for who in (PREDICTION, SHADOW))
    target = training.targets(pairs, problem)
    return gain_estimate(problem.metric, target, new, old, blocks.to_numpy(), time_pieces(times, blocks))


def worse_reason(found: Estimate, trial: Trial, metric: str, rows: int) -> str | None:
    """Say how much worse than its predecessor the champion surely is, or None where it may not be worse.

    Each of the looks may err with its share of the rate (Bonferroni): they go on however the earlier ones ended.
    """
    rate = trial.policy.error_rate / trial.policy.windows
    if not found.high(rate) < 0:
        return None
    return (
        f"{metric} of version {trial.version} is worse than that of its predecessor {trial.predecessor} on the same "
        f"{rows} labelled rows: gain {change(found.value)}, at most {change(found.high(rate))} "
        f"at an error rate of {rate:.2g}"
    )


def shadows(problem: UseCase) -> Dataset:
    """Return the table of what predecessors predicted beside champions on probation: one row a key, as `predicted`."""
    seen = predicted(problem)
    return Dataset(seen.path.with_name("shadow"), seen.schema, seen.key, seen.time)


@task(**outages.RETRIED)
def score_in_shadow(usecase: str, as_of: datetime) -> int:
    """Store the predecessor's predictions of the rows that a champion on probation has predicted; return how many.

    Each row has one. A predecessor that cannot predict any more is told, and keeps the champion from nothing.
    """
    problem = use_case(usecase)
    trial = on_probation(ledger.decisions(usecase, as_of))
    window = None if trial is None else _shadowed(trial, problem, as_of)
    if trial is None or window is None:
        return 0
    waiting = without_prediction(_predicted_by(trial.version, problem, window, as_of), _known(problem, window), problem)
    if waiting.empty:
        return 0
    try:
        old = working_version(usecase, trial.predecessor, as_of)
    except CannotRollBackError as error:
        told = f"version {trial.predecessor} cannot be compared with version {trial.version}: {error}"
        reporting.show_markdown(f"{usecase} probation", f"# no probation\n\n{told}", told)
        return 0
    said = training.predictions(registry.load(old), waiting, problem)
    return shadows(problem).append_new(scored_rows(waiting, problem, old, said, as_of)).inserted


@task(**outages.RETRIED)
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
    if len(pairs) < trial.policy.min_rows or (found := probation_gain(pairs, problem, trial.since)) is None:
        return None
    reason = worse_reason(found, trial, problem.metric, len(pairs))
    facts = found.model_dump() | {"rows": len(pairs), "window": str(window), "look": trial.looks + 1}
    if reason is None:
        return _kept(usecase, trial, as_of, f"look {trial.looks + 1} of {trial.policy.windows}: not worse", facts)
    try:
        old = working_version(usecase, trial.predecessor, as_of)
    except CannotRollBackError as error:
        return _kept(usecase, trial, as_of, f"{reason}. It stays, because {error}", facts)
    target = Target(version=trial.predecessor, over=trial.version, answers=trial.promotion)
    return restored(target, old, reason, as_of, facts)


def labelled_pairs(trial: Trial, problem: UseCase, window: Window, as_of: datetime) -> "pd.DataFrame":
    """Return the window's rows with a label that both have predicted and neither had learned from."""
    key = list(problem.key)
    rows = _predicted_by(trial.version, problem, window, as_of)
    old = shadows(problem).read(window)
    old = old[(old[MODEL_VERSION] == trial.predecessor) & ~old[IN_TRAINING].astype(bool)]
    names = dict(zip(training.columns_of(PREDICTION, problem), training.columns_of(SHADOW, problem), strict=True))
    pairs = rows.merge(old[[*key, *names]].rename(columns=names), on=key, validate="1:1")
    return pairs[pairs[problem.target].notna() & ~pairs[IN_TRAINING].astype(bool)]


def outside(rows: "pd.DataFrame", problem: UseCase, windows: Sequence[Window]) -> "pd.DataFrame":
    """Return the rows that lie in none of the windows."""
    for one in windows:
        times = rows[problem.event_time]
        rows = rows[(times < one.start) | (times >= one.end)]
    return rows


def _predicted_by(version: str, problem: UseCase, window: Window, as_of: datetime) -> "pd.DataFrame":
    """Return the window's rows, as known at a moment, that a version has predicted, with its predictions."""
    told = predicted(problem).read(window)
    names = [*problem.key, *training.columns_of(PREDICTION, problem), IN_TRAINING]
    mine = told.loc[told[MODEL_VERSION] == version, names]
    return rows_at(problem, as_of, window).merge(mine, on=list(problem.key), validate="1:1")


def _known(problem: UseCase, window: Window) -> "pd.DataFrame":
    return shadows(problem).read(window, problem.key)


def _shadowed(trial: Trial, problem: UseCase, as_of: datetime) -> Window | None:
    end = min(as_of, trial.since + trial.policy.windows * problem.window)
    return Window(start=trial.since, end=end) if end > trial.since else None


def _kept(usecase: str, trial: Trial, as_of: datetime, reason: str, facts: dict) -> str:
    """Keep a look that left the champion where it is, and show it."""
    looked = Decision(
        usecase=usecase, kind="on probation", as_of=as_of, reason=reason, facts=facts, answers=trial.promotion
    )
    ledger.record(looked)
    told = f"version {trial.version} on probation: {reason}"
    reporting.show_markdown(f"{usecase} probation", f"# {told}\n\n{reporting.as_markdown(facts)}", told)
    return told
