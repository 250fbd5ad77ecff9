"""What does a clean process say of a stored model?"""

import pickle
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.tree import DecisionTreeClassifier

from tasks.registry.sandbox import serving_check
from tasks.training.estimators import features, fitted, pipeline, predictions

pytestmark = pytest.mark.slow  # each asks a process that imports MLflow


@pytest.fixture
def rows(sales):
    return sales(*({"weight": float(n % 5), "returned": float(n % 5 > 2)} for n in range(60)))


@pytest.fixture
def model(stall, rows):
    return fitted(pipeline(stall, DecisionTreeClassifier(max_depth=3)), rows, stall)


@pytest.fixture
def ask(stall, rows, model):
    """Ask about a folder that holds a model, beside another; expect what `model` predicts here."""

    def asked(folder, champion=None):
        return serving_check(
            str(folder), champion and str(champion), features(rows, stall), predictions(model, rows, stall), stall
        )

    return asked


@pytest.fixture
def stored(tmp_path):
    """Store an object as a model file in a folder of its own."""

    def store(thing, name="model.skops"):
        folder = Path(tmp_path / f"of {name}")
        folder.mkdir()
        skops.io.dump(thing, folder / name)
        return folder

    return store


def test_a_model_predicts_the_same_there_with_its_time_and_size_beside_the_champions(ask, stored, model):
    folder = stored(model)

    serving = ask(folder, folder)

    assert (serving.fault, serving.difference) == (None, 0.0)
    assert serving.size == serving.champion_size == (folder / "model.skops").stat().st_size
    assert serving.milliseconds < 5 * serving.champion_milliseconds < 25 * serving.milliseconds


def test_without_a_champion_and_with_one_that_does_not_load_its_numbers_are_missing(ask, stored, model, tmp_path):
    folder = stored(model)

    servings = [ask(folder), ask(folder, tmp_path)]

    assert [(serving.difference, serving.champion_milliseconds, serving.champion_size) for serving in servings] == [
        (0.0, None, None)
    ] * 2
    assert servings[0].champion_fault is None
    assert str(tmp_path) in servings[1].champion_fault


def test_a_model_whose_columns_were_swapped_predicts_something_else(ask, stored, stall, rows):
    swapped = rows.rename(columns={"price": "weight", "weight": "price"})

    assert ask(stored(fitted(pipeline(stall, DecisionTreeClassifier(max_depth=3)), swapped, stall))).difference > 0.5


def test_a_class_that_only_the_caller_knows_does_not_load(ask, stored):
    folder = stored({"odd": np.float64(1), "tree": DecisionTreeClassifier})
    replaced = (folder / "model.skops").read_bytes()
    (folder / "model.skops").write_bytes(replaced.replace(b"DecisionTreeClassifier", b"DecisionTreeClassifies"))

    assert ask(folder).fault is not None


class Bomb:
    """Its pickle writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(("name", "fault"), [("model.skops", "BadZipFile"), ("model.pkl", "expected one skops file")])
def test_a_pickle_is_not_loaded_whatever_it_is_called_and_its_code_does_not_run(ask, tmp_path, name, fault):
    ran = tmp_path / "ran"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / name).write_bytes(pickle.dumps(Bomb(ran)))

    assert fault in ask(tmp_path / "model").fault
    assert not ran.exists()


def test_a_model_that_is_not_there_is_a_fault(ask, tmp_path):
    assert ask(tmp_path / "nowhere").fault is not None
