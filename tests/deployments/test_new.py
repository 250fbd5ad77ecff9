"""What does `make new` write, and what does it ask?"""

import json
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint
from rich.console import Console

import usecases
from deployments import new
from deployments.new import (
    CannotDescribe,
    answers_from,
    checked_description,
    name_refusal,
    next_steps,
    show,
    write_files,
)
from tasks.settings import ROOT
from tasks.simulation.replay import Policies

ROWS = 24 * 60
FLOWS = (
    *("collect", "score", "monitor", "retrain", "replay", "rollback", "mute", "accept", "readmit", "reproduce"),
    *("maintain", "explain", "drill", "status", "backtest"),
)
ASKED = {
    "rollback": {"reason": "it is worse"},
    "mute": {"until": "2024-01-01T00:00:00Z", "reason": "it is a holiday"},
    "accept": {"reason": "the field is optional now"},
    "explain": {"key": "1"},
}
"""What a person fills in; it has no default."""
CHANCE = np.random.default_rng(0)


@pytest.fixture
def table() -> pd.DataFrame:
    """60 days of hourly calls, with their costs."""
    return pd.DataFrame(
        {
            "called": pd.date_range("2024-01-01", periods=ROWS, freq="h"),
            "cost": CHANCE.normal(50, 10, ROWS),
            "age": CHANCE.normal(40, 9, ROWS),
            "line": CHANCE.choice(["north", "south"], ROWS),
        }
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A root of its own, with the two folders that are written to."""
    for folder in ("usecases", "deployments"):
        (tmp_path / "tree" / folder).mkdir(parents=True)
    return tmp_path / "tree"


@pytest.fixture
def words(tmp_path: Path, table: pd.DataFrame) -> list[str]:
    """The words that describe `table`, stored as parquet."""
    table.to_parquet(tmp_path / "calls.parquet")
    return ["NAME=calls", f"DATA={tmp_path / 'calls.parquet'}", "TIME=called", "TARGET=cost"]


def files(tree: Path) -> list[str]:
    return sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file())


def test_both_files_are_written_and_the_rows_read_back_are_counted(words: list[str], tree: Path) -> None:
    description = checked_description(answers_from(words, tree))

    good, bad = write_files(description, tree)

    assert files(tree) == ["deployments/calls.yaml", "usecases/calls.py"]
    assert (good, bad) == (ROWS, 0)
    assert "make try NAME=calls" in next_steps(description, good, bad)


def test_findings_are_shown_with_their_evidence(words: list[str], tmp_path: Path, table: pd.DataFrame) -> None:
    table.assign(twice=table.cost * 2).to_parquet(tmp_path / "calls.parquet")
    console = Console(record=True, width=200)

    show(checked_description(answers_from(words)), console)

    assert "alone it predicts cost with R2 0.99" in console.export_text()


@pytest.mark.parametrize("store", ["csv", "jsonl", "sqlite"])
def test_any_source_gives_the_same_use_case(words, tmp_path: Path, tree: Path, table: pd.DataFrame, store: str) -> None:
    plain = table.assign(called=table.called.astype(str))
    with sqlite3.connect(tmp_path / "calls.db") as database:
        plain.to_sql("calls", database, index=False)
    plain.to_csv(tmp_path / "calls.csv", index=False)
    plain.to_json(tmp_path / "calls.jsonl", orient="records", lines=True)
    source_words = {"csv": [f"DATA={tmp_path / 'calls.csv'}"], "jsonl": [f"DATA={tmp_path / 'calls.jsonl'}"],
            "sqlite": [f"DATA=sqlite:///{tmp_path / 'calls.db'}", "TABLE=calls"]}[store]  # fmt: skip

    description = checked_description(answers_from([words[0], *words[2:], *source_words], tree))

    assert description.numeric == ("age",)
    assert write_files(description, tree) == (ROWS, 0)


def test_the_deployments_load_and_their_limits_are_in_units_of_the_target(
    words: list[str], tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(checked_description(answers_from(words, tree)), tree)
    monkeypatch.setattr(usecases, "__path__", [*usecases.__path__, str(tree / "usecases")])
    content = yaml.safe_load((tree / "deployments" / "calls.yaml").read_text())
    flows = [load_flow_from_entrypoint(str(ROOT / deployment["entrypoint"])) for deployment in content["deployments"]]

    taken = [
        flow.validate_parameters(deployment["parameters"] | ASKED.get(flow.name, {}))
        for flow, deployment in zip(flows, content["deployments"], strict=True)
    ]

    assert {parameters["usecase"] for parameters in taken} == {"calls"}
    assert [flow.name for flow in flows] == list(FLOWS)
    # a twentieth of the standard deviation, 10
    assert content["definitions"]["policy"]["max_loss"] == pytest.approx(0.5, abs=0.02)
    schedules = [schedule for deployment in content["deployments"] for schedule in deployment.get("schedules", [])]
    assert [schedule["active"] for schedule in schedules] == [False] * 5


@pytest.mark.parametrize("there", ["usecases/calls.py", "deployments/calls.yaml"])
def test_nothing_is_overwritten_and_nothing_half_written_stays(words: list[str], tree: Path, there: str) -> None:
    description = checked_description(answers_from(words, tree))
    (tree / there).write_text("mine")

    with pytest.raises(CannotDescribe, match="is there already"):
        write_files(description, tree)

    assert files(tree) == [there]
    assert (tree / there).read_text() == "mine"
    assert not list(tree.glob(".new-*"))


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("class", "cannot be the name of a Python file"),
        ("Hotel Bookings", "cannot be the name of a Python file"),
        ("prefect", "prefect.yaml"),
        ("flights", "flights is there already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tree: Path, name: str, refusal: str) -> None:
    assert refusal in str(name_refusal(name, tree))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (["TARGET=price"], "TARGET=price: no such column; there are: called, cost, age, line"),
        (["TIME=line"], "expected times in column 'line', found '(north|south)'"),
        (["KEY=line"], "KEY=line is borne by 1,438 of 1,440 rows"),
        (["LABEL_TIME=later"], "no such column"),
        (["TIME=line", "TIME_FORMAT=%d.%m. %H:%M"], "has no year, so it gives no time"),
        (["COLOUR=red"], "expected NAME, DATA, .*, found COLOUR"),
        (["KIND=ranking"], "expected KIND=binary or multiclass or regression, found ranking"),
        (["ZONE=Mars"], "'Mars', which no zone is called"),
        (["DATA=nowhere.csv"], "nowhere.csv"),
        (["DATA=sqlite:///some.db"], "say which rows with TABLE= or QUERY="),
    ],
)
def test_what_is_impossible_is_refused_by_name(words: list[str], tree: Path, changes: list[str], refusal: str) -> None:
    with pytest.raises(CannotDescribe, match=f"(?i){refusal}"):
        checked_description(answers_from([*words, *changes], tree))


def test_a_table_without_times_is_refused_with_what_to_do(tmp_path: Path, tree: Path, table: pd.DataFrame) -> None:
    table.drop(columns="called").to_parquet(tmp_path / "calls.parquet")

    with pytest.raises(CannotDescribe, match=r"TIME=  column(.|\n)*None of them is a time(.|\n)*made-up clock"):
        answers_from(["NAME=calls", f"DATA={tmp_path / 'calls.parquet'}", "TARGET=cost"], tree)


def test_a_table_with_too_few_targets_to_fit_and_compare_is_refused_with_the_number_needed(
    words: list[str], tmp_path: Path, tree: Path, table: pd.DataFrame
) -> None:
    table.assign(cost=table.cost.where(table.index < 199)).to_parquet(tmp_path / "calls.parquet")

    with pytest.raises(CannotDescribe, match="199 of 1440 rows have a target; at least 200 are needed"):
        checked_description(answers_from(words, tree))


def test_numbers_with_decimal_commas_are_named_as_what_they_are(
    words: list[str], tmp_path: Path, tree: Path, table: pd.DataFrame
) -> None:
    german = table.age.map(lambda age: f"{age:.4f}".replace(".", ","))
    table.assign(age=german).to_parquet(tmp_path / "calls.parquet")

    description = checked_description(answers_from(words, tree))

    assert [(finding.column, finding.kind) for finding in description.findings if finding.left_out] == [
        ("age", "decimal commas")
    ]


def test_a_history_of_minutes_is_given_a_replay_that_its_policies_allow(
    words: list[str], tmp_path: Path, tree: Path, table: pd.DataFrame
) -> None:
    every = pd.date_range("2024-01-01", periods=ROWS * 8, freq="s")
    pd.concat([table] * 8, ignore_index=True).assign(called=every).to_parquet(tmp_path / "calls.parquet")

    write_files(checked_description(answers_from(words, tree)), tree)

    deployments = yaml.safe_load((tree / "deployments" / "calls.yaml").read_text())["deployments"]
    numbers = next(
        deployment["parameters"] for deployment in deployments if deployment["entrypoint"] == "flows/replay.py:replay"
    )
    # windows of fifteen minutes
    assert Policies(**numbers["policies"]).policy.watch.checks_per_year == pytest.approx(365.25 * 24 * 4)


def test_a_table_with_too_few_different_times_is_refused_with_the_number_needed(
    words: list[str], tmp_path: Path, tree: Path, table: pd.DataFrame
) -> None:
    table.assign(called=table.called.dt.floor("6D")).to_parquet(tmp_path / "calls.parquet")

    with pytest.raises(CannotDescribe, match="'called' has 11 different times; at least 12 are needed"):
        checked_description(answers_from([*words, "KEY=row"], tree))


def test_a_table_with_just_enough_targets_is_described(
    words: list[str], tmp_path: Path, tree: Path, table: pd.DataFrame
) -> None:
    table.assign(cost=table.cost.where(table.index < 200)).to_parquet(tmp_path / "calls.parquet")

    assert checked_description(answers_from(words, tree)).target.values.notna().sum() == 200


def test_a_large_table_is_looked_at_in_part_and_its_key_checked_in_full(
    words: list[str], tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.assign(cost=table.cost.where(table.index != 1, 51.0)).to_parquet(tmp_path / "calls.parquet")
    from scaffold import tables

    monkeypatch.setattr(tables.table_sample, "__defaults__", (1000,))

    description = checked_description(answers_from(words))

    # every second of 1,440
    assert (description.looked, description.rows) == (720, ROWS)


def test_a_refusal_ends_with_exit_code_1_and_says_that_nothing_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new.sys, "argv", ["new", "NAME=calls"])

    with pytest.raises(SystemExit, match=r"missing:(.|\n)*DATA=(.|\n)*Nothing was written\."):
        new.main()


def test_make_hands_on_the_given_words_and_nothing_of_the_environment() -> None:
    words = ["NAME=it", "QUERY=select 'a' as b", "TIME=When ?"]
    command = ["make", "--dry-run", "--no-print-directory", "-o", ".venv/.installed", "new", *words]

    dry_run = subprocess.run(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin", "TARGET": "x"}, capture_output=True,
                          text=True, check=True)  # fmt: skip

    assert " ".join(dry_run.stdout.split()).endswith(
        r"deployments.new 'NAME=it' 'TIME=When ?' 'QUERY=select '\''a'\'' as b'"
    )


def test_json_lines_with_lists_name_the_column_that_cannot_be_read(tmp_path: Path, table: pd.DataFrame) -> None:
    rows = table.assign(called=table.called.astype(str)).to_dict("records")
    (tmp_path / "calls.jsonl").write_text("\n".join(json.dumps(row | {"tags": ["a"]}) for row in rows))

    description = checked_description(
        answers_from(["NAME=calls", f"DATA={tmp_path / 'calls.jsonl'}", "TIME=called", "TARGET=cost"])
    )

    assert [(finding.column, finding.kind) for finding in description.findings if finding.left_out] == [
        ("tags", "cannot be read")
    ]
