"""Stop the whole system, wherever and however it was started: `python -m deployments.down`."""

from deployments.running import stop
from tasks.settings import Settings


def main() -> None:
    """Leave no process of this installation running, and say how many there were."""
    settings = Settings()
    stopped = stop(settings)
    state = settings.state.absolute()
    print(f"Stopped {stopped} processes of {state}." if stopped else f"Nothing is running on {state}.")


if __name__ == "__main__":
    main()
