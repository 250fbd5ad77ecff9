"""With which numbers is a deployment declared, and what is said where it is not?"""

import pytest
from rich.console import Console

from deployments.declared import NotDeclaredError, parameters_of
from deployments.rehearse import CannotTry, tried


def test_the_numbers_are_those_of_the_flow_and_the_problem() -> None:
    assert parameters_of("replay", "weather")["usecase"] == "weather"
    assert "pace" in parameters_of("replay", "weather")
    assert "pace" not in parameters_of("collect", "weather")


@pytest.mark.parametrize(("flow", "name"), [("replay", "nowhere"), ("dance", "weather")])
def test_what_no_file_declares_is_named(flow: str, name: str) -> None:
    with pytest.raises(NotDeclaredError, match=f"declares the deployment {name}-{flow}"):
        parameters_of(flow, name)


def test_an_unknown_use_case_is_not_tried_and_the_known_ones_are_named() -> None:
    with pytest.raises(CannotTry, match=r"Unknown use case 'nowhere'; expected one of: .*flights.* `make new`"):
        tried("nowhere", Console(quiet=True))
