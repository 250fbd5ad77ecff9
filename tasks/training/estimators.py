"""Build the models that a retrain compares, fit them, and let them predict."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks import lasting
from tasks.usecases import UseCase

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline


BASELINE = "baseline"


SIMPLE_MODEL = "simple_model"


MOST_LEVELS = 30
"""Levels of a category that the simple model tells apart."""


def contenders(problem: UseCase) -> Mapping[str, "Pipeline"]:
    """Return the unfitted models that a retrain compares: the declared candidates, and two that they must beat."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    trivial = DummyClassifier(strategy="prior") if problem.kind == "classification" else DummyRegressor()
    models = {name: pipeline(problem, final) for name, final in {**problem.candidates, BASELINE: trivial}.items()}
    return models | {SIMPLE_MODEL: simple_model(problem)}


def simple_model(problem: UseCase) -> "Pipeline":
    """Return a linear model of the same features: numbers scaled, gaps filled with the median, categories one-hot."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    scaled = Pipeline(
        [("gaps", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
    )
    levels = OneHotEncoder(max_categories=MOST_LEVELS, handle_unknown="infrequent_if_exist", sparse_output=False)
    encoding = ColumnTransformer(
        [("numeric", scaled, list(problem.numeric)), ("categorical", levels, list(problem.categorical))]
    )
    final = LogisticRegression(max_iter=100, tol=1e-3) if problem.kind == "classification" else Ridge()
    return Pipeline([("encoding", encoding), ("model", final)])


def pipeline(problem: UseCase, final: Any) -> "Pipeline":
    """Return `final` behind the encoding: numbers as they are, categories as codes (unseen -1, missing -2)."""
    from sklearn.base import clone
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    encoding = ColumnTransformer(
        [("numeric", "passthrough", list(problem.numeric)), ("categorical", codes, list(problem.categorical))]
    )
    return Pipeline([("encoding", encoding), ("model", clone(final))])


def features(rows: "pd.DataFrame", problem: UseCase) -> "pd.DataFrame":
    """Return the feature columns: numbers as float64 (so that a signature admits a missing one), categories as str."""
    dtypes = dict.fromkeys(problem.numeric, "float64") | dict.fromkeys(problem.categorical, "str")
    return rows[list(problem.features)].astype(dtypes)


def fitted(model: "Pipeline", rows: "pd.DataFrame", problem: UseCase) -> "Pipeline":
    """Return a copy of `model` fitted on labelled rows; in memory, the same model on the same rows is fitted once.

    A number that is missing in all of them is learned as a constant: boosted trees refuse it, and none can use it.
    """
    inputs, labels = features(rows, problem), targets(rows, problem)
    empty = [name for name in problem.numeric if inputs[name].isna().all()]
    inputs = inputs.assign(**dict.fromkeys(empty, 0.0))
    memory = lasting.memory()
    if memory is None:
        return _fit(model, inputs, labels)
    name = _fingerprint(model, inputs, labels)
    if name not in memory.fits:
        memory.fits[name] = _fit(model, inputs, labels)
    return memory.fits[name]


def _fit(model: "Pipeline", inputs: "pd.DataFrame", labels: "np.ndarray") -> "Pipeline":
    from sklearn.base import clone

    return clone(model).fit(inputs, labels)


def _fingerprint(model: "Pipeline", inputs: "pd.DataFrame", labels: "np.ndarray") -> str:
    """Return a name that another recipe, or other rows or another order of them, does not have."""
    import joblib
    import pandas as pd

    rows = pd.util.hash_pandas_object(inputs, index=False).to_numpy()
    return joblib.hash((joblib.hash(model), rows, labels))


def targets(rows: "pd.DataFrame", problem: UseCase) -> "np.ndarray":
    """Return the targets of labelled rows: for classification 0 or 1, or the number of the declared class."""
    if problem.classes:
        return rows[problem.target].map({name: number for number, name in enumerate(problem.classes)}).to_numpy(int)
    values = rows[problem.target].to_numpy(dtype=float)
    return values.astype(int) if problem.kind == "classification" else values


def predictions(model: "Pipeline", rows: "pd.DataFrame", problem: UseCase) -> "np.ndarray":
    """Return one number a row: the probability of class 1, or the regression's value.

    Where the use case declares classes, a column for each, in their order; 0 for one that was not learned.
    """
    return answers(model, features(rows, problem), problem.kind, problem.classes)


def answers(model: "Pipeline", inputs: "pd.DataFrame", kind: str, classes: Sequence[str]) -> "np.ndarray":
    """Return predictions (see `predictions`) from the feature columns alone."""
    import numpy as np

    if kind == "regression":
        return model.predict(inputs)
    chances = model.predict_proba(inputs)
    every = np.zeros((len(inputs), max(2, len(classes))))
    every[:, model.classes_.astype(int)] = chances
    return every if classes else every[:, 1]
