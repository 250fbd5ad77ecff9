"""In which words and under which keys do people find a run?"""

from datetime import UTC, datetime

import pytest
from prefect.runtime import flow_run

from tasks.artifacts import artifact_key, as_markdown, run_name


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("flights drift", "flights-drift"),
        ("New_York Flights  no champion!", "new-york-flights-no-champion"),
        ("-a-1-", "a-1"),
        ("Größe", "gr-e"),
    ],
)
def test_a_key_holds_lower_case_letters_digits_and_single_dashes(text, key):
    assert artifact_key(text) == key


def test_facts_become_a_table_of_two_columns():
    assert as_markdown({"rows": 12, "score": 2 / 3, "note": "a | b\nc"}).splitlines() == [
        "| | |",
        "| --- | --- |",
        "| rows | 12 |",
        "| score | 0.6667 |",
        r"| note | a \| b c |",
    ]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"usecase": "flights", "as_of": datetime(2013, 7, 1, 5, tzinfo=UTC)}, "flights 2013-07-01"),
        ({"usecase": "flights", "as_of": None}, f"flights {datetime.now(UTC):%Y-%m-%d}"),
        ({"usecase": "flights", "as_of": None, "decision": ""}, f"flights {datetime.now(UTC):%Y-%m-%d}"),
        ({"usecase": "flights", "as_of": None, "decision": "flights/2013/asked"}, "flights/2013/asked"),
    ],
    ids=["moment", "clock", "no decision", "decision"],
)
def test_a_run_is_named_after_its_use_case_and_moment_or_the_decision_that_it_answers(monkeypatch, given, name):
    monkeypatch.setitem(vars(flow_run), "parameters", given)

    assert run_name() == name
