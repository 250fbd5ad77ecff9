"""Which version is live, whoever died in between and whoever raced?"""

from datetime import UTC, datetime, timedelta

import pytest
from mlflow import MlflowClient

from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.registry import models
from tasks.registry.champion import ChampionMovedError, LiveVersionGoneError, crown, ledger_version, live, predecessor
from tasks.registry.models import ModelFacts

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

CROWN = """
from datetime import UTC, datetime
from tasks.registry.champion import ChampionMovedError, crown
from tasks.data.ledger import Decision

ready.set()
while not os.path.exists("go"):
    pass
for turn in range(1, 9):
    promoted = Decision(usecase="stall", kind="promoted", as_of=datetime(2024, 1, turn, tzinfo=UTC), reason="better",
                        answers=f"stall/{{turn}}/{who}")
    try:
        crown(promoted, str(turn + 1), str(turn))
    except ChampionMovedError:
        pass
"""


def a_move(turn, version, over, kind="promoted"):
    facts = {"turn": turn, "version": version, "over": over}
    return Decision(
        usecase="stall", kind=kind, as_of=JAN_1 + turn * DAY, reason="better", facts=facts, answers=f"{turn}"
    )


def promotion(day, reason="better"):
    return Decision(usecase="stall", kind="promoted", as_of=JAN_1 + day * DAY, reason=reason, answers=f"stall/{day}")


@pytest.fixture
def versions(state, mlflow_server):
    """Nine registered versions of the stall without a model in them; none is live."""
    facts = ModelFacts(
        dataset_version=1, trained_from=JAN_1, trained_until=JAN_1 + DAY, promoted_at=JAN_1, expected_score=0.75
    )
    tags = {name: str(value) for name, value in facts.model_dump(mode="json").items()}
    client = MlflowClient()
    client.create_registered_model("stall")
    return [client.create_model_version("stall", "file:///nowhere", tags=tags).version for _ in range(9)]


def alias():
    result = models.champion("stall")
    return None if result is None else result.version


@pytest.mark.slow
def test_nothing_is_live_before_the_first_promotion(versions):
    assert live("stall") is None
    assert ledger_version("stall") is None


@pytest.mark.slow
def test_a_version_that_is_crowned_is_live_by_the_ledger_and_by_its_alias(versions):
    stored = crown(promotion(1), "1", None)

    assert (ledger_version("stall"), alias(), live("stall").version) == ("1", "1", "1")
    assert stored.facts == {"version": "1", "over": None, "turn": 1}


@pytest.mark.slow
def test_a_version_is_crowned_only_in_place_of_the_one_that_is_live(versions):
    crown(promotion(1), "1", None)
    crown(promotion(2), "2", "1")

    with pytest.raises(
        ChampionMovedError, match="expected version 1 of stall to be live, found version 2: the champion changed"
    ):
        crown(promotion(3), "3", "1")

    assert (ledger_version("stall"), alias()) == ("2", "2")


@pytest.mark.slow
def test_a_request_that_was_refused_meanwhile_crowns_nobody(versions):
    ledger.record(promotion(1).model_copy(update={"kind": "refused", "reason": "nobody approved it"}))

    with pytest.raises(ChampionMovedError, match="it was refused before: nobody approved it"):
        crown(promotion(1), "1", None)

    assert live("stall") is None


@pytest.mark.slow
def test_the_same_decision_crowns_once_and_what_was_written_first_stands(versions):
    crown(promotion(1), "1", None)
    crown(promotion(2), "2", "1")

    again = crown(promotion(1, reason="again"), "3", "2")

    assert (again.facts["version"], again.reason) == ("1", "better")
    assert ledger_version("stall") == "2"


@pytest.mark.slow
def test_an_alias_that_lags_behind_the_ledger_is_moved_by_whoever_looks(versions, monkeypatch):
    crown(promotion(1), "1", None)
    with monkeypatch.context() as killed_after_the_row:
        killed_after_the_row.setattr("tasks.registry.champion.live", lambda usecase: None)
        crown(promotion(2), "2", "1")
    assert alias() == "1"

    assert live("stall").version == "2"
    assert alias() == "2"


@pytest.mark.slow
def test_an_alias_that_was_moved_by_hand_is_moved_back(versions):
    crown(promotion(1), "1", None)
    models.make_champion("stall", "7")

    assert live("stall").version == "1"


@pytest.mark.slow
def test_a_version_that_bore_the_alias_before_the_ledger_knew_of_any_is_live_and_can_be_replaced(versions):
    models.make_champion("stall", "4")

    assert live("stall").version == "4"
    crown(promotion(1), "5", "4")
    assert (alias(), predecessor(ledger.decisions("stall"))) == ("5", "4")


@pytest.mark.slow
def test_a_live_version_that_was_deleted_is_named_with_what_to_do(versions):
    crown(promotion(1), "1", None)
    MlflowClient().delete_model_version("stall", "1")

    with pytest.raises(LiveVersionGoneError, match=r"version 1 of stall is live by the ledger, .* stall-rollback"):
        live("stall")


@pytest.mark.slow
def test_of_two_processes_that_race_at_each_turn_one_wins_and_alias_and_ledger_agree(versions, process, tmp_path):
    crown(promotion(0), "1", None)

    racing = [process(CROWN.format(who=who)) for who in ("one", "other")]
    (tmp_path / "go").touch()
    [process_row.join() for process_row in racing]

    past = ledger.moves(ledger.decisions("stall"))
    assert [process_row.exitcode for process_row in racing] == [0, 0]
    assert [process_row.facts["version"] for process_row in past] == [str(turn) for turn in range(1, 10)]
    assert (ledger_version("stall"), alias()) == ("9", "9")


def test_the_predecessor_is_the_version_before():
    assert predecessor([a_move(1, "1", None), a_move(2, "2", "1"), a_move(3, "3", "2")]) == "2"


def test_a_first_model_and_an_empty_history_have_no_predecessor():
    assert predecessor([a_move(1, "1", None)]) is None
    assert predecessor([]) is None


def test_a_version_that_was_taken_back_is_no_predecessor():
    history = [a_move(1, "1", None), a_move(2, "2", "1"), a_move(3, "3", "2"), a_move(4, "2", "3", "rolled back")]

    assert predecessor(history) == "1"
    assert predecessor([*history, a_move(5, "4", "2")]) == "2"


def test_a_version_that_was_never_live_follows_the_one_that_it_replaced():
    assert predecessor([a_move(1, "1", None), a_move(2, "7", "1", "rolled back")]) == "1"
