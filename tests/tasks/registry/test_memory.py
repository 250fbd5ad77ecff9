"""Does memory stand in for all of MLflow that a decision rests on, with the same names and parameters?"""

import inspect

import pytest

from tasks.registry import models, tracking
from tasks.registry.memory import MemoryRegistry

STOOD_IN_FOR = [
    function
    for module in (tracking, models)
    for function in vars(module).values()
    if getattr(function, "__module__", "") == module.__name__ and hasattr(function, "in_place_of_servers")
]


def test_what_a_decision_rests_on_is_stood_in_for():
    names = {function.__name__ for function in STOOD_IN_FOR}

    assert {"run_of", "fresh_run", "log_model", "load", "champion", "register", "conclude"} <= names


@pytest.mark.parametrize("function", STOOD_IN_FOR, ids=lambda function: function.__name__)
def test_memory_takes_what_the_servers_take(function):
    ours = list(inspect.signature(getattr(MemoryRegistry, function.__name__)).parameters)

    assert ours == ["self", *inspect.signature(function).parameters]
