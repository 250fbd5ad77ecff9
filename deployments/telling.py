"""Print a replay's table where people look: in the terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table


def show_replay(usecase: str, rows: list[dict[str, Any]], summary: str, console: Console) -> None:
    """Print a replay's table, as its artifact holds it, then its reasons and its summary."""
    console.print(short_table(usecase, rows))
    for row in rows:
        if row["faults"]:
            console.print(f"[bold]{row['as of']}[/]  data: {row['faults']}", highlight=False, soft_wrap=True)
        if row["retrain"]:
            console.print(
                f"[bold]{row['as of']}[/]  {row['retrain']}\n            -> {row['verdict']}",
                highlight=False,
                soft_wrap=True,
            )
    console.print(f"\n[bold]{summary}[/]\n", highlight=False, soft_wrap=True)


def short_table(usecase: str, rows: list[dict[str, Any]]) -> Table:
    """Return the replay's rows with their reasons cut down to who asked and what came of it."""
    table = Table(*(name for name in rows[0] if name != "faults"), title=f"{usecase}, replayed")
    for row in rows:
        short = {name: cell for name, cell in row.items() if name != "faults"} | {
            "retrain": row["retrain"].split(":")[0].removeprefix("no "),
            "verdict": row["verdict"].split(":")[0],
        }
        table.add_row(*("" if cell is None else str(cell) for cell in short.values()))
    return table
