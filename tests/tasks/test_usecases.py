"""Which declarations of a problem are refused, and how is one found?"""

from dataclasses import replace
from datetime import datetime

import pandera.pandas as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.usecases import UseCaseName, use_case, use_case_names


def with_column(problem, name, column):
    return replace(problem, schema=problem.schema.add_columns({name: column}))


def test_the_features_are_the_numbers_then_the_categories(stall):
    assert stall.features == ("price", "weight", "items", "channel")


def test_the_dtypes_are_those_of_the_schema_in_its_order(stall):
    assert list(stall.dtypes.items()) == [
        ("sale", "str"),
        ("sold_at", "datetime64[us, UTC]"),
        ("told_at", "datetime64[us, UTC]"),
        ("returned", "float64"),
        ("price", "float64"),
        ("weight", "float64"),
        ("items", "int64"),
        ("gift", "bool"),
        ("channel", "str"),
    ]


@pytest.mark.parametrize(
    "named",
    [
        {"key": ("sale", "nowhere")},
        {"event_time": "nowhere"},
        {"label_time": "nowhere"},
        {"target": "nowhere"},
        {"numeric": ("price", "nowhere")},
        {"categorical": ("nowhere",)},
        {"slices": ("nowhere",)},
    ],
    ids=lambda named: next(iter(named)),
)
def test_a_column_that_the_schema_lacks_is_refused_by_name(stall, named):
    with pytest.raises(ValueError, match=r"use case 'stall' names columns that its schema lacks: nowhere$"):
        replace(stall, **named)


def test_a_mature_time_that_the_schema_lacks_is_refused_by_name(stall):
    with pytest.raises(ValueError, match=r"names columns that its schema lacks: nowhere$"):
        replace(stall, mature="nowhere")


@pytest.mark.parametrize("leak", ["returned", "told_at"])
def test_what_is_known_only_later_is_refused_as_a_feature(stall, leak):
    with pytest.raises(ValueError, match=f"lists as features what is known only later: {leak}$"):
        replace(stall, numeric=("price", leak))


@pytest.mark.parametrize(
    ("name", "column"), [("returned", pa.Column(float)), ("told_at", pa.Column("datetime64[us, UTC]"))]
)
def test_a_target_or_label_time_that_cannot_be_missing_is_refused(stall, name, column):
    with pytest.raises(ValueError, match=f"column '{name}' must be nullable until the label is known"):
        with_column(stall, name, column)


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_a_nullable_column_whose_dtype_has_no_missing_value_is_refused_with_what_to_declare(stall, dtype):
    with pytest.raises(ValueError, match=f"'stall'.*'weight'.*{dtype}.*float64"):
        with_column(stall, "weight", pa.Column(dtype, nullable=True))


def test_a_dtype_that_no_table_holds_is_refused_with_those_that_can_be(stall):
    with pytest.raises(ValueError, match=r"declares \{'price': 'float32'\}; expected one of: float64, int64, bool"):
        with_column(stall, "price", pa.Column("float32"))


def test_a_metric_that_does_not_exist_is_refused_and_those_that_do_are_listed(stall):
    with pytest.raises(ValueError, match=r"expected a metric among roc_auc, log_loss, rmse, mae; found 'auc'$"):
        replace(stall, metric="auc")


def test_a_problem_without_candidates_is_refused(stall):
    with pytest.raises(ValueError, match="use case 'stall' declares no candidate estimator"):
        replace(stall, candidates={})


@pytest.mark.parametrize("name", ["baseline", "simple_model", "champion", "block", "event_time", "target"])
def test_a_candidate_that_would_take_the_place_of_what_it_is_compared_with_is_refused(stall, name):
    with pytest.raises(ValueError, match=f"'stall' gives candidates names of ours; rename them: {name}$"):
        replace(stall, candidates={**stall.candidates, name: stall.candidates["stump"]})


@pytest.mark.parametrize("name", ["prediction", "prediction_0", "shadow", "shadow_12", "model_version", "in_training"])
def test_a_column_that_would_hide_what_was_predicted_is_refused(stall, name):
    with pytest.raises(ValueError, match=f"'stall' gives columns names of ours; rename them: {name}$"):
        with_column(stall, name, pa.Column(float))


def test_a_feature_called_target_that_is_not_the_target_is_refused(stall):
    schema = stall.schema.add_columns({"target": pa.Column(float)})

    with pytest.raises(ValueError, match=r"names of ours; rename them: target$"):
        replace(stall, schema=schema, numeric=("price", "target"))


@pytest.mark.parametrize(("name", "column"), [("sale", pa.Column(str)), ("sold_at", pa.Column("datetime64[us, UTC]"))])
def test_a_key_or_event_time_that_may_be_missing_is_refused(stall, name, column):
    column.nullable = True

    with pytest.raises(ValueError, match=f"column '{name}' names rows and must not be nullable"):
        with_column(stall, name, column)


def test_a_history_that_starts_in_no_zone_is_refused(stall):
    with pytest.raises(ValueError, match="use case 'stall': history_start needs a time zone"):
        replace(stall, history_start=datetime(2024, 1, 1))


def test_a_file_beside_those_of_the_repository_is_loaded(stall):
    assert {"flights", "stall", "weather"} <= set(use_case_names())
    assert use_case("stall") is stall


def test_an_unknown_use_case_is_refused_with_those_that_there_are(stall):
    with pytest.raises(ValueError, match=r"unknown use case 'stalls'; expected one of: .*flights, .*stall"):
        use_case("stalls")


def test_the_form_offers_the_use_cases_and_refuses_another(stall):
    form = TypeAdapter(UseCaseName)

    assert form.json_schema()["enum"] == use_case_names()
    with pytest.raises(ValidationError, match="unknown use case 'stalls'"):
        form.validate_python("stalls")


def test_several_classes_are_compared_by_log_loss(stall):
    with pytest.raises(ValueError, match="expected a classification by log_loss"):
        replace(stall, classes=("a", "b", "c"), metric="roc_auc")
