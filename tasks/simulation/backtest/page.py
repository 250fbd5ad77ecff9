"""Draw a backtest as one page of HTML that stands alone: no script, no address, its pictures within."""

import html
import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tasks.simulation.backtest import advice
from tasks.simulation.backtest.judging import NEVER, OWN, Bench, PolicyVerdict
from tasks.usecases import UseCase

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
.advice { font-size: 1.1rem; background: #f2f5f8; border-left: 4px solid #33658a; padding: .8rem 1rem }
table { border-collapse: collapse; font-size: .9rem } td, th { padding: .25rem .6rem; border-bottom: 1px solid #ddd }
th { text-align: left; vertical-align: bottom }
td:not(:first-child), th:not(:first-child) { text-align: right }
td { white-space: nowrap }
tr.chosen { background: #eaf1f7; font-weight: 600 }
svg { max-width: 100%; height: auto } .note { color: #555; font-size: .9rem }
"""
_MOST_LINES = 4


def page(problem: UseCase, results: Sequence[PolicyVerdict], bench: Bench, price: float | None = None) -> str:
    """Return the page: advice, the metric over time, the frontier, the table, the price, staleness and the check."""
    pick = advice.advised_policy(results, bench, price)
    figures = {
        "The metric over time": over_time(problem, results, bench, pick.verdict),
        "What retrains buy": frontier(problem, results, bench, pick.verdict),
        "What age costs": staleness_figure(problem, bench),
    }
    drawn = "".join(f"<h2>{title}</h2>{_svg(figure)}" for title, figure in figures.items())
    title = f"When to retrain {html.escape(problem.name)}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html><html lang="en"><head>{head}</head><body>'
        f"<h1>{title}</h1><p>{html.escape(problem.question)}</p>"
        f'<p class="advice">{html.escape(advice.advice_sentence(pick, results, bench, problem.metric))}</p>'
        f"<p>{html.escape(check_sentence(results, bench, price))}</p>"
        f"{drawn}<h2>What a retrain may cost</h2>{_prices(results, bench, problem)}"
        f"<h2>All policies</h2>{_table(results, pick.verdict, problem)}{_NOTE}</body></html>"
    )


def over_time(problem: UseCase, results: Sequence[PolicyVerdict], bench: Bench, chosen: PolicyVerdict) -> "Figure":
    """Draw the live metric by window under the chosen policy, with its interval, and under a few others."""
    import numpy as np

    figure, axes = _axes((10, 4.2))
    ends = np.array([window.end.replace(tzinfo=None) for window in bench.history.plan.windows[bench.first + 1 :]])
    for result in _drawn_results(results, chosen):
        middle, low, high = advice.served_band(result, bench)
        (line,) = axes.plot(ends, middle, label=f"{result.policy} ({result.asked})", lw=2 if result is chosen else 1.1)
        if result is chosen:
            axes.fill_between(ends, low, high, color=line.get_color(), alpha=0.15, lw=0)
        live = [window - bench.first - 1 for window in result.outcome.live]
        axes.plot([ends[n] for n in live], middle[live], "o", ms=7 if result is chosen else 5, color=line.get_color())
    axes.set(ylabel=problem.metric, title=f"{problem.metric} of the live model; a dot: a model went live")
    axes.legend(fontsize=8, title="policy (requests)", title_fontsize=8)
    return figure


def frontier(problem: UseCase, results: Sequence[PolicyVerdict], bench: Bench, chosen: PolicyVerdict) -> "Figure":
    """Draw the mean metric against the number of retrains: the best possible as a line, each policy as a point."""
    figure, axes = _axes((10, 4.2))
    best = [bench.best_with(retrains).score for retrains in range(len(bench.best))]
    axes.step(range(len(best)), best, where="post", color="#888", label="best possible, in hindsight")
    spread = max(result.score for result in results) - min(result.score for result in results)
    for group in _overlapping_groups(results, spread / 40):
        asked, score = group[0].asked, sum(result.score for result in group) / len(group)
        own = chosen in group
        axes.plot(asked, score, "o", ms=9 if own else 5, color="#33658a" if own else "#d1783c")
        label_text = textwrap.fill(", ".join(result.policy for result in group), 40)
        label = axes.annotate(label_text, (asked, score), xytext=(7, 0), textcoords="offset points", va="center")
        label.set(fontsize=8, fontweight="bold" if own else "normal")
        label.set_bbox({"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1})
    axes.margins(x=0.16)
    axes.set(xlabel="retrains asked for", ylabel=f"mean {problem.metric}")
    axes.legend(fontsize=8, loc="best")
    return figure


def _overlapping_groups(results: Sequence[PolicyVerdict], near: float) -> list[list[PolicyVerdict]]:
    """Return the policies in groups that would lie on each other: as many requests, and a score as good as the same."""
    groups: list[list[PolicyVerdict]] = []
    for result in sorted(results, key=lambda result: (result.asked, result.score)):
        last = groups[-1][0] if groups else None
        if last is not None and last.asked == result.asked and result.score - last.score <= near:
            groups[-1].append(result)
        else:
            groups.append([result])
    return groups


def staleness_figure(problem: UseCase, bench: Bench) -> "Figure":
    """Draw how much of the metric is lost by the age of the model, in weeks, with its 90 % interval."""
    figure, axes = _axes((10, 3.4))
    weeks = problem.window.days / 7 + problem.window.seconds / 604_800
    losses = advice.staleness(bench)
    ages = [loss.windows * weeks for loss in losses]
    axes.fill_between(ages, [loss.low for loss in losses], [loss.high for loss in losses], alpha=0.2, lw=0)
    axes.plot(ages, [loss.loss for loss in losses], marker=".")
    axes.axhline(0, color="#888", lw=0.8)
    axes.set(xlabel="age of the model beyond the freshest, in weeks", ylabel=f"{problem.metric} lost")
    return figure


def check_sentence(results: Sequence[PolicyVerdict], bench: Bench, price: float | None) -> str:
    """Say what a choice made on the first half of the history was worth on the second."""
    held = advice.choice_check(results, bench, price or 0.0)
    text = (
        f"Does a choice hold? Whoever had chosen on the first half of this history would have taken {held.policy}; on "
        f"the second half it scores {held.score_later:.4g}"
    )
    if held.policy == held.best_later:
        return f"{text}, and is the best there too."
    return f"{text}, while the best there, {held.best_later}, scores {held.best_score_later:.4g}."


def table_rows(results: Sequence[PolicyVerdict]) -> list[dict[str, str | int | float]]:
    """Return one row a policy, for people."""
    return [
        {
            "policy": result.policy,
            "mean": round(result.score, 4),
            "asked": result.asked,
            "promoted": result.promoted,
            "refused": result.asked - result.promoted,
            "gain over never": f"{-result.regret_to_never:+.2g}" if result.asked else "-",
            "90 % interval": f"{result.low:+.2g} to {result.high:+.2g}" if result.asked else "-",
            "regret to best": f"{result.regret_to_best:.2g}",
            "share of achievable": "-" if result.share is None else f"{result.share:.2f}",
            "beats random": f"{result.percentile:.0f} %" if result.asked else "-",
            "fit seconds": round(result.seconds, 1),
        }
        for result in results
    ]


def _prices(results: Sequence[PolicyVerdict], bench: Bench, problem: UseCase) -> str:
    """Return which policy is cheapest in which range of prices, as a table, and what a price is."""
    ranges = advice.cheapest_policies(results, bench)
    ends = [f"{cheapest.price:.3g}" for cheapest in ranges[1:]]
    rows = "".join(
        f"<tr><td>{f'{start.price:.3g} to {end}' if end else f'above {start.price:.3g}'}</td>"
        f"<td>{html.escape(start.policy)}</td></tr>"
        for start, end in zip(ranges, [*ends, ""], strict=True)
    )
    explanation = (
        f"A price is what a retrain must gain to be worth it, in {problem.metric} summed over windows: a price of .01 "
        f"is one hundredth of {problem.metric} in one window, or half of that in two."
    )
    head = "<thead><tr><th>if a retrain costs</th><th>cheapest</th></tr></thead>"
    return f'<table>{head}<tbody>{rows}</tbody></table><p class="note">{html.escape(explanation)}</p>'


def _drawn_results(results: Sequence[PolicyVerdict], chosen: PolicyVerdict) -> list[PolicyVerdict]:
    """Return the policies worth a line: the chosen, never, the system's own, the most eager, the best."""
    by_name = {result.policy: result for result in results}
    eager = max(results, key=lambda result: result.asked)
    best = min(results, key=lambda result: result.regret_to_never)
    names = dict.fromkeys([chosen.policy, NEVER, OWN, eager.policy, best.policy])
    return [by_name[name] for name in names if name in by_name][:_MOST_LINES]


def _table(results: Sequence[PolicyVerdict], chosen: PolicyVerdict, problem: UseCase) -> str:
    rows = table_rows(results)
    head = "".join(f"<th>{html.escape(name.replace('mean', f'mean {problem.metric}'))}</th>" for name in rows[0])
    body = "".join(_line(row, result is chosen) for row, result in zip(rows, results, strict=True))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _line(row: Mapping[str, str | int | float], is_chosen: bool) -> str:
    cells = "".join(f"<td>{html.escape(str(value))}</td>" for value in row.values())
    return f'<tr class="chosen">{cells}</tr>' if is_chosen else f"<tr>{cells}</tr>"


def _axes(size: tuple[float, float]) -> "tuple[Figure, Axes]":
    """Return a figure that belongs to no global state, so that tasks may draw in threads."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    return figure, axes


def _svg(figure: "Figure") -> str:
    """Return a figure as SVG to stand in a page."""
    held = io.StringIO()
    figure.savefig(held, format="svg")
    text = held.getvalue()
    return text[text.index("<svg") :]


_NOTE = (
    '<p class="note">Regret is the policy of the system: it retrains once keeping the model has cost enough. Each '
    "policy saw only what was known at its moment: labels that had come and were mature. A retrain that was asked for "
    "went live only if its challenger beat the live model on the newest labelled windows. Best possible: the best "
    "schedule with at most as many retrains, in hindsight, by dynamic programming. Beats random: share of 400 "
    "random schedules with as many retrains that do worse. Intervals are of 90 %, from a block "
    "bootstrap over windows.</p>"
)
