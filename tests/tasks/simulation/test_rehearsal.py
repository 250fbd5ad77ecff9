"""What would the flows have decided? (tests/flows/test_loop.py holds a rehearsal against the flows themselves.)"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.data.validation import BatchPolicy
from tasks.errors import BatchRefusedError
from tasks.gates import GatePolicy
from tasks.monitoring.drift_report import DriftPolicy
from tasks.promotion.promotion import PromotionPolicy
from tasks.scoring.shadow import ProbationPolicy
from tasks.simulation import rehearsal, replay
from tasks.training.folds import TrainPolicy, training_window
from tasks.triggers.policy import RetrainPolicy

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BATCH = BatchPolicy(max_bad_share=0.2, min_volume_share=0.5)


@pytest.fixture
def policies() -> replay.Policies:
    return replay.Policies(
        batch=BATCH,
        training=TrainPolicy(blocks=1, min_rows=10),
        gates=GatePolicy(min_gain_over_baseline=1e-9, min_gain_over_champion=0.002, min_rows=10),
        promotion=PromotionPolicy(
            approval="waived", approval_hours=1, probation=ProbationPolicy(windows=1, error_rate=0.05, min_rows=10)
        ),
        drift=DriftPolicy(
            numeric_threshold=0.5, categorical_threshold=0.5, missing_threshold=0.5, min_rows=10_000, max_rows=5000
        ),
        policy=RetrainPolicy(mode="off", max_loss=10, min_labelled=1, cooldown_days=0, min_new_rows=0),
    )


@pytest.fixture
def play(stall, policies) -> rehearsal.Play:
    """Twelve days of the stall, looked at in windows of four, of which nothing was played yet."""
    good, bad = rehearsal.collected(stall, JAN_1 + 12 * DAY, BATCH)
    return rehearsal.started(replace(stall, window=4 * DAY), good, bad, policies)


def test_good_rows_are_kept_in_order_and_the_times_of_bad_ones_are_known(stall):
    good, bad = rehearsal.collected(stall, JAN_1 + 12 * DAY, BATCH)

    # 8 sales a day, of which every twentieth is bad: numbers 7, 27, 47, 67 and 87
    assert len(good) == 12 * 8 - 5
    assert good["sold_at"].is_monotonic_increasing
    assert bad.tolist() == [JAN_1 + timedelta(hours=3 * number) for number in (7, 27, 47, 67, 87)]


def test_a_batch_that_collect_would_refuse_is_refused(stall):
    strict = BATCH.model_copy(update={"max_bad_share": 0.1})

    with pytest.raises(BatchRefusedError, match=r"expected at most 10.0% bad rows, found 12.5% of 8"):
        rehearsal.collected(stall, JAN_1 + 12 * DAY, strict)


def test_a_history_without_rows_is_refused(stall):
    later = replace(stall, history_start=JAN_1 + 100 * DAY)

    with pytest.raises(BatchRefusedError, match="has no rows"):
        rehearsal.collected(later, JAN_1 + 101 * DAY, BATCH)


def test_at_the_first_moment_the_rows_up_to_it_are_new_and_no_model_can_be_compared_yet(play):
    step = rehearsal.played(play, None, JAN_1 + 3 * DAY)

    assert (step.inserted, step.updated, step.quarantined, step.scored) == (3 * 8 - 1, 0, 1, 0)
    assert step.verdict.startswith("nothing to do: 8 labelled rows")


def test_a_label_that_came_since_the_moment_before_is_counted_once(play):
    rehearsal.played(play, None, JAN_1 + 3 * DAY)

    step = rehearsal.played(play, JAN_1 + 3 * DAY, JAN_1 + 4 * DAY)

    # of the day's sales number 27 is bad; told two days after the sale came those of the second day
    assert (step.inserted, step.updated) == (8 - 1, 8)


@pytest.fixture
def served(play) -> rehearsal.Play:
    """The rehearsal after ten days, a tree being live."""
    now = JAN_1 + 10 * DAY
    tree = rehearsal.fitted_at(play, now, "tree")
    play.live = play.first = rehearsal.Live(1, tree, "tree", training_window(play.problem, now), 0.5)
    return play


def test_a_model_predicts_the_rows_that_came_after_it_and_is_scored_on_those_told_by_the_end(served):
    step = rehearsal.played(served, JAN_1 + 10 * DAY, JAN_1 + 12 * DAY)
    found = rehearsal.scores_between(served, JAN_1 + 10 * DAY, JAN_1 + 12 * DAY, JAN_1 + 14 * DAY)

    # 16 sales in two days, of which number 87 is bad
    assert step.scored == 15
    assert (served.by > 0).sum() == 15
    assert found["model"] == "1"
    assert found["live"] == found["first"] == 1.0


def test_a_score_waits_for_the_labels(served):
    rehearsal.played(served, JAN_1 + 10 * DAY, JAN_1 + 12 * DAY)

    found = rehearsal.scores_between(served, JAN_1 + 10 * DAY, JAN_1 + 12 * DAY, JAN_1 + 11 * DAY)

    assert found == {"model": None, "live": None, "first": None}


def test_a_challenger_that_a_gate_refuses_does_not_go_live(play):
    # the number of items alone tells which sale comes back
    step = rehearsal.played(play, None, JAN_1 + 10 * DAY)

    assert "how well items alone predicts (0 a guess, 1 perfect): 1 found" in step.verdict
    assert (step.verdict.split(":")[0], play.live) == ("refused", None)


def test_a_model_is_fitted_once_however_often_it_is_compared(play):
    once = rehearsal.fitted_at(play, JAN_1 + 10 * DAY, "tree")

    assert rehearsal.fitted_at(play, JAN_1 + 10 * DAY, "tree") is once


def test_what_is_told_after_a_moment_is_not_learned_from_at_it(play):
    now = JAN_1 + 10 * DAY

    learned = rehearsal.fitted_at(play, now, "tree")

    # sold up to the start of the ninth day, but for the bad ones: numbers 7, 27 and 47
    assert learned["model"].tree_.n_node_samples[0] == 8 * 8 + 1 - 3
