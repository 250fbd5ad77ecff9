"""Measure what waiting for mature labels is worth: `python -m benchmarks.maturity NAME`.

NAME is a use case in usecases/ that declares `mature`. At every window of its history, from 1,000 mature labels on,
one model is fitted on the rows whose label is mature, one on all rows whose label is known, one on all rows as if each
label came with its row (an oracle), and one on the rows before the first such window only. All are judged on the rows
of the next window, by their final labels. Means over the windows, weighted by rows; one run, no randomness beyond the
estimator's seed.
"""

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.usecases import MetricName, UseCase, use_case

if TYPE_CHECKING:
    import pandas as pd

LEAST_ROWS = 100
FIRST_ROWS = 1_000
METRICS: dict[str, tuple[MetricName, ...]] = {"regression": ("rmse", "mae"), "classification": ("log_loss", "roc_auc")}


def main() -> None:
    """Print a row a way to train, a column a metric."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.maturity", description=__doc__)
    parser.add_argument("name", help="a use case that declares `mature`")
    problem = use_case(parser.parse_args().name)
    if problem.mature is None:
        parser.error(f"{problem.name} declares no `mature`: its labels are trusted as soon as they are known")
    rows = _rows(problem)
    scores_by_way = scores_by_training(problem, rows)
    for way, scores in scores_by_way.items():
        print(f"{way:<24}" + "".join(f"{name} {value:.4f}   " for name, value in scores.items()))


def scores_by_training(problem: UseCase, rows: "pd.DataFrame") -> dict[str, dict[str, float]]:
    """Return the mean metrics of each way to train."""
    from tasks.metrics import score
    from tasks.simulation.replay import moments
    from tasks.training.estimators import predictions, targets
    from tasks.training.folds import labelled

    times = rows[problem.event_time]
    last = times.max().to_pydatetime()
    every = moments(problem.history_start + problem.window, last, problem.window)[:-2]
    starts = [moment for moment in every if len(labelled(rows, problem, moment)) >= FIRST_ROWS]
    trusted = replace(problem, mature=None)
    foretold = rows.assign(**{problem.label_time: times})
    ways = {
        "mature labels": (problem, rows),
        "labels known so far": (trusted, rows),
        "oracle without delay": (trusted, foretold),
        "never trained again": (trusted, foretold[times < starts[0]]),
    }
    scores: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for now in starts:
        block = rows[(times >= now) & (times < now + problem.window) & rows[problem.target].notna()]
        for way, (sight, way_rows) in ways.items():
            model = _model(sight, way_rows, now)
            if model is not None and len(block) >= LEAST_ROWS and block[problem.target].nunique() > 1:
                predicted, truth = predictions(model, block, problem), targets(block, problem)
                values: dict[str, Any] = {name: score(name, truth, predicted) for name in METRICS[problem.kind]}
                scores.setdefault(way, []).append((len(block), values))
    return {way: _means(pairs) for way, pairs in scores.items()}


def _rows(problem: UseCase) -> "pd.DataFrame":
    from flows.collect import collect
    from tasks.data.tables import observations
    from tasks.data.validation import BatchPolicy
    from tasks.lasting import in_memory

    lenient = BatchPolicy(max_bad_share=1, min_volume_share=0)
    with in_memory():
        collect.fn(problem.name, datetime.now(UTC), batch=lenient)
        return observations(problem).read()


def _model(sight: UseCase, rows: "pd.DataFrame", now: Any) -> Any:
    """Return the first candidate fitted on what `sight` may learn from at a moment, or None where it is too little."""
    from tasks.training.estimators import contenders, fitted
    from tasks.training.folds import labelled

    past = labelled(rows, sight, now)
    if len(past) < LEAST_ROWS or past[sight.target].nunique() < 2:
        return None
    return fitted(contenders(sight)[next(iter(sight.candidates))], past, sight)


def _means(pairs: list[tuple[int, dict[str, Any]]]) -> dict[str, float]:
    weights = [rows for rows, _ in pairs]
    return {name: float(np.average([values[name] for _, values in pairs], weights=weights)) for name in pairs[0][1]}


if __name__ == "__main__":
    main()
