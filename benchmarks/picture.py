"""Draw the live metric over time beside the model left alone: `python -m benchmarks.picture [NAME]`.

History is played in memory, by the flows' own steps, with the numbers of the deployment `replay`. The numbers are
kept as benchmarks/results/picture.json, the picture as docs/pictures/live-metric.svg; `--drawn-only` draws it again.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from deployments.declared import parameters_of
from deployments.rehearse import played
from tasks.settings import ROOT
from tasks.usecases import use_case

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUMBERS = Path(__file__).parent / "results" / "picture.json"
PICTURE = ROOT / "docs" / "pictures" / "live-metric.svg"
LIVE, FIRST, RETRAIN = "#2e7d32", "#9e9e9e", "#1565c0"


def main() -> None:
    """Play the history, keep its numbers, and draw them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.picture", description=__doc__)
    parser.add_argument("name", nargs="?", default="flights", help="the use case: a file in usecases/")
    parser.add_argument("--drawn-only", action="store_true", help="draw the numbers of the last run")
    words = parser.parse_args()
    if not words.drawn_only:
        rows, summary, _ = played(use_case(words.name), parameters_of("replay", words.name), Console())
        NUMBERS.write_text(json.dumps(picture_numbers(words.name, rows, summary), indent=1) + "\n", encoding="utf-8")
    draw(json.loads(NUMBERS.read_text(encoding="utf-8")), PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")


def picture_numbers(name: str, rows: list[dict[str, Any]], summary: str) -> dict[str, Any]:
    """Return what is drawn: for each step its moment, both metrics, and what became of a retrain."""
    metric = use_case(name).metric
    steps = [
        {
            "as_of": row["as of"],
            "live": number_of(row[f"live {metric}"]),
            "first": number_of(row[f"first {metric}"]),
            "verdict": row["verdict"].split(":")[0],
        }
        for row in rows
    ]
    return {"usecase": name, "metric": metric, "summary": summary, "steps": steps}


def number_of(cell: Any) -> float | None:
    """Return a cell's number, or None where it is empty."""
    return None if cell in (None, "", "unknown") else float(cell)


def draw(numbers: dict[str, Any], path: Path) -> None:
    """Draw the metric of the live model and of the first one at each step, and mark what became of each retrain."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "evergreen", "font.family": "sans-serif"}
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    _curves(axes, numbers)
    _retrains(axes, numbers["steps"])
    axes.set_ylabel(numbers["metric"].replace("_", " ").replace("roc auc", "ROC AUC"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eeeeee")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 1.18), ncols=4)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _curves(axes: "Axes", numbers: dict[str, Any]) -> None:
    steps = [step for step in numbers["steps"] if step["live"] is not None]
    places = [step["as_of"][:10] for step in steps]
    live, first = ([step[which] for step in steps] for which in ("live", "first"))
    axes.fill_between(places, first, live, color=LIVE, alpha=0.12, linewidth=0)
    axes.plot(places, first, color=FIRST, linestyle="--", marker="o", markersize=4, label="first model, left alone")
    axes.plot(places, live, color=LIVE, linewidth=2.5, marker="o", markersize=5, label="live model")
    axes.tick_params(axis="x", rotation=30)


def _retrains(axes: "Axes", steps: list[dict[str, Any]]) -> None:
    """Mark each retrain at the step at whose end it ran; the new model predicts from the next step on."""
    shown = [step["as_of"][:10] for step in steps if step["live"] is not None]
    for verdict, style in (("promoted", "-"), ("refused", ":")):
        places = [step["as_of"][:10] for step in steps if step["verdict"] == verdict and step["as_of"][:10] in shown]
        for number, place in enumerate(places):
            label = f"retrain, {verdict}" if number == 0 else None
            axes.axvline(place, color=RETRAIN, linestyle=style, linewidth=1.5, label=label)


if __name__ == "__main__":
    main()
