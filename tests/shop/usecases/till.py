"""A use case in windows of an hour, with a column that tells the hour: will this customer come back?"""

import os
from datetime import UTC, datetime, timedelta

import pandera.pandas as pa
from sklearn.ensemble import HistGradientBoostingClassifier

from tasks.data.sources import FileSource
from tasks.usecases import UseCase

TIME = "datetime64[us, UTC]"

USE_CASE = UseCase(
    name="till",
    question="Will this customer come back?",
    source=FileSource(path=lambda: os.environ["TILL_TABLE"], event_time="paid_at"),
    schema=pa.DataFrameSchema(
        {
            "receipt": pa.Column("int64"),
            "paid_at": pa.Column(TIME),
            "known_at": pa.Column(TIME, nullable=True),
            "amount": pa.Column(float, pa.Check.in_range(-50, 50), nullable=True),
            "hour": pa.Column(float, pa.Check.in_range(0, 23), nullable=True),
            "came": pa.Column(float, pa.Check.isin([0.0, 1.0]), nullable=True),
        }
    ),
    key=("receipt",),
    event_time="paid_at",
    label_time="known_at",
    target="came",
    kind="classification",
    numeric=("amount", "hour"),
    categorical=(),
    candidates={"boosting": HistGradientBoostingClassifier(max_iter=20, random_state=0)},
    metric="roc_auc",
    slices=(),
    history_start=datetime(2024, 1, 1, tzinfo=UTC),
    period=timedelta(hours=12),
    look_back=timedelta(hours=1),
    window=timedelta(hours=1),
)
