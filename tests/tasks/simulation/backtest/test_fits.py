"""Is each model trained once, on what was known, and measured on what came after?"""

import numpy as np
import pytest

from tasks.data.tables import observations, rows_at
from tasks.metrics import score
from tasks.simulation.backtest import fits
from tasks.simulation.backtest.fits import folder, matrix, model_row, stored_row
from tasks.simulation.backtest.matrix import landings
from tasks.training import estimators, folds, scouts


def rows_of(problem, plan, window):
    """Return a window's labelled rows with all that was ever known of them."""
    rows = rows_at(problem, plan.windows[-1].end, plan.windows[window])
    return rows[rows[problem.target].notna()]


def test_a_model_learns_from_what_was_known_at_the_end_of_its_window(kiosk, kiosk_plan):
    """Fifteen days of eight sales; those of the last two days are not labelled yet, but for the first of them."""
    model_row(kiosk_plan, "champion", 4)

    assert stored_row(kiosk_plan, "champion", 4).rows == (15 - 2) * 8 + 1


def test_a_models_scores_are_those_of_its_use_cases_metric_on_each_later_window(kiosk, kiosk_plan):
    model_row(kiosk_plan, "champion", 4)
    until = kiosk_plan.windows[4].end
    labelled = folds.labelled(rows_at(kiosk, until, folds.training_window(kiosk, until)), kiosk, until)
    model = estimators.fitted(estimators.pipeline(kiosk, kiosk.candidates["stump"]), labelled, kiosk)
    later = rows_of(kiosk, kiosk_plan, 6)

    row = stored_row(kiosk_plan, "champion", 4)

    expected = score("roc_auc", estimators.targets(later, kiosk), estimators.predictions(model, later, kiosk))
    assert row.scores[6] == pytest.approx(expected)
    assert np.isnan(row.scores[:5]).all()


def test_the_settled_score_of_a_window_leaves_out_the_labels_that_came_later(kiosk, kiosk_plan):
    model_row(kiosk_plan, "champion", 4)
    row = stored_row(kiosk_plan, "champion", 4)

    assert matrix_landed(kiosk, kiosk_plan).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert row.settled_scores[5:9] == pytest.approx(row.scores[5:9])
    assert np.isnan(row.scores[9])


def matrix_landed(problem, plan):
    """Return when each window has settled: two days after its end, so with the next window; never the last."""
    history = rows_at(problem, plan.windows[-1].end, type(plan.windows[0])(start=plan.windows[0].start,
                                                                           end=plan.windows[-1].end))  # fmt: skip
    have = history[history[problem.target].notna()].sort_values("sold_at", ignore_index=True)
    return landings(have, problem, plan)


def test_losses_are_one_for_each_later_labelled_row(kiosk, kiosk_plan):
    model_row(kiosk_plan, "champion", 4)

    assert len(stored_row(kiosk_plan, "champion", 4).losses) == (50 - 25 - 2) * 8 + 1


def test_a_model_is_trained_once(kiosk, kiosk_plan, monkeypatch):
    seconds = model_row(kiosk_plan, "champion", 4)
    monkeypatch.setattr(estimators, "fitted", None)

    assert model_row(kiosk_plan, "champion", 4) == seconds


def test_another_plan_has_models_of_its_own(kiosk, kiosk_plan):
    other = kiosk_plan.model_copy(update={"candidate": "tree"})

    assert folder(other) != folder(kiosk_plan)
    assert folder(kiosk_plan.model_copy()) == folder(kiosk_plan)


def test_a_matrix_has_a_row_for_each_model_that_could_be_trained(kiosk, kiosk_plan, monkeypatch):
    """Of the first two windows 8 x 8 + 1 sales are labelled at the end of the second; a hundred are asked for."""
    monkeypatch.setattr(fits, "FEWEST_ROWS", 100)
    for at in kiosk_plan.trained_at:
        model_row(kiosk_plan, "champion", at)

    trained = matrix(kiosk_plan, "champion")

    assert trained.trained.tolist() == [False, False, True, True, True, True, True, True, True, False]
    assert np.isnan(trained.scores[1]).all()
    assert trained.counts.tolist() == [40, 40, 40, 40, 40, 40, 40, 40, 40, 25]
    assert (~np.isnan(trained.scores)).sum(axis=1).tolist() == [0, 0, 6, 5, 4, 3, 2, 1, 0, 0]


def test_a_row_that_is_missing_is_named(kiosk, kiosk_plan):
    with pytest.raises(FileNotFoundError, match="expected the scout trained at 2024-01-11 00:00"):
        matrix(kiosk_plan, "scout")


def test_a_scout_learns_from_a_sample_of_what_its_champion_does(kiosk, kiosk_plan, monkeypatch):
    monkeypatch.setattr(scouts, "SCOUT_ROWS", 60)
    model_row(kiosk_plan, "scout", 4)

    assert stored_row(kiosk_plan, "scout", 4).rows == 60


@pytest.mark.parametrize("most", [60, 1_000], ids=["some of the rows", "all"])
def test_a_scout_learns_from_the_same_rows_however_they_are_stored(kiosk, monkeypatch, most):
    monkeypatch.setattr(scouts, "SCOUT_ROWS", most)
    rows = observations(kiosk).read()

    stored_otherwise = rows.sample(frac=1, random_state=1).reset_index(drop=True)

    assert scouts.scout_rows(stored_otherwise, kiosk).equals(scouts.scout_rows(rows, kiosk))
