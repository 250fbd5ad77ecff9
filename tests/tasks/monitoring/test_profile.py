"""What is remembered of the rows that a model learned from?"""

import pytest

from tasks.monitoring.profile import MOST_LEVELS, profile


def test_a_number_is_told_by_its_missing_share_moments_and_quantiles(stall, sales):
    found = profile(sales({"weight": 1.0}, {"weight": 3.0}, {"weight": 5.0}, {"weight": None}), stall)

    told = found["columns"]["weight"]
    assert (found["rows"], told["kind"], told["missing"], told["mean"]) == (4, "numeric", 1 / 4, (1 + 3 + 5) / 3)
    assert told["sd"] == pytest.approx(((2**2 + 0 + 2**2) / 3) ** 0.5)
    assert (told["quantiles"]["0.25"], told["quantiles"]["0.5"]) == (2.0, 3.0)


def test_a_category_and_a_class_are_told_by_the_share_of_each_level(stall, sales):
    columns = profile(sales({"channel": "web"}, {"channel": "web"}, {"channel": "store"}), stall)["columns"]

    assert columns["channel"]["levels"] == {"web": 2 / 3, "store": 1 / 3}
    assert columns["returned"]["levels"] == {"0.0": 2 / 3, "1.0": 1 / 3}
    assert columns["channel"]["others"] == 0.0


def test_rare_levels_are_told_together(stall, sales):
    rows = sales(*({"channel": f"shop {number}"} for number in range(MOST_LEVELS + 10)))

    told = profile(rows, stall)["columns"]["channel"]

    assert len(told["levels"]) == MOST_LEVELS
    assert told["others"] == pytest.approx(10 / (MOST_LEVELS + 10))


def test_a_column_without_values_and_no_rows_at_all_are_told_too(stall, sales):
    assert profile(sales({"weight": None}), stall)["columns"]["weight"] == {"kind": "numeric", "missing": 1.0}
    assert profile(sales({})[:0], stall)["columns"]["weight"] == {"kind": "numeric", "missing": 0.0}
