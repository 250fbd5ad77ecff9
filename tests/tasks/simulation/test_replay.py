"""Which moments are played, and what is told of them?"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.data.collection import Collected
from tasks.data.ledger import Decision, record
from tasks.data.tables import checks, observations, predicted, steps
from tasks.monitoring.check import Check, Performance
from tasks.monitoring.measure import check_records
from tasks.registry import models
from tasks.registry.models import Champion
from tasks.scoring.scoring import Scored, scored_rows
from tasks.simulation import replay
from tasks.simulation.replay import (
    RetrainFailedError,
    answer,
    keep_step,
    moments,
    moments_to_play,
    replay_summary,
    window_scores,
)
from tasks.training import estimators
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def on_day(number, hour=0):
    return JAN_1 + timedelta(days=number, hours=hour)


def a_champion(version="1", until=2):
    return Champion(
        name="stall",
        version=version,
        run_id="run",
        dataset_version=1,
        trained_from=JAN_1,
        trained_until=on_day(until),
        promoted_at=on_day(until),
        expected_score=0.75,
    )


def collected(**numbers):
    return Collected(window=Window(start=on_day(0), end=on_day(1)), version=1, **numbers)


def played(*verdicts):
    """Return played steps, each given as who started a retrain and its verdict."""
    return pd.DataFrame(verdicts, columns=["retrain", "verdict"], dtype=str)


def test_moments_go_from_start_to_end_in_steps():
    assert moments(on_day(0), on_day(4), 2 * DAY) == [on_day(0), on_day(2), on_day(4)]


def test_the_last_step_is_cut_at_the_end():
    assert moments(on_day(0), on_day(5), 2 * DAY) == [on_day(0), on_day(2), on_day(4), on_day(5)]


def test_a_step_longer_than_the_whole_plays_start_and_end():
    assert moments(on_day(0), on_day(1), 7 * DAY) == [on_day(0), on_day(1)]


@pytest.mark.parametrize("end", [-1, 0], ids=["before", "at"])
def test_an_end_that_is_not_after_the_start_is_refused(end):
    with pytest.raises(ValueError, match="expected a start before the end, found 2024-01-01 00:00:00"):
        moments(on_day(0), on_day(end), DAY)


@pytest.mark.parametrize("step", [-DAY, timedelta(0)])
def test_a_step_that_does_not_go_forward_is_refused(step):
    with pytest.raises(ValueError, match="expected a step longer than nothing, found"):
        moments(on_day(0), on_day(1), step)


def test_a_step_is_kept_with_the_sums_of_what_was_collected(stall, state):
    brought = [collected(inserted=7, quarantined=1), collected(inserted=5, updated=3, quarantined=2)]

    step = keep_step.fn("stall", on_day(1), brought, Scored(model_version="1", rows=9, since=JAN_1), "", "")

    assert (step.inserted, step.updated, step.quarantined, step.scored) == (12, 3, 3, 9)
    [stored] = steps(stall).read().to_dict("records")
    assert (stored["as_of"], stored["inserted"], stored["scored"]) == (on_day(1), 12, 9)
    assert np.isnan(stored["drifted_share"])


def test_a_step_that_is_played_again_stays_as_it_was_first_kept(stall, state):
    keep_step.fn("stall", on_day(1), [collected(inserted=7)], None, "no champion yet", "promoted: better")

    keep_step.fn("stall", on_day(1), [collected()], None, "", "")

    assert steps(stall).read()[["inserted", "verdict"]].values.tolist() == [[7, "promoted: better"]]


def test_a_step_knows_the_drift_that_was_found_at_its_moment(stall, state):
    performance = Performance(metric="roc_auc", value=None, labelled=0, expected=0.75)
    facts = {"usecase": "stall", "model_version": "1", "rows": 0, "performance": performance}
    signal = {"family": "features", "statistic": "location", "rows": 9, "value": 0.5, "expected": 0, "limit": 0.1}
    signals = [signal | {"column": name, "exceeded": int(name == "a")} for name in "abcd"]
    for_each = [(on_day(8), signals), (on_day(9), signals[1:])]
    records = [
        line
        for now, result in for_each
        for line in check_records(
            Check(**facts, as_of=now, window=Window(start=now - 7 * DAY, end=now), signals=result), ""
        )
    ]
    checks(stall).upsert(checks(stall).rows(records))

    assert keep_step.fn("stall", on_day(8), [], None, "", "").drifted_share == 1 / 4
    assert keep_step.fn("stall", on_day(9), [], None, "", "").drifted_share == 0
    assert keep_step.fn("stall", on_day(10), [], None, "", "").drifted_share is None


def test_moments_that_were_played_are_not_played_again(stall, state, monkeypatch):
    monkeypatch.setattr(models, "champion", lambda _: None)
    keep_step.fn("stall", on_day(0), [], None, "", "")
    keep_step.fn("stall", on_day(1), [], None, "", "")

    assert moments_to_play.fn("stall", on_day(0), on_day(3), DAY) == [on_day(2), on_day(3)]


@pytest.mark.parametrize("live", [1, 2], ids=["earlier", "at the same moment"])
def test_a_replay_goes_on_with_a_model_that_went_live_before(stall, state, monkeypatch, live):
    monkeypatch.setattr(models, "champion", lambda _: a_champion(until=live))

    assert moments_to_play.fn("stall", on_day(2), on_day(3), DAY) == [on_day(2), on_day(3)]


def test_the_past_is_not_played_with_a_model_of_the_future(stall, state, monkeypatch):
    monkeypatch.setattr(models, "champion", lambda _: a_champion(until=2))

    with pytest.raises(ValueError, match=r"replay stall from 2024-01-01 00:00, found version 1 live since 2024-01-03"):
        moments_to_play.fn("stall", on_day(0), on_day(3), DAY)


def test_a_replay_that_is_over_asks_for_no_model(stall, state, monkeypatch):
    keep_step.fn("stall", on_day(0), [], None, "", "")
    keep_step.fn("stall", on_day(1), [], None, "", "")
    monkeypatch.setattr(models, "champion", lambda _: a_champion(until=9))

    assert moments_to_play.fn("stall", on_day(0), on_day(1), DAY) == []


def test_a_step_tells_what_came_to_be_wrong_with_the_data_at_its_moment(stall):
    kinds = ("fault", "drift found", "fault lasts")
    for day, kind in enumerate(kinds, start=8):
        record(Decision(usecase="stall", kind=kind, as_of=on_day(day), reason=f"{kind} of day {day}"))

    steps = [keep_step.fn("stall", on_day(day), [], None, "", "") for day in (8, 9, 10, 11)]

    assert [played.faults for played in steps] == ["fault of day 8", "", "fault lasts of day 10", ""]


def test_a_summary_tells_the_means_over_the_steps_in_which_both_models_have_a_score(stall):
    scores = [
        {"live": None, "first": None},
        {"live": 0.5, "first": 0.25},
        {"live": 0.75, "first": None},
        {"live": 1.0, "first": 0.5},
    ]
    verdicts = [
        ("no champion yet", "promoted: version 1"),
        ("automation: drift", "promoted: version 2"),
        ("automation: drift", "refused: no gain"),
        ("", ""),
    ]

    # (0.5 + 1.0) / 2 and (0.25 + 0.5) / 2; of the promotions, one was the automation's
    assert replay_summary(stall, scores, played(*verdicts)) == (
        "stall: mean roc_auc 0.7500 live, 0.3750 without retraining, over 2 steps; 1 automatic retrain promoted"
    )


def test_a_summary_without_scores_says_so(stall):
    scores = [{"live": None, "first": None}] * 2

    assert replay_summary(stall, scores, played(("", ""), ("", ""))) == (
        "stall: no prediction has a label yet in 2 steps"
    )


def test_each_step_is_scored_on_what_was_predicted_since_the_one_before(stall, state, sales, monkeypatch):
    rows = sales(*({"sold_at": on_day(3, n), "returned": float(n % 2), "told_at": on_day(4)} for n in range(6)))
    observations(stall).upsert(rows)
    # version 1 has both wrong, version 2 both right; the last two rows were in the training of version 2
    first = scored_rows(rows[:2], stall, a_champion("1"), [0.9, 0.1], on_day(4))
    second = scored_rows(rows[2:4], stall, a_champion("2"), [0.1, 0.9], on_day(4))
    third = scored_rows(rows[4:], stall, a_champion("2", until=9), [0.9, 0.1], on_day(4))
    predicted(stall).append_new(pd.concat([first, second, third]))
    monkeypatch.setattr(models, "first_version", lambda _: a_champion("1"))
    monkeypatch.setattr(models, "load", lambda model: model)
    monkeypatch.setattr(estimators, "predictions", lambda _model, features, _problem: np.full(len(features), 0.5))

    steps_played = pd.DataFrame({"as_of": [on_day(3), on_day(4), on_day(5)]})
    scores = window_scores("stall", steps_played, on_day(5))

    # Pairs of a 1 and a 0 in the right order: (.1, .9) no, (.1, .1) half, (.9, .9) half, (.9, .1) yes.
    assert scores == [
        {"model": None, "live": None, "first": None},
        {"model": "1, 2", "live": (0 + 1 / 2 + 1 / 2 + 1) / 4, "first": 0.5},
        {"model": None, "live": None, "first": None},
    ]


def an_asked_retrain():
    return Decision(usecase="stall", kind="retrain asked", as_of=on_day(9), reason="2 of 4 features drifted")


def test_a_request_that_is_answered_returns_why_it_began_and_its_verdict(state):
    asked = an_asked_retrain()
    record(asked)
    record(Decision(usecase="stall", kind="refused", as_of=on_day(9), reason="no gain", answers=asked.id))

    assert answer.fn("stall", asked.id, timedelta(minutes=1)) == ("2 of 4 features drifted", "refused: no gain")


def test_a_retrain_that_failed_is_not_waited_for(state, monkeypatch):
    record(an_asked_retrain())
    monkeypatch.setattr(replay, "retrain_states", lambda *_: ["CRASHED", "FAILED"])

    with pytest.raises(RetrainFailedError, match=r"the retrain of stall for .* ended as crashed, failed"):
        answer.fn("stall", an_asked_retrain().id, timedelta(minutes=1))


def test_patience_ends_with_what_to_look_at(state, monkeypatch):
    record(an_asked_retrain())
    monkeypatch.setattr(replay, "retrain_states", lambda *_: [])

    with pytest.raises(
        RetrainFailedError, match=r"no retrain of stall answered .* within 0 seconds\. Its runs: none\. Is"
    ):
        answer.fn("stall", an_asked_retrain().id, timedelta(0))
