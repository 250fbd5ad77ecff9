"""What is shown to the gates?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tasks.evaluation import best_candidate, block_scores, evidence, mean_score, permutation_importances
from tasks.training import fitted, pipeline
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def problem(stall):
    """The stall's problem as a regression, so that scores can be worked out by hand."""
    return replace(stall, kind="regression", metric="mae")


def evaluated(targets, blocks, **contenders):
    """Return rolling predictions of one row a day since January 1."""
    times = [JAN_1 + n * DAY for n in range(len(targets))]
    columns = {"block": blocks, "event_time": times, "target": targets} | contenders
    return pd.DataFrame(columns).astype(dict.fromkeys(contenders, float))


def test_each_block_has_a_score_for_each_contender(problem):
    rows = evaluated([0, 0, 0], [0, 0, 1], tree=[1, 2, 4], stump=[0, 0, 3])

    scores = block_scores(rows, problem, ["tree", "stump"])

    assert scores.to_dict("index") == {0: {"tree": (1 + 2) / 2, "stump": 0}, 1: {"tree": 4, "stump": 3}}


def test_a_mean_score_weighs_blocks_by_their_rows(problem):
    rows = evaluated([0, 0, 0, 0], [0, 0, 0, 1], tree=[1, 1, 1, 5])

    assert mean_score(rows, problem, "tree") == (3 * 1 + 1 * 5) / 4


def test_a_block_in_which_the_metric_is_not_defined_has_no_weight(stall):
    rows = evaluated([1, 0, 1, 1, 1, 0], [0, 0, 1, 1, 2, 2], tree=[0.9, 0.1, 0.5, 0.5, 0.1, 0.9])

    assert mean_score(rows, stall, "tree") == (2 * 1 + 2 * 0) / 4


def test_where_no_block_has_a_score_there_is_no_mean(stall):
    assert mean_score(evaluated([1, 1], [0, 1], tree=[0.5, 0.5]), stall, "tree") is None


@pytest.mark.parametrize(
    ("stump", "tree", "best"),
    [([1, 1], [2, 2], "stump"), ([2, 2], [1, 1], "tree"), ([2, 1], [1, 2], "stump")],
    ids=["first", "second", "tie"],
)
def test_of_an_error_the_least_is_best_and_of_equals_the_first_declared(problem, stump, tree, best):
    assert best_candidate(evaluated([0, 0], [0, 0], stump=stump, tree=tree), problem) == best


def test_of_a_score_the_most_is_best(stall):
    rows = evaluated([1, 0], [0, 0], stump=[0.1, 0.9], tree=[0.9, 0.1])

    assert best_candidate(rows, stall) == "tree"


def test_where_no_score_is_defined_the_first_declared_is_taken(stall):
    assert best_candidate(evaluated([1, 1], [0, 0], stump=[0, 0], tree=[0, 0]), stall) == "stump"


def test_without_a_champion_evidence_compares_with_the_baseline_alone(problem):
    rows = evaluated([0, 0], [0, 0], tree=[1, 1], stump=[9, 9], baseline=[3, 5])

    found = evidence(rows, problem, "tree", None, None)

    assert (found.rows, found.challenger, found.baseline) == (2, 1.0, 4.0)
    assert (found.champion_version, found.champion, found.compared_rows) == (None, None, 0)


def test_rows_that_the_champion_learned_from_are_left_out_of_its_comparison_and_counted(problem):
    rows = evaluated([0] * 4, [0] * 4, tree=[1, 2, 3, 4], baseline=[9] * 4, champion=[5, 6, 7, 8])

    found = evidence(rows, problem, "tree", "3", Window(start=JAN_1 + DAY, end=JAN_1 + 3 * DAY))

    assert (found.champion_version, found.compared_rows, found.overlap_rows) == ("3", 2, 2)
    assert (found.challenger_beside_champion, found.champion) == ((1 + 4) / 2, (5 + 8) / 2)
    assert (found.rows, found.challenger) == (4, (1 + 2 + 3 + 4) / 4)


def test_a_champion_that_has_seen_every_row_leaves_nothing_to_compare(problem):
    rows = evaluated([0, 0], [0, 0], tree=[1, 1], baseline=[9, 9], champion=[0, 0])

    found = evidence(rows, problem, "tree", "3", Window(start=JAN_1, end=JAN_1 + 2 * DAY))

    assert (found.compared_rows, found.overlap_rows) == (0, 2)
    assert (found.challenger_beside_champion, found.champion) == (None, None)


def test_a_feature_that_decides_has_importance_and_one_that_does_not_has_none(stall, sales):
    rows = sales(*({"price": 90.0 * (n % 2), "returned": float(n % 2), "channel": "web"} for n in range(40)))
    model = fitted(pipeline(stall, stall.candidates["stump"]), rows, stall)

    found = permutation_importances(model, rows, stall)

    assert found["price"] > 0.2
    assert found[["weight", "items", "channel"]].tolist() == [0, 0, 0]


def test_losing_a_feature_that_decides_is_a_loss_in_an_error_too(stall, sales):
    rows = sales(*({"price": 90.0 * (n % 2), "returned": float(n % 2), "channel": "web"} for n in range(40)))
    model = fitted(pipeline(stall, stall.candidates["stump"]), rows, stall)

    assert permutation_importances(model, rows, replace(stall, metric="log_loss"))["price"] > 0
