"""When does a drafted problem collect, look and renew?"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import anyio
import pytest
from prefect.server.schemas.schedules import CronSchedule

from scaffold.scheduling import schedules

JAN_1 = datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC"))
DAY = timedelta(days=1)
WINDOWS = [timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6), DAY, 28 * DAY, 91 * DAY]


def runs(cron, until):
    """Return how many runs Prefect would make of a schedule from 2024 on."""
    dates = anyio.run(CronSchedule(cron=cron, timezone="UTC").get_dates, 1_000, JAN_1, until)
    return len([date for date in dates if date < until])


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_every_window_is_looked_at_and_its_rows_are_there_by_then(window) -> None:
    numbers, length = schedules(window), max(window, timedelta(minutes=1))

    assert runs(numbers["watch_cron"], JAN_1 + length) >= 1
    assert runs(numbers["often_cron"], JAN_1 + length) >= runs(numbers["watch_cron"], JAN_1 + length)


@pytest.mark.parametrize("window", WINDOWS[1:], ids=str)
def test_the_stated_number_of_checks_is_that_of_the_schedule(window) -> None:
    numbers, days = schedules(window), 7 if window < DAY else 49

    assert runs(numbers["watch_cron"], JAN_1 + days * DAY) == pytest.approx(numbers["checks"] * days / 365.25, rel=0.01)
