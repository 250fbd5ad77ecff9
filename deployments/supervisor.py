"""Keep the servers and the worker running together: `up` starts this in a session of its own.

When one of them ends by itself all are stopped: half a system loses events and leaves runs hanging, and whoever
looks should find it plainly down, with the reason in `logs/supervisor.log`.
"""

import shlex
import sys

from honcho.manager import Manager

from deployments.processes import commands, log_file
from deployments.running import stop_stragglers
from tasks.settings import ROOT, Settings

ENDED = "ended by itself"


def main() -> None:
    """Run until a process ends or SIGTERM comes; leave none of them behind."""
    settings = Settings()
    manager = Manager()
    for name, command in commands(settings).items():
        manager.add_process(name, shell_line(command, str(log_file(settings, name))), cwd=str(ROOT))
    manager.loop()
    stop_stragglers(settings)
    sys.exit(manager.returncode)


def shell_line(command: tuple[str, ...], log: str) -> str:
    """Return the line for the shell that honcho starts: the output goes to the log, and a process that ended
    without being asked is named in the supervisor's own output. The trap keeps an ordered stop silent."""
    return (
        f"trap exit TERM; {shlex.join(command)} >>{shlex.quote(log)} 2>&1; "
        f'echo "{ENDED} with exit code $?, so everything was stopped; its log is "{shlex.quote(log)}; exit 1'
    )


if __name__ == "__main__":
    main()
