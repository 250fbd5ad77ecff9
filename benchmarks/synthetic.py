"""Make streams whose drift is known: the papers' two, and one of each kind on which the default policy was tuned."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

ROWS = 24_000
Draw = Callable[[np.random.Generator, np.ndarray], tuple[np.ndarray, np.ndarray]]


def gauss(chance: np.random.Generator, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariate shift: the cloud of rows travels along a fixed, curved border between the classes.

    After "gauss" of Mahadevan and Mathioudakis, Cost-aware retraining for machine learning, Knowledge-Based Systems
    293, 2024, written from its description.
    """
    x = chance.normal(0, 1, (len(when), 2)) + np.column_stack([8 * when - 4, np.zeros(len(when))])
    return x, _drawn_classes(chance, 4 * (x[:, 1] - np.sin(1.5 * x[:, 0])))


def circles(chance: np.random.Generator, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Concept drift: rows stay uniform, the circle that holds the positive class moves in four jumps.

    After "circles" of Pesaranghader et al., Reservoir of diverse adaptive learners, Machine Learning 107, 2018, which
    both papers use.
    """
    x = chance.uniform(0, 1, (len(when), 2))
    places = np.array([(0.2, 0.5, 0.15), (0.4, 0.5, 0.2), (0.6, 0.5, 0.25), (0.8, 0.5, 0.3)])
    circle = places[np.minimum((when * 4).astype(int), 3)]
    inside = circle[:, 2] - np.hypot(x[:, 0] - circle[:, 0], x[:, 1] - circle[:, 1])
    return x, _drawn_classes(chance, 30 * inside)


def abrupt(chance: np.random.Generator, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Concept drift: the weights turn at 45 % and at 75 % of the time."""
    return _turned_weights(chance, np.where(when < 0.45, 0.0, np.where(when < 0.75, 1.0, 2.2)))


def gradual(chance: np.random.Generator, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Concept drift: the weights turn all the time, by a right angle and a half in all."""
    return _turned_weights(chance, 2.4 * when)


def recurring(chance: np.random.Generator, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Concept drift: two concepts take turns, three times each."""
    return _turned_weights(chance, 1.2 * (np.floor(when * 6) % 2))


def seasonal(chance: np.random.Generator, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A season that the features do not show turns the weights to and fro, twice."""
    return _turned_weights(chance, 0.9 * np.sin(2 * np.pi * 2 * when))


def covariate(chance: np.random.Generator, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every feature wanders, the relation to the target stays: drift that no retrain is needed for."""
    x, y = _turned_weights(chance, np.zeros(len(when)))
    return np.column_stack([x, chance.normal(3 * when, 1)]), y


def still(chance: np.random.Generator, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nothing changes."""
    return _turned_weights(chance, np.zeros(len(when)))


STREAMS: Mapping[str, Draw] = {
    draw.__name__: draw for draw in (gauss, circles, abrupt, gradual, recurring, seasonal, covariate, still)
}
PAPERS = ("gauss", "circles")


def table(name: str, rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Return a stream with an hour from row to row: columns `time`, `x0`, `x1`, ... and `target`, 0 or 1."""
    chance = np.random.default_rng(seed)
    x, y = STREAMS[name](chance, np.arange(rows) / rows)
    columns: dict[str, Any] = {f"x{number}": values for number, values in enumerate(x.T)}
    times = pd.date_range("2000-01-01", periods=rows, freq="h", tz="UTC")
    return pd.DataFrame({"time": times, **columns, "target": y})


def _turned_weights(chance: np.random.Generator, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw four normal features of which two matter, with weights turned by `angle`."""
    x = chance.normal(0, 1, (len(angle), 4))
    return x, _drawn_classes(chance, 2 * (np.cos(angle) * x[:, 0] + np.sin(angle) * x[:, 1]) + 0.5 * x[:, 2])


def _drawn_classes(chance: np.random.Generator, odds: np.ndarray) -> np.ndarray:
    return (chance.uniform(size=len(odds)) < 1 / (1 + np.exp(-odds))).astype(float)
