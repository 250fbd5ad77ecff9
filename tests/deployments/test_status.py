"""What does `make status` print?"""

import pytest
from rich.console import Console

from deployments.status import chosen, main, servers_text, show_status
from tasks.usecases import use_case_names


def test_all_use_cases_are_shown_or_the_named_one():
    assert chosen([]) == use_case_names()
    assert chosen(["NAME=weather"]) == ["weather"]


@pytest.mark.parametrize(("words", "refusal"), [(["NAME=x"], "unknown use case 'x'"), (["NAMES=x"], "found NAMES")])
def test_what_is_unknown_is_refused_by_name(words, refusal):
    with pytest.raises(ValueError, match=refusal):
        chosen(words)


def test_with_all_servers_down_the_tables_are_shown_all_the_same(installation, monkeypatch):
    monkeypatch.setenv("EVERGREEN_STATE", str(installation.state))
    monkeypatch.setattr("tasks.runs.next_runs", lambda usecase: None)
    console = Console(record=True, width=160)

    show_status("weather", console)

    text = console.export_text()
    assert "no model is live yet" in text
    assert "Next runs: Prefect does not answer." in text
    assert servers_text(installation).count("is down") == 4


def test_where_nothing_was_ever_started_the_message_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("EVERGREEN_STATE", str(tmp_path / "never"))

    with pytest.raises(SystemExit, match="Nothing was ever started on"):
        main()
