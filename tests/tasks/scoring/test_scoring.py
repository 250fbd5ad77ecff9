"""Which rows are predicted, by which model, and how often?"""

import random
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tasks.data.tables import observations, predicted
from tasks.registry.models import Champion, ModelFacts, champion, make_champion, register
from tasks.registry.tracking import Request, fresh_run, log_model
from tasks.scoring.scoring import live_model, score_new_rows, scored_rows, without_prediction
from tasks.training.estimators import features, fitted, pipeline, predictions

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SOLD = 8 * 10

SCORE_EACH_SALE = """
from datetime import UTC, datetime, timedelta
from tasks.registry.models import champion, load
from tasks.scoring.scoring import score_new_rows

live = champion("stall")
load(live)
ready.set()
for sale in range(8, 81):
    score_new_rows.fn("stall", live, datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=3 * sale))
"""


def on_day(number):
    return JAN_1 + number * DAY


def a_champion(until=2, version="1"):
    facts = ModelFacts(
        dataset_version=0,
        trained_from=JAN_1,
        trained_until=on_day(until),
        promoted_at=on_day(until),
        expected_score=0.5,
    )
    return Champion(name="stall", version=version, run_id="run", **facts.model_dump())


def promoted(problem, rows, until, promote=True):
    """Fit a tree on the rows, log and register it as trained until a day, and make it the champion."""
    model = fitted(pipeline(problem, problem.candidates["tree"]), rows, problem)
    with fresh_run(Request(usecase="stall", as_of=on_day(until), reason="test"), {}) as run:
        address = log_model(model, features(rows, problem), predictions(model, rows, problem))
    facts = a_champion(until).model_dump(include=set(ModelFacts.model_fields))
    version = register("stall", run.info.run_id, address, ModelFacts(**facts))
    make_champion("stall", version)
    return model


@pytest.fixture
def stock(stall, state, mlflow_server, sales):
    """Eighty good sales of ten days that are stored, and a champion that was trained on the first day."""
    rows = sales(*[{}] * SOLD)
    observations(stall).upsert(rows)
    promoted(stall, rows[:8], until=1)
    return rows


def names(rows):
    return sorted(rows["sale"], key=lambda name: int(name[1:]))


def sold(first, last):
    return [f"S{number}" for number in range(first, last)]


def test_a_prediction_is_kept_with_its_row_model_and_moment(stall, sales):
    rows = sales({}, {})

    result = scored_rows(rows, stall, a_champion(version="7"), [0.25, 0.75], on_day(3))

    assert result.to_dict("records")[1] == {
        "sale": "S1",
        "sold_at": JAN_1 + timedelta(hours=3),
        "prediction": 0.75,
        "model_version": "7",
        "in_training": True,
        "scored_at": on_day(3),
    }
    assert result.dtypes.astype(str)["scored_at"] == "datetime64[us, UTC]"


@pytest.mark.parametrize(
    ("sold_at", "outcome"),
    [(on_day(2) - timedelta(microseconds=1), True), (on_day(2), False), (on_day(3), False)],
    ids=["before", "at", "after"],
)
def test_a_row_is_in_training_before_the_end_of_the_models_training_window(stall, sales, sold_at, outcome):
    result = scored_rows(sales({"sold_at": sold_at}), stall, a_champion(until=2), [0.5], on_day(4))

    assert result["in_training"].tolist() == [outcome]


def test_rows_wait_for_a_prediction_until_their_key_has_one(stall, sales):
    rows = sales({}, {}, {})

    assert names(without_prediction(rows, rows[1:2], stall)) == ["S0", "S2"]
    assert names(without_prediction(rows, rows[:0], stall)) == ["S0", "S1", "S2"]


@pytest.mark.slow
def test_without_a_champion_there_is_no_live_model(mlflow_server):
    assert live_model.fn("stall") is None


@pytest.mark.slow
def test_each_row_since_the_first_training_window_is_predicted_by_the_champion(stall, stock):
    scored = score_new_rows.fn("stall", champion("stall"), on_day(3))

    result = predicted(stall).read().sort_values("sold_at")
    assert (scored.rows, scored.since, scored.model_version) == (16, on_day(1), "1")
    assert names(result) == sold(8, 24)
    assert set(result["model_version"]) == {"1"}
    assert not result["in_training"].any()
    model = fitted(pipeline(stall, stall.candidates["tree"]), stock[:8], stall)
    assert result["prediction"].tolist() == predictions(model, stock[8:24], stall).tolist()


@pytest.mark.slow
def test_a_row_is_predicted_once_and_keeps_its_first_prediction(stall, stock):
    score_new_rows.fn("stall", champion("stall"), on_day(3))
    first = predicted(stall).read().sort_values("sold_at", ignore_index=True)

    again = score_new_rows.fn("stall", champion("stall"), on_day(3))

    assert again.rows == 0
    pd.testing.assert_frame_equal(predicted(stall).read().sort_values("sold_at", ignore_index=True), first)


@pytest.mark.slow
def test_a_new_champion_predicts_what_is_new_and_what_came_late_and_nothing_else(stall, stock, sales):
    score_new_rows.fn("stall", champion("stall"), on_day(3))
    promoted(stall, stock[:24], until=3)
    late = sales({"sale": "S999", "sold_at": on_day(2)})
    observations(stall).upsert(late)

    scored = score_new_rows.fn("stall", champion("stall"), on_day(4))

    result = predicted(stall).read()
    assert (scored.rows, scored.since) == (1 + 8, on_day(1))
    assert names(result[result["model_version"] == "2"]) == [*sold(24, 32), "S999"]
    assert result.set_index("sale")["in_training"]["S999"]


@pytest.mark.slow
def test_nothing_is_predicted_before_the_training_window_has_ended(stall, stock):
    assert score_new_rows.fn("stall", champion("stall"), on_day(1)).rows == 0
    assert predicted(stall).version() is None


@pytest.mark.slow
def test_scoring_that_is_killed_again_and_again_predicts_each_row_once(stall, stock, killed):
    moments = random.Random(2013)

    ends = [killed(SCORE_EACH_SALE, moments.uniform(0, 0.15)) for _ in range(4)]
    before = len(predicted(stall).read())
    scored = score_new_rows.fn("stall", champion("stall"), on_day(10))

    assert ends == [-9, -9, -9, -9]
    assert scored.rows == SOLD - 8 - before
    assert names(predicted(stall).read()) == sold(8, SOLD)
