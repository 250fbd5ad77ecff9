"""Play a history in memory, without servers: what the flows would have decided, by the same rules."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks import errors, predictions
from tasks.data import ledger, validation
from tasks.gates import GatePolicy, refusal_reason, verdicts
from tasks.labels import as_usable, label_time_passed
from tasks.metrics import score
from tasks.monitoring import check as monitoring_check
from tasks.monitoring import history, look
from tasks.monitoring.check import Check
from tasks.monitoring.limits import Watch, learned_watch
from tasks.monitoring.look import Look
from tasks.monitoring.signals.models import severity
from tasks.promotion import challenger as promotion_challenger
from tasks.promotion.promotion import gain_told
from tasks.simulation.replay import AUTOMATION, NO_CHAMPION, Policies, Step, faults_told
from tasks.training import estimators, evaluation
from tasks.training import folds as training_folds
from tasks.training.evidence import Evidence
from tasks.triggers import age_cost, request
from tasks.triggers.age_cost import Scouted, Scouts
from tasks.triggers.history import History, known_history
from tasks.triggers.policy import retrain_reason
from tasks.usecases import UseCase
from tasks.windows import Window, periods, window_before

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Live:
    """A model that went live."""

    version: int
    model: "Pipeline"
    candidate: str
    trained: Window
    expected: float
    watch: Watch | None = None
    looks: list[Look] = field(default_factory=list)


@dataclass
class Play:
    """Where a rehearsal stands."""

    problem: UseCase
    rows: "pd.DataFrame"
    bad: "pd.Series"
    """The event times of the rows that were set aside."""
    policies: Policies
    said: "np.ndarray"
    """What was predicted for each row, NaN where nothing was yet; a column for each declared class."""
    by: "np.ndarray"
    """The version that predicted each row; 0 where none did."""
    live: Live | None = None
    first: Live | None = None
    decided: list[ledger.Decision] = field(default_factory=list)
    shelf: training_folds.Shelf = field(default_factory=dict)
    scouts: "dict[int, Pipeline | None]" = field(default_factory=dict)
    """Fitted scouts, by the window that they were fitted at the end of."""
    scouted: list[Scouted] = field(default_factory=list)

    @property
    def gates(self) -> GatePolicy:
        """The gates that need no registry: a model in memory is neither stored nor loaded."""
        return self.policies.gates.model_copy(update={"must_serve": False, "must_reproduce": False})


def collected(problem: UseCase, until: datetime, policy: validation.BatchPolicy) -> "tuple[pd.DataFrame, pd.Series]":
    """Return the good rows of the history up to `until`, in order of event time, and the times of the bad ones.

    Raises:
        BatchRefusedError: a batch is bad as a whole, as `collect` would find, or there is no row at all.
        SourceError: the source cannot be read.
    """
    import pandas as pd

    chunks = [chunk for chunk in problem.source.rows(problem.history_start, until) if len(chunk)]
    if not chunks:
        raise errors.BatchRefusedError(f"{problem.name} has no rows from {problem.history_start} to {until}")
    every = validation.with_declared_dtypes(pd.concat(chunks, ignore_index=True), problem)
    if fault := validation.shape_fault(every, problem):
        raise errors.BatchRefusedError(f"{problem.name}: {fault}")
    times = every[problem.event_time]
    kept: list[pd.DataFrame] = []
    aside: list[pd.Series] = []
    for window in periods(Window(start=problem.history_start, end=until), problem.period):
        rows = every[(times >= window.start) & (times < window.end)]
        if len(rows):
            bad = _judged(rows, problem, window, [len(one) for one in kept], policy)
            kept.append(rows[~bad][list(problem.columns)].astype(problem.dtypes))
            aside.append(rows[bad][problem.event_time])
    good = pd.concat(kept).drop_duplicates(list(problem.key), keep="last")
    ordered = good.sort_values(problem.event_time, kind="stable").reset_index(drop=True)
    return ordered.copy(), pd.concat(aside)


def started(problem: UseCase, rows: "pd.DataFrame", bad: "pd.Series", policies: Policies) -> Play:
    """Return a rehearsal of what `collected` returned, in which nothing has happened yet."""
    import numpy as np

    said = np.full((len(rows), problem.outputs), np.nan)
    return Play(problem, rows, bad, policies, said, np.zeros(len(rows), dtype=int))


def played(play: Play, before: datetime | None, now: datetime) -> Step:
    """Let every rule have its turn at one moment, and return what happened; `before` is the moment played last."""
    visible = as_usable(play.rows, play.problem, now)
    counts = _counts(play, before, now)
    if play.live is None:
        verdict = _retrained(play, visible, now)
        return Step(as_of=now, scored=0, drifted_share=None, faults="", retrain=NO_CHAMPION, verdict=verdict, **counts)
    scored = _scored(play, play.live, before, now)
    check = _checked(play, play.live, visible, now)
    past = _history(play, play.live, visible, now)
    found = request.findings(check, past)
    play.decided += found
    reason = retrain_reason(check, past, play.policies.policy)
    verdict = "" if reason is None else _retrained(play, visible, now, _asked(play, check, reason))
    told = "" if reason is None else f"{AUTOMATION}: {reason}"
    return Step(
        as_of=now,
        scored=scored,
        drifted_share=check.drifted_share,
        faults=faults_told(found, now),
        retrain=told,
        verdict=verdict,
        **counts,
    )


def scores_between(play: Play, before: datetime | None, now: datetime, end: datetime) -> dict[str, Any]:
    """Return the metric, on the rows between two moments, of what was live and of the first model left alone.

    Labels as usable at the `end` of the history. None where it is not defined.
    """
    rows = _told(play, before, now, end)
    if play.first is None or rows.empty:
        return {"model": None, "live": None, "first": None}
    problem, places = play.problem, rows.index.to_numpy()
    target = estimators.targets(rows, problem)
    held = play.said[places] if problem.classes else play.said[places, 0]
    return {
        "model": ", ".join(map(str, sorted(set(play.by[places].tolist())))),
        "live": score(problem.metric, target, held),
        "first": score(problem.metric, target, estimators.predictions(play.first.model, rows, problem)),
    }


def renewed_score(play: Play, before: datetime, now: datetime, end: datetime) -> float | None:
    """Return the metric, on the rows that `scores_between` judges, of a model fitted at the moment before."""
    rows = _told(play, before, now, end)
    past = training_folds.labelled(play.rows, play.problem, before)
    if play.first is None or rows.empty or len(past) < play.policies.training.min_rows:
        return None
    model = fitted_at(play, before, play.first.candidate)
    target = estimators.targets(rows, play.problem)
    return score(play.problem.metric, target, estimators.predictions(model, rows, play.problem))


def fitted_at(play: Play, now: datetime, candidate: str) -> "Pipeline":
    """Return a candidate fitted on what could be learned from at `now`, fitted once."""
    key = (candidate, now)
    if key not in play.shelf:
        past = training_folds.labelled(play.rows, play.problem, now)
        play.shelf[key] = estimators.fitted(estimators.contenders(play.problem)[candidate], past, play.problem)
    return play.shelf[key]


def _judged(
    rows: "pd.DataFrame", problem: UseCase, window: Window, stored: list[int], policy: validation.BatchPolicy
) -> "pd.Series":
    """Return which rows of a batch are bad; raise if it is bad as a whole."""
    faults = validation.row_faults(rows, problem)
    bad = faults[faults != ""]
    complete = window.length == problem.period
    usual = stored[-validation.USUAL_PERIODS :]
    if fault := validation.batch_fault(len(rows), bad, usual, policy, complete=complete):
        raise errors.BatchRefusedError(f"{problem.name} {window}: {fault}")
    return faults != ""


def _between(play: Play, before: datetime | None, now: datetime) -> "np.ndarray":
    times = play.rows[play.problem.event_time]
    return ((times >= (before or play.problem.history_start)) & (times < now)).to_numpy()


def _told(play: Play, before: datetime | None, now: datetime, end: datetime) -> "pd.DataFrame":
    """Return the rows between two moments that were predicted and have a label at the `end`."""
    ours = _between(play, before, now) & (play.by > 0)
    rows = as_usable(play.rows[ours], play.problem, end)
    return rows[rows[play.problem.target].notna()]


def _counts(play: Play, before: datetime | None, now: datetime) -> dict[str, int]:
    """Return how many rows are new since the moment before, and of how many older ones the label came since."""
    new = _between(play, before, now)
    bad = (play.bad < now) & (play.bad >= (before or play.problem.history_start))
    counts = {"inserted": int(new.sum()), "updated": 0, "quarantined": int(bad.sum())}
    if before is None:
        return counts
    older = play.rows[play.problem.event_time] < before
    came = label_time_passed(play.rows, play.problem, now) & ~label_time_passed(play.rows, play.problem, before)
    return counts | {"updated": int((older & came).sum())}


def _scored(play: Play, live: Live, before: datetime | None, now: datetime) -> int:
    ours = _between(play, before, now)
    if ours.any():
        said = estimators.predictions(live.model, play.rows[ours], play.problem)
        play.said[ours] = said.reshape(len(said), play.problem.outputs)
        play.by[ours] = live.version
    return int(ours.sum())


def _checked(play: Play, live: Live, visible: "pd.DataFrame", now: datetime) -> Check:
    problem = play.problem
    watch = _watch(play, live)
    window = window_before(now, problem.window)
    since = visible[visible[problem.event_time] >= window.start - problem.look_back - problem.window]
    said = _said(play, since, live.version)
    live.looks[:] = history.brought_up_to_date(problem, watch, live.looks, since, said, now)
    inside = since[problem.event_time] >= window.start
    good = look.last_good(live.looks)
    live.looks.append(look.looked(problem, watch, since[inside], said[inside], window, now, good))
    # A row is predicted when it comes, so no model that predicts it has learned from it.
    current = since[inside]
    by_any = current[play.by[current.index] > 0]
    told = predictions.as_columns(predictions.PREDICTION, problem, play.said[by_any.index])
    seen = monitoring_check.performance(by_any.assign(**told, in_training=False), problem, live.expected)
    check = monitoring_check.judged_check(problem, watch, live.looks, str(live.version), seen)
    return (
        check if play.policies.policy.regret is None else check.model_copy(update={"scouts": _scouts(play, live, now)})
    )


def _scouts(play: Play, live: Live, now: datetime) -> Scouts:
    assert play.first is not None
    whose = age_cost.scouts_at(play.problem, now, play.first.trained.end, live.trained.end)

    def read(until: datetime, window: Window) -> "pd.DataFrame":
        times = play.rows[play.problem.event_time]
        return as_usable(play.rows[(times >= window.start) & (times < window.end)], play.problem, until)

    told = age_cost.completed(play.problem, whose, play.scouted, now, read, play.scouts)
    play.scouted[:] = told.found
    return told


def _watch(play: Play, live: Live) -> Watch:
    """Return what the live model is watched by; one that was put there without it is watched by its rows alone."""
    if live.watch is None:
        watch = _learned_watch(play, live.trained.end, None)
        play.live = live = replace(live, watch=watch)
    assert live.watch is not None
    return live.watch


def _learned_watch(play: Play, until: datetime, unseen: "pd.DataFrame | None") -> Watch:
    window = training_folds.training_window(play.problem, until)
    times = play.rows[play.problem.event_time]
    rows = play.rows[(times >= window.start) & (times < window.end)]
    return learned_watch(play.problem, rows, until, unseen, play.policies.policy.watch)


def _said(play: Play, rows: "pd.DataFrame", version: int) -> "pd.DataFrame":
    """Return what a version predicted for rows, NaN where it was another or none."""
    import numpy as np
    import pandas as pd

    places = rows.index.to_numpy()
    held = np.where((play.by[places] == version)[:, None], play.said[places], np.nan)
    return pd.DataFrame(predictions.as_columns(predictions.PREDICTION, play.problem, held), index=rows.index)


def _history(play: Play, live: Live, visible: "pd.DataFrame", now: datetime) -> History:
    problem = play.problem

    def labelled_since(start: datetime) -> int:
        return int(visible.loc[visible[problem.event_time] >= start, problem.target].notna().sum())

    return known_history(play.decided, labelled_since, live.trained.end, now)


def _asked(play: Play, check: Check, reason: str) -> str:
    """Add the request to the rehearsal's own ledger; return its id."""
    facts = {"severity": severity(check.alarm)}
    asked = ledger.Decision(
        usecase=play.problem.name, kind="retrain asked", as_of=check.as_of, reason=reason, facts=facts
    )
    play.decided.append(asked)
    return asked.id


def _retrained(play: Play, visible: "pd.DataFrame", now: datetime, asked: str = "by hand") -> str:
    """Compare, decide, and put the better model live; return the verdict."""
    import pandas as pd

    problem, policy = play.problem, play.policies.training
    rows = _evidence_rows(visible, problem, now, policy)
    if (lack := training_folds.lacking(rows, problem, now, policy)) is not None:
        _keep(play, now, None, lack, asked)
        return f"nothing to do: {lack}" if asked == "by hand" else f"refused: {lack}"
    folds = training_folds.rolling_folds(rows, problem, now, policy, play.shelf)
    evaluated = training_folds.rolling_predictions(rows, problem, now, folds)
    live = play.live
    if live is not None:
        held = estimators.predictions(live.model, rows.loc[evaluated.index], problem)
        evaluated = evaluated.assign(**predictions.as_columns(evaluation.CHAMPION, problem, held))
    challenger = evaluation.best_candidate(evaluated, problem)
    evidence = evaluation.evidence(
        evaluated,
        problem,
        challenger,
        str(live.version) if live else None,
        live.trained if live else None,
        rows=rows,
        folds=folds,
        as_of=now,
        past=promotion_challenger.past_tries(play.decided),
    )
    refusal = refusal_reason(verdicts(evidence, play.gates))
    _keep(play, now, evidence, refusal, asked)
    if refusal is not None:
        return f"refused: {refusal}"
    assert evidence.challenger is not None
    version = 1 if live is None else live.version + 1
    model = fitted_at(play, now, challenger)
    trained = training_folds.training_window(problem, now)
    held = predictions.from_columns(evaluated, challenger, problem)
    unseen = pd.DataFrame(predictions.as_columns(predictions.PREDICTION, problem, held), index=evaluated.index)
    watch = _learned_watch(play, now, unseen)
    play.live = Live(version, model, challenger, trained, evidence.challenger, watch)
    play.first = play.first or play.live
    return f"promoted: version {version}: {gain_told(evidence)}"


def _keep(play: Play, now: datetime, evidence: Evidence | None, refusal: str | None, asked: str) -> None:
    """Add what was decided to the rehearsal's own ledger."""
    if evidence is None and asked == "by hand":
        return
    verdict: ledger.Kind = "promoted" if refusal is None else "refused"
    facts = evidence.model_dump() if evidence else {}
    name = play.problem.name
    play.decided.append(
        ledger.Decision(usecase=name, kind=verdict, as_of=now, reason=refusal or "", facts=facts, answers=asked)
    )


def _evidence_rows(
    visible: "pd.DataFrame", problem: UseCase, now: datetime, policy: training_folds.TrainPolicy
) -> "pd.DataFrame":
    times = visible[problem.event_time]
    return visible[times >= training_folds.evidence_window(problem, now, policy.blocks, policy.origins).start]
