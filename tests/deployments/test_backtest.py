"""What does `make backtest` ask the flow for?"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from deployments import startup
from deployments.backtest import collect_if_empty, parameters
from deployments.new import answers_from, checked_description, write_files
from flows.backtest import backtest
from flows.collect import collect
from tasks.data.tables import observations
from tasks.data.validation import with_declared_dtypes
from tasks.usecases import use_case


def test_the_numbers_are_those_of_the_deployment_and_the_words_come_on_top():
    result = backtest.validate_parameters(parameters(["NAME=weather", "PRICE=0.25", "WORKERS=processes"]))

    assert (result["usecase"], result["price"], result["workers"]) == ("weather", 0.25, "processes")
    assert result["span"].min_rehearsal == 3


def test_the_numbers_of_a_described_problem_are_those_of_its_own_file(tmp_path: Path, monkeypatch):
    calls = pd.DataFrame({"called": pd.date_range("2024-01-01", periods=1_440, freq="h"), "cost": range(1_440)})
    calls.assign(age=calls["cost"] % 7).to_parquet(tmp_path / "calls.parquet")
    for folder in ("usecases", "deployments"):
        (tmp_path / folder).mkdir()
    words = ["NAME=calls", f"DATA={tmp_path / 'calls.parquet'}", "TIME=called", "TARGET=cost"]
    write_files(checked_description(answers_from(words, tmp_path)), tmp_path)
    own = tmp_path / "deployments" / "calls.yaml"
    own.write_text(
        own.read_text().replace("rehearsal_share: 0.2, min_rehearsal: 3", "rehearsal_share: 0.4, min_rehearsal: 7")
    )
    monkeypatch.setattr(startup, "PREFECT_FILE", tmp_path / "deployments" / "prefect.yaml")
    startup.PREFECT_FILE.write_text("deployments: []")

    result = parameters(["NAME=calls"])

    assert result["usecase"] == "calls"
    assert result["span"] == {"rehearsal_share": 0.4, "min_rehearsal": 7}


def test_a_problem_that_no_file_deploys_is_refused():
    with pytest.raises(ValueError, match="declares the deployment nowhere-backtest"):
        parameters(["NAME=nowhere"])


def test_an_empty_word_says_nothing():
    assert "price" not in parameters(["NAME=weather", "PRICE="])


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "expected NAME="), (["NAME="], "expected NAME="), (["NAME=weather", "PRIZE=1"], "PRIZE")],
)
def test_what_is_missing_or_unknown_is_named(words, message):
    with pytest.raises(ValueError, match=message):
        parameters(words)


@pytest.fixture
def collections(tmp_path: Path, monkeypatch) -> list[dict[str, object]]:
    """What the flow `collect` is asked for, on a state of its own."""
    asked: list[dict[str, object]] = []

    class Asked:
        validate_parameters = staticmethod(collect.validate_parameters)

        def __call__(self, **given: object) -> None:
            asked.append(given)

    monkeypatch.setenv("EVERGREEN_STATE", str(tmp_path))
    monkeypatch.setattr("flows.collect.collect", Asked())
    return asked


def test_a_history_that_is_not_stored_is_collected_to_the_end_of_its_replay(collections):
    collect_if_empty({"usecase": "weather"}, Console(quiet=True))

    assert [(collection["usecase"], collection["as_of"]) for collection in collections] == [
        ("weather", datetime(2013, 12, 30, 5, tzinfo=UTC))
    ]


def test_a_history_is_collected_to_the_moment_that_is_asked_for(collections):
    collect_if_empty({"usecase": "weather", "as_of": "2013-06-01T00:00:00Z"}, Console(quiet=True))

    assert collections[0]["as_of"] == datetime(2013, 6, 1, tzinfo=UTC)


def test_what_is_stored_is_not_collected_again(collections):
    weather = use_case("weather")
    (first_day,) = weather.source.rows(weather.history_start, weather.history_start + timedelta(days=1))
    observations(weather).append_new(
        with_declared_dtypes(first_day, weather).astype(weather.dtypes)[list(weather.columns)]
    )

    collect_if_empty({"usecase": "weather"}, Console(quiet=True))

    assert collections == []
