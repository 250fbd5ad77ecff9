"""Draw what a reviewer wants to see of a challenger."""

from typing import TYPE_CHECKING, Any

from tasks.predictions import from_columns
from tasks.training.folds import EVENT_TIME, TARGET
from tasks.usecases import UseCase

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

SHOWN_ROWS = 20_000
MOST_CLASSES = 8
"""Most classes that have a curve, or numbers in the cells, of their own."""


def evaluation_figures(evaluated: "pd.DataFrame", challenger: str, problem: UseCase) -> dict[str, "Figure"]:
    """Return the field's usual pictures, by file name, of rolling-origin predictions (see `rolling_predictions`)."""
    shown = evaluated.sample(min(len(evaluated), SHOWN_ROWS), random_state=0)
    if problem.classes:
        return _several_classes(shown[TARGET].to_numpy(), from_columns(shown, challenger, problem), problem.classes)
    if problem.kind == "classification":
        return _classification(shown[TARGET], shown[challenger])
    return _regression(shown, challenger)


def score_figure(scores: "pd.DataFrame", metric: str) -> "Figure":
    """Draw a line per contender over the evaluation blocks: `scores` has a row a block, a column a contender."""
    figure = _figure()
    axes = figure.subplots()
    scores.plot(ax=axes, marker="o")
    axes.set(title=f"{metric} by block", xlabel="block, oldest first", ylabel=metric, xticks=range(len(scores)))
    axes.grid(alpha=0.3)
    return figure


def importance_figure(importances: "pd.Series", metric: str) -> "Figure":
    """Draw the loss of `metric` when a feature's values are permuted, largest first."""
    figure = _figure()
    axes = figure.subplots()
    importances.sort_values().plot.barh(ax=axes)
    axes.set(title="Permutation importance", xlabel=f"{metric} lost when the feature is permuted", ylabel="")
    return figure


def _classification(target: "pd.Series", prediction: "pd.Series") -> dict[str, "Figure"]:
    from sklearn.calibration import CalibrationDisplay
    from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay

    figures = {name: _figure() for name in ("roc", "precision_recall", "calibration", "confusion", "scores")}
    RocCurveDisplay.from_predictions(
        target, prediction, ax=figures["roc"].subplots(), plot_chance_level=True, name="challenger"
    )
    PrecisionRecallDisplay.from_predictions(
        target,
        prediction,
        ax=figures["precision_recall"].subplots(),
        plot_chance_level=True,
        name="challenger",
    )
    CalibrationDisplay.from_predictions(
        target, prediction, n_bins=10, strategy="quantile", ax=figures["calibration"].subplots()
    )
    ConfusionMatrixDisplay.from_predictions(
        target, (prediction >= 0.5).astype(int), ax=figures["confusion"].subplots(), colorbar=False
    )
    axes = figures["scores"].subplots()
    for label, values in prediction.groupby(target):
        axes.hist(values, bins=40, range=(0, 1), alpha=0.6, density=True, label=f"class {label}")
    axes.set(title="Predicted probability by class", xlabel="probability of class 1", ylabel="density")
    axes.legend()
    figures["confusion"].axes[0].set_title("At a threshold of 0.5")
    return figures


def _several_classes(target: "np.ndarray", chances: "np.ndarray", classes: "tuple[str, ...]") -> dict[str, "Figure"]:
    from sklearn.calibration import CalibrationDisplay
    from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay

    figures = {name: _figure() for name in ("roc", "calibration", "confusion")}
    axes = {name: figure.subplots() for name, figure in figures.items()}
    for number, name in enumerate(classes[:MOST_CLASSES]):
        if 0 < (target == number).sum() < len(target):
            named: dict[str, Any] = {"name": name}
            RocCurveDisplay.from_predictions(target == number, chances[:, number], ax=axes["roc"], **named)
            CalibrationDisplay.from_predictions(
                target == number, chances[:, number], n_bins=10, strategy="quantile", ax=axes["calibration"], **named
            )
    ConfusionMatrixDisplay.from_predictions(
        target,
        chances.argmax(axis=1),
        labels=range(len(classes)),
        display_labels=classes,
        xticks_rotation="vertical",
        include_values=len(classes) <= MOST_CLASSES,
        ax=axes["confusion"],
        colorbar=False,
    )
    axes["confusion"].set_title("The likeliest class")
    return figures


def _regression(evaluated: "pd.DataFrame", challenger: str) -> dict[str, "Figure"]:
    from sklearn.metrics import PredictionErrorDisplay

    target, prediction = evaluated[TARGET], evaluated[challenger]
    figures = {name: _figure() for name in ("actual_against_predicted", "residuals", "residuals_over_time")}
    dots: dict[str, Any] = {"alpha": 0.2, "s": 8}
    for name, kind in (
        ("actual_against_predicted", "actual_vs_predicted"),
        ("residuals", "residual_vs_predicted"),
    ):
        PredictionErrorDisplay.from_predictions(
            target, prediction, kind=kind, ax=figures[name].subplots(), scatter_kwargs=dots, subsample=None
        )
    axes = figures["residuals_over_time"].subplots()
    axes.scatter(evaluated[EVENT_TIME], target - prediction, **dots)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(title="Residuals over time", xlabel="event time", ylabel="actual - predicted")
    axes.tick_params(axis="x", rotation=30)
    return figures


def _figure() -> "Figure":
    """Return a figure that belongs to no global state, so that tasks may draw in threads."""
    from matplotlib.figure import Figure

    return Figure(figsize=(6.4, 4.4), layout="constrained")
