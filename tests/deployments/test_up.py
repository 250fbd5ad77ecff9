"""Does the system come up whole, refuse by name, and leave nothing behind?"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.answers import answers, port_is_free
from deployments.environment import environment
from deployments.password import password, password_file
from deployments.processes import commands, folders, log_file, servers, work_pool_url
from deployments.running import mark, stop, supervised, supervisor_pid
from deployments.startup import (
    CannotStart,
    last_error,
    launch,
    port_wanted_twice,
    prepare,
    ready_system,
    refuse_ports_in_use,
)
from deployments.supervisor import shell_line
from deployments.up import addresses
from tasks.settings import ROOT, Settings


def started(settings: Settings, module: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *options],
        cwd=ROOT,
        env=os.environ | environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert condition()


def asleep(settings: Settings) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], env=mark(settings), start_new_session=True)


def test_every_process_has_a_command_of_this_interpreter():
    executables = {command[0] for command in commands(Settings()).values()}

    assert executables == {sys.executable}


def test_the_system_is_four_servers_and_a_worker():
    assert set(commands(Settings())) == {"prefect", "mlflow", "evidently", "reports", "worker"}


def test_all_that_is_written_lies_below_the_state_folder(tmp_path):
    outside = [folder for folder in folders(Settings(state=tmp_path)) if not folder.is_relative_to(tmp_path)]

    assert outside == []


def test_two_servers_on_one_port_are_refused_with_the_setting_that_parts_them():
    wanted = servers(Settings(prefect_port=4200, mlflow_port=4200))

    assert port_wanted_twice(wanted) == (
        "Prefect and MLflow are both set to port 4200. Give MLflow another one with EVERGREEN_MLFLOW_PORT=..."
    )


def test_ports_of_their_own_are_not_refused():
    assert port_wanted_twice(servers(Settings())) is None


def test_a_port_that_another_program_has_is_refused_with_the_setting_that_moves_the_server(installation):
    named = rf"Port {installation.mlflow_port} .* MLflow .*EVERGREEN_MLFLOW_PORT"

    with (
        socket.create_server((installation.host, installation.mlflow_port)),
        pytest.raises(CannotStart, match=named),
    ):
        refuse_ports_in_use(installation)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("Deploying\nValueError: no such flow\nAn exception occurred.\n", "ValueError: no such flow"),
        ("Killed\n", "Killed"),
        ("", "it said nothing"),
    ],
)
def test_of_a_failed_command_the_line_that_names_the_error_is_shown(output, reason):
    assert last_error(output) == reason


def test_a_port_is_free_again_once_its_server_is_gone(free_port):
    with socket.create_server(("127.0.0.1", free_port)):
        assert not port_is_free("127.0.0.1", free_port)

    assert port_is_free("127.0.0.1", free_port)


def test_a_process_that_ends_unasked_is_named_with_its_exit_code_and_its_log(tmp_path):
    line = shell_line(("sh", "-c", "exit 7"), str(tmp_path / "mlflow.log"))

    ended = subprocess.run(line, shell=True, capture_output=True, text=True)

    assert ended.returncode == 1
    assert ended.stdout.startswith("ended by itself with exit code 7")
    assert str(tmp_path / "mlflow.log") in ended.stdout


def test_a_process_that_is_asked_to_end_does_so_without_a_word(tmp_path):
    log = tmp_path / "mlflow.log"
    line = shell_line(("sh", "-c", "echo ready; sleep 60"), str(log))
    process = subprocess.Popen(line, shell=True, stdout=subprocess.PIPE, text=True, start_new_session=True)
    wait_until(lambda: log.exists() and log.read_text() == "ready\n")

    os.killpg(process.pid, signal.SIGTERM)

    assert process.communicate(timeout=10)[0] == ""


def test_stopping_ends_the_processes_of_this_state_folder_and_no_others(tmp_path):
    mine, other = Settings(state=tmp_path / "mine"), Settings(state=tmp_path / "other")
    own, foreign = asleep(mine), asleep(other)
    wait_until(lambda: supervised(mine) and supervised(other))

    stopped = stop(mine)

    assert stopped == 1
    assert own.wait(timeout=10) == -signal.SIGTERM
    assert supervised(other) == {foreign.pid}
    stop(other)


def test_an_id_on_file_that_now_belongs_to_another_program_is_not_taken_for_the_supervisor(installation):
    bystander = subprocess.Popen(["sleep", "60"])
    file = installation.state / "run" / "supervisor.pid"
    file.parent.mkdir(parents=True)
    file.write_text(str(bystander.pid))

    assert supervisor_pid(installation) is None
    stop(installation)
    assert bystander.poll() is None
    bystander.kill()


def test_pages_and_the_place_of_the_password_are_told_but_not_the_password(installation):
    prepare(installation)

    message = addresses(installation)

    assert f"Home page    {installation.reports_url}\n" in message
    assert message.endswith(f"Prefect asks once for a password: the line in {password_file(installation)}")
    assert str(password(installation)) not in message


@pytest.mark.servers
def test_every_server_of_the_system_answers(system):
    silent = [server.name for server in servers(system) if not answers(server.health_url)]

    assert silent == []


@pytest.mark.servers
def test_the_worker_serves_the_work_pool(system):
    assert not answers(work_pool_url(system))
    assert answers(work_pool_url(system), password(system))
    wait_until(lambda: "started" in log_file(system, "worker").read_text())


@pytest.mark.servers
def test_a_second_up_on_the_same_state_is_refused_by_name(system):
    second = started(system, "deployments.up")
    complaint = second.communicate(timeout=60)[1]

    assert second.returncode == 1
    assert f"already up on {system.state} (process {supervisor_pid(system)})" in complaint
    assert "make down" in complaint


@pytest.mark.servers
def test_up_on_the_ports_of_another_system_is_refused_by_name(system, tmp_path):
    second = started(system.model_copy(update={"state": tmp_path}), "deployments.up")
    complaint = second.communicate(timeout=60)[1]

    assert second.returncode == 1
    assert f"Port {system.prefect_port} of 127.0.0.1, which Prefect wants, is in use" in complaint
    assert "EVERGREEN_REPORTS_PORT" in complaint


@pytest.mark.servers
def test_a_system_that_is_up_is_used_as_it_is(system):
    output: list[str] = []

    ready_system(system, say=output.append)

    assert output == [f"Already up on {system.state} (process {supervisor_pid(system)})."]


@pytest.mark.servers
def test_a_start_that_is_interrupted_leaves_no_process_behind(installation):
    up = started(installation, "deployments.up")
    wait_until(lambda: "worker started" in supervisor_words(installation))
    assert len(supervised(installation)) > len(commands(installation))

    up.send_signal(signal.SIGTERM)

    up.communicate(timeout=60)
    assert up.returncode == 130
    assert supervised(installation) == set()


@pytest.mark.servers
def test_down_ends_what_a_killed_supervisor_left_behind(installation):
    prepare(installation)
    supervisor = launch(installation)
    wait_until(lambda: "worker started" in supervisor_words(installation))
    supervisor.kill()
    supervisor.wait()
    assert supervised(installation) != set()

    down = started(installation, "deployments.down")
    output = down.communicate(timeout=60)[0]

    assert down.returncode == 0
    assert output.startswith("Stopped ")
    assert supervised(installation) == set()


@pytest.mark.servers
def test_one_server_that_dies_takes_the_others_with_it_and_is_named(installation):
    prepare(installation)
    with socket.create_server((installation.host, installation.reports_port)):
        supervisor = launch(installation)

        assert supervisor.wait(timeout=60) == 1

    assert "reports   | ended by itself with exit code 3" in supervisor_words(installation)
    assert supervised(installation) == set()


def supervisor_words(settings: Settings) -> str:
    log: Path = log_file(settings, "supervisor")
    return log.read_text() if log.exists() else ""
