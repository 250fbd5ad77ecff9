"""Draw rows with a fixed seed, so that a window measured again gives the same numbers."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def sampled_rows(rows: "pd.DataFrame", most: int) -> "pd.DataFrame":
    """Return at most `most` of the rows, drawn with a fixed seed, in their order."""
    return rows if len(rows) <= most else rows[sampled_places(np.ones(len(rows), dtype=bool), most)]


def sampled_places(chosen: np.ndarray, most: int) -> np.ndarray:
    """Return a mask of at most `most` of the chosen places, drawn with a fixed seed."""
    places = np.flatnonzero(chosen)
    if len(places) <= most:
        return chosen
    mask = np.zeros(len(chosen), dtype=bool)
    mask[np.random.default_rng(0).choice(places, most, replace=False)] = True
    return mask
