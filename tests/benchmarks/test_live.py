"""Does the comparison of flows and memory see a cell that differs?"""

from datetime import UTC, datetime

import pytest

from benchmarks.live import Comparison, Difference, cells, page

MARCH = {"moment": "2024-03-01 00:00", "new": 3, "late": 1, "bad": 0, "faults": "", "asked": "", "verdict": "",
         "live": 0.75, "first": 0.5, "decisions": ("promoted: better",)}  # fmt: skip
APRIL = MARCH | {"moment": "2024-04-01 00:00", "asked": "automation: drift", "verdict": "refused: no better"}


def test_equal_plays_have_no_difference():
    assert Comparison("shop", [MARCH, APRIL], [MARCH, APRIL]).differences() == []


@pytest.mark.parametrize(
    ("column", "value"), [("live", 0.75 + 1e-16 * 2), ("new", 4), ("decisions", ("promoted: worse",))]
)
def test_one_cell_that_differs_in_its_last_digit_is_named_with_both_values(column, value):
    compared = Comparison("shop", [MARCH, APRIL], [MARCH | {column: value}, APRIL])

    assert compared.differences() == [Difference("2024-03-01 00:00", column, MARCH[column], value)]


@pytest.mark.parametrize(("flows", "memory"), [([MARCH], [MARCH, APRIL]), ([MARCH, APRIL], [MARCH])])
def test_a_moment_that_only_one_play_has_is_a_difference(flows, memory):
    assert [difference.moment for difference in Comparison("shop", flows, memory).differences()] == [APRIL["moment"]]


def test_the_page_counts_what_happened_and_names_what_differs():
    text = page([Comparison("shop", [MARCH, APRIL], [MARCH | {"bad": 2}, APRIL])], "command", 3.0)

    assert "| shop | 2 | 6 | 2 | 0 | 0 | 1 | 0 | 1 | 0 | 0.7500 | 0.5000 | 20 | 1 |" in text
    assert "- shop, 2024-03-01 00:00, bad: 0 through the flows, 2 in memory" in text


def test_a_share_that_is_no_number_equals_itself():
    step = {"as_of": datetime(2024, 3, 1, tzinfo=UTC), "inserted": 1.0, "updated": 0.0, "quarantined": 0.0,
            "scored": 0.0, "drifted_share": float("nan"), "faults": None, "retrain": None, "verdict": None}  # fmt: skip
    score = {"model": None, "live": None, "first": None}

    assert cells(step, score, []) == cells(step, score, [])
