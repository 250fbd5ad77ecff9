"""A third use case, outside the project: will a visitor of a made-up shop buy?"""

import os
from datetime import UTC, datetime, timedelta

import pandera.pandas as pa
from sklearn.ensemble import HistGradientBoostingClassifier

from tasks.data.sources import FileSource
from tasks.usecases import UseCase

TIME = "datetime64[us, UTC]"

USE_CASE = UseCase(
    name="shop",
    question="Will this visitor buy?",
    source=FileSource(path=lambda: os.environ["SHOP_TABLE"], event_time="seen_at"),
    schema=pa.DataFrameSchema(
        {
            "visit": pa.Column("int64"),
            "seen_at": pa.Column(TIME),
            "known_at": pa.Column(TIME, nullable=True),
            "interest": pa.Column(float, pa.Check.in_range(-50, 50), nullable=True),
            "price": pa.Column(float, pa.Check.in_range(-50, 50), nullable=True),
            "channel": pa.Column(str, pa.Check.isin(["ad", "mail", "search"]), nullable=True),
            "bought": pa.Column(float, pa.Check.isin([0.0, 1.0]), nullable=True),
        }
    ),
    key=("visit",),
    event_time="seen_at",
    label_time="known_at",
    target="bought",
    kind="classification",
    numeric=("interest", "price"),
    categorical=("channel",),
    candidates={"boosting": HistGradientBoostingClassifier(max_iter=30, random_state=0)},
    metric="roc_auc",
    slices=("channel",),
    history_start=datetime(2024, 1, 1, tzinfo=UTC),
    period=timedelta(days=7),
    look_back=timedelta(days=2),
    window=timedelta(days=14),
)
