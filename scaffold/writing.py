"""Write a described use case down: `usecases/NAME.py` as code that its owner goes on editing."""

import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from scaffold.describing import LABEL_TIME, MATURE, ROW, ROW_KEY, Description, Known
from scaffold.profiling import FORMATS, UNITS, Column, Finding
from tasks.data.sources.layout import TIME

WIDTH = 116
CLOSED_LEVELS = 20
"""Most levels of a category that is written down as a closed list."""
MANY_COLUMNS = 80
MARGIN = 0.5
"""How far beyond the values seen a number may lie, as a share of their range."""
_CODE = re.compile(r"[A-Z0-9]{1,6}")


def use_case_text(told: Description) -> str:
    """Return the text of the use case's file; `ruff format` makes it tidy."""
    parts = (
        _header(told), _imports(told), _findings(told.findings), _read_as(told), _schema(told), _prepare(told),
        _declaration(told),
    )  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def secret_variable(told: Description) -> str | None:
    """Return the environment variable that must hold the database's URL, or None if it has no password."""
    has_secret = told.answers.address.in_database and urlsplit(told.answers.address.url).password is not None
    return f"EVERGREEN_{told.answers.name.upper()}_URL" if has_secret else None


def _header(told: Description) -> str:
    pace = told.pacing
    whole = f"all {told.rows:,} rows" if told.looked == told.rows else f"{told.looked:,} of {told.rows:,} rows"
    made = (
        f"Drafted by `make new` from {whole}, {pace.history_start:%Y-%m-%d} to {pace.history_end:%Y-%m-%d}. What is "
        "written here was inferred from them: read it, correct it, it is yours."
    )
    if told.key == (ROW,):
        made += (
            " No column names a row, so its name is a digest of what was known at its event time, and which of such "
            "rows it is: a row that is corrected later counts as a new one."
        )
    lines = [f'"""{_plain(_question(told))}', "", *textwrap.wrap(_plain(made), WIDTH), '"""']
    return "\n".join(lines)


def _question(told: Description) -> str:
    name = told.answers.target
    if told.target.kind == "regression":
        return f"What will {name} be?"
    if told.target.kind == "multiclass":
        return f"Which of {len(told.target.classes)} classes will {name} be?"
    ones = [value for value, number in (told.target.words or {}).items() if number == 1.0]
    return f"Will {name} be {ones[0] if ones else 1}?"


def _imports(told: Description) -> str:
    sort = "Regressor" if told.target.kind == "regression" else "Classifier"
    source = "SqlSource" if told.answers.address.in_database else "FileSource"
    typing = "from collections.abc import Iterator\n" if _needs_reader(told) else ""
    return (
        f"{typing}from datetime import UTC, datetime, timedelta\n\nimport pandas as pd\nimport pandera.pandas as pa\n"
        f"from sklearn.ensemble import HistGradientBoosting{sort}\n\n"
        f"from tasks.data.sources import {source}, chosen\nfrom tasks.usecases import UseCase\n\n"
        f'TIME = "{TIME}"\nDAY = timedelta(days=1)'
    )


def _findings(findings: Sequence[Finding]) -> str:
    out = [one for one in findings if one.left_out]
    kept = [one for one in findings if not one.left_out]
    blocks = []
    if out:
        blocks.append(
            "Left out of the features, and why. To use one after all: add it to READ_AS, SCHEMA and the features"
        )
        blocks[-1] += " below (suspected leaks are in the first two already)."
        blocks += [f"- {one.column}: {one.kind}: {one.evidence}." for one in out]
    if kept:
        blocks.append("What else was seen:")
        blocks += [f"- {one.column + ': ' if one.column else ''}{one.kind}: {one.evidence}." for one in kept]
    return "\n".join(line for block in blocks for line in _comment(block))


def _schema(told: Description) -> str:
    lines = [f"    {name!r}: {column}," for name, column in _stored(told).items()]
    return "SCHEMA = pa.DataFrameSchema(\n    {\n" + "\n".join(lines) + "\n    }\n)"


def _stored(told: Description) -> dict[str, str]:
    """Return the stored columns by name, as the text of their pandera column."""
    answers, names = told.answers, told.names
    stored = {ROW_KEY: _column("str", "Digest of what was known at the event time, and the number among equal rows")}
    if told.key != (ROW,):
        stored = {names[name]: _key_column(told, name) for name in told.key if name != answers.time}
    stored[names[answers.time]] = _column("TIME", "Event time")
    late = told.label
    text = "When the target became known"
    stored[names[late.column] if late.column else LABEL_TIME] = _column("TIME", text, nullable=True)
    if told.mature is not None and (maturity := _mature_name(told)) not in stored:
        stored[maturity] = _column("TIME", "From when on the label is a fair sample", nullable=True)
    stored[names[answers.target]] = _target_column(told)
    for name in (*told.numeric, *told.categorical, *told.suspects):
        stored.setdefault(names[name], _feature_column(told, name))
    for name in told.dates:
        stored[f"{names[name]}_days"] = _days_column(told, name)
    hours = _column("float", "Hour of the event in UTC", "pa.Check.in_range(0, 23)")
    weekdays = _column("float", "0 for Monday, in UTC", "pa.Check.in_range(0, 6)")
    return stored | {name: {"event_hour": hours, "event_weekday": weekdays}[name] for name in told.clock}


def _key_column(told: Description, name: str) -> str:
    values = told.frame[name]
    dtype = "str" if values.dtype.kind not in "fM" else "TIME" if values.dtype.kind == "M" else '"int64"'
    return _column(dtype, f"Part of the row's name; {told.columns[name].distinct:,} different ones")


def _target_column(told: Description) -> str:
    target, values = told.target, told.target.values.dropna()
    if target.kind == "binary":
        share = f"{values.mean():.1%} of {len(values):,} rows are 1; {target.why}"
        return _column("float", share, "pa.Check.isin([0.0, 1.0])", nullable=True)
    if target.kind == "multiclass":
        shares = values.value_counts(normalize=True)
        most = ", ".join(f"{name} {share:.0%}" for name, share in shares.head(3).items())
        return _column("str", f"{target.why}: {most}", f"pa.Check.isin({list(target.classes)!r})", nullable=True)
    return _column("float", _spread(values), _range(values, told), nullable=True)


def _feature_column(told: Description, name: str) -> str:
    column, values = told.columns[name], told.frame[name]
    suspect = name in told.suspects
    nullable = suspect or column.missing > 0 or told.looked < told.rows
    if values.dtype.kind == "f":
        check = "" if suspect else _range(values, told)
        return _column("float", _spread(values), check, nullable=nullable)
    levels = values.value_counts()
    text = f"{len(levels)} levels" + (f", {column.missing:.1%} missing" if column.missing else "")
    text += f"; the commonest {levels.index[0]!s:.40} in {levels.iloc[0] / len(values):.0%} of {len(values):,} rows"
    return _column("str", text, "" if suspect else _levels(values), nullable=nullable)


def _days_column(told: Description, name: str) -> str:
    days = (told.frame[name] - told.frame[told.answers.time]).dt.total_seconds() / 86_400
    return _column("float", f"Days from the event to {name}; {_spread(days)}", _range(days, told), nullable=True)


def _column(dtype: str, description: str, check: str = "", *, nullable: bool = False) -> str:
    null = ", nullable=True" if nullable else ""
    return f"pa.Column({dtype}{', ' + check if check else ''}{null}, description={' '.join(description.split())!r})"


def _spread(values: "pd.Series[Any]") -> str:
    present = values.dropna()
    if present.empty:
        return f"Missing in all {len(values):,} rows"
    whole = "Whole numbers" if bool((present % 1 == 0).all()) else "Numbers"
    gaps = f", {values.isna().mean():.1%} missing" if values.isna().any() else ""
    return (
        f"{whole} {present.min():g} to {present.max():g}, median {present.median():g}, in {len(present):,} rows{gaps}"
    )


def _range(values: "pd.Series[Any]", told: Description) -> str:
    """Return the check that a number lies where it was seen, or not too far beyond."""
    present = values.dropna()
    if present.empty:
        return ""
    least, most = float(present.min()), float(present.max())
    if present.isin([0.0, 1.0]).all() and present.nunique() == 2:
        return "pa.Check.isin([0.0, 1.0])"
    # What was not looked at may lie further out.
    margin = (MARGIN if told.looked == told.rows else 2 * MARGIN) * ((most - least) or abs(most) or 1.0)
    low = 0.0 if least >= 0 and least - margin < 0 else _rounded(least - margin, math.floor)
    high = 0.0 if most <= 0 and most + margin > 0 else _rounded(most + margin, math.ceil)
    return f"pa.Check.in_range({low:.12g}, {high:.12g})"


def _levels(values: "pd.Series[Any]") -> str:
    """Return the check of a category: a closed list if none of its levels is new or rare, else its pattern, if any."""
    levels = values.dropna().unique()
    half = len(values) // 2
    before = set(values.iloc[:half].dropna().unique())
    if len(levels) <= CLOSED_LEVELS and before.issuperset(levels) and values.notna().sum() >= 50 * len(levels):
        return f"pa.Check.isin({sorted(levels)!r})"
    if len(levels) > CLOSED_LEVELS and all(_CODE.fullmatch(level) for level in levels):
        lengths = [len(level) for level in levels]
        letters = "A-Z0-9" if any(char.isdigit() for level in levels for char in level) else "A-Z"
        return f'pa.Check.str_matches(r"^[{letters}]{{{min(lengths)},{max(lengths)}}}$")'
    return ""


def _rounded(number: float, towards: Any) -> float:
    """Return the number with two digits, not nearer to zero margin than asked."""
    if number == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(number))) - 1)
    return float(f"{towards(number / unit) * unit:.6g}")


def _prepare(told: Description) -> str:
    made = _made(told)
    lines = [f"        {name!r}: {text}," for name, text in made.items()]
    row_key = [f"    rows = rows.assign({ROW_KEY}=_row_keys(rows))"] if told.key == (ROW,) else []
    joined = "raw.assign(**columns)"
    if len(told.columns) > MANY_COLUMNS:
        # Added one by one, so many columns are slow, and pandas warns of it.
        others = 'raw.drop(columns=list(columns), errors="ignore")'
        joined = f"pd.concat([{others}, pd.DataFrame(columns, index=raw.index)], axis=1)"
    body = [
        "def prepare(raw: pd.DataFrame) -> pd.DataFrame:",
        '    """Return the schema\'s columns, one row for each raw row."""',
        f"    event = raw[{told.answers.time!r}]",
        "    columns = {", *lines, "    }",
        f"    rows = {joined}",
        *row_key,
        "    return chosen(rows, list(SCHEMA.columns))",
    ]  # fmt: skip
    return "\n".join([*_row_keys(told), "\n".join(body)])


def _made(told: Description) -> dict[str, str]:
    """Return the columns that `prepare` makes, by stored name, as expressions on `raw` and `event`."""
    answers, names, frame = told.answers, told.names, told.frame
    made = {}
    if names[answers.time] != answers.time:
        made[names[answers.time]] = "event"
    made |= _known_at(told, told.label, LABEL_TIME)
    if told.mature is not None:
        made |= _known_at(told, told.mature, MATURE)
    target = f"raw[{answers.target!r}]"
    if told.target.words is not None:
        words = _stored_words(told)
        cast = '.astype("str")' if told.target.kind == "multiclass" else '.astype("float64")'
        made[names[answers.target]] = f"{target}.map({words!r}){cast}"
    elif told.columns[answers.target].reads_as == "bool":
        made[names[answers.target]] = f'{target}.astype("float64")'
    elif names[answers.target] != answers.target:
        made[names[answers.target]] = target
    for name in dict.fromkeys((*told.numeric, *told.categorical, *told.suspects, *_stored_key(told))):
        expression = _expression(told.columns[name], frame[name], told.answers.zone)
        if expression != f"raw[{name!r}]" or names[name] != name:
            made[names[name]] = expression
    for name in told.dates:
        when = _expression(told.columns[name], frame[name], told.answers.zone)
        made[f"{names[name]}_days"] = f"({when} - event).dt.total_seconds() / 86400"
    clock = {
        "event_hour": 'event.dt.hour.astype("float64")',
        "event_weekday": 'event.dt.dayofweek.astype("float64")',
    }
    return made | {name: clock[name] for name in told.clock}


def _stored_words(told: Description) -> dict[Any, Any]:
    """Return the mapping of the target's values as the source yields them."""
    assert told.target.words is not None
    if told.columns[told.answers.target].kind == "boolean":
        return {bool(value): number for value, number in told.target.words.items()}
    return {(float(v) if isinstance(v, float) else v): number for v, number in told.target.words.items()}


def _stored_key(told: Description) -> tuple[str, ...]:
    return tuple(name for name in told.key if name not in (ROW, told.answers.time))


def _known_at(told: Description, known: Known, name: str) -> dict[str, str]:
    if known.column is None:
        delay = f" + {_length(known.delay)}" if known.delay else ""
        return {name: f"event{delay}"}
    if known.column == told.answers.time:
        return {}
    text = _expression(told.columns[known.column], told.frame[known.column], told.answers.zone)
    renamed = told.names[known.column] != known.column
    return {told.names[known.column]: text} if renamed or text != f"raw[{known.column!r}]" else {}


def _mature_name(told: Description) -> str:
    assert told.mature is not None
    return told.names[told.mature.column] if told.mature.column else MATURE


def _expression(column: Column, values: "pd.Series[Any]", zone: str) -> str:
    """Return how the column is made of `raw`."""
    text = f"raw[{column.name!r}]"
    if column.time_format is not None:
        return _time_expression(text, column.time_format, zone)
    if column.reads_as == "bool":
        return f'{text}.astype("float64")'
    if column.example == "inf":
        return f'{text}.replace([float("inf"), float("-inf")], float("nan"))'
    return text


def _time_expression(text: str, fmt: str, zone: str) -> str:
    if fmt in UNITS:
        return f'pd.to_datetime({text}, unit="{fmt}", utc=True, errors="coerce").astype(TIME)'
    assert fmt in FORMATS or "%" in fmt
    if zone == "UTC":
        return f'pd.to_datetime({text}, format={fmt!r}, utc=True, errors="coerce").astype(TIME)'
    local = f'pd.to_datetime({text}, format={fmt!r}, errors="coerce")'
    return f'{local}.dt.tz_localize({zone!r}, ambiguous="NaT", nonexistent="shift_forward").astype(TIME)'


def _row_keys(told: Description) -> list[str]:
    if told.key != (ROW,):
        return []
    names = [told.names[told.answers.time], *(told.names[name] for name in (*told.numeric, *told.categorical))]
    names += [f"{told.names[name]}_days" for name in told.dates]
    return [
        "# What a row is told apart by: known at its event time, and never changed later.",
        f"KNOWN = {names!r}",
        "",
        "",
        "def _row_keys(rows: pd.DataFrame) -> pd.Series:",
        '    """Return a digest of each row\'s known values with its number among rows that are equal in them."""',
        "    digest = pd.util.hash_pandas_object(rows[KNOWN], index=False)",
        '    texts = digest.map("{:016x}".format) + "-" + rows.groupby(digest).cumcount().astype("str")',
        '    return texts.astype("str")',
        "",
        "",
    ]


def _needs_reader(told: Description) -> bool:
    """Say whether the source must make the event time itself: it cuts its window before `prepare` sees a row."""
    return told.columns[told.answers.time].time_format is not None


def _reader(told: Description) -> str:
    if not _needs_reader(told):
        return ""
    name = told.answers.time
    made = _time_expression(f"frame[{name!r}]", told.columns[name].time_format or "", told.answers.zone)
    return "\n".join(
        [
            "class Table(FileSource):",
            f'    """The files, with times made of what {_plain(name)!r} holds before a window is cut out."""',
            "",
            "    def _frames(self, low: datetime, high: datetime) -> Iterator[pd.DataFrame]:",
            "        for frame in super()._frames(low, high):",
            f"            yield frame.assign(**{{{name!r}: {made}}})",
            "\n\n",
        ]
    )


def _read_as(told: Description) -> str:
    """Return the text of the columns that the source reads, with their dtypes."""
    answers = told.answers
    read = dict.fromkeys([answers.time, *_stored_key(told), *([told.label.column] if told.label.column else [])])
    read |= dict.fromkeys([told.mature.column] if told.mature and told.mature.column else [])
    read |= dict.fromkeys([answers.target, *told.numeric, *told.categorical, *told.suspects, *told.dates])
    dtypes = {name: _read_dtype(told, name) for name in read}
    lines = [f"    {name!r}: {'TIME' if dtype == TIME else repr(dtype)}," for name, dtype in dtypes.items()]
    return "\n".join(["# What is read of the table, and as what.", "READ_AS = {", *lines, "}"])


def _source(told: Description) -> str:
    answers, address = told.answers, told.answers.address
    stored = f"stored_time={answers.time!r}," if told.names[answers.time] != answers.time else ""
    zone = f"time_zone={answers.zone!r}," if answers.zone != "UTC" else ""
    event = told.names[answers.time]
    rest = f"event_time={event!r},{stored}columns=tuple(READ_AS),dtypes=READ_AS,{zone}prepare=prepare)"
    if not address.in_database:
        return f"{'Table' if _needs_reader(told) else 'FileSource'}(path={address.url!r},{rest}"
    secret = secret_variable(told)
    url = f"url_env={secret!r}" if secret else f"url={address.url!r}"
    what = f"table={address.table!r}" if address.table else f"query={address.query!r}"
    return f"SqlSource({url},{what},{rest}"


def _read_dtype(told: Description, name: str) -> str:
    column, values = told.columns[name], told.frame[name]
    if name in told.key and values.dtype.kind == "f":
        return "int64"
    if name in told.key and values.dtype.kind not in "fM":
        return "str"
    return column.reads_as


def _declaration(told: Description) -> str:
    answers, names, pace = told.answers, told.names, told.pacing
    key = (ROW_KEY,) if told.key == (ROW,) else tuple(names[name] for name in told.key)
    numeric = (*(names[n] for n in told.numeric), *(f"{names[n]}_days" for n in told.dates), *told.clock)
    label = names[told.label.column] if told.label.column else LABEL_TIME
    kind = "regression" if told.target.kind == "regression" else "classification"
    fields: list[tuple[str, str, str]] = [
        ("", "name", repr(answers.name)),
        ("", "question", repr(_question(told))),
        ("", "source", _source(told)),
        ("", "schema", "SCHEMA"),
        (_key_reason(told), "key", repr(key)),
        ("", "event_time", repr(names[answers.time])),
        (f"{told.label.why}".capitalize(), "label_time", repr(label)),
    ]
    if told.mature is not None:
        fields.append((told.mature.why, "mature", repr(_mature_name(told))))
    fields += [
        (told.target.why.capitalize(), "target", repr(names[answers.target])),
        ("", "kind", repr(kind)),
    ]
    if told.target.kind == "multiclass":
        fields.append(("", "classes", repr(told.target.classes)))
    fields += [
        ("", "numeric", repr(numeric)),
        ("", "categorical", repr(tuple(names[name] for name in told.categorical))),
        (_candidates_reason(told), "candidates", _candidates(told)),
        (_metric_reason(told), "metric", repr(metric_of(told))),
        ("The groups that are reported one by one: categories with few, well filled levels.", "slices", _slices(told)),
        (_start_reason(told), "history_start", _moment(pace.history_start)),
        (f"About {pace.period_rows:,} rows a batch.", "period", _length(pace.period)),
        (_look_back_reason(told), "look_back", _length(pace.look_back)),
        (_window_reason(told), "window", _length(pace.window)),
    ]
    if pace.train_on is not None:
        fields.append(
            ("What a value means changes with time (see above): older rows teach what no longer holds.", "train_on",
             _length(pace.train_on))
        )  # fmt: skip
    else:
        fields.append(("All of the past: no feature was seen to change its meaning.", "train_on", "None"))
    lines = [line for why, name, text in fields for line in (*_comment(why, 4), f"    {name}={text},")]
    return "\n".join(["", _reader(told) + "USE_CASE = UseCase(", *lines, ")"])


def metric_of(told: Description) -> str:
    """Return the metric that decides between models of this target."""
    return {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[told.target.kind]


def _key_reason(told: Description) -> str:
    if told.key == (ROW,):
        return "As its owner said: every row counts, though some are equal."
    said = "As its owner said" if told.answers.key else "The fewest columns found"
    return f"{said} to tell all {told.looked:,} rows apart."


def _candidates_reason(told: Description) -> str:
    return (
        "Boosted trees take numbers with gaps and categories as they are; a retrain compares a cautious one with one "
        "that learns more."
    )


def _candidates(told: Description) -> str:
    sort = "HistGradientBoostingRegressor" if told.target.kind == "regression" else "HistGradientBoostingClassifier"
    least = 20 if told.rows < 20_000 else 50 if told.rows < 100_000 else 100
    small = f"max_iter=80, learning_rate=0.08, max_leaf_nodes=15, min_samples_leaf={least}"
    large = f"max_iter=120, learning_rate=0.1, max_leaf_nodes=31, min_samples_leaf={least // 2}"
    rest = "early_stopping=False, random_state=0"
    return f'{{"boosting_small": {sort}({small}, {rest}), "boosting": {sort}({large}, {rest})}}'


def _metric_reason(told: Description) -> str:
    return {
        "binary": "How well rows are ranked, whatever share of them is 1 and wherever the cut is made later.",
        "multiclass": "How good the probabilities of all classes are.",
        "regression": f"In units of {told.answers.target}; a large error counts more than several small ones.",
    }[told.target.kind]


def _slices(told: Description) -> str:
    fitting = []
    for name in told.categorical:
        levels = told.frame[name].value_counts(normalize=True)
        if 2 <= len(levels) <= 8 and levels.iloc[0] < 0.95:
            fitting.append(told.names[name])
    return repr(tuple(fitting[:2]))


def _start_reason(told: Description) -> str:
    strays = told.pacing.strays
    return (
        f"{strays:,} rows lie far outside of this history and are not collected." if strays else "The first row's day."
    )


def _look_back_reason(told: Description) -> str:
    if told.label.column is None and not told.label.delay:
        return "Labels come with the rows; this is for late or corrected rows."
    return "The longest that a label was late, so that each is found."


def _window_reason(told: Description) -> str:
    pace = told.pacing
    return (
        f"About {pace.window_rows:,} rows, and {pace.windows} windows in this history: the shortest with enough rows "
        "for a score that is more than noise."
    )


def _length(length: timedelta) -> str:
    """Return the text of a length of time."""
    if length % timedelta(days=1) == timedelta(0):
        return f"{length // timedelta(days=1)} * DAY"
    seconds = length.total_seconds()
    return f"timedelta(hours={seconds / 3600:g})" if seconds % 3600 == 0 else f"timedelta(minutes={seconds / 60:g})"


def _moment(time: datetime) -> str:
    clock = f", {time.hour}" if time.hour else ""
    return f"datetime({time.year}, {time.month}, {time.day}{clock}, tzinfo=UTC)"


def _comment(text: str, indent: int = 0) -> list[str]:
    words = " ".join(text.split())
    if words and not words.endswith((".", ":")):
        words += "."
    follow = "  " if words.startswith("- ") else ""
    margin = " " * indent
    return textwrap.wrap(
        words[:1].upper() + words[1:] if words and not follow else words,
        WIDTH, initial_indent=f"{margin}# ", subsequent_indent=f"{margin}# {follow}", break_on_hyphens=False,
    )  # fmt: skip


def _plain(text: str) -> str:
    return " ".join(text.replace("\\", "/").replace('"""', "'''").split())


def left_out(told: Description) -> Iterable[Finding]:
    """Return the findings that keep a column from the features."""
    return [one for one in told.findings if one.left_out]
