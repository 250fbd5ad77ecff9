"""Write the example table of docs/your-own-use-case.md: a year of support tickets, made up, always the same.

`python docs/examples/tickets.py tickets.csv`
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 24_000
DAY = pd.Timedelta(days=1)


def tickets() -> pd.DataFrame:
    """Return tickets in order of their opening. In September a new product comes, and whom it waits for changes."""
    chance = np.random.default_rng(7)
    opened = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(chance.uniform(0, 365, ROWS)), unit="D")
    new = opened >= pd.Timestamp("2024-09-01")
    product = np.where(new & (chance.uniform(size=ROWS) < 0.4), "cloud", chance.choice(["desk", "phone"], ROWS))
    table = pd.DataFrame(
        {
            "ticket": np.arange(100_000, 100_000 + ROWS),
            "opened": opened.floor("s"),
            "product": product,
            "priority": chance.choice(["low", "normal", "high"], ROWS, p=[0.3, 0.5, 0.2]),
            "channel": chance.choice(["mail", "chat", "call"], ROWS),
            "words": chance.gamma(2.0, 60.0, ROWS).round(),
            "queue": chance.poisson(20 + 15 * new),
        }
    )
    urgent = (table.priority == "high").to_numpy()
    effort = 0.006 * table.words + np.where(new, -0.02, 0.05) * table.queue + 1.2 * (table["product"] == "cloud")
    hours = np.exp(1.6 + 0.5 * effort - np.where(new, -0.4, 0.9) * urgent + chance.normal(0, 0.6, ROWS))
    table["replies"] = (1 + hours / 6 + chance.uniform(0, 1, ROWS)).round()
    table["closed"] = (table.opened + pd.to_timedelta(hours, unit="h")).dt.floor("s")
    table["late"] = np.where(hours > 24, "yes", "no")
    return table


if __name__ == "__main__":
    tickets().to_csv(Path(sys.argv[1]), index=False)
