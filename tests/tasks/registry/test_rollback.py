"""Which version is gone back to, and what keeps it from going live?"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from mlflow import MlflowClient

from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.promotion.promotion import promote
from tasks.registry import champion as registry_champion
from tasks.registry import models
from tasks.registry.champion import ChampionMovedError
from tasks.registry.models import champion
from tasks.registry.rollback import (
    CannotRollBackError,
    made_by,
    rollback_target,
    serving,
    serving_fault,
    take_back,
    target,
)

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = JAN_1 + 10 * DAY


def a_move(turn, version, over, kind="promoted", flow_run=""):
    facts = {"turn": turn, "version": version, "over": over, "flow_run": flow_run}
    return Decision(
        usecase="stall", kind=kind, as_of=JAN_1 + turn * DAY, reason="better", facts=facts, answers=f"{turn}"
    )


PAST = [a_move(1, "1", None), a_move(2, "2", "1"), a_move(3, "3", "2")]


@pytest.fixture
def three(challenger, shown):
    """Three versions that went live one after another, on days 3, 5 and 7."""
    [promote.fn(*challenger(day, over), ()) for day, over in ((3, None), (5, "1"), (7, "2"))]


def test_without_a_number_the_predecessor_is_the_target():
    result = rollback_target(PAST, "stall", "3", "")

    assert (result.version, result.over, result.answers) == ("2", "3", PAST[-1].id)


def test_a_number_is_taken_as_it_is_given():
    assert rollback_target(PAST, "stall", "3", "1").version == "1"


@pytest.mark.parametrize(
    ("history", "live", "version", "refusal"),
    [
        (PAST, "3", "3", "version 3 of stall is live already"),
        (PAST[:1], "1", "", "version 1 of stall has no predecessor; name the version"),
        ([], None, "1", "no version of stall is live"),
    ],
)
def test_there_must_be_something_to_go_back_to(history, live, version, refusal):
    with pytest.raises(CannotRollBackError, match=refusal):
        rollback_target(history, "stall", live, version)


def test_a_rollback_is_known_by_the_flow_run_that_made_it_while_it_is_the_newest_move():
    back = a_move(4, "2", "3", "rolled back", flow_run="run 1")

    assert made_by([*PAST, back], "run 1") == back
    assert made_by([*PAST, back], "run 2") is None
    assert made_by([*PAST, back, a_move(5, "4", "2")], "run 1") is None
    assert made_by([*PAST, a_move(4, "2", "3", "rolled back")], "") is None
    assert made_by([], "run 1") is None


@pytest.mark.parametrize(
    ("predicted", "fault"),
    [
        ([0.0, 1.0], None),
        ([0.5, np.nan], "1 of 2 predictions are not finite"),
        ([0.5, np.inf], "1 of 2 predictions are not finite"),
        ([-0.1, 0.5], "predictions from -0.1 to 0.5, expected chances from 0 to 1"),
        ([0.5, 1.1], "predictions from 0.5 to 1.1, expected chances from 0 to 1"),
    ],
)
def test_a_version_must_predict_chances(stall, predicted, fault):
    assert serving_fault(np.array(predicted), stall) == fault


@pytest.mark.slow
def test_a_rollback_moves_ledger_and_alias_and_says_why(three, shown):
    back_to = target.fn("stall", "")
    answer = take_back.fn(back_to, serving.fn("stall", back_to.version, NOW), "returns were missed", NOW)

    assert answer == "rolled back: version 2 in place of 3: returns were missed"
    assert (champion("stall").version, registry_champion.ledger_version("stall")) == ("2", "2")
    newest = ledger.moves(ledger.decisions("stall"))[-1]
    assert (newest.kind, newest.reason, newest.facts["over"]) == ("rolled back", "returns were missed", "3")
    assert shown[-1]["key"] == "stall-rollback"


@pytest.mark.slow
def test_rolling_back_again_goes_one_version_further(three, shown):
    for _ in range(2):
        back_to = target.fn("stall", "")
        take_back.fn(back_to, serving.fn("stall", back_to.version, NOW), "worse", NOW)

    assert champion("stall").version == "1"
    with pytest.raises(CannotRollBackError, match="version 1 of stall has no predecessor"):
        target.fn("stall", "")


@pytest.mark.slow
def test_a_rollback_that_died_and_is_done_again_by_the_same_flow_run_goes_no_further(three, shown, monkeypatch):
    monkeypatch.setattr("tasks.registry.tracking.flow_run_url", lambda: "run 1")
    for _ in range(2):
        back_to = target.fn("stall", "")
        take_back.fn(back_to, serving.fn("stall", back_to.version, NOW), "worse", NOW)

    assert champion("stall").version == "2"
    assert len(ledger.moves(ledger.decisions("stall"))) == 4


@pytest.mark.slow
def test_a_rollback_that_a_promotion_overtook_changes_nothing(three, shown, challenger):
    back_to = target.fn("stall", "")
    model = serving.fn("stall", back_to.version, NOW)
    promote.fn(*challenger(8, "3"), ())

    with pytest.raises(ChampionMovedError, match="expected version 3 of stall to be live, found version 4"):
        take_back.fn(back_to, model, "worse", NOW)

    assert champion("stall").version == "4"


@pytest.mark.slow
def test_an_unknown_version_is_refused_with_those_that_there_are(three):
    with pytest.raises(CannotRollBackError, match="stall has no registered version '12'; there are: 1, 2, 3"):
        serving.fn("stall", "12", NOW)


@pytest.mark.slow
def test_a_version_that_does_not_load_is_refused(three, monkeypatch):
    monkeypatch.setattr("tasks.registry.models.TRUSTED_TYPES", frozenset())

    with pytest.raises(CannotRollBackError, match=r"version 2 of stall does not load and predict: .* must not hold"):
        serving.fn("stall", "2", NOW)


@pytest.mark.slow
def test_a_version_that_predicts_nonsense_is_refused(three, monkeypatch):
    monkeypatch.setattr("tasks.training.estimators.predictions", lambda *given: np.array([np.nan]))

    with pytest.raises(CannotRollBackError, match="version 2 of stall does not serve: 1 of 1 predictions are not"):
        serving.fn("stall", "2", NOW)


@pytest.mark.slow
def test_an_outage_is_no_refusal_and_may_be_tried_again(three, monkeypatch):
    def out(model):
        raise ConnectionError("no answer")

    monkeypatch.setattr("tasks.registry.models.load", out)

    with pytest.raises(ConnectionError, match="no answer"):
        serving.fn("stall", "2", NOW)


@pytest.mark.slow
def test_without_recent_rows_nothing_is_tried_and_so_nothing_goes_live(three):
    with pytest.raises(CannotRollBackError, match=r"no rows of stall in \[2024-12-25 00:00, 2025-01-01 00:00"):
        serving.fn("stall", "2", datetime(2025, 1, 1, tzinfo=UTC))


@pytest.mark.slow
def test_a_live_version_that_was_deleted_can_be_rolled_back_from(three, shown):
    MlflowClient().delete_model_version("stall", "3")

    back_to = target.fn("stall", "")
    take_back.fn(back_to, serving.fn("stall", back_to.version, NOW), "deleted by mistake", NOW)

    assert models.champion("stall").version == "2"
