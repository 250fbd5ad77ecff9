"""When does the calibrated alarm of a backtest ring?"""

import re
from datetime import timedelta

import numpy as np
import pytest

from tasks.data.tables import observations
from tasks.simulation.backtest.alarming import alarm_of

pytestmark = pytest.mark.slow


@pytest.fixture
def jumped(kiosk, kiosk_plan, stall_file):
    """The kiosk sells 72 things more a day, whose price jumps in the eighth window and stays there."""
    chance, start, jump = np.random.default_rng(1), kiosk_plan.windows[0].start, kiosk_plan.windows[7].start
    times = [start + number * timedelta(minutes=20) for number in range(50 * 72)]
    changes = [
        {"sale": f"S9{number}", "sold_at": at, "told_at": at, "price": chance.uniform(0, 9) + 900 * (at >= jump)}
        for number, at in enumerate(times)
    ]
    observations(kiosk).append_new(stall_file.sales(*changes))


def test_it_is_silent_before_a_jump_and_names_the_column_after_it(jumped, kiosk_plan):
    alarm = alarm_of(kiosk_plan)

    assert alarm(5, 6) is None
    assert re.match(r"price drifted: median 4\.\d+ -> 9", alarm(5, 8))


def test_a_model_that_was_trained_after_the_jump_takes_it_for_ordinary(jumped, kiosk_plan):
    assert alarm_of(kiosk_plan)(8, 9) is None


def test_a_window_without_rows_says_nothing(kiosk, kiosk_plan):
    end = kiosk_plan.windows[-1].end
    empty = kiosk_plan.windows[-1].model_copy(update={"start": end, "end": end + timedelta(days=5)})
    plan = kiosk_plan.model_copy(update={"windows": (*kiosk_plan.windows, empty)})

    assert alarm_of(plan)(5, 10) is None
