"""Which of several scheduled runs that are due has to run?"""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from tasks import runs
from tasks.runs import Due, newest_only, superseded_reason

NOON = datetime(2024, 1, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def due(hour, by_schedule=True):
    return Due(id=str(hour), at=NOON + hour * HOUR, by_schedule=by_schedule)


def test_of_missed_runs_the_older_ones_are_superseded_by_the_newest_that_is_due():
    missed = [due(-3), due(-2), due(-1)]

    reasons = [superseded_reason(run, missed, NOON) for run in missed]

    assert reasons == [
        "scheduled for 2024-01-08 09:00, superseded by the run scheduled for 2024-01-08 11:00",
        "scheduled for 2024-01-08 10:00, superseded by the run scheduled for 2024-01-08 11:00",
        None,
    ]


@pytest.mark.parametrize(("hour", "superseded"), [(-1, True), (0, True), (1, False)], ids=["past", "now", "to come"])
def test_a_run_that_is_not_due_yet_supersedes_nothing(hour, superseded):
    assert (superseded_reason(due(-2), [due(hour)], NOON) is not None) is superseded


def test_a_run_that_a_person_or_an_automation_asked_for_is_neither_superseded_nor_supersedes():
    assert superseded_reason(due(-2, by_schedule=False), [due(-1)], NOON) is None
    assert superseded_reason(due(-2), [due(-1, by_schedule=False)], NOON) is None


def test_outside_of_a_scheduled_run_a_guarded_flow_does_its_work_and_keeps_its_name():
    @newest_only
    def collect(number: int) -> int:
        """Add."""
        return number + 1

    assert (collect(1), collect.__name__, collect.__doc__) == (2, "collect", "Add.")


@pytest.mark.parametrize(("begun", "name"), [(1, "Superseded"), (2, None)], ids=["missed", "woken by an approval"])
def test_a_run_that_had_begun_before_is_not_superseded(monkeypatch, begun, name):
    old, new = (
        SimpleNamespace(
            id=hour, deployment_id="d", auto_scheduled=True, run_count=begun, expected_start_time=NOON + hour * HOUR
        )
        for hour in (-2, -1)
    )
    monkeypatch.setattr("prefect.context.FlowRunContext.get", lambda: SimpleNamespace(flow_run=old))
    monkeypatch.setattr(runs, "_siblings", lambda _: [old, new])

    answer = newest_only(lambda: SimpleNamespace(name=None))()

    assert answer.name == name
