"""The whole loop against real servers: a use case from outside the project, from its table to a drift's retrain."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from flows.replay import play_in_memory, replay
from tasks.data import ledger
from tasks.data.tables import checks, observations, predicted, quarantine, steps
from tasks.data.validation import BatchPolicy
from tasks.gates import GatePolicy
from tasks.lasting import in_memory
from tasks.monitoring.drift_report import DriftPolicy
from tasks.monitoring.limits import WatchPolicy
from tasks.promotion.promotion import PromotionPolicy
from tasks.registry import models
from tasks.scoring.shadow import ProbationPolicy
from tasks.settings import Settings
from tasks.simulation.replay import Pace, Policies, moments, policies_in_memory, replay_table
from tasks.training.folds import TrainPolicy
from tasks.triggers.policy import RetrainPolicy
from tasks.usecases import use_case
from tasks.windows import Window

pytestmark = pytest.mark.servers

START = datetime(2024, 2, 10, tzinfo=UTC)
END = datetime(2024, 4, 10, tzinfo=UTC)
POLICIES = Policies(
    batch=BatchPolicy(max_bad_share=0.1, min_volume_share=0.3),
    training=TrainPolicy(blocks=2, min_rows=100, origins=2),
    gates=GatePolicy(min_gain_over_baseline=0.02, min_gain_over_champion=0.002, min_rows=100),
    promotion=PromotionPolicy(
        approval="waived",
        approval_hours=1,
        probation=ProbationPolicy(windows=2, error_rate=0.05, min_rows=100),
    ),
    drift=DriftPolicy(
        numeric_threshold=0.2, categorical_threshold=0.1, missing_threshold=0.1, min_rows=100, max_rows=5000
    ),
    policy=RetrainPolicy(
        watch=WatchPolicy(checks_per_year=18), max_loss=0.1, min_labelled=100, cooldown_days=3, min_new_rows=100
    ),
)


@pytest.fixture(scope="module")
def summary(system: Settings) -> str:
    """The sentence with which the replay of 60 days in three steps ends."""
    over, pace = Window(start=START, end=END), Pace(step_days=20, patience_minutes=5)
    return replay("shop", over, pace, POLICIES)


@pytest.fixture(scope="module")
def history(summary: str) -> list[ledger.Decision]:
    return ledger.decisions("shop")


def test_the_first_model_goes_live_because_it_beats_the_trivial_baseline(history: list[ledger.Decision]) -> None:
    first = history[0]

    assert (first.kind, first.as_of, first.facts["version"]) == ("promoted", START, "1")
    assert first.facts["challenger"] > first.facts["baseline"] + 0.02


def test_drift_asks_for_a_retrain_and_says_what_lies_how_far_away(history: list[ledger.Decision]) -> None:
    asked = next(
        decision
        for decision in history
        if decision.as_of == START + timedelta(days=40) and decision.kind == "retrain asked"
    )

    loss = r"the model's loss rose: 0\.\d+ -> 0\.\d+ \(limit 0\.\d+, n = \d+, 2 of the last 2 checks\)"
    assert re.match(loss + r" \[performance-drift\]; ", asked.reason)
    assert re.search(r"; price drifted: median 0\.\d+ -> 0\.\d+, location distance 0\.\d+ \(limit ", asked.reason)
    assert asked.reason.endswith(" [drift-alarm]")
    assert asked.facts["trigger"] == "drift-alarm"


def test_the_retrain_that_drift_started_is_promoted_and_answers_the_request(history: list[ledger.Decision]) -> None:
    answers = {decision.answers: decision.kind for decision in history if decision.kind in ledger.ANSWERS}
    asked = [decision.id for decision in history if decision.kind == "retrain asked"]

    assert [answers[decision] for decision in asked].count("promoted") >= 1
    assert models.champion("shop").version == str(list(answers.values()).count("promoted"))


def test_the_automation_created_that_run(summary: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    with get_client(sync_client=True) as client:
        ours = DeploymentFilter(name=DeploymentFilterName(any_=["shop-retrain"]))
        runs = client.read_flow_runs(deployment_filter=ours)

    assert {run.created_by.type for run in runs} == {"AUTOMATION"}
    assert {run.state.name for run in runs} == {"Completed"}


def test_each_row_is_stored_once_and_the_four_bad_ones_are_aside_with_their_reason(summary: str) -> None:
    problem = use_case("shop")
    stored, aside = observations(problem).read(), quarantine(problem).read()

    assert stored["visit"].is_unique
    assert sorted(set(range(len(stored) + 4)) - set(stored["visit"])) == [100, 101, 102, 103]
    assert aside["reasons"].tolist() == ["price: in_range(-50, 50)"] * 4


def test_a_label_is_not_stored_before_it_is_known(summary: str) -> None:
    stored = observations(use_case("shop")).read()
    late = stored["seen_at"] > END - timedelta(hours=5)

    assert stored.loc[late, ["bought", "known_at"]].isna().all(axis=None)
    assert stored.loc[~late, ["bought", "known_at"]].notna().all(axis=None)


def test_each_row_since_the_first_model_is_predicted_once(summary: str) -> None:
    problem = use_case("shop")
    predictions, stored = predicted(problem).read(), observations(problem).read()

    assert sorted(predictions["visit"]) == sorted(stored.loc[stored["seen_at"] >= START, "visit"])


def test_each_window_has_a_check_with_every_feature_and_a_report(summary: str, system: Settings) -> None:
    stored = checks(use_case("shop")).read()
    features = stored[stored["role"] == "feature"]

    assert features.groupby("as_of")["column"].apply(sorted).tolist() == [["channel", "interest", "price"]] * 3
    assert len(list((system.reports / "shop").glob("*.html"))) == 3


def test_a_replay_that_is_run_again_plays_nothing_twice(summary: str) -> None:
    before = steps(use_case("shop")).version()

    again = replay("shop", Window(start=START, end=END), Pace(step_days=20, patience_minutes=5), POLICIES)

    assert (again, steps(use_case("shop")).version()) == (summary, before)


def test_the_live_model_did_better_than_the_first_one_left_alone(summary: str) -> None:
    live, first = (float(summary.split(text)[0].split()[-1]) for text in (" live", " without retraining"))

    assert live > first


def test_the_same_history_in_memory_gives_the_same_table_to_the_last_digit(summary: str) -> None:
    flows = replay_table("shop", END)

    with in_memory():
        for now in moments(START, END, timedelta(days=20)):
            play_in_memory("shop", now, policies_in_memory(POLICIES)[0])
        memory = replay_table("shop", END)

    assert memory == flows
