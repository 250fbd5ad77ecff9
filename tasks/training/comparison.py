"""Say how much better one model is than another, how sure that is, and how sure it has to be.

The interval is that of a paired block bootstrap: whole pieces of time are drawn, never rows, and both models are
scored on the same draw. It is exact for each metric (the mean of the blocks' scores, weighted by rows) and quick: the
rows are summed up by piece once, after which thousands of draws are one matrix product.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tasks.metrics import metric
from tasks.usecases import MetricName
from tasks.windows import Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

DRAWS = 2_000
FEWEST_PIECES = 6
"""Pieces of a block too short for as many by the rule of whole days: then a day may be cut."""
ROWS_A_PIECE = 20
"""Fewest rows that a piece has on average."""
SPENT_AT_ONCE = 0.5
"""Share of what is left of the error budget that a try may spend."""


class BootstrapEstimate(BaseModel):
    """A number found from pieces of time, with its standard error: Student's t with `freedom` degrees of freedom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    error: float = Field(ge=0)
    freedom: int = Field(ge=1)

    def low(self, rate: float) -> float:
        """Return the bound below which the truth lies with a chance of `rate` at most."""
        return self.value - self._reach(rate)

    def high(self, rate: float) -> float:
        """Return the bound above which the truth lies with a chance of `rate` at most."""
        return self.value + self._reach(rate)

    def chance_of_more(self) -> float:
        """Return the chance of a value this low or lower if the truth were 0: small where it is surely negative."""
        from scipy.stats import t

        if self.error == 0:
            return 0.0 if self.value < 0 else 1.0
        return float(t.cdf(self.value / self.error, self.freedom))

    def _reach(self, rate: float) -> float:
        from scipy.stats import t

        return float(t.isf(rate, self.freedom)) * self.error


class Try(BaseModel):
    """A challenger that was compared before: on rows of which time, and which share of the error budget it spent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    over: Window
    share: float


def affordable_share(past: Sequence[Try], over: Window) -> float:
    """Return the share of the error budget that a try on rows of `over` may spend: half of what is left.

    What tries on overlapping time have spent is gone, so that all tries on one stretch of evidence together promote a
    challenger that is no better with at most the budgeted chance, however many there are. Tries on other time cost
    nothing. Source: alpha-spending as in Foster and Stine, Alpha-investing, JRSS B 70, 2008, without what a discovery
    earns there; the sum of the shares bounds the chance (Bonferroni), as in Javanmard and Montanari, Online rules for
    control of false discovery rate, Annals of Statistics 46, 2018.
    """
    spent = sum(earlier.share for earlier in past if earlier.over.start < over.end and over.start < earlier.over.end)
    return SPENT_AT_ONCE * max(0.0, 1.0 - spent)


def time_pieces(times: "pd.Series", blocks: "pd.Series") -> "np.ndarray":
    """Return, by row, the number of its piece of time; no piece reaches over two blocks.

    A block of D days is cut into pieces of D^(1/3) whole days, rounded: long enough for what depends on each other
    to stay together, and a day is never cut. That is the rate at which the length of a block must grow (Hall, Horowitz
    and Jing, On blocking rules for the bootstrap with dependent data, Biometrika 82, 1995). A block that would be cut
    into fewer than 6 is cut into 6 of equal length; one with fewer than 20 rows a piece, into fewer.
    """
    import numpy as np

    numbers = np.zeros(len(times), dtype=int)
    after = 0
    for block in sorted(set(blocks)):
        inside = (blocks == block).to_numpy()
        numbers[inside] = after + _pieces_of_a_block(times[inside])
        after = numbers[inside].max() + 1
    return numbers


def _pieces_of_a_block(times: "pd.Series") -> "np.ndarray":
    import math

    import numpy as np
    import pandas as pd

    days = ((times - times.min()) / pd.Timedelta(days=1)).to_numpy()
    span = max(days.max(), 1e-9)
    length = max(1, round(math.ceil(span) ** (1 / 3)))
    count = int(math.ceil(span) // length)
    most = max(2, len(times) // ROWS_A_PIECE)
    if min(count, most) == count >= FEWEST_PIECES:
        numbers = np.minimum(days // length, count - 1)
    else:
        wanted = min(max(count, FEWEST_PIECES), most)
        numbers = np.minimum(days / span * wanted, wanted - 1)
    return np.unique(numbers.astype(int), return_inverse=True)[1]


def draws(pieces: int, count: int, chance: "np.random.Generator") -> "np.ndarray":
    """Return the weights of a block's pieces in `count` draws, a row each, the first of them without a draw: all 1.

    One piece fewer than there are is drawn, with replacement, and weighs accordingly more: the variance of few pieces
    is not underrated then. Source: Rao and Wu, Resampling inference with complex survey data, JASA 83, 1988; of whole
    pieces of time: Kuensch, The jackknife and the bootstrap for general stationary observations, Annals of Statistics
    17, 1989.
    """
    import numpy as np

    drawn = chance.multinomial(pieces - 1, np.full(pieces, 1 / pieces), size=count) * (pieces / (pieces - 1))
    return np.vstack([np.ones(pieces), drawn])


def gain_estimate(
    name: MetricName,
    target: "np.ndarray",
    new: "np.ndarray",
    old: "np.ndarray",
    blocks: "np.ndarray",
    pieces: "np.ndarray",
    seed: int = 0,
) -> BootstrapEstimate | None:
    """Return by how much `new` predicts better than `old` on the same rows; None where that is not defined.

    `blocks` and `pieces` number each row's block and piece of time (see `time_pieces`). The error comes from the
    bootstrap, the spread of its t from the number of pieces: with few of them, percentiles are too narrow (Hesterberg,
    What Teachers Should Know About the Bootstrap, The American Statistician 69, 2015).
    """
    return as_estimate(*resampled_gains(name, target, new, old, blocks, pieces, seed))


def resampled_gains(
    name: MetricName,
    target: "np.ndarray",
    new: "np.ndarray",
    old: "np.ndarray",
    blocks: "np.ndarray",
    pieces: "np.ndarray",
    seed: int = 0,
) -> "tuple[np.ndarray, int]":
    """Return the gain (see `gain_estimate`), then that of each draw, and the degrees of freedom; NaN if not defined."""
    import numpy as np

    chance = np.random.default_rng(seed)
    sign = 1 if metric(name).greater_is_better else -1
    gains, weights, freedom = [], [], 0
    for block in sorted(set(blocks.tolist())):
        inside = blocks == block
        numbers, count = _renumbered_pieces(pieces[inside])
        if count < 2:
            continue
        drawn = draws(count, DRAWS, chance)
        new_scores, old_scores = (
            resampled_scores(name, target[inside], who[inside], numbers, drawn) for who in (new, old)
        )
        if np.isfinite(new_scores[0]) and np.isfinite(old_scores[0]):
            gains.append(sign * (new_scores - old_scores))
            weights.append(inside.sum())
            freedom += count - 1
    if not gains:
        return np.full(1 + DRAWS, np.nan), 0
    return np.average(gains, axis=0, weights=weights), freedom


def independent_tries(gains: "Sequence[np.ndarray]") -> float:
    """Return as how many independent tries several candidates count, given each one's resampled gains.

    1 where all gain and lose on the same draws, their number where they do so independently. Source: Nyholt, A simple
    correction for multiple testing for SNPs in linkage disequilibrium, American Journal of Human Genetics 74, 2004.
    """
    import numpy as np

    varied = [gain[1:] for gain in gains if np.isfinite(gain).all() and gain[1:].std() > 0]
    if len(varied) < 2:
        return 1.0
    spread = np.linalg.eigvalsh(np.corrcoef(varied)).var(ddof=1)
    return float(1 + (len(varied) - 1) * (1 - spread / len(varied)))


def as_estimate(scores: "np.ndarray", freedom: int) -> BootstrapEstimate | None:
    """Return the first of the resampled scores with the spread of the others; None where too few are defined."""
    import numpy as np

    drawn = scores[1:][np.isfinite(scores[1:])]
    if not np.isfinite(scores[0]) or len(drawn) < 0.9 * len(scores) or freedom < 1:
        return None
    return BootstrapEstimate(value=float(scores[0]), error=float(drawn.std(ddof=1)), freedom=freedom)


def resampled_scores(
    name: MetricName, target: "np.ndarray", prediction: "np.ndarray", pieces: "np.ndarray", weights: "np.ndarray"
) -> "np.ndarray":
    """Return the metric for each row of `weights`, which weighs the rows of piece 0, 1, ...; NaN where not defined."""
    import numpy as np

    if not np.isfinite(prediction).all():
        return np.full(len(weights), np.nan)
    chosen = metric(name)
    if chosen.losses is None:
        return _resampled_auc(target, prediction, pieces, weights)
    means = resampled_means(chosen.losses(target, prediction), pieces, weights)
    return np.sqrt(means) if chosen.root else means


def resampled_means(values: "np.ndarray", pieces: "np.ndarray", weights: "np.ndarray") -> "np.ndarray":
    """Return the mean of `values` for each row of `weights`, which weighs the rows of piece 0, 1, ..."""
    import numpy as np

    count = weights.shape[1]
    sums = np.bincount(pieces, weights=values, minlength=count)
    return (weights @ sums) / (weights @ np.bincount(pieces, minlength=count))


def _resampled_auc(
    target: "np.ndarray", prediction: "np.ndarray", pieces: "np.ndarray", weights: "np.ndarray"
) -> "np.ndarray":
    """Return the AUC by weights from the matrix of concordant pairs between pieces."""
    import numpy as np

    count = weights.shape[1]
    positives, negatives = (np.bincount(pieces[target == label], minlength=count) for label in (1, 0))
    pairs = (weights @ positives) * (weights @ negatives)
    concordant = ((weights @ concordances(target, prediction, pieces, count)) * weights).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, concordant / pairs, np.nan)


def concordances(target: "np.ndarray", prediction: "np.ndarray", pieces: "np.ndarray", count: int) -> "np.ndarray":
    """Return how many pairs of a 1 in piece p (row) and a 0 in piece q (column) are ranked rightly; a tie is half."""
    import numpy as np

    order = np.argsort(prediction, kind="stable")
    values, is_positive, of = prediction[order], target[order] == 1, pieces[order]
    ones, where = of[is_positive], values[is_positive]
    first, last = (np.searchsorted(values, where, side=side) for side in ("left", "right"))
    pairs = np.zeros((count, count))
    for piece in range(count):
        zeros = np.concatenate([[0], np.cumsum(~is_positive & (of == piece))])
        pairs[:, piece] = np.bincount(ones, weights=(zeros[first] + zeros[last]) / 2, minlength=count)
    return pairs


def _renumbered_pieces(pieces: "np.ndarray") -> "tuple[np.ndarray, int]":
    """Return the pieces numbered from 0 without gaps, and how many there are."""
    import numpy as np

    distinct, numbers = np.unique(pieces, return_inverse=True)
    return numbers, len(distinct)
