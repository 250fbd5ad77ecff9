"""Turn Arrow tables and text into pandas' plain dtypes, and say of each cell that cannot be read why."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tasks.data.sources.layout import TIME, UNPARSED, Layout
from tasks.errors import SourceUnreadable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def table_of(columns: Mapping[str, Sequence[Any]]) -> "pa.Table":
    """Return Python values as a table; a column of several kinds becomes text."""
    import pyarrow as pa

    def array(values: Sequence[Any]) -> "pa.Array":
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return pa.array([None if value is None else str(value) for value in values])

    return pa.table({name: array(values) for name, values in columns.items()})


def plain_frame(table: "pa.Table", layout: Layout) -> "pd.DataFrame":
    """Return the table in pandas' plain dtypes, with `_unparsed` where a text cell is not of its declared dtype."""
    import pandas as pd

    columns = {}
    reasons = pd.Series("", index=range(table.num_rows), dtype="str")
    for name in table.column_names:
        declared = layout.dtype(name)
        values = _cast(table.column(name), declared)
        if declared in (None, "str") or not _is_text(values.type):
            columns[name] = _plain_column(values, name, declared, layout.time_zone)
            continue
        texts = values.to_pandas()
        columns[name] = _parsed_values(texts, declared, layout.time_zone)
        bad = texts.notna() & columns[name].isna()
        reasons = reasons.mask(bad, reasons + name + ": '" + texts + f"' is not a {declared}; ")
    frame = pd.DataFrame(columns)
    if (reasons != "").any():
        frame[UNPARSED] = reasons.str.removesuffix("; ").mask(reasons == "")
    return frame


def _cast(values: "pa.ChunkedArray", declared: str | None) -> "pa.ChunkedArray":
    """Return text as its declared dtype if every cell is of it, and dictionaries decoded; all else as it is."""
    import pyarrow as pa

    plain = values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values
    if declared is None or not _is_text(plain.type):
        return plain
    targets = {TIME: (pa.timestamp("us", "UTC"), pa.timestamp("us")), "str": (pa.string(),)}
    for target in targets.get(declared, (declared,)):
        with suppress(pa.ArrowInvalid):
            return plain.cast(target)
    return plain


def _is_text(stored: "pa.DataType") -> bool:
    import pyarrow as pa

    return stored in (pa.string(), pa.large_string())


def _plain_column(values: "pa.ChunkedArray", name: str, declared: str | None, time_zone: str) -> "pd.Series[Any]":
    import pandas as pd
    import pyarrow as pa

    stored = values.type
    if pa.types.is_null(stored):
        dtype = declared if declared in ("str", TIME) else "float64"
        return pd.Series(None, index=range(len(values)), dtype=dtype)
    if pa.types.is_timestamp(stored) or pa.types.is_date(stored):
        return _in_utc(values, time_zone)
    if _is_text(stored):
        return values.to_pandas()
    if pa.types.is_floating(stored) or pa.types.is_decimal(stored):
        return values.cast(pa.float64()).to_pandas()
    if pa.types.is_integer(stored) or pa.types.is_boolean(stored):
        return _whole(values, declared)
    raise SourceUnreadable(
        f"expected numbers, booleans, text or times in column {name!r}, found {stored}; "
        "leave it out of columns, or store it as text"
    )


def _whole(values: "pa.ChunkedArray", declared: str | None) -> "pd.Series[Any]":
    """Return integers as int64 and booleans as bool, or float64 if declared so or if one is missing."""
    import pyarrow as pa

    if declared == "float64" or values.null_count:
        return values.cast(pa.int64()).cast(pa.float64(), safe=False).to_pandas()
    if pa.types.is_boolean(values.type):
        return values.to_pandas()
    numbers = values.cast(pa.int64()).to_pandas()
    return numbers.astype("bool") if declared == "bool" and numbers.isin([0, 1]).all() else numbers


def _in_utc(values: "pa.ChunkedArray", time_zone: str) -> "pd.Series[Any]":
    import pyarrow as pa

    if getattr(values.type, "tz", None) is not None:
        return values.cast(pa.timestamp("us", tz="UTC"), safe=False).to_pandas()
    return _times_in_utc(values.cast(pa.timestamp("us"), safe=False).to_pandas(), time_zone)


def _times_in_utc(naive: "pd.Series[Any]", time_zone: str) -> "pd.Series[Any]":
    import numpy as np

    first_passing = np.ones(len(naive), dtype=bool)
    local = naive.dt.tz_localize(time_zone, ambiguous=first_passing, nonexistent="shift_forward")
    return local.dt.tz_convert("UTC").astype(TIME)


def _parsed_values(texts: "pd.Series[str]", dtype: str, time_zone: str) -> "pd.Series[Any]":
    """Return the texts as `dtype`, missing where one cannot be read; integers and booleans then as float64."""
    import pandas as pd

    if dtype == TIME:
        return _parsed_times(texts, time_zone)
    if dtype == "float64":
        return pd.to_numeric(texts, errors="coerce").astype("float64")
    if dtype == "bool":
        values = texts.str.strip().str.lower().map(_BOOLEANS).astype("float64")
        return values if values.isna().any() else values.astype("bool")
    whole = texts.where(texts.str.fullmatch(r"\s*[+-]?\d{1,18}(\.0*)?\s*").eq(True)).str.partition(".")[0]
    return whole.astype("float64") if whole.isna().any() else whole.astype("int64")


def _parsed_times(texts: "pd.Series[str]", time_zone: str) -> "pd.Series[Any]":
    import pandas as pd

    zoned = texts.str.contains(r"(?:[Zz]|[T ].*[+-]\d\d(?::?\d\d)?)\s*$", regex=True).eq(True)
    times = pd.to_datetime(texts.where(zoned), format="ISO8601", errors="coerce", utc=True).astype(TIME)
    naive = pd.to_datetime(texts.mask(zoned), format="ISO8601", errors="coerce").astype("datetime64[us]")
    return times.fillna(_times_in_utc(naive, time_zone))


def joined_frame(frames: "list[pd.DataFrame]") -> "pd.DataFrame":
    """Return one frame; a column that is all missing in one of them takes the dtype that it has in the others."""
    import pandas as pd

    if len(frames) == 1:
        return frames[0]
    together = pd.concat(frames, ignore_index=True)
    mixed = [name for name in together.columns if together[name].dtype == "object"]
    return together.astype({name: _common_dtype(frames, name) for name in mixed})


def _common_dtype(frames: "list[pd.DataFrame]", name: str) -> str:
    dtypes = {str(frame[name].dtype) for frame in frames if name in frame.columns}
    return next((dtype for dtype in (TIME, "str") if dtype in dtypes), "float64")
