"""Print how each use case stands, with the servers up or down: `python -m deployments.status [NAME=flights]`."""

import sys

from rich.console import Console
from rich.table import Table

from deployments.answers import answers
from deployments.environment import join
from deployments.processes import servers
from tasks.settings import Settings
from tasks.usecases import use_case, use_case_names
from tasks.windows import moment


def main() -> None:
    """Print which servers answer and how each use case stands, or the one named; exit 1 with a sentence on refusal."""
    settings, console = Settings(), Console(width=None if sys.stdout.isatty() else 160)
    if not settings.state.exists():
        sys.exit(f"Nothing was ever started on {settings.state.absolute()}; `make up` starts it.")
    join(settings)
    try:
        names = chosen(sys.argv[1:])
    except ValueError as refusal:
        sys.exit(str(refusal))
    console.print(servers_text(settings), highlight=False)
    for name in names:
        show_status(name, console)


def chosen(words: list[str]) -> list[str]:
    """Return the use cases to tell of: the one that NAME= says, or all.

    Raises:
        ValueError: there is no such use case, or a word is unknown.
    """
    given = dict(word.partition("=")[::2] for word in words)
    if unknown := sorted(set(given) - {"NAME"}):
        raise ValueError(f"expected NAME=, found {', '.join(unknown)}")
    return [use_case(given["NAME"]).name] if given.get("NAME") else use_case_names()


def servers_text(settings: Settings) -> str:
    """Say which servers answer."""
    states = [
        f"{server.title} {'answers' if answers(server.health_url) else 'is down'}" for server in servers(settings)
    ]
    return f"On {settings.state.absolute()}: {', '.join(states)}."


def show_status(name: str, console: Console) -> None:
    """Print the status of a use case as tables."""
    from tasks.status import current_status
    from tasks.status_page import empty_text, facts, sections

    status = current_status(name, moment(None))
    console.rule(f"[bold]{name}")
    console.print(_table([{"": key, " ": text} for key, text in facts(status).items()]))
    for title, rows in sections(status).items():
        shown = _table(rows, title) if rows else f"{title}: {empty_text(title, status)}"
        console.print(shown, highlight=False)


def _table(rows: list[dict[str, str]], title: str | None = None) -> Table:
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*row.values())
    return table


if __name__ == "__main__":
    main()
