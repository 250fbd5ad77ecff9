"""Streams whose drift is known: made ones, and given tables with their time shuffled."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from tasks.monitoring.signals.coding import text_values
from tasks.monitoring.signals.models import Kind
from tasks.monitoring.signals.summaries import PREDICTION, TARGET

NUMBERS, CATEGORIES = 12, 8
BLOCKS = 12
"""Windows of the reference."""
WEEK = pd.Timedelta(days=7)
CHECKS_PER_YEAR = 365.25 / 7
START = pd.Timestamp("2021-03-01", tz="UTC")
CORRELATED = ("n0", "n1")
SHIFTED_NUMBER, SHIFTED_CATEGORY = "n2", "c3"


@dataclass(frozen=True)
class Stream:
    """Rows in order of time, windows of a week; the first `BLOCKS` weeks are the reference."""

    rows: pd.DataFrame
    times: pd.Series
    kinds: Mapping[str, Kind]

    def window(self, number: float, weeks: float = 1) -> np.ndarray:
        """Return the places of the rows in the `weeks` from that week on."""
        start = START + number * WEEK
        return np.arange(*np.searchsorted(self.times, [start, start + weeks * WEEK]))


def made_kinds() -> dict[str, Kind]:
    """Return the kinds of a made stream's twenty features and its outcomes."""
    kinds: dict[str, Kind] = dict.fromkeys((f"n{number}" for number in range(NUMBERS)), "numeric")
    kinds.update(dict.fromkeys((f"c{number}" for number in range(CATEGORIES)), "categorical"))
    kinds.update({PREDICTION: "numeric", TARGET: "categorical"})
    return kinds


def made_stream(condition: str, weeks: int, rows_a_week: int, seed: int) -> Stream:
    """Return a stream without drift: `independent`, `seasonal` (daily and weekly, autocorrelated) or `unsteady`.

    In `unsteady` each week's numbers are shifted by a random .05 sd per column, and each category's commonest level by
    as much of its share's sd. The prediction is the true probability of the target.
    """
    rng = np.random.default_rng([7, seed, rows_a_week])
    count = weeks * rows_a_week
    week = np.repeat(np.arange(weeks), rows_a_week)
    scores = rng.standard_normal((count, NUMBERS + CATEGORIES))
    if condition == "seasonal":
        scores = _seasonal(rng, weeks, rows_a_week)
    if condition == "unsteady":
        scores = scores + 0.05 * rng.standard_normal((weeks, scores.shape[1]))[week]
    rows = _features(scores)
    chance = probability(rows)
    rows[PREDICTION] = chance
    rows[TARGET] = (rng.random(count) < chance).astype(float)
    times = pd.Series(START + np.arange(count) * (WEEK / rows_a_week)).dt.as_unit("us")
    return Stream(rows, times, made_kinds())


def probability(rows: pd.DataFrame) -> np.ndarray:
    """Return the true probability of the target under the rule that the model knows."""
    return 1 / (1 + np.exp(1.0 - rows["n0"] - 0.7 * rows["n3"] - (rows["c0"] == "a")))


def _seasonal(rng: np.random.Generator, weeks: int, rows_a_week: int) -> np.ndarray:
    """Return scores of sd 1: a third each of days and weeks, and the rest an AR(1) of .8 from row to row."""
    count, columns = weeks * rows_a_week, NUMBERS + CATEGORIES
    days = np.arange(count)[:, None] * 7 / rows_a_week
    phase = rng.uniform(0, 2 * np.pi, (2, columns))
    seasons = np.sin(2 * np.pi * days + phase[0]) + np.sin(2 * np.pi * days / 7 + phase[1])
    noise = lfilter([np.sqrt(1 - 0.8**2)], [1, -0.8], rng.standard_normal((count, columns)), axis=0)
    return np.sqrt(1 / 3) * (seasons + noise)


def _features(scores: np.ndarray) -> pd.DataFrame:
    """Return twenty features of many shapes: normal, correlated, skewed, heavy-tailed, whole, with zeros, with gaps."""
    numbers = {f"n{number}": scores[:, number] for number in range(NUMBERS)}
    numbers["n1"] = 0.6 * scores[:, 0] + 0.8 * scores[:, 1]
    numbers["n4"] = np.exp(1.2 * scores[:, 4])
    numbers["n5"] = np.sinh(1.5 * scores[:, 5])
    numbers["n6"] = np.rint(1.5 * scores[:, 6])
    numbers["n7"] = np.maximum(scores[:, 7] - 0.5, 0)
    numbers["n8"] = np.where(scores[:, 8] > 1.3, np.nan, scores[:, 8])
    levels = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    categories = {}
    for number in range(CATEGORIES):
        edges = np.linspace(-0.8, 2.6, 2 * number + 1) if number else np.array([0.2])
        categories[f"c{number}"] = levels[np.searchsorted(edges, scores[:, NUMBERS + number])].astype(object)
    return pd.DataFrame(numbers | categories)


@dataclass(frozen=True)
class StreamTable:
    """A given table's rows with a prediction for each, out of sample, in order of time."""

    name: str
    rows: pd.DataFrame
    times: pd.Series
    kinds: Mapping[str, Kind]

    def shuffled(self, weeks: int, seed: int) -> Stream:
        """Return its rows with their times dealt out anew, so that nothing drifts; the whole lasts `weeks` weeks."""
        order = np.random.default_rng([11, seed]).permutation(len(self.rows))
        return Stream(self.rows.iloc[order].reset_index(drop=True), self._lasting(weeks), self.kinds)

    def as_it_came(self, weeks: int) -> Stream:
        """Return its rows in their order; the whole lasts `weeks` weeks."""
        return Stream(self.rows, self._lasting(weeks), self.kinds)

    def _lasting(self, weeks: int) -> pd.Series:
        since = self.times - self.times.iloc[0]
        return (START + since * (weeks * WEEK / (since.iloc[-1] * 1.000001))).dt.as_unit("us")


def read_table(path: Path, time: str, target: str, trained_on: pd.DataFrame | None = None) -> StreamTable:
    """Read a CSV or Parquet file; a fifth of its rows, at random, trains the model whose predictions the others get.

    With `trained_on`, another table's raw rows, that trains the model, and no row of this one does.
    """
    raw = raw_table(path, time)
    learning = np.zeros(len(raw), dtype=bool)
    if trained_on is None:
        learning[np.random.default_rng(3).choice(len(raw), len(raw) // 5, replace=False)] = True
    fitted = raw[learning] if trained_on is None else trained_on
    kinds = table_kinds(fitted, time, target)
    plain = _plain(raw, kinds, fitted[target], target)
    plain[PREDICTION] = _predictions(_plain(fitted, kinds, fitted[target], target), plain, kinds)
    evaluated = plain[~learning].reset_index(drop=True)
    return StreamTable(path.stem, evaluated, raw.loc[~learning, time].reset_index(drop=True), kinds)


def raw_table(path: Path, time: str) -> pd.DataFrame:
    """Return the file's rows in order of time; a time column of numbers counts seconds."""
    raw = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    when = pd.to_datetime(raw[time], unit="s" if raw[time].dtype.kind in "iuf" else None, utc=True)
    return raw.assign(**{time: when.dt.as_unit("us")}).dropna(subset=[time]).sort_values(time, ignore_index=True)


def table_kinds(raw: pd.DataFrame, time: str, target: str) -> dict[str, Kind]:
    """Return the kinds of a table's features and outcomes; other times, ids and constant columns are left out."""
    kinds: dict[str, Kind] = {}
    for name in raw.columns.drop([time, target]):
        values = raw[name]
        if values.dtype.kind == "M" or values.nunique() < 2:
            continue
        is_number = values.dtype.kind in "iuf"
        if not is_number and values.nunique() > len(values) / 2:
            continue
        kinds[str(name)] = "numeric" if is_number else "categorical"
    is_class = raw[target].dtype.kind not in "iuf" or raw[target].nunique() <= 2
    return kinds | {PREDICTION: "numeric", TARGET: "categorical" if is_class else "numeric"}


def _plain(raw: pd.DataFrame, kinds: Mapping[str, Kind], answers: pd.Series, target: str) -> pd.DataFrame:
    features = {name: kind for name, kind in kinds.items() if name not in (PREDICTION, TARGET)}
    plain = pd.DataFrame(
        {
            name: raw[name].astype("float64") if kind == "numeric" else text_values(raw[name])
            for name, kind in features.items()
        }
    )
    if kinds[TARGET] == "numeric":
        return plain.assign(**{TARGET: raw[target].astype("float64")})
    last = sorted(answers.dropna().unique())[-1]
    return plain.assign(**{TARGET: (raw[target] == last).astype("float64").where(raw[target].notna())})


def _predictions(learning: pd.DataFrame, rows: pd.DataFrame, kinds: Mapping[str, Kind]) -> np.ndarray:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    words = [name for name, kind in kinds.items() if kind == "categorical" and name != TARGET]
    features = [name for name in kinds if name not in (PREDICTION, TARGET)]
    filled = FunctionTransformer(lambda rows: rows.fillna("").astype(object))
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    is_class = kinds[TARGET] == "categorical"
    model = HistGradientBoostingClassifier if is_class else HistGradientBoostingRegressor
    pipeline = make_pipeline(
        make_column_transformer((make_pipeline(filled, encoder), words), remainder="passthrough"),
        model(max_iter=50, random_state=0),
    )
    labelled = learning[learning[TARGET].notna()]
    pipeline.fit(labelled[features], labelled[TARGET])
    return pipeline.predict_proba(rows[features])[:, 1] if is_class else pipeline.predict(rows[features])
