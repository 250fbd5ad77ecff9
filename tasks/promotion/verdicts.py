"""Show the verdict of each gate on a challenger: in its MLflow run and beside the flow run."""

from typing import TYPE_CHECKING, Any

from tasks import artifacts, retries
from tasks.gates import TITLES, GatePolicy, Verdict, error_allowed
from tasks.promotion.training_run import Trained
from tasks.registry import tracking
from tasks.steps import step
from tasks.training.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@step(**retries.RETRIED)
def show_verdicts(usecase: str, trained: Trained, judged: tuple[Verdict, ...], gates: GatePolicy) -> None:
    """List each gate with its number, its limit and its verdict; both places hold the same table."""
    rows = as_rows(judged)
    refusing = [verdict.gate for verdict in judged if verdict.reason is not None]
    sentence = f"{len(refusing)} of {len(judged)} gates refuse" + (f": {', '.join(refusing)}" if refusing else "")
    tracking.log_gates(trained.run_id, [verdict.model_dump() for verdict in judged], as_markdown(judged), sentence)
    if trained.evidence.gain_over_champion is not None:
        figure = gain_figure(trained.evidence, error_allowed(trained.evidence, gates))
        tracking.log_picture(trained.run_id, figure, "plots/gain_over_champion.png")
    artifacts.show_table(f"{usecase} gates", rows, sentence)


def as_rows(judged: tuple[Verdict, ...]) -> list[dict[str, Any]]:
    """Return one row a gate, as people read it: its code, title, number, limit, verdict and the reason or note."""
    return [
        {
            "gate": verdict.gate,
            "title": TITLES.get(verdict.gate, ""),
            "number": "" if verdict.number is None else f"{verdict.number:.4g}",
            "limit": "" if verdict.limit is None else f"{verdict.limit:.4g}",
            "verdict": "passed" if verdict.reason is None else "refused",
            "why": verdict.reason or verdict.note,
        }
        for verdict in judged
    ]


def as_markdown(judged: tuple[Verdict, ...]) -> str:
    """Return the table of the gates as markdown."""
    rows = as_rows(judged)
    lines = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row.values()) + " |" for row in rows]
    names = list(rows[0]) if rows else ["gate"]
    return "\n".join(["| " + " | ".join(names) + " |", "|" + " --- |" * len(names), *lines])


def gain_figure(evidence: Evidence, rate: float) -> "Figure":
    """Draw the gain over the champion, on all rows and in each slice, and the lower bound at a chance of error."""
    from matplotlib.figure import Figure

    assert evidence.gain_over_champion is not None
    bars = [("all rows", evidence.gain_over_champion)]
    bars += [
        (f"{slice_gain.name} (n = {slice_gain.rows:,})", slice_gain.gain)
        for slice_gain in evidence.slices
        if slice_gain.gain is not None
    ]
    figure = Figure(figsize=(6.4, 1.6 + 0.28 * len(bars)), layout="constrained")
    axes = figure.subplots()
    for height, (_, gain) in enumerate(reversed(bars)):
        axes.plot([gain.low(0.025), gain.high(0.025)], [height, height], color="tab:blue", linewidth=2)
        axes.plot(gain.value, height, "o", color="tab:blue")
    asked = evidence.gain_over_champion.low(rate)
    axes.plot(asked, len(bars) - 1, "|", color="tab:red", markersize=16, label="lower bound that decides")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(yticks=range(len(bars)), yticklabels=[name for name, _ in reversed(bars)])
    axes.set(title="Gain over the champion, with 95 % intervals", xlabel=f"gain in {evidence.metric}")
    axes.legend(loc="lower right", fontsize="small")
    return figure
