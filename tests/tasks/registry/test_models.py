"""Which model is live, and which file is loaded? Asked of a real MLflow."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pandas as pd
import pytest
import skops.io
from mlflow import MlflowClient
from sklearn.tree import DecisionTreeClassifier

from tasks.registry.models import (
    ModelFacts,
    UntrustedModelError,
    champion,
    first_version,
    load,
    make_champion,
    register,
    registered_version,
    trusted,
)
from tasks.registry.tracking import Request, fresh_run, log_model
from tasks.windows import Window

pytestmark = pytest.mark.slow  # MLflow's tables alone take seconds to make
JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS = ModelFacts(
    dataset_version=12,
    trained_from=JAN_1,
    trained_until=JAN_1 + 7 * DAY,
    promoted_at=JAN_1 + timedelta(days=7, hours=1),
    expected_score=0.1 + 0.2,  # no short decimal
)


ROWS = pd.DataFrame({"price": [10.0, 20.0, 30.0, 40.0]})


@pytest.fixture(scope="module")
def model():
    """A tree that was fitted on four prices."""
    return DecisionTreeClassifier(max_depth=1).fit(ROWS, [0, 0, 0, 1])


@pytest.fixture(scope="module")
def two_runs(empty_registry, mlflow_at, tmp_path_factory, model):
    """A database with two runs that logged the model, and their ids and the models' addresses."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        mlflow_at(empty_registry, folder, patch)
        return folder / "mlflow.db", [log(model, day) for day in (0, 1)]


def log(model, day):
    with fresh_run(Request(usecase="stall", as_of=JAN_1 + day * DAY, reason="test"), {}) as run:
        return run.info.run_id, log_model(model, ROWS, model.predict(ROWS))


@pytest.fixture
def logged(two_runs, mlflow_at, tmp_path, monkeypatch):
    """The ids and model addresses of two runs in a database of the test's own."""
    database, runs = two_runs
    mlflow_at(database, tmp_path, monkeypatch)
    return runs


def versions():
    return sorted(version.version for version in MlflowClient().search_model_versions("name = 'stall'"))


def test_there_is_no_champion_and_no_version_before_the_first_model(mlflow_server):
    assert champion("stall") is None
    assert registered_version("stall", "no such run") is None


def test_there_is_no_champion_before_a_version_is_made_one(logged):
    register("stall", *logged[0], FACTS)

    assert champion("stall") is None


def test_a_model_is_registered_once_however_often(logged):
    result = [register("stall", *logged[0], FACTS) for _ in range(3)]

    assert result == ["1", "1", "1"]
    assert versions() == [1]


def test_another_run_makes_another_version(logged):
    result = [register("stall", *logged_run, FACTS) for logged_run in logged]

    assert result == ["1", "2"]
    assert [registered_version("stall", run_id) for run_id, _ in logged] == ["1", "2"]


def test_a_version_tells_its_facts_as_they_were_given(logged):
    run_id, address = logged[0]

    register("stall", run_id, address, FACTS)
    result = first_version("stall")

    assert ModelFacts(**result.model_dump(include=set(ModelFacts.model_fields))) == FACTS
    assert (result.name, result.version, result.run_id) == ("stall", "1", run_id)
    assert result.trained == Window(start=JAN_1, end=JAN_1 + 7 * DAY)


def test_the_alias_champion_moves_and_its_predecessor_stays_registered(logged):
    first, second = (register("stall", *logged_run, FACTS) for logged_run in logged)

    make_champion("stall", first)
    assert champion("stall").run_id == logged[0][0]
    make_champion("stall", second)

    assert champion("stall").run_id == logged[1][0]
    assert versions() == [1, 2]


def test_the_first_version_is_the_lowest_number_that_is_still_there(logged):
    [register("stall", *logged_run, FACTS) for logged_run in logged]
    assert first_version("stall").version == "1"

    MlflowClient().delete_model_version("stall", "1")

    assert first_version("stall").version == "2"


def test_a_use_case_without_any_version_is_named(mlflow_server):
    with pytest.raises(ValueError, match="no model of stall is registered"):
        first_version("stall")


def test_a_champion_can_be_made_one_again_and_an_older_one_too(logged):
    first, second = (register("stall", *logged_run, FACTS) for logged_run in logged)

    [make_champion("stall", logged_run) for logged_run in (first, second, second, first)]

    assert champion("stall").version == first


def test_a_loaded_model_predicts_what_the_fitted_one_does(logged, model):
    register("stall", *logged[0], FACTS)

    loaded = load(first_version("stall"))

    assert loaded.predict_proba(ROWS).tolist() == model.predict_proba(ROWS).tolist() == [[1, 0]] * 3 + [[0, 1]]


def test_a_model_file_with_a_type_that_is_not_on_our_list_is_refused_by_name(tmp_path):
    skops.io.dump(
        {"tree": DecisionTreeClassifier().fit([[0], [1]], [0, 1]), "odd": Fraction(1, 2)}, tmp_path / "m.skops"
    )

    with pytest.raises(UntrustedModelError, match=r"m\.skops names types .* must not hold: fractions\.Fraction\. If"):
        trusted(tmp_path / "m.skops")


def test_a_registered_model_with_such_a_type_is_refused_when_it_is_loaded(logged, monkeypatch):
    register("stall", *logged[1], FACTS)  # a model that was loaded before stays in memory
    monkeypatch.setattr("tasks.registry.models.TRUSTED_TYPES", frozenset())

    with pytest.raises(UntrustedModelError, match=r"must not hold: .*sklearn\.tree\._tree\.Tree"):
        load(first_version("stall"))
