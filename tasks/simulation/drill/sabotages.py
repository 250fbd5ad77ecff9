"""What a drill does to the system: each sabotage changes one part of it for one retrain, and names its gate."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tasks import predictions
from tasks.gates import GatePolicy
from tasks.promotion import challenger
from tasks.registry import models
from tasks.simulation.drill import NOTHING
from tasks.simulation.drill.stage import Stage, declaration_module, put
from tasks.training import estimators, folds
from tasks.usecases import UseCase

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

COPIES = 30
"""Copies of a candidate that are asked one after the other where it is to be slow: about eleven times as long, since
the features are encoded once."""
SHIFT = 0.1
"""By how much probabilities are raised; values by ten times that, in standard deviations of the target."""


@dataclass(frozen=True)
class Sabotage:
    """Something that is done to a retrain, and the gate that is expected to refuse what comes of it."""

    tried: str
    expected: str
    on: Callable[[Stage], AbstractContextManager[Any]]
    gates: Callable[[GatePolicy], GatePolicy] = lambda gates: gates
    fits: Callable[[UseCase], bool] = lambda problem: True
    """Whether it can be done to a use case."""


def sabotages() -> list[Sabotage]:
    """Return every sabotage of a retrain, the honest challenger first: refusing everything does not pass."""
    has_classes = lambda problem: problem.kind == "classification"  # noqa: E731
    has_numbers = lambda problem: len(problem.numeric) > 1  # noqa: E731
    return [
        Sabotage("nothing: an honest challenger", NOTHING, lambda stage: nullcontext()),
        Sabotage("no thresholds are configured", "configured", lambda stage: nullcontext(), lambda _: GatePolicy()),
        Sabotage("labels are shuffled", "beats_baseline", lambda stage: _rows(stage, shuffled_labels)),
        Sabotage("a column leaks the answer", "no_feature_too_good", lambda stage: _rows(stage, leaking_column)),
        Sabotage(
            "a column is filled in with the label", "known_at_the_event", lambda stage: _rows(stage, filled_in_column)
        ),
        Sabotage("evaluated rows are copied into training", "no_copies", lambda stage: _rows(stage, copied_rows)),
        Sabotage("evaluated rows are trained on", "no_row_learned", peeking_fits),
        Sabotage("trained on stale data", "beats_champion", stale_fits),
        Sabotage(
            "worse on one slice only", "no_slice_worse", worse_on_a_slice, fits=lambda problem: bool(problem.slices)
        ),
        Sabotage(
            "constant predictions",
            "not_constant",
            lambda stage: _predictions_changed(stage, lambda predicted: 0 * predicted + 0.5),
        ),
        Sabotage("NaN predictions", "finite", lambda stage: _predictions_changed(stage, _with_a_gap)),
        Sabotage(
            "predictions out of range",
            "in_range",
            lambda stage: _predictions_changed(stage, lambda predicted: 10 * predicted),
        ),
        Sabotage(
            "10 points too high",
            "calibrated",
            lambda stage: _predictions_changed(stage, raised_chances),
            fits=has_classes,
        ),
        Sabotage(
            "a standard deviation too high",
            "unbiased",
            lambda stage: _predictions_changed(stage, lambda predicted: predicted + 10 * SHIFT * predicted.std()),
            fits=lambda problem: not has_classes(problem),
        ),
        Sabotage("two columns swapped at serving", "serves", swapped_at_serving, fits=has_numbers),
        Sabotage("a class that a clean process cannot import", "serves", only_here),
        Sabotage("a pickle that runs code on load", "serves", pickled_model),
        Sabotage("ten times slower", "serves_fast", lambda stage: _candidates(stage, slow_estimator)),
        Sabotage(
            "fitted by chance, without a seed", "reproducible", lambda stage: _candidates(stage, seedless_estimator)
        ),
        Sabotage("the champion's file is missing", "beats_champion", lambda stage: _champions_file(stage, None)),
        Sabotage("the champion's file is corrupt", "beats_champion", lambda stage: _champions_file(stage, b"PK\3\4")),
    ]


def _rows(stage: Stage, change: "Callable[[pd.DataFrame, UseCase], pd.DataFrame]") -> AbstractContextManager[Any]:
    """Change the rows that are read for fitting and comparing."""
    read = challenger.stored_rows

    def changed(problem: UseCase, *given: Any, **more: Any) -> "pd.DataFrame":
        rows = read(problem, *given, **more)
        return rows if "columns" in more else change(rows, problem)

    return put(challenger, "stored_rows", changed)


def shuffled_labels(rows: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the rows with the known labels in another order."""
    labelled = rows[problem.target].notna()
    labels = rows.loc[labelled, problem.target].sample(frac=1, random_state=0).to_numpy()
    return rows.assign(**{problem.target: rows[problem.target].mask(labelled, _as_column(labels, labelled, rows))})


def _as_column(values: "np.ndarray", where: "pd.Series", rows: "pd.DataFrame") -> "pd.Series":
    import pandas as pd

    return pd.Series(values, index=rows.index[where]).reindex(rows.index)


def leaking_column(rows: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the rows with the answer in the first feature."""
    answers = rows[problem.target]
    if problem.classes:
        answers = answers.map({name: number for number, name in enumerate(problem.classes)})
    first = problem.features[0]
    return rows.assign(**{first: answers.astype(float) if problem.numeric else answers.astype("str")})


def filled_in_column(rows: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the rows with the first feature missing until the label is known; the newest labels are not."""
    late = rows[problem.event_time] > rows[problem.event_time].quantile(0.95)
    hidden = {problem.target: None, problem.label_time: None, problem.features[0]: None}
    return rows.assign(**{name: rows[name].mask(late) for name in hidden})


def copied_rows(rows: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the rows with those of the last window once more, under other keys, as old as the first ones."""
    import pandas as pd

    newest = rows[rows[problem.event_time] >= rows[problem.event_time].max() - problem.window]
    back = rows[problem.event_time].max() - rows[problem.event_time].min() - problem.window
    early = {name: newest[name] - back for name in (problem.event_time, problem.label_time)}
    early |= {problem.mature: newest[problem.mature] - back} if problem.mature else {}
    return pd.concat([rows, newest.assign(**early)], ignore_index=True)


def peeking_fits(stage: Stage) -> AbstractContextManager[Any]:
    """Let every fit see a window ahead."""
    honest = folds.labelled

    def peeked(rows: "pd.DataFrame", problem: UseCase, until: Any) -> "pd.DataFrame":
        return honest(rows, problem, until + problem.window)

    return put(folds, "labelled", peeked)


def stale_fits(stage: Stage) -> AbstractContextManager[Any]:
    """Let every fit see only the oldest rows, as many as the champion's half."""
    honest, until = folds.labelled, stage.first - (stage.first - stage.problem.history_start) / 2

    def aged(rows: "pd.DataFrame", problem: UseCase, _until: Any) -> "pd.DataFrame":
        labelled_rows = honest(rows, problem, _until)
        cut = max(until, labelled_rows[problem.event_time].min() + problem.window)
        return labelled_rows[labelled_rows[problem.event_time] < cut]

    return put(folds, "labelled", aged)


def worse_on_a_slice(stage: Stage) -> AbstractContextManager[Any]:
    """Turn the labels of one group round before each fit."""
    honest = estimators.fitted

    def spoilt(model: Any, rows: "pd.DataFrame", problem: UseCase) -> Any:
        column = problem.slices[0]
        groups = rows[column].value_counts(normalize=True)
        group = (groups - 0.2).abs().idxmin()
        answers = rows[problem.target]
        if problem.classes:
            turned = answers.map(dict(zip(problem.classes, problem.classes[::-1], strict=True)))
        else:
            turned = answers.min() + answers.max() - answers
        return honest(model, rows.assign(**{problem.target: answers.mask(rows[column] == group, turned)}), problem)

    return put(folds, "fitted", spoilt)


def _predictions_changed(stage: Stage, change: "Callable[[np.ndarray], np.ndarray]") -> AbstractContextManager[Any]:
    """Change what the candidates predict."""
    honest = folds.rolling_predictions

    def changed(rows: "pd.DataFrame", problem: UseCase, *given: Any) -> "pd.DataFrame":
        columns = honest(rows, problem, *given)
        for name in problem.candidates:
            predicted = change(predictions.from_columns(columns, name, problem))
            columns = columns.assign(**predictions.as_columns(name, problem, predicted))
        return columns

    return put(folds, "rolling_predictions", changed)


def _with_a_gap(predicted: "np.ndarray") -> "np.ndarray":
    import numpy as np

    gone = np.arange(len(predicted)) == len(predicted) // 2
    return np.where(gone if predicted.ndim == 1 else gone[:, None], np.nan, predicted)


def raised_chances(predicted: "np.ndarray") -> "np.ndarray":
    """Return chances 10 points higher; of several classes, those of the likeliest."""
    import numpy as np

    if predicted.ndim == 1:
        return np.minimum(predicted + SHIFT, 1.0)
    likeliest = np.arange(predicted.shape[1]) == predicted.argmax(axis=1)[:, None]
    higher = np.where(likeliest, np.minimum(predicted + SHIFT, 1.0), 0.0)
    rest = np.where(likeliest, 0.0, predicted)
    left = (1 - higher.sum(axis=1, keepdims=True)) / np.maximum(rest.sum(axis=1, keepdims=True), 1e-12)
    return higher + rest * left


def swapped_at_serving(stage: Stage) -> AbstractContextManager[Any]:
    """Store a model that takes two columns for one another."""
    honest = challenger.store
    first, second = stage.problem.numeric[:2]

    def swapped(model: Any, sample: "pd.DataFrame", problem: UseCase, name: str) -> Any:
        turned = sample.assign(**{first: sample[second], second: sample[first]})
        return honest(estimators.fitted(model, turned, problem), sample, problem, name)

    return put(challenger, "store", swapped)


def _candidates(stage: Stage, change: Callable[[Any, UseCase], Any]) -> AbstractContextManager[Any]:
    """Declare other candidates."""
    problem = stage.problem
    others = {name: change(final, problem) for name, final in problem.candidates.items()}
    return put(declaration_module(problem), "USE_CASE", replace(problem, candidates=others))


def slow_estimator(final: Any, problem: UseCase) -> Any:
    """Return an estimator that asks many copies of a candidate, each fitted on the same rows."""
    return _bagging(problem)(final, n_estimators=COPIES, bootstrap=False, random_state=0)


def seedless_estimator(final: Any, problem: UseCase) -> Any:
    """Return an estimator that is fitted on rows drawn without a seed."""
    return _bagging(problem)(final, n_estimators=2, max_samples=0.7)


def _bagging(problem: UseCase) -> Any:
    from sklearn.ensemble import BaggingClassifier, BaggingRegressor

    return BaggingRegressor if problem.kind == "regression" else BaggingClassifier


@contextmanager
def only_here(stage: Stage) -> Iterator[None]:
    """Declare candidates of a class that this process alone knows, and trusts."""
    module = ModuleType("only_here")
    sys.modules["only_here"] = module

    def local_copy(final: Any, _problem: UseCase) -> Any:
        made = type("OnlyHere", (type(final),), {"__module__": "only_here"})
        module.OnlyHere = made  # type: ignore[attr-defined]
        return made(**final.get_params())

    types = frozenset({*models.TRUSTED_TYPES, "only_here.OnlyHere"})
    try:
        with _candidates(stage, local_copy), put(models, "TRUSTED_TYPES", types):
            yield
    finally:
        del sys.modules["only_here"]


class PickleBomb:
    """Its pickle leaves a file behind when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def has_exploded(stage: Stage) -> bool:
    """Say whether a pickle ran its code in this namespace."""
    return (stage.folder / "exploded").exists()


def pickled_model(stage: Stage) -> AbstractContextManager[Any]:
    """Put a pickle in the place of the stored model."""
    import pickle

    honest = challenger.store

    def stored(model: Any, sample: "pd.DataFrame", problem: UseCase, name: str) -> Any:
        uri, fault = honest(model, sample, problem, name)
        file_of(uri, stage).write_bytes(pickle.dumps(PickleBomb(stage.folder / "exploded")))
        return uri, fault

    return put(challenger, "store", stored)


def file_of(model_uri: str, stage: Stage) -> Path:
    """Return the file of a logged model in the drill's namespace."""
    (model_file,) = (stage.folder / "artifacts").glob(f"**/{model_uri.removeprefix('models:/')}/**/*.skops")
    return model_file


@contextmanager
def _champions_file(stage: Stage, content: bytes | None) -> Iterator[None]:
    """Take the champion's file away, or write something else into it."""
    live = models.champion(stage.problem.name)
    assert live is not None
    source = models.client().get_model_version(live.name, live.version).source
    file = file_of(str(source), stage)
    whole = file.read_bytes()
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    models._loaded.cache_clear()
    try:
        yield
    finally:
        file.write_bytes(whole)
        models._loaded.cache_clear()
