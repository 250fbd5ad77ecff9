"""What does `make backtest` ask the flow for?"""

import pytest

from deployments.backtest import parameters
from flows.backtest import backtest


def test_the_numbers_are_those_of_the_deployment_and_the_words_come_on_top():
    found = backtest.validate_parameters(parameters(["NAME=weather", "PRICE=0.25", "WORKERS=processes"]))

    assert (found["usecase"], found["price"], found["workers"]) == ("weather", 0.25, "processes")
    assert found["span"].min_rehearsal == 3


def test_an_empty_word_says_nothing():
    assert "price" not in parameters(["NAME=weather", "PRICE="])


@pytest.mark.parametrize(
    ("words", "told"), [([], "expected NAME="), (["NAME="], "expected NAME="), (["NAME=weather", "PRIZE=1"], "PRIZE")]
)
def test_what_is_missing_or_unknown_is_named(words, told):
    with pytest.raises(ValueError, match=told):
        parameters(words)
