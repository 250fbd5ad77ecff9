"""What may be deleted of a use case's tables, who is asked first, and what is said of it afterwards?"""

import json
import time
from datetime import UTC, datetime

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from pydantic import ValidationError

from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.data.tables import observations, quarantine
from tasks.errors import LostVersionError
from tasks.registry.maintenance import (
    CitedVersions,
    MaintenancePolicy,
    NoRegistryError,
    Upkeep,
    cited,
    cited_versions,
    compacted_tables,
    show_maintenance,
    summary,
    vacuumed_tables,
)

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = MaintenancePolicy(delete_files=True, keep_days=7)


def decision(kind, answers="stall/1", **facts):
    return Decision(usecase="stall", kind=kind, as_of=JAN_1, reason="test", facts=facts, answers=answers)


def rewritten_and_old(problem, sales):
    """Store eighty sales in four versions with rows, each time at other prices, and date what left 40 days back."""
    table = observations(problem)
    versions = [table.upsert(sales(*[{"price": float(price)}] * 80)).version for price in range(1, 5)]
    for entry in (table.path / "_delta_log").glob("*.json"):
        actions = [json.loads(line) for line in entry.read_text().splitlines()]
        for removed in (action["remove"] for action in actions if "remove" in action):
            removed["deletionTimestamp"] = int(1000 * (time.time() - 40 * 86_400))
        entry.write_text("\n".join(map(json.dumps, actions)))
    return table, versions


def prices(table, version):
    return set(table.read(version=version)["price"])


@pytest.mark.parametrize(
    ("registered", "history", "models", "versions"),
    [
        ({}, [], 0, ()),
        ({"1": 12, "2": 3, "3": 12}, [], 3, (3, 12)),
        ({"1": 12}, [decision("approval asked", dataset_version=9)], 2, (9, 12)),
        ({"1": 12}, [decision("approval asked", dataset_version=9), decision("refused")], 1, (12,)),
    ],
    ids=["no model", "every registered version", "one that waits for approval", "one that was refused"],
)
def test_cited_are_the_versions_that_registered_models_and_open_approvals_learned_from(
    registered, history, models, versions
):
    assert cited(registered, history) == CitedVersions(models=models, versions=versions)


def test_an_empty_registry_beside_models_that_went_live_is_not_believed():
    with pytest.raises(NoRegistryError, match="holds 1 models of stall that went live, the registry none: nothing is"):
        cited({}, [decision("promoted", version="1")])


@pytest.mark.parametrize("days", [6, 36_501])
def test_versions_are_kept_for_a_week_at_least_and_a_century_at_most(days):
    with pytest.raises(ValidationError, match="keep_days"):
        MaintenancePolicy(delete_files=True, keep_days=days)


UPKEEP = [
    Upkeep(
        table="stall/observations",
        files_before=1200,
        files_after=3,
        protected=2,
        deleted=4,
        deleted_bytes=1_250_000,
    ),
    Upkeep(table="ledger", files_before=8, files_after=1, deleted=1, deleted_bytes=250_000),
]


@pytest.mark.parametrize(("deletes", "act"), [(True, "deleted"), (False, "could be deleted")])
def test_the_sentence_tells_files_bytes_and_what_was_protected(deletes, act):
    policy = MaintenancePolicy(delete_files=deletes, keep_days=30)

    assert summary("stall", UPKEEP, CitedVersions(models=3, versions=(3, 12)), policy) == (
        f"stall: 5 files (1.5 MB) {act} that left their tables more than 30 days ago; protected: 2 versions of the "
        "observations, cited by 3 models; 2 tables compacted from 1,208 files to 4"
    )


def test_the_table_that_is_shown_has_a_line_for_each_table(shown):
    show_maintenance.fn("stall", UPKEEP, CitedVersions(models=3, versions=(3, 12)), WEEK)

    assert shown[-1]["key"] == "stall-maintenance"
    assert shown[-1]["table"][0] == {
        "table": "stall/observations",
        "files before": 1200,
        "files after": 3,
        "old files deleted": 4,
        "MB deleted": 1.25,
        "versions protected": 2,
    }


def test_every_table_of_the_use_case_is_compacted_and_the_ledger_but_no_other_use_case_s(stall, state, sales):
    [observations(stall).append_new(sales(*[{}] * count)) for count in (2, 4, 6)]
    quarantine(stall).append_new(quarantine(stall).rows([{"id": "1"}]))
    ledger.record(decision("refused"))
    (state / "tables" / "other" / "observations" / "_delta_log").mkdir(parents=True)

    assert compacted_tables.fn("stall") == [
        Upkeep(table="stall/observations", files_before=3, files_after=1),
        Upkeep(table="stall/quarantine", files_before=1, files_after=1),
        Upkeep(table="ledger", files_before=1, files_after=1),
    ]
    assert len(observations(stall).read()) == 6


def test_cited_versions_of_the_observations_are_kept_and_the_others_deleted(stall, state, sales):
    table, versions = rewritten_and_old(stall, sales)

    done = vacuumed_tables.fn(
        "stall", compacted_tables.fn("stall"), CitedVersions(models=1, versions=(versions[1],)), WEEK
    )

    assert [prices(table, versions[1]), prices(table, None)] == [{2.0}, {4.0}]
    with pytest.raises(LostVersionError, match=f"version {versions[0]} of"):
        table.read(version=versions[0])
    # of four versions with rows the newest and a cited one stay
    assert [(upkeep.protected, upkeep.deleted, upkeep.deleted_bytes > 0) for upkeep in done] == [(1, 2, True)]


def test_where_nothing_may_be_deleted_it_is_counted(stall, state, sales):
    table, versions = rewritten_and_old(stall, sales)
    policy = MaintenancePolicy(delete_files=False, keep_days=7)

    done = vacuumed_tables.fn("stall", compacted_tables.fn("stall"), CitedVersions(), policy)

    assert [upkeep.deleted for upkeep in done] == [3]
    assert prices(table, versions[0]) == {1.0}


def registered(folder, **tags):
    """Register another version of the stall's model, of which only its tags matter."""
    return MlflowClient().create_model_version("stall", str(folder), tags=tags)


@pytest.mark.slow
def test_all_registered_versions_are_asked_for_not_only_the_live_one(stall, state, mlflow_server, tmp_path):
    MlflowClient().create_registered_model("stall")
    [registered(tmp_path, dataset_version=version) for version in ("12", "3", "5")]
    MlflowClient().set_registered_model_alias("stall", "champion", "1")
    MlflowClient().delete_model_version("stall", "3")

    assert cited_versions.fn("stall") == CitedVersions(models=2, versions=(3, 12))


@pytest.mark.slow
def test_a_version_that_does_not_say_what_it_learned_from_stops_the_deletion(stall, state, mlflow_server, tmp_path):
    MlflowClient().create_registered_model("stall")
    [registered(tmp_path, **tags) for tags in ({"dataset_version": "12"}, {})]

    with pytest.raises(ValueError, match=r"the tag dataset_version on every registered version of stall, .* on 2:"):
        cited_versions.fn("stall")


@pytest.mark.slow
def test_where_the_registry_does_not_answer_nothing_is_cited_that_a_vacuum_could_go_by(
    stall, state, free_port, monkeypatch
):
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(MlflowException, match="Max retries exceeded"):
        cited_versions.fn("stall")
