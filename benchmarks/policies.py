"""Compare every retraining policy with its peers on real and made streams: `make bench-policies`.

    python -m benchmarks.policies --data stays.parquet --time arrival_date --target is_canceled \\
        --label-time reservation_status_date --data sea.parquet --time rows --target target

Each table becomes the use case that `make new` would draft: its windows, its features, its first candidate; every
row counts. `--time rows` gives rows in order of time a made-up clock. Flights, the weather, and the papers' two
synthetic streams come with it. Labels come one window late, or later still where the table says so; a policy sees
what was known, a challenger goes live only through the gate, and one setting serves all streams. The peers of other
packages need `pip install river retrainopt`, and are left out with a word where these are missing.
"""

import argparse
import json
import math
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import synthetic
from benchmarks.goals import goals_text, pays
from benchmarks.peers import RetrainOpt, River
from benchmarks.streams import drafted_use_case, store, weekly, workshop
from tasks.metrics import metric
from tasks.settings import ROOT
from tasks.simulation.backtest.alarming import alarm_of
from tasks.simulation.backtest.drifting import drifted_share
from tasks.simulation.backtest.fits import matrix, model_row
from tasks.simulation.backtest.judging import Bench, PolicyVerdict, policy_verdicts
from tasks.simulation.backtest.matrix import Plan
from tasks.simulation.backtest.planning import BacktestSpan, plan_for
from tasks.simulation.backtest.simulation import BacktestGate, BacktestHistory
from tasks.triggers.moment import Policy
from tasks.triggers.published_policies import Cara, Upf
from tasks.triggers.regret import RegretPolicy
from tasks.triggers.simple_policies import (
    AtAge,
    AtRandom,
    EveryWindows,
    EvidentlyPreset,
    LossAboveFirst,
    Never,
    OutsideInterval,
    PerformanceDrop,
    calibrated_alarm,
)
from tasks.usecases import UseCase

RESULTS = ROOT / "benchmarks" / "results"
SPAN = BacktestSpan(rehearsal_share=0.2, min_rehearsal=3)
GATE = BacktestGate(blocks=1, min_gain=0.0)
OWN = "regret (default)"
TABLE_PRICE = 1 / 8
"""The price at which the tables let policies that use one decide, as a share of that from which nothing pays."""


def main() -> None:
    """Play all streams, then print and keep the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policies", description=__doc__)
    parser.add_argument("--data", action=_Next, default=[], help="table of a further stream: parquet or csv")
    for word, help_text in _WORDS.items():
        parser.add_argument(f"--{word}", action=_OfLast, help=help_text)
    parser.add_argument("--only-data", action="store_true", help="leave out the streams that come with it")
    parser.add_argument("--state", type=Path, help="folder that keeps tables and models for the next run")
    parser.add_argument("--out", default="policies", help="name of the files written to benchmarks/results")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    stated_to_pay = {_name(words): words["PAYS"] == "yes" for words in options.data if "PAYS" in words}
    with workshop(options.state) as package:
        for name, problem in streams(options.data, package, own=not options.only_data).items():
            figures[name] = played_stream(problem, stated_to_pay.get(name))
            print(stream_table(name, figures[name]), flush=True)
            keep(options.out, figures, command(options))
    print(f"{summary(figures)}\n\n{goals_text(figures, OWN)}")


def streams(tables: list[dict[str, str]], package: Path, *, own: bool) -> dict[str, UseCase]:
    """Return the use case of each stream by its name."""
    made = {name: package / f"{name}.parquet" for name in synthetic.PAPERS if own}
    for name, path in made.items():
        synthetic.table(name).to_parquet(path)
    given = [{"DATA": str(path), "TIME": "time", "TARGET": "target"} for path in made.values()] + tables
    described = {
        _name(words): {"KEY": "row"} | {word: text for word, text in words.items() if word != "PAYS"} for words in given
    }
    problems = {name: drafted_use_case(name, words, package) for name, words in described.items()}
    return problems | {name: weekly(name, package) for name in ("weather", "flights") if own}


def policies(price: float) -> dict[str, Policy]:
    """Return every policy at the one setting that serves all streams; `price` is for those that need one."""
    by_name: dict[str, Policy] = {
        "never": Never(),
        "every window": EveryWindows(windows=1),
        **{f"every {windows} windows": EveryWindows(windows=windows) for windows in (2, 3, 5, 8)},
        "at age 4": AtAge(windows=4),
        "random moments": AtRandom(share=0.2, seed=0),
        "performance drop": PerformanceDrop(points=0.02, share=0.05, windows=1),
        "loss 10% above first": LossAboveFirst(share=0.1),
        "outside interval": OutsideInterval(false_alarms=0.05),
        "Evidently preset": EvidentlyPreset(share=0.5),
        "calibrated alarm": calibrated_alarm,
        "CARA-T": Cara(variant="threshold", price=price),
        "CARA-CT": Cara(variant="cumulative", price=price),
        "CARA-P": Cara(variant="periodic", price=price),
        "UPF": Upf(horizon=8, confidence=0.95, price=price),
        OWN: RegretPolicy(),
    }
    if find_spec("river"):
        by_name |= {"ADWIN": River(detector="ADWIN"), "DDM": River(detector="DDM")}
    if find_spec("retrainopt"):
        by_name["RetrainOpt"] = RetrainOpt(price=price)
    return by_name


def played_stream(problem: UseCase, stated_to_pay: bool | None) -> dict[str, Any]:
    """Train the stream's models, play every policy, and return what became of it."""
    began = time.perf_counter()
    plan = plan_for(problem, store(problem), SPAN)
    for role in ("scout", "champion"):
        for at in plan.trained_at:
            model_row(plan, role, at)
    bench = Bench(history(plan, problem), GATE)
    fitted = time.perf_counter() - began
    results = policy_verdicts(policies(bench.prices[-1] * TABLE_PRICE), bench)
    full = bench.best_with(len(bench.moments))
    verdict_rows = [result.model_dump(exclude={"outcome"}) | _moments(result) for result in results]
    return {
        "pays": pays(verdict_rows) if stated_to_pay is None else stated_to_pay,
        "metric": problem.metric,
        "windows": bench.windows,
        "window_days": problem.window.total_seconds() / 86_400,
        "rows_a_window": int(sorted(bench.history.models.counts)[len(plan.windows) // 2]),
        "best": {"score": full.score, "retrains": len(full.schedule)},
        "highest_price": bench.prices[-1],
        "seconds_to_train": fitted,
        "seconds_to_play": time.perf_counter() - began - fitted,
        "verdicts": verdict_rows,
    }


def history(plan: Plan, problem: UseCase) -> BacktestHistory:
    """Return what policies are played on; all rows of the plan are kept by now."""
    return BacktestHistory(
        plan=plan,
        models=matrix(plan, "champion"),
        scouts=matrix(plan, "scout"),
        greater_is_better=metric(problem.metric).greater_is_better,
        drifted=drifted_share(plan),
        alarm=alarm_of(plan),
    )


def stream_table(name: str, stream: Mapping[str, Any]) -> str:
    """Return a stream's table as markdown."""
    columns = ("policy", stream["metric"], *_COLUMNS)
    head = (
        f"\n## {name}\n\n{stream['metric']}, {stream['windows']} windows of {stream['window_days']:g} days with about "
        f"{stream['rows_a_window']:,} rows; best of all {_number(stream['best']['score'])} with "
        f"{stream['best']['retrains']} retrains.\n\n| {' | '.join(columns)} |\n{'| --- ' * len(columns)}|\n"
    )
    return head + "\n".join(_line(row) for row in stream["verdicts"]) + "\n"


def summary(figures: Mapping[str, Any]) -> str:
    """Return the table over all streams: means by policy, cheapest first."""
    names = [row["policy"] for row in next(iter(figures.values()))["verdicts"]]
    lines = []
    for name in names:
        mine = [row for stream in figures.values() for row in stream["verdicts"] if row["policy"] == name]
        shares = [row["share"] for row in mine if row["share"] is not None]
        asked = [row["asked"] / stream["windows"] for row, stream in zip(mine, figures.values(), strict=True)]
        area, rank = (_mean([row[what] for row in mine]) for what in ("cost_area", "percentile"))
        lines.append((area, f"| {name} | {area:+.3f} | {_mean(shares):.2f} | {rank:.0f} | {_mean(asked):.2f} |"))
    columns = ("policy", "cost area", "share of achievable", "percentile", "requests a window")
    head = f"| {' | '.join(columns)} |\n{'| --- ' * len(columns)}|\n"
    return head + "\n".join(line for _, line in sorted(lines))


def keep(name: str, figures: Mapping[str, Any], command_text: str) -> None:
    """Write the figures as JSON and as markdown, with the command that made them."""
    RESULTS.mkdir(exist_ok=True)
    whole = {"command": command_text, "streams": figures}
    (RESULTS / f"{name}.json").write_text(json.dumps(whole, indent=2) + "\n")
    text = f"# Retraining policies compared\n\nMade by `{command_text}`.\n\n## Goals\n\n"
    text += f"{goals_text(figures, OWN)}\n\n## All streams\n\n{summary(figures)}\n"
    (RESULTS / f"{name}.md").write_text(text + "".join(stream_table(*item) for item in figures.items()))


def command(options: argparse.Namespace) -> str:
    """Return the command without the folders of this machine."""
    back = {word.upper().replace("-", "_"): word for word in _WORDS}
    words = ["python -m benchmarks.policies", *(["--only-data"] if options.only_data else [])]
    for table in options.data:
        words.append(f"--data {Path(table['DATA']).name}")
        words += [f"--{back[word]} {text}" for word, text in table.items() if word in back]
    return " ".join(words)


def _name(words: Mapping[str, str]) -> str:
    return Path(words["DATA"]).stem.lower().replace("-", "_")


def _moments(result: PolicyVerdict) -> dict[str, Any]:
    return {
        "asked_at": [asked.window for asked in result.outcome.asked],
        "live_at": list(result.outcome.live),
        "reasons": [f"{asked.window}: {asked.reason}" for asked in result.outcome.asked][:5],
    }


def _line(row: Mapping[str, Any]) -> str:
    share = "-" if row["share"] is None else f"{row['share']:.2f}"
    return (
        f"| {row['policy']} | {_number(row['score'])} | {row['asked']} | {row['promoted']} | {share} | "
        f"{row['percentile']:.0f} | {row['cost_area']:+.3f} | {_number(row['low'])} to {_number(row['high'])} |"
    )


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


_COLUMNS = ("asked", "promoted", "share of achievable", "percentile", "cost area", "gain over never, 90 %")
_WORDS = {
    "time": "its column of event time, or: rows",
    "target": "its column to predict",
    "kind": "binary, multiclass or regression, where the target leaves it open",
    "label-time": "its column of label time",
    "pays": "yes or no: whether retraining is taken to pay; else, whether doing it always surely gains",
    "mature": "its column, or a delay, from when on a label is a fair sample",
}


class _Next(argparse.Action):
    """Begin a further table."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        setattr(namespace, self.dest, [*namespace.data, {"DATA": str(values)}])


class _OfLast(argparse.Action):
    """Say something about the table that was named last."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        if not namespace.data:
            parser.error(f"{option_string} belongs to a table: name it first, with --data")
        namespace.data[-1][self.dest.upper()] = str(values)


if __name__ == "__main__":
    main()
