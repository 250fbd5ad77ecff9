"""Does a sabotage do what it says, and is everything put back?"""

from types import SimpleNamespace

import numpy as np
import pytest

from tasks.simulation.drill.chances import blurred_chances
from tasks.simulation.drill.sabotages import (
    copied_rows,
    filled_in_column,
    leaking_column,
    raised_chances,
    sabotages,
    shuffled_labels,
)
from tasks.simulation.drill.stage import environment, put, synthetic_problem, synthetic_rows


@pytest.fixture(scope="module")
def rows():
    return synthetic_rows(seed=1, days=60, a_day=20)


def test_every_sabotage_has_a_name_of_its_own_and_each_gate_that_can_be_sabotaged_has_one():
    every = sabotages()

    assert len({sabotage.tried for sabotage in every}) == len(every)
    assert {sabotage.expected for sabotage in every} >= {
        *("beats_baseline", "beats_champion", "no_slice_worse", "finite", "in_range", "not_constant", "calibrated"),
        *("no_feature_too_good", "no_row_learned", "no_copies", "known_at_the_event", "serves", "serves_fast"),
        *("reproducible", "configured"),
    }


def test_shuffled_labels_are_the_same_labels_of_other_rows(rows):
    shuffled = shuffled_labels(rows, synthetic_problem())

    assert shuffled["came"].isna().equals(rows["came"].isna())
    assert shuffled["came"].sum() == rows["came"].sum()
    assert abs(np.corrcoef(shuffled["came"].dropna(), rows["came"].dropna())[0, 1]) < 0.1


def test_the_leak_is_the_answer_where_there_is_one(rows):
    assert leaking_column(rows, synthetic_problem())["level"].equals(rows["came"].rename("level"))


def test_what_is_filled_in_with_the_label_is_missing_with_it(rows):
    changed = filled_in_column(rows, synthetic_problem())

    assert changed["level"].isna().sum() == len(rows) * 0.05
    assert changed.loc[changed["level"].isna(), "came"].isna().all()


def test_the_rows_of_the_last_window_are_there_once_more_as_old_as_the_first(rows):
    changed = copied_rows(rows, synthetic_problem())
    more = changed[len(rows) :]

    assert more["level"].tolist() == rows["level"][-len(more) :].tolist()
    assert more["happened_at"].min() - rows["happened_at"].min() < np.timedelta64(6, "h")
    assert changed.index.is_unique


def test_raised_chances_are_ten_points_higher_and_never_above_1():
    assert raised_chances(np.array([0.2, 0.95])).tolist() == pytest.approx([0.3, 1.0])


def test_of_several_classes_the_likeliest_is_raised_and_all_add_up_to_1():
    assert raised_chances(np.array([[0.5, 0.3, 0.2]]))[0].tolist() == pytest.approx([0.6, 0.24, 0.16])


def test_blurred_chances_stay_chances_and_without_blur_are_the_same():
    chances = np.array([0.01, 0.5, 0.99])

    assert blurred_chances(chances, 0, 0) == pytest.approx(chances)
    assert ((blurred_chances(chances, 3, 0) > 0) & (blurred_chances(chances, 3, 0) < 1)).all()


def test_what_was_put_in_anothers_place_is_taken_out_again_even_after_an_error():
    place = SimpleNamespace(part="own")

    with pytest.raises(ValueError, match="broken"), put(place, "part", "other") as own:
        raise ValueError(f"broken: {place.part} for {own}")

    assert place.part == "own"


def test_the_environment_is_put_back_with_what_mlflow_leaves_in_it(monkeypatch):
    import os

    monkeypatch.setenv("DRILL_ONE", "own")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
    with environment({"DRILL_ONE": "other", "DRILL_TWO": "new"}):
        os.environ["MLFLOW_EXPERIMENT_ID"] = "7"
        inside = (os.environ["DRILL_ONE"], os.environ["DRILL_TWO"])

    assert inside == ("other", "new")
    assert os.environ["DRILL_ONE"] == "own"
    assert not {"DRILL_TWO", "MLFLOW_EXPERIMENT_ID"} & set(os.environ)
