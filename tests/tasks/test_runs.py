"""Which of several scheduled runs that are due has to run?"""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.states import Cancelled, Completed, Crashed, Failed, Running, Scheduled

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


@pytest.fixture
def of_a_run(monkeypatch):
    """Let the present run be a scheduled one of two hours ago, beside another one: what its guarded flow answers."""

    def answered(begun=1, by_schedule=True, other=1, state=None):
        first, second = (
            SimpleNamespace(
                id=str(hour),
                deployment_id=uuid4(),
                auto_scheduled=by_schedule,
                run_count=begun,
                expected_start_time=NOON + hour * HOUR,
                state=state,
            )
            for hour in (-2, -2 + other)
        )
        server = SimpleNamespace(read_flow_runs=lambda **_: [first, second])
        monkeypatch.setattr("prefect.client.orchestration.get_client", lambda **_: nullcontext(server))
        monkeypatch.setattr("prefect.context.FlowRunContext.get", lambda: SimpleNamespace(flow_run=first))
        return newest_only(lambda: SimpleNamespace(name="did its work", message=""))()

    return answered


def test_a_run_that_was_missed_ends_at_once_and_names_the_one_that_does_its_work(of_a_run):
    answer = of_a_run()

    assert (answer.name, answer.message) == (
        "Superseded",
        "scheduled for 2024-01-08 10:00, superseded by the run scheduled for 2024-01-08 11:00",
    )


def test_a_run_that_an_approval_wakes_had_begun_before_and_is_not_superseded(of_a_run):
    assert of_a_run(begun=2).name == "did its work"


def test_a_run_that_no_schedule_made_does_its_work(of_a_run):
    assert of_a_run(by_schedule=False).name == "did its work"


@pytest.mark.parametrize("state", [Failed(), Crashed(), Cancelled()], ids=lambda state: state.name)
def test_a_later_run_that_was_lost_does_nobody_s_work(of_a_run, state):
    assert of_a_run(state=state).name == "did its work"


@pytest.mark.parametrize("state", [Scheduled(), Running(), Completed()], ids=lambda state: state.name)
def test_one_that_waits_works_or_is_done_does(of_a_run, state):
    assert of_a_run(state=state).name == "Superseded"
