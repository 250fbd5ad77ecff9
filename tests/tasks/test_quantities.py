"""How are numbers written in a sentence?"""

import pytest

from tasks.quantities import counted, number, numbers_apart, percents_apart, points


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.09039, "0.090"),
        (0.934, "0.93"),
        (-0.5, "-0.50"),
        (1.59, "1.59"),
        (35.96, "36.0"),
        (100, "100"),
        (999.4, "999"),
        (1_000, "1,000"),
        (57_164, "57,164"),
    ],
)
def test_a_number_has_three_digits_or_two_below_1_and_thousands_apart(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (35.96, 53.6, ("36.0", "53.6")),
        (0.9361, 0.9412, ("0.936", "0.941")),
        (2.0, 2.0, ("2.00000", "2.00000")),
        (-5.7e-17, 0.85, ("0", "0.85")),
    ],
    ids=["apart", "close", "the same", "rounding"],
)
def test_two_numbers_have_as_many_digits_as_show_that_they_differ(before, after, shown):
    assert numbers_apart(before, after) == shown


def test_two_shares_have_as_many_digits_as_show_that_they_differ():
    assert percents_apart(0.1, 0.4) == ("10.0%", "40.0%")
    assert percents_apart(0.1001, 0.1002) == ("10.01%", "10.02%")


def test_a_difference_of_shares_is_in_points():
    assert points(0.0253) == "2.53"


def test_a_count_stands_with_its_noun():
    assert (counted(1, "window"), counted(2, "window"), counted(1_200, "row")) == (
        "1 window",
        "2 windows",
        "1,200 rows",
    )
