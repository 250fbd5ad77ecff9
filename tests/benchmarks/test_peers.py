"""Are the policies of other packages asked as they should be?"""

import numpy as np
import pytest

from benchmarks.peers import RetrainOpt, drifted_in_last
from tasks.triggers.moment import DecisionMoment

CHANCE = np.random.default_rng(0)


def calm(rows=500):
    return CHANCE.uniform(0, 1, rows)


@pytest.mark.parametrize("detector", ["ADWIN", "DDM"])
def test_river_rings_in_the_window_in_which_errors_grow_and_not_before(detector):
    pytest.importorskip("river")
    before, after = [calm(), calm()], [calm(), calm(), calm() + 0.8]

    assert not drifted_in_last(before, detector)
    assert drifted_in_last(after, detector)


def ageing_at(price):
    """Return the end of window 12, eight of rehearsal; a model loses a twentieth with each window of its age."""
    model, window = np.indices((20, 20))
    scores = np.where((window > model) & (window <= 12), 0.9 - (window - model) / 20, np.nan)
    pieces = np.repeat(scores[:, :, None], 4, axis=2)
    rows = np.where(np.arange(20) <= 12, 100, 0)
    return DecisionMoment(
        now=12, first=8, champion=8, asked=(), live=(), greater_is_better=True, scores=scores, scouts=scores,
        parts=pieces, scout_parts=pieces, rows=rows, price=price,
    )  # fmt: skip


def test_retrainopt_learns_its_rehearsals_plan_at_the_price():
    pytest.importorskip("retrainopt")

    assert RetrainOpt(price=0.0)(ageing_at(0.0)) is not None
    assert RetrainOpt(price=0.0)(ageing_at(50.0)) is None
