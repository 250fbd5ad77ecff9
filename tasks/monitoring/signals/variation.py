"""How much ordinary windows differ beyond sampling, learned from few blocks of many statistics at once.

The block means y_i of a statistic are normal with variance v (q + 1 / n_i): v / n_i is sampling, q the variance between
windows in units of a row's. Few blocks estimate a single q badly, so the statistics of one sort share a prior over q,
found from all of them by the EM algorithm on a grid (nonparametric empirical Bayes: Laird, JASA 73, 1978; Koenker and
Mizera, JASA 109, 2014; borrowing variances between many tests: Smyth, Stat. Appl. Genet. Mol. Biol. 3, 2004). What is
left unsure stays in the posterior and so widens the limits, as Student's t does for a single variance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, bdtrc, ndtri

Array = np.ndarray
GRID = np.concatenate([[0.0], np.geomspace(0.003, 2.0, 24) ** 2])
"""Variances between windows that are thought possible, in units of a row's."""
VAGUE = 2.0
"""How many statistics the even prior over the grid counts for; a sort's own prior counts four times as many."""
FEW = 10
"""Statistics of a sort below which half of its prior stays even: others may not vary as they do."""
ROUNDS = 60
LARGE_COUNT = 100.0
"""Expected counts from which a share's sampling is normal enough."""


@dataclass(frozen=True)
class Variation:
    """The estimated variation of each statistic (first axis) between blocks."""

    weights: Array
    """Posterior over GRID, by statistic."""
    center: Array
    center_variance: Array
    """Of the center, by statistic and grid value, in units of a row's variance."""
    correlation: Array
    """Of neighbouring blocks, as far as it is sure."""


def deviation(mean: Array, rows: Array, center: Array, row_sd: Array, skewness: Array, counted: Array) -> Array:
    """Return how far each mean lies from the center, on a scale on which sampling alone is nearly normal.

    Shares go through the mid-p value of their binomial count (randomised quantile residuals: Dunn and Smyth, J. Comput.
    Graph. Stat. 5, 1996), other means through the monotone cubic that takes out their skewness (Hall, JRSS B 54, 1992).
    """
    size = np.maximum(rows, 1)
    error = np.maximum(row_sd, 1e-12) / np.sqrt(size)
    z = (mean - center) / error
    s = skewness / np.sqrt(size)
    straight = z - s * (z**2 - 1) / 6 + s**2 * z**3 / 108
    rare = counted & (center * (1 - center) * size < LARGE_COUNT)
    normalised = np.where(counted, z, straight)
    normalised[rare] = _mid_p(mean[rare], size[rare], center[rare], z[rare])
    return normalised * error


def _mid_p(share: Array, rows: Array, center: Array, z: Array) -> Array:
    """Return the normal score of a binomial count's mid-p value; where it underflows, the plain z."""
    size = rows.astype(np.int64)
    count = np.nan_to_num(np.rint(share * size))
    above, below = bdtrc(count, size, center), np.where(count > 0, bdtr(np.maximum(count - 1, 0), size, center), 0.0)
    upper = (above + np.where(count > 0, bdtrc(np.maximum(count - 1, 0), size, center), 1.0)) / 2
    lower = (below + bdtr(count, size, center)) / 2
    score = np.where(upper < lower, -ndtri(np.maximum(upper, 1e-300)), ndtri(np.maximum(lower, 1e-300)))
    return np.where(np.isnan(share), np.nan, np.where(np.abs(score) > 37, z, score))


def learned_variation(blocks: Array, rows: Array, row_sd: Array, sorts: Sequence[str]) -> Variation:
    """Return each statistic's posterior; `blocks` are deviations by block, in order of time, and statistic (NaN: none).

    Blocks that resemble their neighbours (seasons, trends) carry less evidence than their number: the likelihood
    counts for as many as an AR(1) of their lag-1 correlation is worth (Bayley and Hammersley, JRSS Suppl. 8, 1946).
    """
    scale = np.maximum(row_sd, 1e-12)
    present = ~np.isnan(blocks) & (rows > 0)
    y = np.where(present, blocks / scale, 0.0)
    correlation = _neighbours_correlation(y, present, rows, sorts)
    worth = (1 - correlation) / (1 + correlation)
    variance = GRID[:, None, None] + 1 / np.maximum(rows, 1)[None]
    precision = np.where(present, 1 / variance, 0.0)
    total = np.maximum(precision.sum(axis=1), 1e-12)
    means = (precision * y).sum(axis=1) / total
    count = present.sum(axis=0)
    effective = np.maximum(count * worth, np.minimum(count, 1))
    lost = np.where(
        effective > 1, (1 - 1 / np.maximum(count, 2)) / np.maximum(1 - 1 / np.maximum(effective, 1.01), 0.05), 1
    )
    squares = (precision * (y - means[:, None]) ** 2).sum(axis=1) * lost
    log_likelihood = -0.5 * (np.where(present, np.log(variance), 0).sum(axis=1) + np.log(total) + squares) * worth
    weights = _posterior(log_likelihood.T, sorts)
    q = weights @ GRID
    share = np.where(present, 1 / (q + 1 / np.maximum(rows, 1)), 0.0)
    share = share / np.maximum(share.sum(axis=0), 1e-12)
    between = (share**2).sum(axis=0) / np.maximum(worth, 0.05)
    sampled = (share**2 / np.maximum(rows, 1)).sum(axis=0)
    center_variance = GRID * between[:, None] + sampled[:, None]
    return Variation(weights, (share * y).sum(axis=0) * scale, center_variance, correlation)


def _neighbours_correlation(y: Array, present: Array, rows: Array, sorts: Sequence[str]) -> Array:
    """Return how far blocks resemble those after them, for each statistic or for its sort, whichever is more.

    Only correlation beyond its standard error counts. Within a sort statistics count by what is not sampling in them.
    """
    count = np.maximum(present.sum(axis=0), 1)
    away = np.where(present, y - y.sum(axis=0) / count, 0.0)
    squares = np.maximum((away**2).sum(axis=0), 1e-300)
    lag_correlation = (away[1:] * away[:-1]).sum(axis=0) / squares + 1 / count
    sampling = np.where(present, 1 / np.maximum(rows, 1), 0.0).sum(axis=0)
    counts_for = np.clip(1 - sampling / squares, 0, 1)
    sure = lag_correlation - 1 / np.sqrt(count)
    labels = np.array(sorts)
    for sort in dict.fromkeys(sorts):
        mine = labels == sort
        weight = max(counts_for[mine].sum(), 1e-12)
        pooled = (counts_for[mine] * lag_correlation[mine]).sum() / weight - 1 / np.sqrt(count[mine].mean() * weight)
        sure[mine] = np.maximum(sure[mine], pooled)
    return np.clip(sure, 0, 0.9)


def _posterior(log_likelihood: Array, sorts: Sequence[str]) -> Array:
    """Return the weights over the grid by statistic: first one prior for all, then one for each sort around it."""
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    even = np.full(len(GRID), 1 / len(GRID))
    common = _prior(likelihood, even, VAGUE)
    labels = np.array(sorts)
    weights = np.empty_like(likelihood)
    for sort in dict.fromkeys(sorts):
        mine = labels == sort
        base = common if mine.sum() >= FEW else (common + even) / 2
        weights[mine] = likelihood[mine] * _prior(likelihood[mine], base, 4 * VAGUE)
    return weights / weights.sum(axis=1, keepdims=True)


def _prior(likelihood: Array, base: Array, counts_for: float) -> Array:
    prior = base
    for _ in range(ROUNDS):
        shares = likelihood * prior
        expected_counts = (shares / shares.sum(axis=1, keepdims=True)).sum(axis=0)
        prior = (expected_counts + counts_for * base) / (len(likelihood) + counts_for)
    return prior
