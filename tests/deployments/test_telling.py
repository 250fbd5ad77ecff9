"""What does `make demo` say of a replay where its output is a file?"""

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from deployments.telling import StepLines, short_table, step_line

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


def test_the_table_says_that_there_was_no_champion_yet_and_who_asked_later() -> None:
    console = Console(width=100, record=True, file=StringIO())
    rows = [
        {"as of": "2013-03-01", "retrain": "no champion yet", "verdict": "promoted: version 1"},
        {"as of": "2013-05-01", "retrain": "automation: temp drifted", "verdict": "refused: gain +0.001"},
    ]

    console.print(short_table("flights", [row | {"faults": ""} for row in rows]))

    lines = [[cell.strip() for cell in line.split("│")] for line in console.export_text().splitlines() if "│" in line]
    assert [line[2:4] for line in lines] == [["no champion yet", "promoted"], ["automation", "refused"]]


def test_each_step_is_said_once_as_soon_as_it_was_played() -> None:
    said: list[str] = []
    lines = StepLines("flights", 11, said.append)

    lines.add([])
    lines.add([MARCH])
    lines.add([MARCH])
    lines.add([MARCH, APRIL])

    assert said == [
        "Playing 11 moments of flights: collect, score, monitor, and retrain where that asks for it ...",
        "1 of 11  2013-03-01  51,955 new rows, 0 predicted; retrain (no champion yet): promoted",
        "2 of 11  2013-04-01  0 new rows, 28,000 predicted",
    ]
