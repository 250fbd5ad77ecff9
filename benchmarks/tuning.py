"""Choose the default policy's numbers on made streams alone: `python -m benchmarks.tuning --seeds 0 1 2`.

Each seed makes every kind of drift below, once with a class and once with a number to predict; lengths, sizes and
moments of drift are drawn. Odd seeds serve a linear model and even ones boosted trees; scouts are always small trees.
Labels come one window late. Choose on some seeds, and check the choice on others.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from benchmarks.goals import pays
from benchmarks.policies import GATE, RESULTS, TABLE_PRICE, policies
from tasks.metrics import score
from tasks.simulation.backtest.judging import Bench, PolicyVerdict, policy_verdict
from tasks.simulation.backtest.matrix import Matrix, Plan
from tasks.simulation.backtest.simulation import BacktestHistory
from tasks.training.scouts import PARTS
from tasks.triggers.moment import Policy
from tasks.triggers.regret import RegretPolicy
from tasks.triggers.simple_policies import EveryWindows
from tasks.windows import Window

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Task = Literal["class", "number"]
PEERS = ("never", "every 5 windows", "every 8 windows", "outside interval", "CARA-T", "CARA-CT", "UPF")
REPORTED_FIELDS = {"policy", "asked", "promoted", "share", "percentile", "cost_area"}
SETTINGS: Mapping[str, Policy] = {
    f"regret, certainty {certainty:g}, margin {margin:g}": RegretPolicy(certainty=certainty, margin=margin)
    for certainty, margin in product((2.0, 2.5, 3.0), (1.0, 2.0, 4.0))
}


class TuningStream(NamedTuple):
    """Rows in order of time, the same number in each window."""

    x: np.ndarray
    y: np.ndarray
    windows: int


def main() -> None:
    """Print and keep what each setting and peer did on the streams of the seeds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--out", default="tuning", help="name of the files written to benchmarks/results")
    options = parser.parse_args()
    results: dict[str, dict[str, PolicyVerdict]] = {}
    paying: dict[str, bool] = {}
    for seed, kind, task in product(options.seeds, DRIFTS, ("class", "number")):
        name = f"{kind} {task} {seed}"
        bench = bench_of(made_stream(kind, task, seed), task, linear=seed % 2 == 1)
        eager = policy_verdict("every window", EveryWindows(windows=1), bench)
        paying[name] = pays([eager.model_dump()])
        asked = {peer: policies(bench.prices[-1] * TABLE_PRICE)[peer] for peer in PEERS} | dict(SETTINGS)
        results[name] = {each: policy_verdict(each, policy, bench) for each, policy in asked.items()}
        print(name, "pays" if paying[name] else "does not pay", flush=True)
    command = f"python -m benchmarks.tuning --seeds {' '.join(map(str, options.seeds))} --out {options.out}"
    text = f"# Settings of the default policy on made streams\n\nMade by `{command}`.\n\n{table(results, paying)}\n"
    (RESULTS / f"{options.out}.md").write_text(text)
    verdict_rows = {
        name: [result.model_dump(include=REPORTED_FIELDS) for result in each.values()] for name, each in results.items()
    }
    (RESULTS / f"{options.out}.json").write_text(
        json.dumps({"command": command, "pays": paying, "streams": verdict_rows}) + "\n"
    )
    print(text)


def table(results: Mapping[str, Mapping[str, PolicyVerdict]], paying: Mapping[str, bool]) -> str:
    """Return a line for each policy: means over the streams where retraining pays, and over those where not."""
    columns = ("policy", "cost area", "where it pays", "where not", "share", "percentile", "above the 95th",
               "requests where not")  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for name in next(iter(results.values())):
        good, idle = (
            [each[name] for stream, each in results.items() if paying[stream] is which] for which in (True, False)
        )
        areas = [mean(result.cost_area for result in some) for some in ([*good, *idle], good, idle)]
        share, percentile = mean(result.share or 0.0 for result in good), mean(result.percentile for result in good)
        above, asked = mean(result.percentile > 95 for result in good), mean(result.asked for result in idle)
        area_text = " | ".join(f"{area:+.3f}" for area in areas)
        lines.append(f"| {name} | {area_text} | {share:.2f} | {percentile:.0f} | {above:.0%} | {asked:.1f} |")
    return f"{len(results)} streams; retraining pays on {sum(paying.values())}.\n\n" + "\n".join(lines)


def made_stream(kind: str, task: Task, seed: int) -> TuningStream:
    """Return a stream of six features whose weights turn as the kind of drift says."""
    chance = np.random.default_rng([list(DRIFTS).index(kind), task == "number", seed])
    windows, rows = int(chance.integers(24, 38)), int(chance.integers(120, 360))
    when = np.linspace(0, 1, windows * rows, endpoint=False)
    x = chance.normal(0, 1, (len(when), 6))
    angle = DRIFTS[kind](chance, when)
    signal = 2 * (np.cos(angle) * x[:, 0] + np.sin(angle) * x[:, 1]) + 0.5 * x[:, 2] * x[:, 3]
    if kind == "cloud":
        x[:, 0] += 8 * when - 4
        signal = 3 * (x[:, 1] - np.sin(1.5 * x[:, 0]))
    if kind == "covariate":
        x[:, 4] += 3 * when
    noise = np.repeat(np.exp(chance.normal(0, 0.15, windows)), rows)
    if task == "number":
        return TuningStream(x, signal + 1.2 * noise * chance.normal(size=len(when)), windows)
    return TuningStream(x, (chance.uniform(size=len(when)) < 1 / (1 + np.exp(-signal / noise))).astype(float), windows)


def bench_of(stream: TuningStream, task: Task, *, linear: bool) -> Bench:
    """Return the stream's history, every model fitted on all rows before."""
    count, begin = stream.windows, datetime(2000, 1, 1, tzinfo=UTC)
    edges = [begin + timedelta(days=number) for number in range(count + 1)]
    windows = tuple(Window(start=start, end=end) for start, end in pairwise(edges))
    first = max(3, round(0.2 * count)) - 1
    plan = Plan(usecase="made", windows=windows, rehearsed=1, first=first, candidate="made", dataset_version=None)
    served, scout = (fitted_on(stream, task, plan, linear=which) for which in (linear, None))
    return Bench(BacktestHistory(plan=plan, models=served, scouts=scout, greater_is_better=task == "class"), GATE)


def fitted_on(stream: TuningStream, task: Task, plan: Plan, *, linear: bool | None) -> Matrix:
    """Return the matrix of one estimator; the last window's labels never come."""
    count, rows = stream.windows, len(stream.y) // stream.windows
    scores, parts = np.full((count, count), np.nan), np.full((count, count, PARTS), np.nan)

    def of(truth: np.ndarray, predicted: np.ndarray) -> float:
        value = score("roc_auc" if task == "class" else "rmse", truth, predicted)
        return float("nan") if value is None else value

    for at in plan.trained_at:
        model: Any = estimator(task, linear).fit(stream.x[: (at + 1) * rows], stream.y[: (at + 1) * rows])
        for later in range(at + 1, count - 1):
            own = slice(later * rows, (later + 1) * rows)
            predicted = model.predict_proba(stream.x[own])[:, 1] if task == "class" else model.predict(stream.x[own])
            scores[at, later] = of(stream.y[own], predicted)
            pieces = zip(np.array_split(stream.y[own], PARTS), np.array_split(predicted, PARTS), strict=True)
            parts[at, later] = [of(*piece) for piece in pieces]
    return Matrix(
        scores=scores,
        settled_scores=scores,
        parts=parts,
        seconds=np.zeros(count),
        trained=np.isin(np.arange(count), plan.trained_at),
        losses=[None] * count,
        counts=np.full(count, rows),
        landed=np.arange(1, count + 1),
    )


def estimator(task: Task, linear: bool | None) -> "BaseEstimator":
    """Return a linear model with products of features, boosted trees or, for None, the small trees of a scout."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    if linear:
        last: Any = LogisticRegression(max_iter=1_000) if task == "class" else Ridge()
        return make_pipeline(StandardScaler(), PolynomialFeatures(2), last)
    trees: Any = HistGradientBoostingClassifier if task == "class" else HistGradientBoostingRegressor
    small = {"max_iter": 25, "learning_rate": 0.2, "max_leaf_nodes": 12} if linear is None else {"max_iter": 40}
    return trees(max_bins=63, early_stopping=False, random_state=0, **small)


def mean(values: Any) -> float:
    """Return the mean, NaN of nothing."""
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else float("nan")


def _abrupt(chance: np.random.Generator, when: np.ndarray) -> np.ndarray:
    turns = [(chance.uniform(0.25, 0.95), chance.uniform(0.4, 1.4)) for _ in range(chance.integers(1, 4))]
    return np.sum([size * (when >= moment) for moment, size in turns], axis=0)


def _outbreak(chance: np.random.Generator, when: np.ndarray) -> np.ndarray:
    begin = chance.uniform(0.35, 0.7)
    return chance.uniform(0.8, 1.5) * ((when > begin) & (when < begin + chance.uniform(0.1, 0.3)))


DRIFTS: Mapping[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]] = {
    "abrupt": _abrupt,
    "gradual": lambda chance, when: chance.uniform(1.2, 3.0) * when,
    "slow": lambda chance, when: chance.uniform(0.3, 0.8) * when,
    "recurring": lambda chance, when: chance.uniform(0.7, 1.3) * (np.floor(when * chance.integers(4, 9)) % 2),
    "seasonal": lambda chance, when: chance.uniform(0.5, 1.1) * np.sin(2 * np.pi * chance.uniform(1, 3) * when),
    "outbreak": _outbreak,
    "walk": lambda chance, when: np.interp(when * 40, np.arange(40), np.cumsum(chance.normal(0, 0.18, 40))),
    "cloud": lambda chance, when: np.zeros(len(when)),
    "covariate": lambda chance, when: np.zeros(len(when)),
    "still": lambda chance, when: np.zeros(len(when)),
}

if __name__ == "__main__":
    main()
