"""Are the streams on which the default policy was tuned what they say?"""

import numpy as np
import pytest

from benchmarks.tuning import DRIFTS, made_stream


@pytest.mark.parametrize("kind", DRIFTS)
def test_a_stream_comes_from_its_seed(kind):
    stream = made_stream(kind, "class", 0)

    assert np.array_equal(stream.x, made_stream(kind, "class", 0).x)
    assert not np.array_equal(stream.y[:500], made_stream(kind, "class", 1).y[:500])
    assert set(stream.y) == {0.0, 1.0}
    assert len(stream.y) % stream.windows == 0


def share_explained(stream, first, last):
    """Return the squared correlation of the first feature with the target in a part of the stream."""
    rows = slice(int(first * len(stream.y)), int(last * len(stream.y)))
    return np.corrcoef(stream.x[rows, 0], stream.y[rows])[0, 1] ** 2


def test_gradual_drift_takes_the_first_features_meaning_and_no_drift_keeps_it():
    gradual, still = made_stream("gradual", "number", 0), made_stream("still", "number", 0)

    assert share_explained(gradual, 0, 0.2) > 2 * share_explained(gradual, 0.8, 1)
    assert share_explained(still, 0, 0.2) == pytest.approx(share_explained(still, 0.8, 1), abs=0.05)
