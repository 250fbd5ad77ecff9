"""Which environment do the processes of one installation share?"""

from pathlib import Path

import pytest

from deployments.environment import environment, mlflow_database, prefect_database
from tasks.settings import ROOT, Settings


@pytest.fixture
def settings() -> Settings:
    return Settings(state=Path("/srv/evergreen"), host="10.0.0.7", prefect_port=4201, mlflow_port=5001)


def test_a_process_that_is_given_the_environment_reads_the_same_settings(monkeypatch, settings):
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)

    assert Settings() == settings


def test_a_relative_state_folder_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    variables = environment(Settings(state=Path("var")))

    assert variables["EVERGREEN_STATE"] == str(tmp_path / "var")


def test_clients_find_the_servers_at_the_host_and_ports_of_the_settings(settings):
    variables = environment(settings)

    assert variables["PREFECT_API_URL"] == "http://10.0.0.7:4201/api"
    assert variables["MLFLOW_TRACKING_URI"] == "http://10.0.0.7:5001"
    assert variables["MLFLOW_REGISTRY_URI"] == "http://10.0.0.7:5001"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DO_NOT_TRACK", "true"),
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
        ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
    ],
)
def test_nothing_reports_to_anyone(settings, name, value):
    assert environment(settings)[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFECT_SERVER_CSRF_PROTECTION_ENABLED", "true"),
        ("PREFECT_CLIENT_CSRF_SUPPORT_ENABLED", "true"),
        ("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "http://10.0.0.7:4201"),
        ("MLFLOW_SERVER_ALLOWED_HOSTS", "10.0.0.7:5001"),
        ("MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", "http://10.0.0.7:5001"),
    ],
)
def test_the_servers_are_told_whose_pages_are_ours(settings, name, value):
    assert environment(settings)[name] == value


def test_the_two_databases_are_two_files_below_the_state_folder(settings):
    assert prefect_database(settings) == "sqlite+aiosqlite:////srv/evergreen/prefect/prefect.db"
    assert mlflow_database(settings) == "sqlite:////srv/evergreen/mlflow/mlflow.db"


def test_prefect_knows_every_variable_that_is_set_for_it(monkeypatch, settings):
    from prefect.settings import Settings as PrefectSettings

    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    set_for_prefect = {name for name in environment(settings) if name.startswith("PREFECT_")}

    understood = PrefectSettings().to_environment_variables(exclude_unset=True, include_aliases=True)

    assert set_for_prefect - set(understood) == set()


def test_flows_import_the_rooms_of_the_repository_from_any_working_directory(monkeypatch, settings):
    monkeypatch.delenv("PYTHONPATH", raising=False)

    assert environment(settings)["PYTHONPATH"] == str(ROOT)
