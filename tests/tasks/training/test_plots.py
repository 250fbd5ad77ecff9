"""What do the pictures of a challenger show?"""

from dataclasses import replace

import numpy as np
import pandas as pd

from tasks.training.folds import EVENT_TIME, TARGET
from tasks.training.plots import evaluation_figures, importance_figure, score_figure

ROWS = 40
TIMES = pd.date_range("2024-01-01", periods=ROWS, freq="D", tz="UTC")
LABELS = np.arange(ROWS) % 2


def axes_of(figure):
    [axes] = figure.axes
    return axes


def dots(figure):
    """Return the points of a figure, in order of the first number."""
    points = axes_of(figure).collections[0].get_offsets().data
    return points[np.argsort(points[:, 0])]


def numbers(figure):
    """Return what is written in the cells of a confusion matrix."""
    return [text.get_text() for text in axes_of(figure).texts]


def test_a_perfect_classifier_s_curve_goes_through_the_corner_and_confuses_nothing(stall):
    evaluated = pd.DataFrame({TARGET: LABELS, "tree": 0.25 + LABELS / 2, EVENT_TIME: TIMES})

    figures = evaluation_figures(evaluated, "tree", stall)

    assert set(figures) == {"roc", "precision_recall", "calibration", "confusion", "scores"}
    assert [0.0, 1.0] in axes_of(figures["roc"]).lines[0].get_xydata().tolist()
    assert numbers(figures["confusion"]) == ["20", "0", "0", "20"]


def test_the_challenger_is_drawn_and_not_the_champion(stall):
    evaluated = pd.DataFrame({TARGET: LABELS, "tree": 1.0 - LABELS, "champion": LABELS * 1.0, EVENT_TIME: TIMES})

    assert numbers(evaluation_figures(evaluated, "tree", stall)["confusion"]) == ["0", "20", "20", "0"]


def test_a_chance_of_one_half_counts_as_the_class(stall):
    evaluated = pd.DataFrame({TARGET: LABELS, "tree": 0.5, EVENT_TIME: TIMES})

    assert numbers(evaluation_figures(evaluated, "tree", stall)["confusion"]) == ["0", "20", "0", "20"]


def test_a_regression_s_residual_is_what_was_lacking_at_each_event_time(stall):
    problem = replace(stall, kind="regression", metric="rmse")
    evaluated = pd.DataFrame({TARGET: np.arange(ROWS) * 1.0, "tree": np.arange(ROWS) - 2.0, EVENT_TIME: TIMES})

    figures = evaluation_figures(evaluated, "tree", problem)

    assert set(figures) == {"actual_against_predicted", "residuals", "residuals_over_time"}
    assert dots(figures["actual_against_predicted"]).tolist() == [[n - 2.0, float(n)] for n in range(ROWS)]
    assert dots(figures["residuals_over_time"])[:, 1].tolist() == [2.0] * ROWS


def test_scores_are_a_line_a_contender_over_the_blocks():
    axes = axes_of(score_figure(pd.DataFrame({"tree": [0.5, 0.75], "champion": [0.25, 1.0]}), "roc_auc"))

    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.5, 0.75], [0.25, 1.0]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["tree", "champion"]
    assert (axes.get_ylabel(), axes.get_xticks().tolist()) == ("roc_auc", [0, 1])


def test_the_most_important_feature_stands_on_top():
    axes = axes_of(importance_figure(pd.Series({"price": 0.25, "items": 0.5, "gift": 0.0}), "roc_auc"))

    assert [label.get_text() for label in axes.get_yticklabels()] == ["gift", "price", "items"]
    assert [bar.get_width() for bar in axes.patches] == [0.0, 0.25, 0.5]
