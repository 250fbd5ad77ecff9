"""An eventful history, through the flows on real servers and in memory: both must come to the same, to the last digit.

Labels come late, rows are restated, bad rows and a fault of the data arrive; a challenger is refused, another is
promoted, and that champion is taken back.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.replay import as_flow_run, play, play_in_memory, retraining
from flows.retrain import retrain
from tasks.data import ledger
from tasks.data.tables import observations, predicted
from tasks.lasting import in_memory
from tasks.settings import Settings
from tasks.simulation.replay import ledger_answer, policies_in_memory, scored_steps
from tasks.usecases import use_case
from tests.flows.test_loop import POLICIES

pytestmark = pytest.mark.servers

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
MOMENTS = [JAN_1 + timedelta(days=day) for day in range(40, 121, 10)]
RESTATED_AT = JAN_1 + timedelta(days=90)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """60 visits a day for 120 days: interest moves on day 55 and repels until day 72; it is missing from day 112 on.

    Every seventh label comes after eight days, the others after five hours. Four prices are bad.
    """
    chance, visits = np.random.default_rng(0), 8_400
    day = np.sort(chance.uniform(0, 140, visits))
    event_times = pd.Timestamp(JAN_1) + pd.to_timedelta(day, unit="D")
    moved = day >= 55
    interest = chance.normal(0, 1, visits) + 2.0 * moved
    odds = np.where(moved & (day < 72), 4 - 2 * interest, 2 * interest - 4 * moved)
    delay = pd.to_timedelta(np.where(np.arange(visits) % 7 == 0, 8.0, 5 / 24), unit="D")
    rows = pd.DataFrame(
        {
            "visit": np.arange(visits),
            "seen_at": event_times.as_unit("us"),
            "known_at": (event_times + delay).as_unit("us"),
            "interest": np.where((day >= 112) & (day < 120), np.nan, interest),
            "price": chance.normal(0, 1, visits),
            "channel": chance.choice(["ad", "mail", "search"], visits),
            "bought": (chance.uniform(size=visits) < 1 / (1 + np.exp(-odds))).astype(float),
        }
    )
    rows.loc[2900:2903, "price"] = 99.0
    return rows


@pytest.fixture(scope="module")
def publish(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> Iterator[Callable[[datetime], None]]:
    """Writes the source's file as it stands at a moment: from day 90 on the prices of day 82 are restated."""
    path: Path = tmp_path_factory.mktemp("fair") / "visits.parquet"
    day = (table["seen_at"] - pd.Timestamp(JAN_1)).dt.days

    def write(now: datetime) -> None:
        table.assign(price=table["price"] + 0.25 * ((now >= RESTATED_AT) & (day == 82))).to_parquet(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIR_TABLE", str(path))
        yield write


def outcome() -> dict[str, Any]:
    """All that a play leaves: steps with scores, decisions in words, stored rows and predictions."""
    problem, (played, scores) = use_case("fair"), scored_steps("fair", MOMENTS[-1])
    by_visit = {"by": ["visit"], "ignore_index": True}
    return {
        "steps": played.reset_index(drop=True),
        "scores": pd.DataFrame(scores),
        "decisions": [(row.as_of, row.kind, row.reason) for row in ledger.decisions("fair")],
        "rows": observations(problem).read().sort_values(**by_visit),
        "predictions": predicted(problem).read().sort_values(**by_visit),
    }


@pytest.fixture(scope="module")
def through_flows(system: Settings, publish: Callable[[datetime], None]) -> dict[str, Any]:
    """What the flows leave, each a Prefect run over Delta and MLflow."""

    def answered(request: str) -> tuple[str, str]:
        retrain("fair", decision=request, **retraining(POLICIES))
        return ledger_answer(request)

    for now in MOMENTS:
        publish(now)
        play("fair", now, POLICIES, as_flow_run, answered)
    return outcome()


@pytest.fixture(scope="module")
def through_memory(publish: Callable[[datetime], None]) -> dict[str, Any]:
    """What the same steps leave as plain functions over memory."""
    with in_memory():
        for now in MOMENTS:
            publish(now)
            play_in_memory("fair", now, policies_in_memory(POLICIES)[0])
        return outcome()


def test_the_history_is_eventful(through_flows: dict[str, Any], table: pd.DataFrame) -> None:
    steps, rows = through_flows["steps"], through_flows["rows"]
    kinds = [kind for _, kind, _ in through_flows["decisions"]]

    assert {"fault", "retrain asked", "refused", "promoted", "rolled back"} <= set(kinds)
    assert kinds.count("promoted") == 2
    assert steps["quarantined"].tolist() == [0, 4, 0, 0, 0, 0, 0, 0, 0]
    restated = rows["seen_at"].dt.floor("D") == pd.Timestamp(JAN_1 + timedelta(days=82))
    before = table.set_index("visit")["price"].reindex(rows.loc[restated, "visit"])
    assert np.allclose(rows.loc[restated, "price"] - before.to_numpy(), 0.25)
    assert (steps["updated"] > 0).sum() >= 7


@pytest.mark.parametrize("what", ["steps", "scores", "rows", "predictions"])
def test_both_plays_leave_the_same_table(
    what: str, through_flows: dict[str, Any], through_memory: dict[str, Any]
) -> None:
    same = partial(pd.testing.assert_frame_equal, check_exact=True)

    same(through_memory[what], through_flows[what])


def test_both_plays_decide_the_same_in_the_same_words(
    through_flows: dict[str, Any], through_memory: dict[str, Any]
) -> None:
    assert through_memory["decisions"] == through_flows["decisions"]
