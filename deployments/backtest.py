"""Backtest the retraining policies of a problem: `python -m deployments.backtest NAME=flights [PRICE=0.05]`."""

import os
import sys
from typing import Any

import yaml
from rich.console import Console

from deployments.environment import environment
from deployments.startup import PREFECT_FILE, CannotStart, ready_system
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
    os.environ.update(environment(settings))
    from flows.backtest import backtest

    console.print(backtest(**backtest.validate_parameters(given)), highlight=False, markup=False)
    console.print(f"The page: {settings.reports / given['usecase'] / 'backtest.html'}", highlight=False, markup=False)


def parameters(words: list[str]) -> dict[str, Any]:
    """Return the flow's parameters: the numbers of `deployments/prefect.yaml`, and what the words say.

    Raises:
        ValueError: NAME is missing, or a word is unknown.
    """
    said = dict(word.partition("=")[::2] for word in words)
    if unknown := sorted(set(said) - set(WORDS)):
        raise ValueError(f"expected {', '.join(WORDS)}, found {', '.join(unknown)}")
    if not said.get("NAME"):
        raise ValueError("expected NAME=, one of the files in usecases/, found none")
    deployed = yaml.safe_load(PREFECT_FILE.read_text())["deployments"]
    numbers = next(one["parameters"] for one in deployed if one["entrypoint"].endswith(":backtest"))
    asked = {word.lower(): text for word, text in said.items() if word != "NAME" and text}
    return numbers | asked | {"usecase": said["NAME"]}


if __name__ == "__main__":
    main()
