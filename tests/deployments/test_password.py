"""Who can read the password of Prefect's API, and how long does it last?"""

import os
import re
import subprocess
import sys

import pytest

from deployments.environment import environment, join
from deployments.password import make_password, password, password_file, where_password_is
from deployments.startup import prepare
from tasks.settings import ROOT, Settings


@pytest.fixture
def umask():
    """Puts back what a test, or what it calls, changes."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_the_first_start_makes_a_password_that_its_owner_alone_can_read(tmp_path, umask):
    settings = Settings(state=tmp_path / "state")

    prepare(settings)

    assert re.fullmatch(r"admin:[\w-]{32}", str(password(settings)))
    assert mode(password_file(settings)) == "0o600"


def test_a_password_stays_and_is_made_private_again(tmp_path, umask):
    settings = Settings(state=tmp_path)
    prepare(settings)
    before = password(settings)
    password_file(settings).chmod(0o644)

    make_password(settings)

    assert (password(settings), mode(password_file(settings))) == (before, "0o600")


def test_two_installations_have_two_passwords(tmp_path, umask):
    first, other = Settings(state=tmp_path / "one"), Settings(state=tmp_path / "other")
    prepare(first)
    prepare(other)

    assert password(first) != password(other)


def test_the_folders_of_an_older_state_are_closed_to_others(tmp_path, umask):
    settings = Settings(state=tmp_path / "state")
    settings.tables.mkdir(parents=True)
    assert mode(settings.state) == "0o755"

    prepare(settings)

    assert {mode(folder) for folder in (settings.state, settings.tables, settings.reports)} == {"0o700"}


def test_a_process_that_joins_the_installation_writes_what_its_owner_alone_can_read(tmp_path, umask, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))

    join(Settings(state=tmp_path))
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    assert (mode(tmp_path / "file"), mode(tmp_path / "folder")) == ("0o600", "0o700")
    assert os.environ["EVERGREEN_STATE"] == str(tmp_path)


def test_server_and_clients_are_given_the_same_password_once_there_is_one(tmp_path, umask):
    settings = Settings(state=tmp_path)
    assert "PREFECT_API_AUTH_STRING" not in environment(settings)

    prepare(settings)
    variables = environment(settings)

    assert variables["PREFECT_API_AUTH_STRING"] == password(settings)
    assert variables["PREFECT_SERVER_API_AUTH_STRING"] == password(settings)


def test_a_person_is_told_where_the_password_is_and_not_what_it_is(tmp_path, umask):
    settings = Settings(state=tmp_path)
    prepare(settings)

    sentence = where_password_is(settings)

    assert str(tmp_path / "run" / "prefect-password") in sentence
    assert str(password(settings)) not in sentence


def shell(state, *words: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"EVERGREEN_STATE": str(state)}
    return subprocess.run(words, env=variables, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_shell_takes_over_the_whole_environment(tmp_path, umask):
    settings = Settings(state=tmp_path / "a folder")
    prepare(settings)
    script = f'eval "$({sys.executable} -m deployments.shell)" && echo "$PREFECT_API_URL $PREFECT_API_AUTH_STRING"'

    printed = shell(settings.state, "bash", "-c", script).stdout

    assert printed == f"{settings.prefect_url}/api {password(settings)}\n"


@pytest.mark.slow
def test_before_the_first_start_a_shell_is_told_what_to_run(tmp_path):
    refused = shell(tmp_path, sys.executable, "-m", "deployments.shell")

    assert refused.returncode == 1
    assert "`make up`" in refused.stderr


@pytest.mark.slow
def test_prefect_is_not_served_without_a_password(tmp_path):
    refused = shell(tmp_path, sys.executable, "-m", "deployments.serve", "prefect")

    assert refused.returncode == 1
    assert str(tmp_path / "run" / "prefect-password") in refused.stderr


@pytest.mark.slow
def test_mlflow_reads_its_places_from_the_variables_that_it_is_given(tmp_path):
    from mlflow.environment_variables import _MLFLOW_IN_JOB_EXECUTOR, _MLFLOW_SERVER_BOOT_ID
    from mlflow.server import constants

    from deployments.serve import mlflow_variables

    assert set(mlflow_variables(Settings(state=tmp_path))) == {
        constants.BACKEND_STORE_URI_ENV_VAR,
        constants.REGISTRY_STORE_URI_ENV_VAR,
        constants.ARTIFACT_ROOT_ENV_VAR,
        constants.SERVE_ARTIFACTS_ENV_VAR,
        constants.ARTIFACTS_DESTINATION_ENV_VAR,
        _MLFLOW_SERVER_BOOT_ID.name,
        _MLFLOW_IN_JOB_EXECUTOR.name,
    }
