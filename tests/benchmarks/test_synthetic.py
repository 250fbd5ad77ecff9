"""Do the made streams drift as they say?"""

import numpy as np
import pytest

from benchmarks.synthetic import STREAMS, table


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_has_a_row_an_hour_and_both_classes_from_its_seed(name):
    rows = table(name, rows=2_000, seed=1)

    assert rows["time"].diff().dropna().dt.total_seconds().unique().tolist() == [3_600.0]
    assert 0.1 < rows["target"].mean() < 0.9
    assert rows.equals(table(name, rows=2_000, seed=1))
    assert not rows.equals(table(name, rows=2_000, seed=2))


def relation(rows, feature):
    """Return the correlation of a feature with the target in the first and the last quarter."""
    quarter = len(rows) // 4
    return [np.corrcoef(part[feature], part["target"])[0, 1] for part in (rows[:quarter], rows[-quarter:])]


@pytest.mark.parametrize("name", ["abrupt", "gradual"])
def test_where_the_concept_drifts_a_feature_loses_its_meaning(name):
    before, after = relation(table(name), "x0")

    assert before > 0.3
    assert after < 0.0


@pytest.mark.parametrize("name", ["still", "covariate"])
def test_where_it_does_not_a_feature_keeps_it(name):
    before, after = relation(table(name), "x0")

    assert after == pytest.approx(before, abs=0.05)


def test_covariates_wander_where_they_should():
    rows = table("covariate")

    assert rows["x4"][-2_000:].mean() - rows["x4"][:2_000].mean() > 2
    assert abs(table("still")["x3"][-2_000:].mean()) < 0.1


def test_the_cloud_of_gauss_travels_and_the_rows_of_circles_do_not():
    gauss, circles = table("gauss"), table("circles")

    assert gauss["x0"][-2_000:].mean() - gauss["x0"][:2_000].mean() > 6
    assert circles["x0"][-2_000:].mean() == pytest.approx(circles["x0"][:2_000].mean(), abs=0.05)
