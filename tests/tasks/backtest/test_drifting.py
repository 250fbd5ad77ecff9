"""What does Evidently's default preset say of a window?"""

from datetime import timedelta

import pytest

from tasks.backtest.drifting import drifted_share
from tasks.collection import observations

pytestmark = pytest.mark.slow


def test_the_share_of_drifting_features_grows_with_what_changed(kiosk, kiosk_plan, sales):
    """Of price, weight, items and channel the price alone is moved in the last window, and none before the seventh."""
    moved = observations(kiosk).read()
    late = moved["sold_at"] >= kiosk_plan.windows[7].start
    observations(kiosk).upsert(moved.assign(price=moved["price"].where(~late, moved["price"] + 500)))
    before, after = (drifted_share(kiosk_plan)(5, window) for window in (6, 8))

    assert after >= before + 1 / 4 - 1e-9


def test_a_window_without_rows_says_nothing(kiosk, kiosk_plan):
    empty = kiosk_plan.windows[-1].model_copy(
        update={"start": kiosk_plan.windows[-1].end, "end": kiosk_plan.windows[-1].end + timedelta(days=5)}
    )
    plan = kiosk_plan.model_copy(update={"windows": (*kiosk_plan.windows, empty)})

    assert drifted_share(plan)(5, 10) is None
