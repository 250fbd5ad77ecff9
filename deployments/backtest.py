"""Backtest the retraining policies of a problem: `python -m deployments.backtest NAME=flights [PRICE=0.05]`."""

import os
import sys
from typing import Any

import yaml
from rich.console import Console

from deployments.environment import environment
from deployments.startup import CannotStart, prefect_files, ready_system
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
    """Return the flow's parameters: the numbers of the deployment `backtest/NAME`, and what the words say.

    Raises:
        ValueError: NAME is missing, a word is unknown, or no file in deployments/ declares the deployment.
    """
    said = dict(word.partition("=")[::2] for word in words)
    if unknown := sorted(set(said) - set(WORDS)):
        raise ValueError(f"expected {', '.join(WORDS)}, found {', '.join(unknown)}")
    if not said.get("NAME"):
        raise ValueError("expected NAME=, one of the files in usecases/, found none")
    asked = {word.lower(): text for word, text in said.items() if word != "NAME" and text}
    return deployed(said["NAME"]) | asked | {"usecase": said["NAME"]}


def deployed(name: str) -> dict[str, Any]:
    """Return the parameters of the deployment `backtest/NAME`, from whichever file in deployments/ declares it."""
    for file in prefect_files():
        for one in yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]:
            if one["name"] == name and one["entrypoint"] == "flows/backtest.py:backtest":
                return one["parameters"]
    raise ValueError(
        f"No file in deployments/ declares the deployment backtest/{name}, whose numbers are needed. "
        "Describe a new problem with `make new`, or copy that of flights in deployments/prefect.yaml."
    )


if __name__ == "__main__":
    main()
