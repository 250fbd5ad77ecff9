"""Recognise what the columns of an undescribed table are: their kinds, the target, the key, the times."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import pandas as pd

from tasks.data.sources.layout import TIME

Kind = Literal["numeric", "boolean", "category", "date", "text", "identifier", "constant", "empty"]
TargetKind = Literal["binary", "multiclass", "regression"]

ALMOST_ALL = 0.995
"""Share of the present cells that must be numbers, or times, for a text column to be called so."""
MOST_CLASSES = 20
MOST_KEY_COLUMNS = 3
MOST_KEY_CANDIDATES = 12
_WORDS = ({"true", "false"}, {"yes", "no"})
_POSITIVE = {"1", "1.0", "true", "t", "yes", "y", "positive", "pos", "up", "won", "success"}
_ID_NAME = re.compile(r"(^|[_\W])(id|uuid|guid|key|hash|token)$|[a-z]I[dD]$", re.IGNORECASE)
_TIME_NAME = re.compile(r"date|time|timestamp|(^|_)(at|on|ts|day)$", re.IGNORECASE)
_ZONED = re.compile(r"(?:Z|[+-]\d\d:?\d\d)\s*$")
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%y", "%m/%d/%y",
         "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%Y%m%d")  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S")
FORMATS = tuple(day + clock for day in _DAYS for clock in _CLOCKS)
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EARLIEST, _LATEST = 31_536_000, 4_102_444_800  # seconds: 1971 and 2100


@dataclass(frozen=True)
class Finding:
    """Something that will hurt: in which column, of which sort, and the numbers that say so."""

    column: str
    kind: str
    evidence: str
    left_out: bool = False
    """Whether the column is kept from the features for it."""


@dataclass(frozen=True)
class ColumnProfile:
    """What one stored column is."""

    name: str
    kind: Kind
    reads_as: str
    """dtype with which the source is to read it."""
    missing: float
    distinct: int
    time_format: str | None = None
    """How the source's text or number becomes a time: a strptime format, or a unit since 1970; None: by itself."""
    zoned: bool = True
    """False for times that do not say their zone."""
    unread: int = 0
    """Cells that are not of `reads_as` and will be missing."""
    example: str = ""
    """One of them."""


@dataclass(frozen=True)
class TargetProfile:
    """What is to be predicted."""

    kind: TargetKind
    values: "pd.Series[Any]"
    """0.0 and 1.0, the numbers, or the classes as text; missing where unknown."""
    words: dict[Any, Any] | None = None
    """Stored value to the value to train on, where they differ."""
    why: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted(self.values.dropna().unique())) if self.kind == "multiclass" else ()

    @property
    def rarer_share(self) -> float:
        """Share of the rows in the rarer of two classes; 0.5 for every other target."""
        return float(self.values.value_counts(normalize=True).min()) if self.kind == "binary" else 0.5


class Undecided(ValueError):
    """The owner must decide; the message gives what the table holds and which words would answer."""


def column_profile(values: "pd.Series[Any]", zone: str = "UTC") -> "tuple[ColumnProfile, pd.Series[Any]]":
    """Return what the column is, and its values as float64, str or UTC times."""
    name, distinct = str(values.name), int(values.nunique())
    missing = float(values.isna().mean())
    if not distinct:
        return ColumnProfile(name, "empty", "float64", 1.0, 0), values.astype("float64")
    if values.dtype.kind == "M":
        return _dates(values, zone, missing, distinct)
    if values.dtype.kind in "biuf":
        return _numbers(values, missing, distinct)
    return _texts(values, zone, missing, distinct)


def as_times(
    values: "pd.Series[Any]", zone: str = "UTC", fmt: str | None = None
) -> "tuple[ColumnProfile, pd.Series[Any]]":
    """Return the column read as times, in whichever way reads almost all of it.

    Raises:
        Undecided: no known way does, or two ways that differ do.
    """
    name, present = str(values.name), values.dropna()
    missing, distinct = float(values.isna().mean()), int(values.nunique())
    if values.dtype.kind == "M":
        return _dates(values, zone, missing, distinct)
    if fmt and "%" in fmt and not re.search("%[YyGcxs]", fmt):
        raise Undecided(f"TIME_FORMAT={fmt!r} has no year, so it gives no time; add the year to column {name!r}")
    formats = [fmt] if fmt else time_formats(present)
    if not formats:
        examples = ", ".join(map(repr, present.unique()[:3].tolist()))
        hint = "counts rows and is no time" if _counts(present) else "cannot be read as times"
        raise Undecided(
            f"expected times in column {name!r}, found {examples}, which {hint}. Name a column of times with TIME=, "
            "say how these are written with TIME_FORMAT= (as in %d.%m.%Y %H:%M, or s or ms for a number of "
            "(milli)seconds since 1970), or add a column with a made-up clock if only the order of the rows is known, "
            "as in frame['made_up_time'] = pandas.date_range('2000-01-01', periods=len(frame), freq='h')"
        )
    if len(formats) > 1:
        raise Undecided(
            f"column {name!r} can be read in {len(formats)} ways, such as {present.iloc[0]!r}; "
            f"say which: {' or '.join(f'TIME_FORMAT={option!r}' for option in formats)}"
        )
    times = read_times(values, formats[0], zone)
    unread = values.notna() & times.isna()
    if fmt and unread.mean() > 1 - ALMOST_ALL:
        raise Undecided(
            f"TIME_FORMAT={fmt!r} leaves {unread.sum()} of {len(present)} cells of column {name!r} unread, such as "
            f"{values[unread].iloc[0]!r}"
        )
    stored = formats[0] if formats[0] != "ISO8601" else None
    is_number = stored in UNITS or values.dtype.kind in "iuf"
    reads_as = TIME if stored is None else "float64" if is_number else "str"
    says_zone = stored is None and present.astype("str").str.contains(_ZONED.pattern).mean() > ALMOST_ALL
    zoned = stored in UNITS or bool(says_zone)
    example = str(values[unread].iloc[0]) if unread.any() else ""
    return ColumnProfile(name, "date", reads_as, missing, distinct, stored, zoned, int(unread.sum()), example), times


def read_times(values: "pd.Series[Any]", fmt: str, zone: str = "UTC") -> "pd.Series[Any]":
    """Return the values, written in one of `FORMATS`, as a number of `UNITS` or as "ISO8601", as times in UTC."""
    if values.dtype.kind == "M":
        return _dates(values, zone, 0.0, 2)[1]
    if fmt in UNITS:
        return pd.to_datetime(pd.to_numeric(values, errors="coerce"), unit=fmt, utc=True, errors="coerce").astype(TIME)
    texts = values
    if values.dtype.kind in "iuf":
        texts = values.astype("Int64").astype("str").where(values.notna())
    if fmt == "ISO8601":
        zoned = texts.str.contains(_ZONED.pattern).eq(True)
        aware = pd.to_datetime(texts.where(zoned), format=fmt, errors="coerce", utc=True).astype(TIME)
        return aware.fillna(_in_utc(pd.to_datetime(texts.mask(zoned), format=fmt, errors="coerce"), zone))
    return _in_utc(pd.to_datetime(texts, format=fmt, errors="coerce"), zone)


def time_formats(present: "pd.Series[Any]") -> list[str]:
    """Return the ways to read almost all of these values as times that do not all give the same times."""
    some = pd.Series(present.unique()[:2000])
    if some.dtype.kind in "iuf":
        units = [unit for unit, part in UNITS.items() if some.between(_EARLIEST * part, _LATEST * part).all()]
        return units or (["%Y%m%d"] if some.between(19_000_101, 21_001_231).all() and _reads(some, "%Y%m%d") else [])
    numbers = pd.to_numeric(some, errors="coerce")
    if numbers.notna().all():
        return time_formats(numbers)
    if _reads(some, "ISO8601"):
        return ["ISO8601"]
    readings: dict[str, pd.Series[Any]] = {}
    for fmt in (fmt for fmt in FORMATS if _reads(some, fmt)):
        times = read_times(some, fmt)
        if not any(times.equals(other) for other in readings.values()):
            readings[fmt] = times
    return list(readings)


def target_of(values: "pd.Series[Any]", column: ColumnProfile, kind: TargetKind | None = None) -> TargetProfile:
    """Return the target as it is trained on.

    Raises:
        Undecided: it never changes, has too many classes, or may be both numbers and classes.
    """
    present = values.dropna()
    if present.nunique() < 2:
        raise Undecided(
            f"target {column.name!r} has {present.nunique()} different values; nothing can be learned from it"
        )
    is_number = values.dtype.kind == "f"
    distinct = present.nunique()
    if kind == "binary" and distinct != 2:
        raise Undecided(
            f"KIND=binary, and target {column.name!r} has {distinct} values; say KIND=multiclass or regression"
        )
    if kind == "regression" and not is_number:
        raise Undecided(f"KIND=regression, and target {column.name!r} holds words such as {present.iloc[0]!r}")
    if distinct == 2 and kind in (None, "binary"):
        return _binary(values, present, column)
    whole = is_number and bool((present % 1 == 0).all())
    if kind is None and whole and distinct <= MOST_CLASSES:
        raise Undecided(
            f"target {column.name!r} has {distinct} whole numbers from {present.min():g} to {present.max():g}; "
            "say KIND=regression if they are quantities, KIND=multiclass if they name classes"
        )
    if kind == "regression" or (kind is None and is_number):
        return TargetProfile("regression", values, why=f"{distinct} different numbers")
    if column.kind in ("date", "text"):
        raise Undecided(f"target {column.name!r} holds {column.kind}s; name a column of numbers or classes")
    if distinct > MOST_CLASSES and not (kind == "multiclass" and distinct <= 5 * MOST_CLASSES):
        common = present.value_counts()
        raise Undecided(
            f"target {column.name!r} has {distinct} classes, the commonest {', '.join(map(str, common.index[:5]))}, "
            f"and {int((common < 50).sum())} of them with fewer than 50 rows; name a target with at most "
            f"{MOST_CLASSES}, group the rare ones"
            + (
                " or say KIND=multiclass to have them all"
                if distinct <= 5 * MOST_CLASSES
                else " in the table or a query"
            )
        )
    if not is_number:
        return TargetProfile("multiclass", values, why=f"{distinct} different words")
    words = {value: f"{value:g}" for value in sorted(present.unique())}
    return TargetProfile("multiclass", values.map(words).astype("str"), words, f"{distinct} numbers that name classes")


def key_of(frame: pd.DataFrame, time: str, columns: Sequence[ColumnProfile], never: set[str]) -> tuple[str, ...] | None:
    """Return the fewest columns that tell all rows apart, or None: an identifier, the time, or a few with the time.

    Exact duplicates, and rows without a time, which are set aside, do not count. Floating point numbers, columns with
    gaps and those in `never` name no row.
    """
    rows = frame[frame[time].notna()].drop_duplicates()
    usable = [
        column
        for column in columns
        if column.missing == 0 and column.name not in never | {time} and _names_things(column, frame)
    ]
    names = [
        column.name
        for column in sorted(usable, key=lambda column: (not _ID_NAME.search(column.name), -column.distinct))
    ]
    for name in names:
        is_id = _ID_NAME.search(name) or frame[name].dtype.kind not in "iuf"
        if is_id and not rows.duplicated([name]).any():
            return (name,)
    if not rows.duplicated([time]).any():
        return (time,)
    best = names[:MOST_KEY_CANDIDATES]
    for size in range(1, MOST_KEY_COLUMNS):
        for others in combinations(best, size):
            if not rows.duplicated([time, *others]).any():
                return (*others, time)
    return next(((name,) for name in names if not rows.duplicated([name]).any()), None)


def label_time_candidates(frame: pd.DataFrame, time: str, dates: Sequence[str]) -> dict[str, float]:
    """Return the time columns that mostly lie after the event, with the share of rows in which they do."""
    later = {name: float((frame[name] > frame[time]).mean()) for name in dates if name != time}
    return {name: share for name, share in later.items() if share >= 0.5}


def repeats_the_time(values: "pd.Series[Any]", times: "pd.Series[Any]") -> bool:
    """Say whether a time column tells no more than the event time: the same, its day, or a fixed time from it."""
    apart = (values - times).dropna()
    if apart.empty:
        return True
    same_day = bool((values.dt.floor("D") == times.dt.floor("D"))[values.notna()].all())
    return same_day or apart.nunique() == 1


def looks_like_an_id(name: str) -> bool:
    return bool(_ID_NAME.search(name))


def _names_things(column: ColumnProfile, frame: pd.DataFrame) -> bool:
    values = frame[column.name]
    if column.kind in ("text", "constant", "empty", "date", "boolean"):
        return column.kind == "date"
    return values.dtype.kind != "f" or bool((values % 1 == 0).all())


def _binary(values: "pd.Series[Any]", present: "pd.Series[Any]", column: ColumnProfile) -> TargetProfile:
    pair = sorted(present.unique())
    if list(pair) == [0, 1]:
        why = "the stored booleans" if column.kind == "boolean" else "the stored 0 and 1"
        return TargetProfile("binary", values.astype("float64"), why=why)
    if values.dtype.kind == "f":
        positive, why = pair[1], "the greater number is 1"
    elif positive_words := [word for word in pair if str(word).strip().lower() in _POSITIVE]:
        positive, why = positive_words[0], f"{positive_words[0]!r} is 1"
    else:
        positive = present.value_counts().index[-1]
        why = f"{positive!r}, the rarer one, is 1"
    words = {value: float(value == positive) for value in pair}
    return TargetProfile("binary", values.map(words).astype("float64"), words, why)


def _numbers(values: "pd.Series[Any]", missing: float, distinct: int) -> "tuple[ColumnProfile, pd.Series[Any]]":
    name = str(values.name)
    numbers = values.astype("float64").replace([float("inf"), float("-inf")], float("nan"))
    infinite = int(numbers.isna().sum() - values.isna().sum())
    missing += infinite / max(1, len(values))
    if distinct == 1:
        return ColumnProfile(
            name, "constant" if missing < 1 - ALMOST_ALL else "boolean", "float64", missing, 1
        ), numbers
    if values.dtype.kind == "b":
        return ColumnProfile(name, "boolean", "float64", missing, distinct), numbers
    if (fmt := time_formats(values.dropna())) and _TIME_NAME.search(name):
        return ColumnProfile(name, "date", "float64", missing, distinct, fmt[0], False), read_times(values, fmt[0])
    share = distinct / max(1, int(values.notna().sum()))
    is_whole = bool((numbers.dropna() % 1 == 0).all())
    is_id = (
        is_whole and distinct > 50 and ((looks_like_an_id(name) and share > 0.5) or (share == 1 and _counts(values)))
    )
    kind: Kind = "identifier" if is_id else "numeric"
    return ColumnProfile(
        name, kind, "float64", missing, distinct, unread=infinite, example="inf" if infinite else ""
    ), numbers


def _dates(
    values: "pd.Series[Any]", zone: str, missing: float, distinct: int
) -> "tuple[ColumnProfile, pd.Series[Any]]":
    zoned = getattr(values.dtype, "tz", None) is not None
    times = values.dt.tz_convert("UTC").astype(TIME) if zoned else _in_utc(values, zone)
    kind: Kind = "constant" if distinct == 1 else "date"
    return ColumnProfile(str(values.name), kind, TIME, missing, distinct, zoned=zoned), times


def _texts(
    values: "pd.Series[Any]", zone: str, missing: float, distinct: int
) -> "tuple[ColumnProfile, pd.Series[Any]]":
    name, present = str(values.name), values.dropna()
    levels = pd.Series(present.unique()[:2000])
    if set(levels.str.strip().str.lower()) in _WORDS:
        truth = present.str.strip().str.lower().isin(["true", "yes"]).astype("float64").reindex(values.index)
        return ColumnProfile(name, "boolean", "bool", missing, distinct), truth
    if pd.to_numeric(levels, errors="coerce").notna().mean() > 0.5:
        numbers = pd.to_numeric(present, errors="coerce")
        if numbers.notna().mean() >= ALMOST_ALL and not levels.str.match(r"^[+-]?0\d").any():
            return _numbers_in_words(numbers, present, values, missing)
    if levels.str.contains(r"\d").mean() > ALMOST_ALL and levels.str.len().max() <= 40:
        formats = time_formats(present)
        if len(formats) == 1:
            return as_times(values, zone, formats[0])
    return ColumnProfile(
        name, _kind_of_words(name, present, missing, distinct), "str", missing, distinct
    ), values.astype("str")


def _numbers_in_words(
    numbers: "pd.Series[Any]", present: "pd.Series[Any]", values: "pd.Series[Any]", missing: float
) -> "tuple[ColumnProfile, pd.Series[Any]]":
    """Return what a column is that holds numbers as text, with the cells that are none."""
    column, read = _numbers(numbers.reindex(values.index).rename(values.name), missing, numbers.nunique())
    if column.kind == "date" and column.time_format in FORMATS:
        column = replace(column, reads_as="str")
    bad = present[numbers.isna()]
    if len(bad):
        column = replace(column, unread=column.unread + len(bad), example=str(bad.iloc[0]))
    return column, read


def _kind_of_words(name: str, present: "pd.Series[Any]", missing: float, distinct: int) -> Kind:
    if distinct == 1:
        return "constant" if missing < 1 - ALMOST_ALL else "category"
    levels = pd.Series(present.unique()[:2000])
    share = distinct / len(present)
    words = levels.str.count(r"\s+").mean() + 1
    if (words >= 4 and distinct > 50 and share > 0.05) or (levels.str.len().mean() > 40 and share > 0.3):
        return "text"
    if distinct > 50 and (share > 0.9 or (looks_like_an_id(name) and share > 0.5)):
        return "identifier"
    return "category"


def _counts(values: "pd.Series[Any]") -> bool:
    """Say whether the values go up by one from row to row, as a row number does."""
    return values.dtype.kind in "iuf" and bool((values.diff().dropna() == 1).mean() > 0.9)


def _reads(values: "pd.Series[Any]", fmt: str) -> bool:
    """Say whether this way of reading gives a believable time for almost every value."""
    first = values.iloc[:20]
    if read_times(first, fmt).notna().mean() < 0.5:
        return False
    times = read_times(values, fmt)
    return bool(times.notna().mean() >= ALMOST_ALL and times.dt.year.between(1900, 2100).mean() >= ALMOST_ALL)


def _in_utc(naive: "pd.Series[Any]", zone: str) -> "pd.Series[Any]":
    local = naive.astype("datetime64[us]").dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    return local.dt.tz_convert("UTC").astype(TIME)
