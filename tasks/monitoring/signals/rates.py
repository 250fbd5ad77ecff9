"""How often k of the last n checks lie beyond a limit by chance, when windows are ordinary.

An alarm is an onset: the rule holds at a check and did not at the one before. Windows that do not overlap are
independent and their patterns can be counted; those that overlap are moving averages and are simulated, once, seeded.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from scipy.special import log_ndtr

Array = np.ndarray
HIGHEST, STEP = 40.0, 0.02
CHECKS = 1_000_000
FEWEST_ONSETS = 100


@dataclass(frozen=True)
class OnsetRate:
    """Onsets a check of the rule on a standard normal statistic, by limit; its logarithm, at equal steps from 0."""

    log_rate: Array

    def __call__(self, limits: Array) -> Array:
        """Return the rate at each limit; a limit below 0 counts as 0, beyond the table as its end."""
        place = np.clip(limits / STEP, 0, len(self.log_rate) - 1.001)
        left = place.astype(np.int64)
        part = place - left
        return np.exp(self.log_rate[left] * (1 - part) + self.log_rate[left + 1] * part)


@lru_cache(maxsize=32)
def onset_rate(persistence: int, memory: int, overlap: int) -> OnsetRate:
    """Return the rate of onsets of `persistence` of the last `memory` checks and the newest, on one side.

    `overlap` is how many checks fall within one window's length; 1: windows do not overlap.
    """
    grid = np.arange(0, HIGHEST + STEP, STEP)
    log_rate = (
        _independent_log_rate(grid, persistence, memory)
        if overlap == 1
        else _overlapping_log_rate(grid, persistence, memory, overlap)
    )
    return OnsetRate(np.minimum.accumulate(log_rate))


def rings(beyond: Array, persistence: int, memory: int) -> Array:
    """Say at which checks the rule holds: the newest beyond, and `persistence` of the last `memory`."""
    count = np.cumsum(beyond)
    within = count - np.concatenate([np.zeros(memory, dtype=count.dtype), count])[: len(count)]
    return beyond & (within >= persistence)


def _independent_log_rate(grid: Array, persistence: int, memory: int) -> Array:
    """Return the log rate for independent checks: the sum over all patterns in which the rule begins to hold."""
    log_in, log_out = log_ndtr(-grid), log_ndtr(grid)
    patterns = [np.array(pattern) for pattern in product([False, True], repeat=memory + 1)]
    begins = [
        pattern
        for pattern in patterns
        if rings(pattern, persistence, memory)[-1] and not _rang_before(pattern, persistence)
    ]
    terms = [pattern.sum() * log_in + (~pattern).sum() * log_out for pattern in begins]
    return np.logaddexp.reduce(terms, axis=0)


def _rang_before(pattern: Array, persistence: int) -> bool:
    return bool(pattern[-2] and pattern[:-1].sum() >= persistence)


def _overlapping_log_rate(grid: Array, persistence: int, memory: int, overlap: int) -> Array:
    """Return the log rate for overlapping checks; beyond what was simulated, by a parabola, as for a normal tail."""
    steps = np.random.default_rng(0).standard_normal(CHECKS + overlap)
    sums = np.concatenate([[0.0], np.cumsum(steps)])
    series = (sums[overlap:] - sums[:-overlap]) / np.sqrt(overlap)
    coarse = np.arange(0, 4.01, 0.1)
    onsets = np.array([_onsets(series > limit, persistence, memory) for limit in coarse])
    countable = onsets >= FEWEST_ONSETS
    tail = countable & (coarse >= min(1.0, coarse[countable][-1] - 1.0))
    bend = np.polyfit(coarse[tail], np.log(onsets[tail] / len(series)), 2, w=np.sqrt(onsets[tail]))
    inside = np.interp(grid, coarse[countable], np.log(onsets[countable] / len(series)))
    return np.where(grid <= coarse[countable][-1], inside, np.polyval(bend, grid))


def _onsets(beyond: Array, persistence: int, memory: int) -> int:
    held = rings(beyond, persistence, memory)
    return int((held[1:] & ~held[:-1]).sum())
