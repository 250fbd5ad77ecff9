"""Measure the alarm: false alarms with no drift, power, and faults, beside three alarms in use: `make bench-alarms`.

Tables come from given paths: --data FILE --time COL --target COL, as often as you like, in that order. Weeks are a
manner of speaking: a table's span is cut into as many windows as its rows allow, and each is called a week.
"""

import argparse
import json
import logging
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks.alarms.broken import broken_feeds, pair
from benchmarks.alarms.false_alarms import false_alarms
from benchmarks.alarms.power import power
from benchmarks.alarms.streams import BLOCKS, raw_table, read_table
from benchmarks.alarms.tables import as_markdown
from tasks.settings import ROOT

RESULTS = ROOT / "benchmarks" / "results"
PARTS = ("false-alarms", "power", "faults")


def main() -> None:
    """Print and keep the figures."""
    options = _options()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    began, worked = time.monotonic(), time.process_time()
    tables = [read_table(*table) for table in zip(options.data, options.time, options.target, strict=True)]
    figures: dict[str, Any] = {"command": _command(), "stated_rate": 1.0}
    if "false-alarms" in options.part:
        figures["false_alarms"] = false_alarms(tables, options.checks)
    if "power" in options.part:
        figures["power"] = power(options.trials)
    if "faults" in options.part:
        figures["faults"] = broken_feeds(tables, max(1, options.trials // 2))
        figures["pairs"] = [record for paths in options.pair for record in _pair(*paths)]
    figures["minutes"] = round((time.monotonic() - began) / 60, 1)
    figures["cpu_minutes"] = round((time.process_time() - worked) / 60, 1)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{options.name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    page = as_markdown(figures)
    (RESULTS / f"{options.name}.md").write_text(page)
    print(page)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alarms", description=__doc__)
    parser.add_argument("--data", type=Path, action="append", default=[], help="a CSV or Parquet table")
    parser.add_argument("--time", action="append", default=[], help="its column of event times, or of row numbers")
    parser.add_argument("--target", action="append", default=[], help="the column that its model predicts")
    parser.add_argument(
        "--pair",
        nargs=4,
        action="append",
        default=[],
        metavar=("CLEAN", "BROKEN", "TIME", "TARGET"),
        help="a table and the same one with faults injected",
    )
    parser.add_argument("--part", choices=PARTS, nargs="+", default=list(PARTS), help="what to measure (default: all)")
    parser.add_argument("--checks", type=int, default=1_000, help="checks of ours under each condition (default 1000)")
    parser.add_argument("--trials", type=int, default=10, help="trials of each change; half for faults (default 10)")
    parser.add_argument("--name", default="alarms", help="name of the files under benchmarks/results (default alarms)")
    options = parser.parse_args()
    if not len(options.data) == len(options.time) == len(options.target):
        parser.error("each --data needs one --time and one --target")
    return options


def _pair(clean: str, broken: str, when: str, target: str) -> list[dict[str, Any]]:
    """Return the signals of a table and its twin; the model is trained on the first tenth of the clean one."""
    first = raw_table(Path(clean), when)
    learning = first.iloc[: len(first) // 10]
    sides = [read_table(Path(file), when, target, learning).as_it_came(2 * BLOCKS) for file in (clean, broken)]
    return pair(Path(broken).stem, *sides)


def _command() -> str:
    """Return how the benchmark was called, with file names instead of paths."""
    return " ".join(
        [
            "python -m benchmarks.alarms",
            *(Path(argument).name if "/" in argument else argument for argument in sys.argv[1:]),
        ]
    )


if __name__ == "__main__":
    main()
