"""How far is a model from a second fit?"""

import pytest
from sklearn.tree import DecisionTreeClassifier

from tasks.reproducing import refit_difference
from tasks.training import fitted, pipeline


@pytest.fixture
def unfitted(stall):
    return pipeline(stall, DecisionTreeClassifier(max_depth=1, random_state=0))


def rows_of(sales, dear):
    """Forty sales of which the heavy ones come back, or the light ones."""
    return sales(*({"weight": float(n % 2), "returned": float(n % 2 == dear)} for n in range(40)))


def test_the_same_rows_give_the_same_model(stall, sales, unfitted):
    rows = rows_of(sales, 1)

    assert refit_difference(fitted(unfitted, rows, stall), unfitted, rows, rows, stall) == 0


def test_other_rows_give_another(stall, sales, unfitted):
    rows = rows_of(sales, 1)

    assert refit_difference(fitted(unfitted, rows, stall), unfitted, rows_of(sales, 0), rows, stall) == 1
