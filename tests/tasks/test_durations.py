"""How are lengths of time written?"""

from datetime import timedelta

import pytest

from tasks.durations import in_words


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(minutes=25), "25 minutes"),
        (timedelta(days=0.0416667), "1 hour"),
        (timedelta(minutes=61), "61 minutes"),
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(hours=24), "1 day"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(days=3.5), "3.5 days"),
        (timedelta(days=99.94), "99.9 days"),
        (timedelta(days=1234.5), "1,234 days"),
    ],
)
def test_a_length_is_written_in_the_largest_unit_of_which_there_is_one_or_at_least_two(length, text):
    assert in_words(length) == text
