"""Replay: the time machine."""

from datetime import datetime, timedelta

from prefect import flow, tags

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
    moments_to_play,
    replay_name,
    tell_replay,
)
from tasks.usecases import UseCaseName
from tasks.windows import Window


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
    left = moments_to_play(usecase, over.start, over.end, timedelta(days=pace.step_days))
    bar = show_progress(f"{usecase} progress", f"{len(left)} moments to play")
    with tags(usecase):
        for number, now in enumerate(left, start=1):
            play(usecase, now, pace, policies)
            move_progress(bar, number / len(left), f"{usecase} {now:%Y-%m-%d} played, {len(left) - number} to go")
    return tell_replay(usecase, over.end)


def play(usecase: str, now: datetime, pace: Pace, policies: Policies) -> None:
    """Let every flow have its turn at one moment."""
    collected = collect(usecase, now, batch=policies.batch)
    scored = score(usecase, now)
    if live_model(usecase) is None:
        verdict = retrain(
            usecase,
            NO_CHAMPION,
            now,
            training=policies.training,
            gates=policies.gates,
            promotion=policies.promotion,
        )
        keep_step(usecase, now, collected, scored, NO_CHAMPION, verdict)
        return

    asked = monitor(usecase, now, drift=policies.drift, policy=policies.policy)
    if asked is None:
        keep_step(usecase, now, collected, scored, "", "")
        return

    why, verdict = answer(usecase, asked, timedelta(minutes=pace.patience_minutes))
    keep_step(usecase, now, collected, scored, f"{AUTOMATION}: {why}", verdict)
