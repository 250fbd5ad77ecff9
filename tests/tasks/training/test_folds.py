"""What does a model learn from, and on what is it compared?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier

from tasks.predictions import as_columns, columns_of, from_columns
from tasks.training.estimators import features, fitted, pipeline, predictions, simple_model, targets
from tasks.training.folds import (
    TrainPolicy,
    blocks_before,
    evidence_window,
    in_block,
    labelled,
    lacking,
    rolling_folds,
    rolling_predictions,
    training_window,
    usable_blocks,
)
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def on_day(number, hour=0):
    return JAN_1 + timedelta(days=number, hours=hour)


def days(first, last):
    return Window(start=on_day(first), end=on_day(last))


def policy(blocks=3, min_rows=10):
    return TrainPolicy(blocks=blocks, min_rows=min_rows)


def names(rows):
    return rows["sale"].tolist()


def test_without_a_limit_all_history_is_learned_from(stall):
    assert training_window(stall, on_day(30)) == days(0, 30)


@pytest.mark.parametrize(("learned", "first"), [(29, 1), (30, 0), (31, 0)], ids=["shorter", "all", "longer"])
def test_a_limit_cuts_the_past_but_never_reaches_before_history(stall, learned, first):
    assert training_window(replace(stall, train_on=learned * DAY), on_day(30)) == days(first, 30)


@pytest.mark.parametrize(
    ("change", "learned"),
    [
        ({"told_at": on_day(9)}, True),
        ({"told_at": on_day(10)}, True),
        ({"told_at": on_day(10, 1)}, False),
        ({"told_at": None}, False),
        ({"returned": None}, False),
        ({"sold_at": on_day(10), "told_at": on_day(9)}, False),
        ({"sold_at": on_day(5)}, True),
        ({"sold_at": on_day(4, 23)}, False),
    ],
    ids=[
        "labelled before",
        "labelled then",
        "labelled later",
        "never labelled",
        "no label",
        "sold then",
        "sold first",
        "sold before",
    ],
)
def test_learned_from_is_what_was_sold_in_the_training_window_and_labelled_by_its_end(stall, sales, change, learned):
    rows = sales({"sold_at": on_day(7), "told_at": on_day(8)} | change)

    learned_rows = labelled(rows, replace(stall, train_on=5 * DAY), on_day(10))

    assert (len(learned_rows) == 1) is learned


@pytest.mark.parametrize(
    ("change", "compared"),
    [
        ({"sold_at": on_day(7)}, True),
        ({"sold_at": on_day(6, 23)}, False),
        ({"sold_at": on_day(13, 23)}, True),
        ({"sold_at": on_day(14)}, False),
        ({"told_at": on_day(20)}, True),
        ({"told_at": on_day(20, 1)}, False),
        ({"returned": None}, False),
    ],
    ids=["at start", "before", "last hour", "at end", "labelled then", "labelled later", "no label"],
)
def test_compared_is_what_was_sold_in_the_block_and_labelled_by_now(stall, sales, change, compared):
    rows = sales({"sold_at": on_day(8), "told_at": on_day(9)} | change)

    assert (len(in_block(rows, stall, days(7, 14), on_day(20))) == 1) is compared


def test_the_newest_blocks_end_now_and_are_returned_oldest_first(stall):
    assert blocks_before(stall, on_day(30), 2) == [days(16, 23), days(23, 30)]


@pytest.mark.parametrize(("now", "blocks"), [(13, [days(6, 13)]), (14, [days(7, 14)]), (15, [days(1, 8), days(8, 15)])])
def test_a_block_needs_a_past_to_learn_from(stall, now, blocks):
    assert blocks_before(stall, on_day(now), 5) == blocks


def test_evidence_begins_where_the_oldest_block_starts_to_learn(stall):
    assert evidence_window(replace(stall, train_on=5 * DAY), on_day(30), 2) == days(16 - 5, 30)
    assert evidence_window(stall, on_day(30), 2) == days(0, 30)
    assert evidence_window(stall, on_day(3), 2) == days(0, 3)


def sold_on(sales, *numbers, returned=None):
    """Return two sales, one of which came back, for each of the days, labelled the same day."""
    sold = [{"sold_at": on_day(n, h), "told_at": on_day(n, 12), "returned": float(h)} for n in numbers for h in (0, 1)]
    return sales(*(sale if returned is None else sale | {"returned": returned} for sale in sold))


def test_a_block_is_usable_with_enough_rows_of_both_classes_in_it_and_before_it(stall, sales):
    rows = sold_on(sales, *range(0, 5), *range(9, 14), *range(16, 20))

    # 10 rows before day 9 and 10 in [9, 16); only 8 in [16, 23)
    assert usable_blocks(rows, stall, on_day(23), policy(blocks=2, min_rows=10)) == [days(9, 16)]
    assert usable_blocks(rows, stall, on_day(23), policy(blocks=2, min_rows=11)) == []


def test_a_block_of_one_class_is_not_usable_for_a_classification(stall, sales):
    rows = sold_on(sales, *range(0, 30), returned=1.0)

    assert usable_blocks(rows, stall, on_day(23), policy()) == []
    assert usable_blocks(rows, replace(stall, kind="regression", metric="mae"), on_day(23), policy()) != []


@pytest.mark.parametrize(("count", "reason"), [(4, "8 labelled rows at 2024-01-21 00:00, 10 needed"), (5, None)])
def test_too_few_labels_are_reported_with_the_number_that_is_needed(stall, sales, count, reason):
    rows = sold_on(sales, *range(0, 5), *range(13, 18))

    assert lacking(rows[: 2 * count], stall, on_day(20), policy(min_rows=10)) == (reason or lacking_blocks("10"))


def lacking_blocks(needed):
    return (
        f"no block of 7 days before 2024-01-21 00:00 has {needed} labelled rows "
        "of each kind needed both in it and before it"
    )


def test_labels_of_one_class_are_reported(stall, sales):
    rows = sold_on(sales, *range(0, 20), returned=0.0)

    assert lacking(rows, stall, on_day(20), policy()) == "all 40 labelled rows are of one class, two are needed"


def test_nothing_lacks_where_one_block_is_usable(stall, sales):
    rows = sold_on(sales, *range(0, 5), *range(13, 18))

    assert lacking(rows, stall, on_day(20), policy(min_rows=10)) is None


def test_features_are_numbers_as_floats_and_categories_as_text_in_their_order(stall, sales):
    inputs = features(sales({}), stall)

    assert inputs.dtypes.astype(str).to_dict() == {
        "price": "float64",
        "weight": "float64",
        "items": "float64",
        "channel": "str",
    }


def test_targets_of_a_classification_are_whole_and_of_a_regression_are_not(stall, sales):
    rows = sales({"returned": 1.0}, {"returned": 0.0})

    assert targets(rows, stall).dtype == int
    assert targets(rows.assign(returned=[0.5, 1.5]), replace(stall, kind="regression")).tolist() == [0.5, 1.5]


def test_categories_are_encoded_as_codes_with_their_own_for_unseen_and_missing(stall, sales):
    inputs = features(sales({"channel": "store"}, {"channel": "web"}, {"channel": None}), stall)
    model = pipeline(stall, DecisionTreeClassifier()).fit(inputs, [0, 1, 0])

    later = features(sales({"channel": "web"}, {"channel": "phone"}, {"channel": None}, {"channel": "store"}), stall)

    assert model.named_steps["encoding"].transform(later)[:, -1].tolist() == [1, -1, -2, 0]


def test_the_declared_estimator_itself_is_never_fitted(stall, sales):
    rows = sales({}, {}, {}, {})

    fitted(pipeline(stall, stall.candidates["tree"]), rows, stall)

    assert not hasattr(stall.candidates["tree"], "tree_")


def test_a_prediction_is_the_probability_of_coming_back_or_the_value_itself(stall, sales):
    from sklearn.dummy import DummyClassifier, DummyRegressor

    rows = sales(*({"returned": value} for value in (1.0, 0.0, 0.0, 0.0)))
    model = fitted(pipeline(stall, DummyClassifier(strategy="prior")), rows, stall)
    mean = replace(stall, kind="regression")

    assert predictions(model, rows, stall).tolist() == [1 / 4] * 4
    assert predictions(fitted(pipeline(mean, DummyRegressor()), rows, mean), rows, mean).tolist() == [1 / 4] * 4


def prices_of_what_comes_back(sales):
    """Return eight sales a day for 28 days, labelled at once: dear ones come back for two weeks, then cheap ones."""
    return sales(
        *(
            {
                "price": 10.0 + 80 * (number % 2),
                "returned": float((number % 2 == 1) is (number < 8 * 14)),
                "told_at": on_day(0, 3 * number),
            }
            for number in range(8 * 28)
        )
    )


def test_each_block_is_predicted_by_what_was_known_when_it_began(stall, sales):
    rows = prices_of_what_comes_back(sales)

    folds = rolling_folds(rows, stall, on_day(28), policy(blocks=2))
    evaluated = rolling_predictions(rows, stall, on_day(28), folds)

    assert [fold.block for fold in folds] == [days(14, 21), days(21, 28)]
    assert list(folds[0].models) == ["stump", "tree", "baseline", "simple_model"]
    assert folds[0].learned.tolist() == labelled(rows, stall, on_day(14)).index.tolist()
    assert evaluated.index.tolist() == list(range(8 * 14, 8 * 28))
    assert evaluated["block"].tolist() == [0] * 56 + [1] * 56
    assert evaluated["target"].tolist() == rows["returned"][8 * 14 :].tolist()
    # Before day 14 every dear sale came back and no cheap one: all of the first block is the other way round.
    assert (evaluated["tree"] == 1 - evaluated["target"])[evaluated["block"] == 0].all()
    # Before day 21 two thirds of the dear ones did, and half of all.
    dear = (rows["price"] == 90).loc[evaluated.index] & (evaluated["block"] == 1)
    assert np.allclose(evaluated["stump"][dear], 2 / 3)
    assert (evaluated["baseline"] == 1 / 2).all()


def test_a_block_is_cut_into_as_many_parts_as_there_are_origins(stall):
    assert blocks_before(replace(stall, window=8 * DAY), on_day(28), 1, origins=2) == [days(20, 24), days(24, 28)]


@pytest.mark.parametrize(("least", "used"), [(55, 2), (56, 2), (57, 0)])
def test_a_part_of_a_block_needs_its_share_of_the_rows(stall, sales, least, used):
    rows = prices_of_what_comes_back(sales)  # eight sales a day, so that half a week has 28
    blocks = usable_blocks(rows, stall, on_day(28), TrainPolicy(blocks=1, min_rows=least, origins=2))

    assert len(blocks) == used


def test_the_simple_model_is_linear_and_takes_gaps_and_levels_it_has_not_learned(stall, sales):
    rows = sales(*({"weight": float(n % 2), "returned": float(n % 2), "channel": "web"} for n in range(40)))
    model = fitted(simple_model(stall), rows, stall)

    values = predictions(model, sales({"weight": 1.0, "channel": "fair"}, {"weight": 0.0}, {"weight": None}), stall)

    assert values[0] > 0.9
    assert values[1] < 0.1
    assert 0 <= values[2] <= 1


def test_a_policy_that_could_compare_nothing_is_refused_by_name():
    with pytest.raises(ValidationError, match=r"blocks\n.*greater than or equal to 1"):
        policy(blocks=0)
    with pytest.raises(ValidationError, match=r"min_rows\n.*greater than or equal to 10"):
        policy(min_rows=9)


@pytest.fixture
def channels(stall):
    """The stall's problem as one of three classes, of which the third is never sold."""
    classes = ("store", "web", "fair")
    schema = stall.schema.update_column("channel", nullable=True)
    changes = {"target": "channel", "classes": classes, "metric": "log_loss"}
    return replace(stall, schema=schema, categorical=(), numeric=("price",), **changes)


def test_a_class_is_given_by_its_number_and_one_that_was_not_learned_has_no_chance(channels, sales):
    rows = sales(*({"price": float(n % 2)} for n in range(8)))
    model = fitted(pipeline(channels, DecisionTreeClassifier()), rows, channels)

    assert targets(rows, channels).tolist() == [0, 1] * 4
    assert predictions(model, rows[:2], channels).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_predictions_of_several_classes_lie_in_columns_and_come_back(channels):
    given = [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]

    laid = as_columns("tree", channels, np.array(given))

    assert list(laid) == columns_of("tree", channels) == ["tree_0", "tree_1", "tree_2"]
    assert from_columns(pd.DataFrame(laid), "tree", channels).tolist() == given


def test_a_single_number_lies_in_a_column_of_the_contenders_name(stall):
    laid = as_columns("tree", stall, np.array([0.5, 0.3]))

    assert list(laid) == ["tree"]
    assert from_columns(pd.DataFrame(laid), "tree", stall).tolist() == [0.5, 0.3]


def test_a_number_that_is_missing_in_every_row_is_no_obstacle_and_no_clue(stall, sales):
    rows = sales(*({"price": float(n % 3), "weight": None} for n in range(30))).astype({"weight": float})
    model = fitted(pipeline(stall, HistGradientBoostingClassifier(min_samples_leaf=2)), rows, stall)

    values = predictions(model, rows, stall)

    assert predictions(model, rows.assign(weight=5.0), stall).tolist() == values.tolist()
    assert (values > 0.5).tolist() == [number % 3 == 0 for number in range(30)]
