"""What a retraining policy may know at the end of a window: nothing that comes later is in it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


Policy = Callable[["DecisionMoment"], str | None]
"""Says why the live model must be retrained now, with the numbers, or None while it may stay."""


@dataclass(frozen=True, eq=False, kw_only=True)
class DecisionMoment:
    """The end of window `now`. Models and windows go by number; a model has the number of the window it ends with.

    Arrays have a row for each model and a column for each window of the whole history; NaN where the model was never
    trained so far, the window's labels have not settled yet, or the metric is not defined.
    """

    now: int
    first: int
    """The first model that went live; those before it were trained in rehearsal, on the history before."""
    champion: int
    asked: tuple[int, ...]
    """When a retrain was asked for, whether it was promoted or refused."""
    live: tuple[int, ...]
    """The retrains that were promoted."""
    greater_is_better: bool
    scores: "np.ndarray"
    scouts: "np.ndarray"
    """As `scores`, of the small models that are fitted at the end of every window whether or not a retrain is due."""
    parts: "np.ndarray"
    """As `scores`, by piece of the window."""
    scout_parts: "np.ndarray"
    rows: "np.ndarray"
    """Labelled rows of each settled window; 0 for the others."""
    metric: str = ""
    """Name of the metric; empty where nobody asks."""
    price: float | None = None
    """What a retrain costs, in units of the metric times windows; None where none is given."""
    drifted_share: Callable[[], float | None] = lambda: None
    """Share of the features that Evidently's default preset calls drifted since the champion's training."""
    alarm: Callable[[], str | None] = lambda: None
    """Why the calibrated alarm rings by the limits learned at the champion's training, or None while it is silent."""
    errors: "Callable[[], list[np.ndarray]]" = lambda: []
    """The champion's loss on each row of the settled windows that it served, oldest window first."""

    @property
    def settled(self) -> list[int]:
        """The windows whose labels have settled, so that their metric is known, oldest first."""
        return [number for number in range(self.now + 1) if self.rows[number] > 0]

    @property
    def served(self) -> list[int]:
        """The settled windows that came after the champion's training."""
        return [number for number in self.settled if number > self.champion]

    def gain(self, new: float, old: float) -> float:
        """Return by how much `new` is better than `old`; negative where it is worse."""
        return new - old if self.greater_is_better else old - new
