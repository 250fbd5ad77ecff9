"""When is a worker that died started again?"""

import subprocess
import sys
from itertools import count

import httpx
import pytest

from deployments.worker import MOST_DEATHS, WITHIN, no_restart_reason, report_dead_runs, supervise
from tasks.settings import ROOT


def idle():
    """Nothing has to be done."""


@pytest.mark.parametrize(("deaths", "again"), [(4, True), (5, False), (6, False)], ids=["below", "at", "above"])
def test_a_worker_is_started_again_until_it_has_died_so_often(deaths, again):
    assert (no_restart_reason(1, [float(n) for n in range(deaths)]) is None) is again


@pytest.mark.parametrize(("first", "counts"), [(-1, False), (0, False), (1, True)], ids=["before", "at", "within"])
def test_deaths_of_long_ago_do_not_count(first, counts):
    deaths = [float(first), *(WITHIN - 3 + n for n in range(MOST_DEATHS - 1))]

    assert deaths[-1] == WITHIN
    assert (no_restart_reason(1, deaths) is not None) is counts


def test_a_worker_that_was_asked_to_end_is_not_started_again():
    assert no_restart_reason(0, [1.0]) == "it was asked to end"


def test_a_worker_that_dies_again_and_again_ends_it_all_with_its_code(tmp_path, capfd):
    lives = tmp_path / "lives"
    sweeps = []

    code = supervise(
        ("sh", "-c", f"echo x >> {lives}; exit 3"), lambda: sweeps.append(1), map(float, count()).__next__, idle
    )

    assert code == 3
    assert len(lives.read_text().split()) == len(sweeps) == MOST_DEATHS
    assert "exit code 3 and is not started again: 5 deaths in 10 minutes" in capfd.readouterr().out


def test_a_worker_that_is_killed_lives_again_and_may_end_when_it_is_asked_to(tmp_path):
    died = tmp_path / "died"
    command = ("sh", "-c", f"test -e {died} && exit 0; touch {died}; kill -9 $$")

    code = supervise(command, idle, lambda: 0.0, idle)

    assert (died.exists(), code) == (True, 1)


def test_a_request_to_stop_is_handed_on_and_obeyed(tmp_path):
    asked = tmp_path / "asked"
    child = f"trap 'echo yes > {asked}; exit 0' TERM; echo ready; while true; do sleep 0.1; done"
    program = f"from deployments.worker import supervise as k; k(('sh', '-c', {child!r}), int, lambda: 0, int)"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.terminate()

    assert process.wait(timeout=10) == 143
    assert asked.read_text() == "yes\n"


def test_dead_runs_are_looked_for_all_the_while_a_worker_works():
    looks = []

    supervise(("sh", "-c", "sleep 1"), idle, lambda: 0.0, lambda: looks.append(1), every=0.1)

    assert 3 <= len(looks) <= 10


def test_a_server_that_does_not_answer_ends_no_worker(capfd):
    class Unanswered:
        def look(self):
            raise httpx.ConnectError("refused")

    report_dead_runs(Unanswered())

    assert "dead runs were not looked for, the server did not answer: ConnectError('refused')" in capfd.readouterr().out
