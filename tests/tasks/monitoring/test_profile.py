"""What is remembered of the rows that a model learned from?"""

import pytest

from tasks.monitoring.profile import MOST_LEVELS, profile


def test_a_number_is_described_by_its_missing_share_moments_and_quantiles(stall, sales):
    described = profile(sales({"weight": 1.0}, {"weight": 3.0}, {"weight": 5.0}, {"weight": None}), stall)

    column = described["columns"]["weight"]
    assert (described["rows"], column["kind"], column["missing"], column["mean"]) == (
        4,
        "numeric",
        1 / 4,
        (1 + 3 + 5) / 3,
    )
    assert column["sd"] == pytest.approx(((2**2 + 0 + 2**2) / 3) ** 0.5)
    assert (column["quantiles"]["0.25"], column["quantiles"]["0.5"]) == (2.0, 3.0)


def test_a_category_and_a_class_are_described_by_the_share_of_each_level(stall, sales):
    columns = profile(sales({"channel": "web"}, {"channel": "web"}, {"channel": "store"}), stall)["columns"]

    assert columns["channel"]["levels"] == {"web": 2 / 3, "store": 1 / 3}
    assert columns["returned"]["levels"] == {"0.0": 2 / 3, "1.0": 1 / 3}
    assert columns["channel"]["others"] == 0.0


def test_rare_levels_are_added_up(stall, sales):
    rows = sales(*({"channel": f"shop {number}"} for number in range(MOST_LEVELS + 10)))

    column = profile(rows, stall)["columns"]["channel"]

    assert len(column["levels"]) == MOST_LEVELS
    assert column["others"] == pytest.approx(10 / (MOST_LEVELS + 10))


def test_a_column_without_values_and_no_rows_at_all_are_described_too(stall, sales):
    assert profile(sales({"weight": None}), stall)["columns"]["weight"] == {"kind": "numeric", "missing": 1.0}
    assert profile(sales({})[:0], stall)["columns"]["weight"] == {"kind": "numeric", "missing": 0.0}
