"""What does `make demo` say of a replay where its output is a file?"""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from deployments.replay_lines import StepLines, short_table, show_replay, step_line

MARCH = {
    "as_of": datetime(2013, 3, 1, 5, tzinfo=UTC),
    "inserted": 51_955.0,
    "scored": 0.0,
    "faults": "",
    "retrain": "no champion yet",
    "verdict": "promoted: version 1: roc_auc 0.7 against 0.5",
}
APRIL = MARCH | {
    "as_of": datetime(2013, 4, 1, 5, tzinfo=UTC),
    "inserted": 0.0,
    "scored": 28_000.0,
    "retrain": "",
    "verdict": "",
}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "2013-04-01  0 new rows, 28,000 predicted"),
        ({"faults": "temp: 3.1% missing"}, "2013-04-01  0 new rows, 28,000 predicted; data fault"),
        (
            {"retrain": "automation: temp drifted", "verdict": "refused: gain +0.001"},
            "2013-04-01  0 new rows, 28,000 predicted; retrain (automation): refused",
        ),
    ],
)
def test_a_step_is_a_line_with_its_rows_and_what_came_of_a_retrain(changes: dict[str, Any], line: str) -> None:
    assert step_line(APRIL | changes) == line


def test_each_step_is_printed_once_as_soon_as_it_was_played() -> None:
    lines_printed: list[str] = []
    lines = StepLines("flights", 11, lines_printed.append)

    lines.add([])
    lines.add([MARCH])
    lines.add([MARCH])
    lines.add([MARCH, APRIL])

    assert lines_printed == [
        "Playing 11 moments of flights: collect, score, monitor, and retrain where that asks for it ...",
        "1 of 11  2013-03-01  51,955 new rows, 0 predicted; retrain (no champion yet): promoted",
        "2 of 11  2013-04-01  0 new rows, 28,000 predicted",
    ]


def test_the_short_table_names_who_asked_for_a_retrain_and_what_came_of_it() -> None:
    rows = [
        {"as of": "2013-03-01", "faults": "", "retrain": "no champion yet", "verdict": "promoted: version 1: better"},
        {"as of": "2013-04-01", "faults": "a: b", "retrain": "automation: drift", "verdict": "refused: no better"},
    ]

    table = short_table("flights", rows)

    assert [column.header for column in table.columns] == ["as of", "retrain", "verdict"]
    assert list(table.columns[1].cells) == ["no champion yet", "automation"]
    assert list(table.columns[2].cells) == ["promoted", "refused"]


def test_the_code_of_a_reason_is_printed_and_not_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"as of": "2013-03-01", "faults": "rows twice [duplicates]", "retrain": "a: b [age-cost]", "verdict": "c [d]"}

    show_replay("flights", [row], "flights [0]", Console(width=120))

    printed = capsys.readouterr().out
    assert "2013-03-01  data: rows twice [duplicates]\n" in printed
    assert "2013-03-01  a: b [age-cost]\n            -> c [d]\n" in printed
    assert "\nflights [0]\n" in printed
