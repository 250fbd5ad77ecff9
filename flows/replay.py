"""Replay: the time machine."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from prefect import Flow, flow, tags

from flows.collect import collect
from flows.monitor import monitor
from flows.retrain import retrain
from flows.score import score
from tasks.artifacts import move_progress, show_progress
from tasks.scoring.scoring import live_model
from tasks.simulation.replay import (
    AUTOMATION,
    NO_CHAMPION,
    Pace,
    Policies,
    answer,
    keep_step,
    ledger_answer,
    moments_to_play,
    replay_name,
    show_replay,
)
from tasks.usecases import UseCaseName
from tasks.windows import Window

Run = Callable[..., Any]
"""Calls a flow, given as the first argument, with the others."""


@flow(flow_run_name=replay_name)
def replay(usecase: UseCaseName, over: Window, pace: Pace, policies: Policies) -> str:
    """Play a stretch of history as if it were live; return how the kept model did.

    Retrains go through the real event, automation and worker; time stands still until each has answered. A replay
    that died goes on where it was.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        over: The first and the last moment that are played.
        pace: How it moves through time.
        policies: The numbers by which each flow decides.
    """
    patience = timedelta(minutes=pace.patience_minutes)
    left = moments_to_play(usecase, over.start, over.end, timedelta(days=pace.step_days))
    bar = show_progress(f"{usecase} progress", f"{len(left)} moments to play")
    with tags(usecase):
        for number, now in enumerate(left, start=1):
            play(usecase, now, policies, as_flow_run, partial(answer, usecase, patience=patience))
            move_progress(bar, number / len(left), f"{usecase} {now:%Y-%m-%d} played, {len(left) - number} to go")
    return show_replay(usecase, over.end)


def play(usecase: str, now: datetime, policies: Policies, run: Run, answered: Callable[[str], tuple[str, str]]) -> None:
    """Let every flow have its turn at one moment; `answered` returns why a request was made and what came of it."""
    collected = run(collect, usecase, now, batch=policies.batch)
    scored = run(score, usecase, now)
    if live_model(usecase) is None:
        verdict = run(retrain, usecase, NO_CHAMPION, now, **retraining(policies))
        keep_step(usecase, now, collected, scored, NO_CHAMPION, verdict)
        return

    asked = run(monitor, usecase, now, drift=policies.drift, policy=policies.policy)
    if asked is None:
        keep_step(usecase, now, collected, scored, "", "")
        return

    why, verdict = answered(asked)
    keep_step(usecase, now, collected, scored, f"{AUTOMATION}: {why}", verdict)


def play_in_memory(usecase: str, now: datetime, policies: Policies) -> None:
    """Let every flow have its turn at one moment, as plain functions; a request is answered at once."""

    def answered(request: str) -> tuple[str, str]:
        retrain.fn(usecase, decision=request, **retraining(policies))
        return ledger_answer(request)

    play(usecase, now, policies, as_function, answered)


def retraining(policies: Policies) -> dict[str, Any]:
    """Return the numbers by which a retrain decides."""
    return {"training": policies.training, "gates": policies.gates, "promotion": policies.promotion}


def as_flow_run(flow: Flow, *args: Any, **kwargs: Any) -> Any:
    """Run a flow on the server that is up."""
    return flow(*args, **kwargs)


def as_function(flow: Flow, *args: Any, **kwargs: Any) -> Any:
    """Run a flow's function without Prefect: its steps are plain functions then."""
    return flow.fn(*args, **kwargs)
