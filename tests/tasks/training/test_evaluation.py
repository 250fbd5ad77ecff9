"""What is shown to the gates?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.training.comparison import Try
from tasks.training.estimators import fitted, pipeline
from tasks.training.evaluation import best_candidate, block_scores, evidence, mean_score, permutation_importances
from tasks.training.folds import Fold
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


FORTY = {"returned": [n % 2 for n in range(40)], "blocks": [0] * 20 + [1] * 20}


@pytest.fixture
def evidence_of(problem, sales):
    """Return the evidence about `tree` on forty sales of the second fortnight, and what else it was given."""

    def judge(problem=problem, version=None, training_window=None, past=(), learned=80, **contenders):
        rows = sales(*({"weight": float(n % 4)} for n in range(120)))
        predicted = {
            "tree": [n % 2 for n in range(40)],
            "stump": [9] * 40,
            "baseline": [0.5] * 40,
            "simple_model": [0.25] * 40,
        }
        frame = evaluated(FORTY["returned"], FORTY["blocks"], **predicted | contenders)
        frame = frame.set_axis(rows.index[-40:]).assign(event_time=rows["sold_at"][-40:])
        halves = (Window(start=time(10), end=time(12.5)), Window(start=time(12.5), end=time(15)))
        folds = [Fold(block=half, models={}, learned=rows.index[:learned]) for half in halves]
        as_of = time(17)
        return evidence(
            frame, problem, "tree", version, training_window, rows=rows, folds=folds, as_of=as_of, past=past
        )

    return judge


def time(day):
    return JAN_1 + day * DAY


def test_without_a_champion_evidence_compares_with_the_baseline_and_the_linear_model(evidence_of):
    first_evidence = evidence_of()

    assert (first_evidence.rows, first_evidence.challenger, first_evidence.baseline) == (40, 0, 0.5)
    assert first_evidence.simple_model == (0.25 + 0.75) / 2
    assert (first_evidence.champion_version, first_evidence.champion, first_evidence.compared_rows) == (None, None, 0)


def test_evidence_tells_how_many_labelled_rows_come_a_day(evidence_of):
    assert evidence_of().rows_per_day == 20 / 2.5  # twenty in the newest block, of two and a half days


def test_rows_that_the_champion_learned_from_are_left_out_of_its_comparison_and_counted(evidence_of):
    compared = evidence_of(
        version="3", training_window=Window(start=time(0), end=time(12.5)), champion=[5] * 20 + [2] * 20
    )

    assert (compared.champion_version, compared.compared_rows, compared.overlap_rows) == ("3", 20, 20)
    assert (compared.challenger_beside_champion, compared.champion) == (0, (2 + 1) / 2)
    assert (compared.compared_from, compared.compared_until) == (time(12.5), time(14.875) + timedelta(microseconds=1))
    assert compared.gain_over_champion.value == 1.5
    assert compared.rows == 40


def test_a_champion_that_was_trained_on_every_row_leaves_nothing_to_compare(evidence_of):
    compared = evidence_of(version="3", training_window=Window(start=time(0), end=time(15)), champion=[0] * 40)

    assert (compared.compared_rows, compared.overlap_rows) == (0, 40)
    assert (compared.challenger_beside_champion, compared.champion, compared.gain_over_champion) == (None, None, None)


def test_a_champion_that_could_not_be_asked_leaves_the_comparison_open(evidence_of):
    compared = evidence_of(version="3", training_window=Window(start=time(0), end=time(1)))

    assert (compared.champion_version, compared.compared_rows, compared.gain_over_champion) == ("3", 40, None)


def test_a_try_on_the_same_rows_before_costs_some_of_the_error_budget(evidence_of):
    past = [Try(over=Window(start=time(5), end=time(11)), share=0.5)]

    compared = evidence_of(
        version="3", training_window=Window(start=time(0), end=time(1)), champion=[1] * 40, past=past
    )

    assert compared.error_share == (1 - 0.5) / 2


def test_two_candidates_with_equal_predictions_count_as_a_single_try(evidence_of):
    same = {"stump": [n % 2 for n in range(40)], "champion": np.linspace(0, 3, 40)}

    compared = evidence_of(version="3", training_window=Window(start=time(0), end=time(1)), **same)

    assert compared.candidates == pytest.approx(1)


def test_each_group_of_a_slice_is_compared_with_the_champion(evidence_of):
    compared = evidence_of(version="3", training_window=Window(start=time(0), end=time(1)), champion=[1] * 40)

    # every second sale is one of the web, and there the target and the champion are both 1
    assert [(slice_gain.name, slice_gain.rows, slice_gain.gain.value) for slice_gain in compared.slices] == [
        ("channel=store", 20, 1.0),
        ("channel=web", 20, 0.0),
    ]


def test_rows_that_a_model_was_fitted_on_are_counted_where_it_is_evaluated(evidence_of):
    assert evidence_of().learned_rows == 0
    assert evidence_of(learned=85).learned_rows == 5


def test_rows_that_were_fitted_on_before_their_label_was_known_are_counted(evidence_of):
    # labelled two days after the sale: at day 10 those of days 8 and 9 are not known yet, at day 12.5 all of day 10 is
    assert evidence_of(learned=64).early_rows == 0
    assert evidence_of(learned=66).early_rows == 1


def test_a_feature_that_decides_has_importance_and_one_that_does_not_has_none(stall, sales):
    rows = sales(*({"price": 90.0 * (n % 2), "returned": float(n % 2), "channel": "web"} for n in range(40)))
    model = fitted(pipeline(stall, stall.candidates["stump"]), rows, stall)

    importances = permutation_importances(model, rows, stall)

    assert importances["price"] > 0.2
    assert importances[["weight", "items", "channel"]].tolist() == [0, 0, 0]


def test_losing_a_feature_that_decides_is_a_loss_in_an_error_too(stall, sales):
    rows = sales(*({"price": 90.0 * (n % 2), "returned": float(n % 2), "channel": "web"} for n in range(40)))
    model = fitted(pipeline(stall, stall.candidates["stump"]), rows, stall)

    assert permutation_importances(model, rows, replace(stall, metric="log_loss"))["price"] > 0
