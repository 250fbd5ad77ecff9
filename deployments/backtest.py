"""Backtest the retraining policies of a problem: `python -m deployments.backtest NAME=flights [PRICE=0.05]`."""

import sys
from typing import Any

from rich.console import Console

from deployments.declared import parameters_of
from deployments.environment import join
from deployments.startup import CannotStart, ready_system
from tasks.settings import Settings

WORDS = ("NAME", "PRICE", "AS_OF", "CANDIDATE", "WORKERS")


def main() -> None:
    """Start what is not up, run the backtest here, print its advice and where the page is; exit 1 with a sentence."""
    settings, console = Settings(), Console(soft_wrap=True)
    try:
        given = parameters(sys.argv[1:])
        ready_system(settings, say=console.print)
    except (CannotStart, ValueError) as refusal:
        sys.exit(str(refusal))
    join(settings)
    collect_if_empty(given, console)
    from flows.backtest import backtest

    console.print(backtest(**backtest.validate_parameters(given)), highlight=False, markup=False)
    console.print(f"The page: {settings.reports / given['usecase'] / 'backtest.html'}", highlight=False, markup=False)


def parameters(words: list[str]) -> dict[str, Any]:
    """Return the flow's parameters: the numbers of the deployment `NAME-backtest`, and what the words say.

    Raises:
        ValueError: NAME is missing, a word is unknown, or no file in deployments/ declares the deployment.
    """
    given = dict(word.partition("=")[::2] for word in words)
    if unknown := sorted(set(given) - set(WORDS)):
        raise ValueError(f"expected {', '.join(WORDS)}, found {', '.join(unknown)}")
    if not given.get("NAME"):
        raise ValueError("expected NAME=, one of the files in usecases/, found none")
    asked = {word.lower(): text for word, text in given.items() if word != "NAME" and text}
    return parameters_of("backtest", given["NAME"]) | asked | {"usecase": given["NAME"]}


def collect_if_empty(given: dict[str, Any], console: Console) -> None:
    """Store a problem's history, by its deployments `collect` and `replay`, unless there is something stored already.

    It is collected up to `as_of` or, without one, to the end of the replay: a history may have ended.
    """
    from flows.collect import collect
    from tasks.data.tables import observations
    from tasks.usecases import use_case

    name = given["usecase"]
    if observations(use_case(name)).exists():
        return
    console.print(f"Nothing of {name} is stored yet: collecting its history ...", highlight=False)
    until = given.get("as_of") or parameters_of("replay", name)["over"]["end"]
    collect(**collect.validate_parameters(parameters_of("collect", name) | {"as_of": until}))


if __name__ == "__main__":
    main()
