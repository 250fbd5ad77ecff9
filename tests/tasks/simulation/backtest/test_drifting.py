"""What does Evidently's default preset say of a window?"""

from datetime import timedelta

import pytest

from tasks.data.tables import observations
from tasks.simulation.backtest.drifting import drifted_share

pytestmark = pytest.mark.slow


def test_it_is_the_share_of_the_features_that_changed_since_the_training(kiosk, kiosk_plan):
    """Of price, weight, items and channel nothing ever moves, but for the price from the eighth window on."""
    rows = observations(kiosk).read()
    late = rows["sold_at"] >= kiosk_plan.windows[7].start
    fixed = rows.assign(weight=1.0, items=1, channel="web", price=rows["price"].mask(~late, 10.0).mask(late, 600.0))
    observations(kiosk).upsert(fixed)

    share = drifted_share(kiosk_plan)

    assert share(5, 6) == 0.0
    assert share(5, 8) == 1 / 4


def test_a_window_without_rows_says_nothing(kiosk, kiosk_plan):
    empty = kiosk_plan.windows[-1].model_copy(
        update={"start": kiosk_plan.windows[-1].end, "end": kiosk_plan.windows[-1].end + timedelta(days=5)}
    )
    plan = kiosk_plan.model_copy(update={"windows": (*kiosk_plan.windows, empty)})

    assert drifted_share(plan)(5, 10) is None
