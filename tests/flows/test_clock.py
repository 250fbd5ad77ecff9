"""What does a check find that runs some minutes after the collection, as on a real clock? Against the real servers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.collect import collect
from flows.monitor import monitor
from flows.retrain import retrain
from flows.score import score
from tasks.data import ledger
from tasks.data.tables import checks
from tasks.data.validation import BatchPolicy
from tasks.gates import GatePolicy
from tasks.monitoring.drift_report import DriftPolicy
from tasks.monitoring.limits import WatchPolicy
from tasks.promotion.promotion import PromotionPolicy
from tasks.scoring.shadow import ProbationPolicy
from tasks.settings import Settings
from tasks.training.folds import TrainPolicy
from tasks.triggers.policy import RetrainPolicy
from tasks.usecases import use_case

pytestmark = pytest.mark.servers

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEN_MINUTES = timedelta(minutes=10)
HOURS, LEARNED, CHANGED = 55, 48, 52
"""Hours of the feed, those learned from, and that from which amounts grow, the rule turns and thrice the rows come."""
AN_HOUR = 120
BATCH = BatchPolicy(max_bad_share=0.1, min_volume_share=0.3)
DRIFT = DriftPolicy(
    numeric_threshold=0.2, categorical_threshold=0.1, missing_threshold=0.1, min_rows=100, max_rows=5000
)
POLICY = RetrainPolicy(
    watch=WatchPolicy(checks_per_year=24 * 365), max_loss=0.1, min_labelled=100, cooldown_days=0, min_new_rows=0
)


def a_till(path: Path) -> Path:
    """Write receipts at even distances, 120 an hour and later 360, whose customer comes back by the amount."""
    chance = np.random.default_rng(0)
    before, after = CHANGED * AN_HOUR, (HOURS - CHANGED) * 3 * AN_HOUR
    seconds = np.concatenate([np.arange(before) * 30.0, CHANGED * 3600 + np.arange(after) * 10.0])
    paid = pd.Series(pd.Timestamp(START) + pd.to_timedelta(seconds, unit="s")).dt.as_unit("us")
    late = np.arange(before + after) >= before
    amount = chance.normal(0, 1, before + after) + 2.0 * late
    odds = np.where(late, 4 - 2 * amount, 2 * amount)
    table = pd.DataFrame(
        {
            "receipt": np.arange(before + after),
            "paid_at": paid,
            "known_at": paid + pd.Timedelta(minutes=5),
            "amount": amount,
            "hour": paid.dt.hour.astype(float),
            "came": (chance.uniform(size=before + after) < 1 / (1 + np.exp(-odds))).astype(float),
        }
    )
    table.to_parquet(path)
    return path


def at(hours: int) -> datetime:
    return START + hours * HOUR


def checked(hour: int) -> str | None:
    """Collect and score at an hour, check ten minutes later; return the request to retrain, or None."""
    collect("till", at(hour), batch=BATCH)
    score("till", at(hour))
    return monitor("till", at(hour) + TEN_MINUTES, drift=DRIFT, policy=POLICY)


@pytest.fixture(scope="module")
def asked(system: Settings, tmp_path_factory: pytest.TempPathFactory) -> list[str | None]:
    """What the checks of each hour asked for: two before the change and two after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILL_TABLE", str(a_till(tmp_path_factory.mktemp("till") / "receipts.parquet")))
        collect("till", at(LEARNED), batch=BATCH)
        retrain(
            "till",
            as_of=at(LEARNED),
            training=TrainPolicy(blocks=6, min_rows=50, origins=1),
            gates=GatePolicy(min_gain_over_baseline=0.02, min_gain_over_champion=0.002, min_rows=50),
            promotion=PromotionPolicy(
                approval="waived",
                approval_hours=1,
                probation=ProbationPolicy(windows=0, error_rate=0.05, min_rows=50),
                watch=POLICY.watch,
            ),
        )
        return [checked(hour) for hour in (50, 52, 53, 54)]


def test_rows_that_are_not_collected_yet_are_no_fault_and_more_rows_no_frozen_hour(asked: list[str | None]) -> None:
    faults = [decision for decision in ledger.decisions("till") if decision.kind in ledger.FAULTS]

    kinds = [(decision.as_of, [fault["kind"] for fault in decision.facts["faults"]]) for decision in faults]

    assert kinds == [(at(53) + TEN_MINUTES, ["high volume"])]


def test_each_check_looks_at_the_hour_that_was_collected(asked: list[str | None]) -> None:
    ends = sorted(set(checks(use_case("till")).read()["window_end"]))

    assert ends == [at(hour) for hour in (50, 52, 53, 54)]


def test_drift_asks_for_a_retrain_though_the_volume_has_grown(asked: list[str | None]) -> None:
    assert asked == [None, None, "till/20240103T051000/retrain-asked", "till/20240103T051000/retrain-asked"]


def test_a_second_check_before_the_next_collection_tells_nothing_anew(asked: list[str | None]) -> None:
    before = ledger.decisions("till")

    again = monitor("till", at(54) + 2 * TEN_MINUTES, drift=DRIFT, policy=POLICY)

    assert again == asked[-1]
    assert ledger.decisions("till") == before


def test_a_source_that_is_not_read_any_more_is_told_once_and_is_no_fault(asked: list[str | None]) -> None:
    for hours in (70, 71):
        monitor("till", at(hours), drift=DRIFT, policy=POLICY)

    late = [decision for decision in ledger.decisions("till") if decision.as_of >= at(70)]

    assert [(decision.kind, decision.as_of) for decision in late] == [("feed late", at(70))]
    assert late[0].reason.startswith("the source was last read up to 2024-01-03 06:00, 16 hours ago; 2 hours is usual")
