"""Deploy every file in deployments/ to the system that is up: `make deploy`, after `make new` or other numbers."""

import sys

from deployments.running import supervisor_pid
from deployments.startup import CannotStart, Say, automate, deploy, prefect_files
from tasks.settings import Settings


def main() -> None:
    """Deploy, and name the files; exit 1 with a sentence where nothing is up or a file is refused."""
    settings = Settings()
    if supervisor_pid(settings) is None:
        sys.exit(f"Nothing is running on {settings.state.absolute()}; `make up` starts it and deploys all files.")
    try:
        deploy_all(settings, print)
    except CannotStart as refusal:
        sys.exit(str(refusal))


def deploy_all(settings: Settings, say: Say) -> None:
    """Deploy every file, and make the automations.

    Raises:
        CannotStart: Prefect refused one.
    """
    for file in prefect_files():
        deploy(settings, file, say)
    automate(settings)


if __name__ == "__main__":
    main()
