"""Become the Prefect worker as soon as there is a work pool to serve."""

import os
import time

from deployments.answers import answers
from deployments.processes import work_pool_url, worker_command
from tasks.settings import Settings


def main() -> None:
    """Wait for the pool that `up` creates, then replace this process by the worker."""
    settings = Settings()
    while not answers(work_pool_url(settings)):
        time.sleep(0.5)
    command = worker_command()
    os.execv(command[0], command)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
