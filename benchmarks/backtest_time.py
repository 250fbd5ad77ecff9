"""Measure how long a backtest takes: 12 policies on 120,000 rows by 25 columns in 26 windows, on two cores.

`python -m benchmarks.backtest_time`. The functions of the flow are called bare: what Prefect adds
is measured by `benchmarks/overhead.py`.
"""

import argparse
import json
import os
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context

import numpy as np
import pandas as pd

from benchmarks.policies import GATE, RESULTS, SPAN, history, policies
from benchmarks.streams import drafted_use_case, store, workshop
from tasks.simulation.backtest.fits import model_row
from tasks.simulation.backtest.judging import Bench, policy_verdicts
from tasks.simulation.backtest.planning import plan_for

PLAYED = ("never", "every window", "every 3 windows", "every 5 windows", "at age 4", "performance drop", "CARA-T",
          "loss 10% above first", "outside interval", "Evidently preset", "UPF", "regret (default)")  # fmt: skip
DAYS = 27 * 28
"""Labels come a window late, so that the last of 27 windows has none."""


def main() -> None:
    """Print and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backtest_time", description=__doc__)
    parser.add_argument("--rows", type=int, default=120_000)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    # As for every process of the system: `deployments/environment.py`.
    os.environ["OMP_NUM_THREADS"] = "1"
    with workshop(None) as package:
        path = package / "wide.parquet"
        wide(options.rows).to_parquet(path)
        problem = drafted_use_case(
            "wide", {"DATA": str(path), "TIME": "time", "TARGET": "target", "KEY": "row"}, package
        )
        end = store(problem)
        began, busy = time.perf_counter(), cpu_seconds()
        plan = plan_for(problem, end, SPAN)
        with ProcessPoolExecutor(options.cores, mp_context=get_context("spawn")) as pool:
            jobs = list(product([plan], ("champion", "scout"), plan.trained_at))
            list(pool.map(model_row, *zip(*jobs, strict=True)))
        trained, busy_trained = time.perf_counter() - began, cpu_seconds() - busy
        bench = Bench(history(plan, problem), GATE)
        results = policy_verdicts({name: policies(bench.prices[-1] / 8)[name] for name in PLAYED}, bench)
        whole, busy_whole = time.perf_counter() - began, cpu_seconds() - busy
    figures = {
        "command": f"python -m benchmarks.backtest_time --rows {options.rows} --cores {options.cores}",
        "rows": options.rows,
        "features": len(problem.features),
        "windows": bench.windows + bench.first + 1,
        "policies": len(results),
        "models": len(jobs),
        "seconds_to_train": round(trained, 1),
        "seconds": round(whole, 1),
        "cpu_seconds_to_train": round(busy_trained, 1),
        "cpu_seconds": round(busy_whole, 1),
        "load_average": os.getloadavg(),
    }
    (RESULTS / "backtest_time.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def wide(rows: int) -> pd.DataFrame:
    """Return a table of 20 numbers and 5 categories, of which a few matter, and turn with time."""
    chance = np.random.default_rng(0)
    numbers = chance.normal(size=(rows, 20))
    when = np.linspace(0, 2, rows)
    odds = 2 * (np.cos(when) * numbers[:, 0] + np.sin(when) * numbers[:, 1])
    table = {f"number{n}": column for n, column in enumerate(numbers.T)}
    table |= {f"kind{n}": chance.choice(list("abcdef"), rows) for n in range(5)}
    times = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(np.linspace(0, DAYS, rows), unit="D").as_unit("us")
    late = (chance.uniform(size=rows) < 1 / (1 + np.exp(-odds))).astype(float)
    return pd.DataFrame({"time": times, **table, "target": late})


def cpu_seconds() -> float:
    """Return the processor time that this process and its ended children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main()
