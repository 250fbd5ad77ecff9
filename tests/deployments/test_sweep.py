"""Which runs has a dead worker left behind?"""

import subprocess
import time
from uuid import UUID

from deployments.running import mark, stop
from deployments.sweep import abandoned, executed
from tasks.settings import Settings

FIRST, SECOND, THIRD = (UUID(int=number) for number in (1, 2, 3))


def test_a_run_without_a_living_process_is_abandoned():
    assert abandoned([FIRST, SECOND, THIRD], {SECOND}) == [FIRST, THIRD]


def test_the_runs_of_living_processes_of_this_installation_are_found_and_no_others(tmp_path):
    mine, other = Settings(state=tmp_path / "mine"), Settings(state=tmp_path / "other")
    own = {"PREFECT__FLOW_RUN_ID": str(FIRST)}
    processes = [subprocess.Popen(["sleep", "60"], env=mark(item) | own) for item in (mine,)]
    processes.append(subprocess.Popen(["sleep", "60"], env=mark(other) | {"PREFECT__FLOW_RUN_ID": str(SECOND)}))
    time.sleep(0.3)

    assert executed(mine) == {FIRST}

    stop(mine)
    assert executed(mine) == set()
    stop(other)
    assert [process.wait() for process in processes] == [-15, -15]
