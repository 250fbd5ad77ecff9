"""What becomes of a drift?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.data.ledger import Decision
from tasks.monitoring.signals.models import Alarm, Signal, severity
from tasks.triggers.episodes import muting, open_episode, opening

MONDAY = datetime(2024, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def decided(kind, day, **facts):
    return Decision(usecase="stall", kind=kind, as_of=MONDAY + day * DAY, reason=f"{kind}!", facts=facts)


DRIFT = decided("drift found", 0, severity=2.0)


def test_an_episode_is_opened_by_the_first_alarm_alone():
    assert open_episode([decided("refused", 0)]) is None
    assert open_episode([DRIFT, decided("drift found", 1, severity=9.0)]).opened == MONDAY


@pytest.mark.parametrize("kind", ["promoted", "rolled back", "episode closed"])
def test_a_new_model_or_a_person_closes_it(kind):
    assert open_episode([DRIFT, decided(kind, 1)]) is None


def test_a_refusal_keeps_it_open_and_is_remembered_with_how_bad_it_was_when_asked():
    episode = open_episode([DRIFT, decided("retrain asked", 1, severity=3.0), decided("refused", 2)])

    assert (episode.asked, episode.refused, episode.refusal) == (MONDAY + DAY, MONDAY + 2 * DAY, "refused!")
    assert episode.severity == 3.0


def test_an_alarm_after_the_promotion_opens_another():
    assert open_episode([DRIFT, decided("promoted", 1), decided("drift found", 5)]).opened == MONDAY + 5 * DAY


def test_a_person_mutes_it_until_a_date():
    mute = muting("stall", MONDAY + DAY, MONDAY + 9 * DAY, "known", [DRIFT])

    assert open_episode([DRIFT, mute]).muted_until == MONDAY + 9 * DAY


def test_there_must_be_an_episode_to_mute_and_a_date_ahead():
    with pytest.raises(ValueError, match="expected an open episode of stall to mute, found none"):
        muting("stall", MONDAY, MONDAY + DAY, "known", [])
    with pytest.raises(ValueError, match="expected a date after 2024-01-08 00:00 to mute until"):
        muting("stall", MONDAY, MONDAY, "known", [DRIFT])


def test_severity_is_how_many_times_its_limit_the_worst_signal_lies_away():
    near, far = (
        Signal(family="features", column="a", statistic="location", rows=9, value=value, expected=0.5, limit=0.25,
               exceeded=1)
        for value in (1.0, -0.5)
    )  # fmt: skip
    alarm = Alarm(signals=(near, far), spans=("", ""))

    assert severity(alarm) == (0.5 + 0.5) / 0.25
    assert opening("stall", MONDAY, alarm, {}).facts == {"severity": 4.0, "families": ["features"]}
