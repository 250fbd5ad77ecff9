"""A use case outside the project whose source restates its rows: the shop's question, its rows from another table."""

import os
from dataclasses import replace
from datetime import timedelta

from tasks.data.sources import FileSource
from usecases import shop

USE_CASE = replace(
    shop.USE_CASE,
    name="fair",
    source=FileSource(path=lambda: os.environ["FAIR_TABLE"], event_time="seen_at"),
    look_back=timedelta(days=10),
)
