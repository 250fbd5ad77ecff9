"""Print a replay's table where people look: in the terminal."""

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


class StepLines:
    """The steps of a replay as lines, printed once each as they are played, after one that announces the replay."""

    def __init__(self, usecase: str, total: int, say: Callable[[str], Any]) -> None:
        self._shown, self._total, self._say = 0, total, say
        say(f"Playing {total} moments of {usecase}: collect, score, monitor, and retrain where that asks for it ...")

    def add(self, played: Sequence[dict[Any, Any]]) -> None:
        """Print those of the steps played so far, oldest first, that were not printed yet."""
        for number, step in enumerate(played[self._shown :], start=self._shown + 1):
            self._say(f"{number} of {self._total}  {step_line(step)}")
        self._shown = len(played)


def step_line(step: dict[Any, Any]) -> str:
    """Return what happened at one moment of a replay in a line: its rows, and the retrain with what came of it."""
    line = f"{step['as_of']:%Y-%m-%d}  {int(step['inserted']):,} new rows, {int(step['scored']):,} predicted"
    if step["faults"]:
        line += "; data fault"
    if step["retrain"]:
        line += f"; retrain ({step['retrain'].partition(':')[0]}): {step['verdict'].partition(':')[0]}"
    return line


def show_replay(usecase: str, rows: list[dict[str, Any]], summary: str, console: Console) -> None:
    """Print a replay's table, as its artifact holds it, then its reasons and its summary."""
    console.print(short_table(usecase, rows))
    for row in rows:
        if row["faults"]:
            console.print(_dated(row, f"data: {row['faults']}"), highlight=False, soft_wrap=True)
        if row["retrain"]:
            reasons = f"{row['retrain']}\n            -> {row['verdict']}"
            console.print(_dated(row, reasons), highlight=False, soft_wrap=True)
    console.print(f"\n[bold]{escape(summary)}[/]\n", highlight=False, soft_wrap=True)


def _dated(row: dict[str, Any], text: str) -> str:
    """Return a line with its date in bold; what stands in brackets, such as a code, is no markup."""
    return f"[bold]{row['as of']}[/]  {escape(text)}"


def short_table(usecase: str, rows: list[dict[str, Any]]) -> Table:
    """Return the replay's rows with their reasons cut down to who asked and what came of it."""
    table = Table(*(name for name in rows[0] if name != "faults"), title=f"{usecase}, replayed")
    for row in rows:
        short = {name: cell for name, cell in row.items() if name != "faults"} | {
            "retrain": row["retrain"].split(":")[0],
            "verdict": row["verdict"].split(":")[0],
        }
        table.add_row(*("" if cell is None else str(cell) for cell in short.values()))
    return table
