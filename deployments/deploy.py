"""Deploy every file in deployments/ to the system that is up: `make deploy`, after `make new` or other numbers."""

import sys

from deployments.running import supervisor_pid
from deployments.startup import CannotStart, automate, deploy, prefect_files
from tasks.settings import Settings


def main() -> None:
    """Deploy, and name the files; exit 1 with a sentence where nothing is up or a file is refused."""
    settings = Settings()
    if supervisor_pid(settings) is None:
        sys.exit(f"Nothing is running on {settings.state.absolute()}; `make up` starts it and deploys all files.")
    try:
        for file in prefect_files():
            deploy(settings, file, print)
        automate(settings)
    except CannotStart as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
