"""What stands in the file of a use case that was described from a table?"""

import runpy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scaffold.describing import Answers, use_case_description
from scaffold.profiling import Undecided
from scaffold.tables import Address, table_sample
from scaffold.writing import secret_variable, use_case_text
from tasks.data.validation import row_faults, shape_fault, with_declared_dtypes
from tasks.settings import ROOT
from tasks.usecases import UseCase

DAYS = 60
ROWS = 24 * DAYS
CHANCE = np.random.default_rng(0)
AGES = CHANCE.normal(40, 9, ROWS)
HOURS = pd.date_range("2024-01-01", periods=ROWS, freq="h")
DAY = timedelta(days=1)
ALL_TIME = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def a_table(**changes) -> pd.DataFrame:
    """Return 60 days of hourly calls; whether one is lost depends on the age."""
    columns = {
        "called": HOURS,
        "lost": np.where(AGES + CHANCE.normal(0, 9, ROWS) > 40, "yes", "no"),
        "age": AGES,
        "line": CHANCE.choice(["north", "south"], ROWS),
        "visits": CHANCE.integers(0, 9, ROWS),
    }
    return pd.DataFrame(columns | changes)


def description(frame: pd.DataFrame, folder: Path, suffix: str = "parquet", **given):
    path = folder / f"calls.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    address = Address(str(path))
    answers = Answers(**{"name": "calls", "address": address, "time": "called", "target": "lost"} | given)
    return use_case_description(answers, table_sample(address))


def drafted_use_case(draft, folder: Path) -> UseCase:
    file = folder / "calls.py"
    file.write_text(use_case_text(draft))
    return runpy.run_path(str(file))["USE_CASE"]


def rows_of(problem: UseCase, start=ALL_TIME[0], end=ALL_TIME[1]) -> pd.DataFrame:
    return with_declared_dtypes(pd.concat(problem.source.rows(start, end), ignore_index=True), problem)


def bad_rows(problem: UseCase) -> list[str]:
    rows = rows_of(problem)
    assert shape_fault(rows, problem) is None
    faults = row_faults(rows, problem)
    return faults[faults != ""].tolist()


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_the_drafted_use_case_reads_its_own_table_without_a_bad_row(tmp_path: Path, suffix: str) -> None:
    problem = drafted_use_case(description(a_table(), tmp_path, suffix), tmp_path)

    assert bad_rows(problem) == []
    assert (problem.key, problem.target, problem.metric) == (("called",), "lost", "roc_auc")
    assert problem.numeric == ("age", "visits", "event_hour", "event_weekday")
    assert problem.categorical == ("line",)


def test_a_target_in_words_becomes_0_and_1(tmp_path: Path) -> None:
    problem = drafted_use_case(description(a_table(), tmp_path), tmp_path)

    assert rows_of(problem).lost.tolist() == [float(word == "yes") for word in a_table_lost(tmp_path)]


def a_table_lost(folder: Path) -> list[str]:
    return pd.read_parquet(folder / "calls.parquet").lost.tolist()


def test_odd_names_become_plain_ones_that_differ_in_more_than_case(tmp_path: Path) -> None:
    odd = {"import": AGES + 1, "Age": AGES * 2, "x 1": AGES + 3, 'a"\\b': AGES + 4, "prediction": AGES + 5, "é": "ü"}
    draft = description(a_table(**odd, label_time=CHANCE.normal(size=ROWS)), tmp_path)
    problem = drafted_use_case(draft, tmp_path)

    assert bad_rows(problem) == []
    assert {draft.names[name] for name in odd} == {"import", "Age_2", "x_1", "a_b", "given_prediction", "é"}
    assert problem.label_time == "label_time"
    assert "given_label_time" in problem.numeric


def test_infinities_are_read_as_missing_and_set_no_row_aside(tmp_path: Path) -> None:
    odd = AGES.copy()
    odd[:30] = np.inf
    problem = drafted_use_case(description(a_table(odd=odd), tmp_path), tmp_path)

    assert bad_rows(problem) == []
    assert rows_of(problem).odd.isna().sum() == 30


def test_a_column_named_as_the_system_names_its_own_is_given_another_name(tmp_path: Path) -> None:
    taken = {"shadow": AGES + 1, "prediction_0": AGES + 2, "in_training": AGES + 3}
    draft = description(a_table(**taken), tmp_path)
    problem = drafted_use_case(draft, tmp_path)

    assert [draft.names[name] for name in taken] == ["given_shadow", "given_prediction_0", "given_in_training"]
    assert bad_rows(problem) == []


@pytest.mark.parametrize(
    ("called", "given"),
    [
        (HOURS.strftime("%d.%m.%Y %H:%M"), {}),
        (HOURS.as_unit("s").astype("int64"), {}),
        (HOURS.as_unit("ms").astype("int64"), {}),
        (HOURS.strftime("%Y-%m-%dT%H:%M:%S+00:00"), {}),
        (HOURS.strftime("%d/%m/%Y %H"), {"time_format": "%d/%m/%Y %H"}),
    ],
)
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_window_holds_the_rows_of_its_time_however_times_are_written(tmp_path, suffix, called, given) -> None:
    problem = drafted_use_case(description(a_table(called=called), tmp_path, suffix, **given), tmp_path)

    rows = rows_of(problem, datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC))

    assert rows.called.tolist() == list(pd.date_range("2024-01-02", periods=24, freq="h", tz="UTC"))


def test_local_times_become_utc(tmp_path: Path) -> None:
    problem = drafted_use_case(description(a_table(), tmp_path, zone="Europe/Paris"), tmp_path)

    assert rows_of(problem).called.min() == pd.Timestamp("2023-12-31 23:00", tz="UTC")


def test_a_delay_makes_the_label_time_and_the_maturity(tmp_path: Path) -> None:
    problem = drafted_use_case(description(a_table(), tmp_path, label_time="6h", mature="3d"), tmp_path)
    first = rows_of(problem).iloc[0]

    assert (first.label_time - first.called, first.mature - first.called) == (timedelta(hours=6), timedelta(days=3))
    assert (problem.mature, problem.look_back) == ("mature", problem.period)


def test_a_label_whose_delay_predicts_its_value_matures_when_nearly_all_labels_have_come(tmp_path: Path) -> None:
    frame = a_table()
    closed = HOURS + pd.to_timedelta(np.where(frame.lost == "yes", 2, 50), unit="h")

    problem = drafted_use_case(description(frame.assign(closed=closed), tmp_path), tmp_path)

    assert (problem.label_time, problem.mature) == ("closed", "mature")
    assert (rows_of(problem).mature - rows_of(problem).called).unique().tolist() == [timedelta(hours=50)]


def test_a_label_whose_delay_says_nothing_is_trusted_at_once(tmp_path: Path) -> None:
    closed = HOURS + pd.to_timedelta(CHANCE.integers(1, 50, ROWS), unit="h")

    assert description(a_table(closed=closed), tmp_path).mature is None


def test_several_columns_that_may_be_the_label_s_time_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(Undecided, match=r"paid \(100% .*sent \(100% .*LABEL_TIME=now"):
        description(a_table(paid=HOURS + DAY, sent=HOURS + 2 * DAY), tmp_path)


def test_suspected_leaks_are_stored_and_named_and_are_no_features(tmp_path: Path) -> None:
    frame = a_table()
    draft = description(frame.assign(status=frame.lost.map({"yes": "gone", "no": "kept"})), tmp_path)

    problem = drafted_use_case(draft, tmp_path)

    assert "status" in problem.columns
    assert "status" not in problem.features
    assert "# - status: gives the answer away: alone it predicts lost with AUC 1.000" in use_case_text(draft)


def test_text_constants_identifiers_and_copies_are_left_out_with_their_reasons(tmp_path: Path) -> None:
    frame = a_table(
        note=[f"the caller said on line {number} that all is well" for number in range(ROWS)],
        constant="k",
        ticket=[f"t{number}" for number in range(ROWS)],
        copy=AGES,
        empty=None,
    )
    draft = description(frame, tmp_path)

    reasons = {finding.column: finding.kind for finding in draft.findings if finding.left_out}

    assert reasons == {
        "note": "free text",
        "constant": "constant",
        "ticket": "identifier",
        "copy": "repeats a column",
        "empty": "empty",
    }
    assert drafted_use_case(draft, tmp_path).key == ("ticket",)


def test_a_date_becomes_the_days_to_the_event(tmp_path: Path) -> None:
    problem = drafted_use_case(
        description(a_table(born=HOURS - pd.to_timedelta(AGES // 1, unit="D")), tmp_path), tmp_path
    )

    assert "born_days" in problem.numeric
    assert rows_of(problem).born_days.tolist() == (-(AGES // 1)).tolist()


def test_equal_rows_are_asked_about_and_count_each_with_key_row(tmp_path: Path) -> None:
    twice = pd.concat([a_table()] * 2).sort_values("called", kind="stable", ignore_index=True)
    with pytest.raises(Undecided, match=r"1,440 of 2,880 rows repeat another one exactly.*KEY=row"):
        description(twice, tmp_path)

    problem = drafted_use_case(description(twice, tmp_path, key=("row",)), tmp_path)

    assert len(rows_of(problem)) == rows_of(problem).row_key.nunique() == 2 * ROWS


def test_a_row_has_the_same_key_in_whichever_window_it_is_read(tmp_path: Path) -> None:
    gaps = pd.Series(CHANCE.integers(0, 9, ROWS)).mask(np.arange(ROWS) >= 24).astype("Int64")
    problem = drafted_use_case(description(a_table(gaps=gaps), tmp_path, key=("row",)), tmp_path)
    start, end = datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 2, tzinfo=UTC)
    every = rows_of(problem)

    day_keys = rows_of(problem, start, end).row_key.tolist()

    assert day_keys == every[(every.called >= start) & (every.called < end)].row_key.tolist()


def test_a_key_that_is_borne_twice_by_different_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Undecided, match=r"KEY=line is borne by 1,438 of 1,440 rows a second time"):
        description(a_table(), tmp_path, key=("line",))


def test_the_range_of_the_values_becomes_the_schema(tmp_path: Path) -> None:
    visits = [0.0, 8.0] * (ROWS // 2)
    schema = drafted_use_case(
        description(a_table(visits=visits, gap=[1.5, None, 2.5] * (ROWS // 3)), tmp_path), tmp_path
    ).schema

    # 8 + half of the range of 8
    assert schema.columns["visits"].checks[0].statistics == {"min_value": 0.0, "max_value": 12.0,
        "include_min": True, "include_max": True}  # fmt: skip
    assert (schema.columns["visits"].nullable, schema.columns["gap"].nullable) == (False, True)
    assert schema.columns["line"].checks[0].statistics == {"allowed_values": ["north", "south"]}


def test_a_number_is_a_regression_judged_in_its_own_units(tmp_path: Path) -> None:
    problem = drafted_use_case(description(a_table(lost=AGES * 3 + CHANCE.normal(size=ROWS)), tmp_path), tmp_path)

    assert (problem.kind, problem.metric, bad_rows(problem)) == ("regression", "rmse", [])


def test_several_classes_are_named_in_the_file(tmp_path: Path) -> None:
    text = use_case_text(description(a_table(lost=CHANCE.choice(["a", "b", "c"], ROWS)), tmp_path))

    assert "classes=('a', 'b', 'c')," in text
    assert "metric='log_loss'" in text


def test_a_password_is_read_from_the_environment_and_not_written_down(tmp_path: Path) -> None:
    draft = description(a_table(), tmp_path)
    secret = Address("postgresql://me:secret@host/db", table="calls")  # never connected to
    there = type(draft)(**draft.__dict__ | {"answers": Answers(**draft.answers.__dict__ | {"address": secret})})

    assert secret_variable(there) == "EVERGREEN_CALLS_URL"
    assert "secret" not in use_case_text(there)


def test_the_file_keeps_the_project_s_lint_once_formatted(tmp_path: Path) -> None:
    odd = {"it's \\n": AGES + 1, "due": HOURS + DAY, "import": ["a", None] * (ROWS // 2)}
    text = use_case_text(description(a_table(**odd, called=HOURS.strftime("%d.%m.%Y %H:%M")), tmp_path, key=("row",)))
    ruff = [sys.executable, "-m", "ruff"]
    there = ["--no-cache", "--stdin-filename", "usecases/calls.py", "-"]

    tidy = subprocess.run([*ruff, "format", *there], cwd=ROOT, input=text, capture_output=True, text=True, check=True)
    lint = subprocess.run([*ruff, "check", "--ignore", "S108", *there], cwd=ROOT, input=tidy.stdout,
                          capture_output=True, text=True, check=False)  # fmt: skip

    assert lint.stdout.strip() == "All checks passed!"
