"""Mark a function as a step of the loop: a Prefect task inside a flow run, the plain function everywhere else.

So a flow's paragraph runs on servers, and over a store in memory, without a second version of itself. Nothing here
imports Prefect before a flow run has.
"""

import logging
import sys
from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from prefect import Task

P = ParamSpec("P")
R = TypeVar("R")


class Step(Generic[P, R]):
    """A function that Prefect watches, and retries where `options` say so, when it is called in a flow run."""

    def __init__(self, function: Callable[P, R], options: dict[str, Any]) -> None:
        self.fn = function
        self.options = options
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.task(*args, **kwargs) if in_flow_run() else self.fn(*args, **kwargs)

    @cached_property
    def task(self) -> "Task[P, R]":
        """The Prefect task. Nothing is cached: a frame or a model would have to be hashed."""
        from prefect import task
        from prefect.cache_policies import NO_CACHE

        return task(**{"cache_policy": NO_CACHE} | self.options)(self.fn)


def step(**options: Any) -> Callable[[Callable[P, R]], Step[P, R]]:
    """Return a decorator that makes a function a step; `options` are those of Prefect's `task`."""
    return lambda function: Step(function, options)


def in_flow_run() -> bool:
    """Say whether this is called in a run of a Prefect flow."""
    context = sys.modules.get("prefect.context")
    return context is not None and context.FlowRunContext.get() is not None


def logger() -> "logging.Logger | logging.LoggerAdapter[logging.Logger]":
    """Return the logger of the present flow run, or of Evergreen outside of one."""
    if not in_flow_run():
        return logging.getLogger("evergreen")
    from prefect import get_run_logger

    return get_run_logger()
