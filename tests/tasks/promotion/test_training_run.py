"""When is there something to train on?"""

from datetime import timedelta

import pytest

from tasks.promotion.training_run import data_lacking
from tasks.registry.tracking import Request
from tasks.training.folds import TrainPolicy

POLICY = TrainPolicy(blocks=1, min_rows=10)


@pytest.mark.parametrize(
    ("days", "lack"),
    [
        (-1, "nothing has happened by 2023-12-31 00:00: history begins at 2024-01-01 00:00:00+00:00"),
        (0, "nothing has happened by 2024-01-01 00:00: history begins at 2024-01-01 00:00:00+00:00"),
        (1, "0 labelled rows at 2024-01-02 00:00, 10 needed"),
    ],
    ids=["before", "as it begins", "after"],
)
def test_before_history_begins_and_without_rows_there_is_nothing_to_do(stall, state, days, lack):
    request = Request(usecase="stall", as_of=stall.history_start + timedelta(days=days), reason="by hand")

    assert data_lacking.fn(request, POLICY) == lack
