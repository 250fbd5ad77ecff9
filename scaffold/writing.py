"""Write a described use case down: `usecases/NAME.py` as code that its owner goes on editing."""

import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from scaffold.describing import LABEL_TIME, MATURE, ROW, ROW_KEY, Availability, Description
from scaffold.profiling import FORMATS, UNITS, ColumnProfile, Finding
from tasks.data.sources.layout import TIME

WIDTH = 116
CLOSED_LEVELS = 20
"""Most levels of a category that is written down as a closed list."""
MANY_COLUMNS = 80
MARGIN = 0.5
"""How far beyond the values of the table a number may lie, as a share of their range."""
_CODE = re.compile(r"[A-Z0-9]{1,6}")


def use_case_text(description: Description) -> str:
    """Return the text of the use case's file; `ruff format` makes it tidy."""
    parts = (
        _header(description),
        _imports(description),
        _findings(description.findings),
        _read_as(description),
        _schema(description),
        _prepare(description),
        _declaration(description),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def secret_variable(description: Description) -> str | None:
    """Return the environment variable that must hold the database's URL, or None if it has no password."""
    has_secret = (
        description.answers.address.in_database and urlsplit(description.answers.address.url).password is not None
    )
    return f"EVERGREEN_{description.answers.name.upper()}_URL" if has_secret else None


def _header(description: Description) -> str:
    pace = description.pacing
    whole = (
        f"all {description.rows:,} rows"
        if description.looked == description.rows
        else f"{description.looked:,} of {description.rows:,} rows"
    )
    made = (
        f"Drafted by `make new` from {whole}, {pace.history_start:%Y-%m-%d} to {pace.history_end:%Y-%m-%d}. What is "
        "written here was inferred from them: read it, correct it, it is yours."
    )
    if description.key == (ROW,):
        made += (
            " No column names a row, so its name is a digest of what was known at its event time, and which of such "
            "rows it is: a row that is corrected later counts as a new one."
        )
    lines = [f'"""{_plain(_question(description))}', "", *textwrap.wrap(_plain(made), WIDTH), '"""']
    return "\n".join(lines)


def _question(description: Description) -> str:
    name = description.answers.target
    if description.target.kind == "regression":
        return f"What will {name} be?"
    if description.target.kind == "multiclass":
        return f"Which of {len(description.target.classes)} classes will {name} be?"
    ones = [value for value, number in (description.target.words or {}).items() if number == 1.0]
    return f"Will {name} be {ones[0] if ones else 1}?"


def _imports(description: Description) -> str:
    sort = "Regressor" if description.target.kind == "regression" else "Classifier"
    source = "SqlSource" if description.answers.address.in_database else "FileSource"
    typing = "from collections.abc import Iterator\n" if _needs_reader(description) else ""
    return (
        f"{typing}from datetime import UTC, datetime, timedelta\n\nimport pandas as pd\nimport pandera.pandas as pa\n"
        f"from sklearn.ensemble import HistGradientBoosting{sort}\n\n"
        f"from tasks.data.sources import {source}, chosen\nfrom tasks.usecases import UseCase\n\n"
        f'TIME = "{TIME}"\nDAY = timedelta(days=1)'
    )


def _findings(findings: Sequence[Finding]) -> str:
    out = [finding for finding in findings if finding.left_out]
    remarks = [finding for finding in findings if not finding.left_out]
    blocks = []
    if out:
        blocks.append(
            "Left out of the features, and why. To use one after all: add it to READ_AS, SCHEMA and the features"
        )
        blocks[-1] += " below (suspected leaks are in the first two already)."
        blocks += [f"- {finding.column}: {finding.kind}: {finding.evidence}." for finding in out]
    if remarks:
        blocks.append("Other findings:")
        blocks += [
            f"- {finding.column + ': ' if finding.column else ''}{finding.kind}: {finding.evidence}."
            for finding in remarks
        ]
    return "\n".join(line for block in blocks for line in _comment(block))


def _schema(description: Description) -> str:
    lines = [f"    {name!r}: {column}," for name, column in _schema_columns(description).items()]
    return "SCHEMA = pa.DataFrameSchema(\n    {\n" + "\n".join(lines) + "\n    }\n)"


def _schema_columns(description: Description) -> dict[str, str]:
    """Return the stored columns by name, as the text of their pandera column."""
    answers, names = description.answers, description.names
    stored = {ROW_KEY: _column("str", "Digest of what was known at the event time, and the number among equal rows")}
    if description.key != (ROW,):
        stored = {names[name]: _key_column(description, name) for name in description.key if name != answers.time}
    stored[names[answers.time]] = _column("TIME", "Event time")
    late = description.label
    text = "When the target became known"
    stored[names[late.column] if late.column else LABEL_TIME] = _column("TIME", text, nullable=True)
    if description.mature is not None and (maturity := _mature_name(description)) not in stored:
        stored[maturity] = _column("TIME", "From when on the label is a fair sample", nullable=True)
    stored[names[answers.target]] = _target_column(description)
    for name in (*description.numeric, *description.categorical, *description.suspects):
        stored.setdefault(names[name], _feature_column(description, name))
    for name in description.dates:
        stored[f"{names[name]}_days"] = _days_column(description, name)
    hours = _column("float", "Hour of the event in UTC", "pa.Check.in_range(0, 23)")
    weekdays = _column("float", "0 for Monday, in UTC", "pa.Check.in_range(0, 6)")
    return stored | {name: {"event_hour": hours, "event_weekday": weekdays}[name] for name in description.clock}


def _key_column(description: Description, name: str) -> str:
    values = description.frame[name]
    dtype = "str" if values.dtype.kind not in "fM" else "TIME" if values.dtype.kind == "M" else '"int64"'
    return _column(dtype, f"Part of the row's name; {description.columns[name].distinct:,} different ones")


def _target_column(description: Description) -> str:
    target, values = description.target, description.target.values.dropna()
    if target.kind == "binary":
        share = f"{values.mean():.1%} of {len(values):,} rows are 1; {target.why}"
        return _column("float", share, "pa.Check.isin([0.0, 1.0])", nullable=True)
    if target.kind == "multiclass":
        shares = values.value_counts(normalize=True)
        most = ", ".join(f"{name} {share:.0%}" for name, share in shares.head(3).items())
        return _column("str", f"{target.why}: {most}", f"pa.Check.isin({list(target.classes)!r})", nullable=True)
    return _column("float", _spread(values), _range(values, description), nullable=True)


def _feature_column(description: Description, name: str) -> str:
    column, values = description.columns[name], description.frame[name]
    suspect = name in description.suspects
    nullable = suspect or column.missing > 0 or description.looked < description.rows
    if values.dtype.kind == "f":
        check = "" if suspect else _range(values, description)
        return _column("float", _spread(values), check, nullable=nullable)
    levels = values.value_counts()
    text = f"{len(levels)} levels" + (f", {column.missing:.1%} missing" if column.missing else "")
    text += f"; the commonest {levels.index[0]!s:.40} in {levels.iloc[0] / len(values):.0%} of {len(values):,} rows"
    return _column("str", text, "" if suspect else _levels(values), nullable=nullable)


def _days_column(description: Description, name: str) -> str:
    days = (description.frame[name] - description.frame[description.answers.time]).dt.total_seconds() / 86_400
    return _column("float", f"Days from the event to {name}; {_spread(days)}", _range(days, description), nullable=True)


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


def _range(values: "pd.Series[Any]", description: Description) -> str:
    """Return the check that a number lies within the range of the table, or not too far beyond."""
    present = values.dropna()
    if present.empty:
        return ""
    least, most = float(present.min()), float(present.max())
    if present.isin([0.0, 1.0]).all() and present.nunique() == 2:
        return "pa.Check.isin([0.0, 1.0])"
    # What was not looked at may lie further out.
    margin = (MARGIN if description.looked == description.rows else 2 * MARGIN) * ((most - least) or abs(most) or 1.0)
    low = 0.0 if least >= 0 and least - margin < 0 else _rounded_bound(least - margin, math.floor)
    high = 0.0 if most <= 0 and most + margin > 0 else _rounded_bound(most + margin, math.ceil)
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


def _rounded_bound(number: float, towards: Any) -> float:
    """Return the number with two digits, not nearer to zero margin than asked."""
    if number == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(number))) - 1)
    return float(f"{towards(number / unit) * unit:.6g}")


def _prepare(description: Description) -> str:
    made = _made_columns(description)
    lines = [f"        {name!r}: {text}," for name, text in made.items()]
    row_key = [f"    rows = rows.assign({ROW_KEY}=_row_keys(rows))"] if description.key == (ROW,) else []
    joined = "raw.assign(**columns)"
    if len(description.columns) > MANY_COLUMNS:
        # Added one by one, so many columns are slow, and pandas warns of it.
        others = 'raw.drop(columns=list(columns), errors="ignore")'
        joined = f"pd.concat([{others}, pd.DataFrame(columns, index=raw.index)], axis=1)"
    body = [
        "def prepare(raw: pd.DataFrame) -> pd.DataFrame:",
        '    """Return the schema\'s columns, one row for each raw row."""',
        f"    event = raw[{description.answers.time!r}]",
        "    columns = {", *lines, "    }",
        f"    rows = {joined}",
        *row_key,
        "    return chosen(rows, list(SCHEMA.columns))",
    ]  # fmt: skip
    return "\n".join([*_row_keys(description), "\n".join(body)])


def _made_columns(description: Description) -> dict[str, str]:
    """Return the columns that `prepare` makes, by stored name, as expressions on `raw` and `event`."""
    answers, names, frame = description.answers, description.names, description.frame
    made = {}
    if names[answers.time] != answers.time:
        made[names[answers.time]] = "event"
    made |= _time_column(description, description.label, LABEL_TIME)
    if description.mature is not None:
        made |= _time_column(description, description.mature, MATURE)
    target = f"raw[{answers.target!r}]"
    if description.target.words is not None:
        words = _stored_words(description)
        cast = '.astype("str")' if description.target.kind == "multiclass" else '.astype("float64")'
        made[names[answers.target]] = f"{target}.map({words!r}){cast}"
    elif description.columns[answers.target].reads_as == "bool":
        made[names[answers.target]] = f'{target}.astype("float64")'
    elif names[answers.target] != answers.target:
        made[names[answers.target]] = target
    for name in dict.fromkeys(
        (*description.numeric, *description.categorical, *description.suspects, *_stored_key(description))
    ):
        expression = _expression(description.columns[name], frame[name], description.answers.zone)
        if expression != f"raw[{name!r}]" or names[name] != name:
            made[names[name]] = expression
    for name in description.dates:
        when = _expression(description.columns[name], frame[name], description.answers.zone)
        made[f"{names[name]}_days"] = f"({when} - event).dt.total_seconds() / 86400"
    clock = {
        "event_hour": 'event.dt.hour.astype("float64")',
        "event_weekday": 'event.dt.dayofweek.astype("float64")',
    }
    return made | {name: clock[name] for name in description.clock}


def _stored_words(description: Description) -> dict[Any, Any]:
    """Return the mapping of the target's values as the source yields them."""
    assert description.target.words is not None
    if description.columns[description.answers.target].kind == "boolean":
        return {bool(value): number for value, number in description.target.words.items()}
    return {(float(v) if isinstance(v, float) else v): number for v, number in description.target.words.items()}


def _stored_key(description: Description) -> tuple[str, ...]:
    return tuple(name for name in description.key if name not in (ROW, description.answers.time))


def _time_column(description: Description, availability: Availability, name: str) -> dict[str, str]:
    if availability.column is None:
        delay = f" + {_length(availability.delay)}" if availability.delay else ""
        return {name: f"event{delay}"}
    if availability.column == description.answers.time:
        return {}
    text = _expression(
        description.columns[availability.column], description.frame[availability.column], description.answers.zone
    )
    renamed = description.names[availability.column] != availability.column
    return {description.names[availability.column]: text} if renamed or text != f"raw[{availability.column!r}]" else {}


def _mature_name(description: Description) -> str:
    assert description.mature is not None
    return description.names[description.mature.column] if description.mature.column else MATURE


def _expression(column: ColumnProfile, values: "pd.Series[Any]", zone: str) -> str:
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


def _row_keys(description: Description) -> list[str]:
    if description.key != (ROW,):
        return []
    names = [
        description.names[description.answers.time],
        *(description.names[name] for name in (*description.numeric, *description.categorical)),
    ]
    names += [f"{description.names[name]}_days" for name in description.dates]
    return [
        "# What identifies a row: known at its event time, and never changed later.",
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


def _needs_reader(description: Description) -> bool:
    """Say whether the source must make the event time itself: it cuts its window before `prepare` sees a row."""
    return description.columns[description.answers.time].time_format is not None


def _reader(description: Description) -> str:
    if not _needs_reader(description):
        return ""
    name = description.answers.time
    made = _time_expression(f"frame[{name!r}]", description.columns[name].time_format or "", description.answers.zone)
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


def _read_as(description: Description) -> str:
    """Return the text of the columns that the source reads, with their dtypes."""
    answers = description.answers
    read = dict.fromkeys(
        [answers.time, *_stored_key(description), *([description.label.column] if description.label.column else [])]
    )
    read |= dict.fromkeys([description.mature.column] if description.mature and description.mature.column else [])
    read |= dict.fromkeys(
        [answers.target, *description.numeric, *description.categorical, *description.suspects, *description.dates]
    )
    dtypes = {name: _read_dtype(description, name) for name in read}
    lines = [f"    {name!r}: {'TIME' if dtype == TIME else repr(dtype)}," for name, dtype in dtypes.items()]
    return "\n".join(["# What is read of the table, and as what.", "READ_AS = {", *lines, "}"])


def _source(description: Description) -> str:
    answers, address = description.answers, description.answers.address
    stored = f"stored_time={answers.time!r}," if description.names[answers.time] != answers.time else ""
    zone = f"time_zone={answers.zone!r}," if answers.zone != "UTC" else ""
    event = description.names[answers.time]
    rest = f"event_time={event!r},{stored}columns=tuple(READ_AS),dtypes=READ_AS,{zone}prepare=prepare)"
    if not address.in_database:
        return f"{'Table' if _needs_reader(description) else 'FileSource'}(path={address.url!r},{rest}"
    secret = secret_variable(description)
    url = f"url_env={secret!r}" if secret else f"url={address.url!r}"
    what = f"table={address.table!r}" if address.table else f"query={address.query!r}"
    return f"SqlSource({url},{what},{rest}"


def _read_dtype(description: Description, name: str) -> str:
    column, values = description.columns[name], description.frame[name]
    if name in description.key and values.dtype.kind == "f":
        return "int64"
    if name in description.key and values.dtype.kind not in "fM":
        return "str"
    return column.reads_as


def _declaration(description: Description) -> str:
    answers, names, pace = description.answers, description.names, description.pacing
    key = (ROW_KEY,) if description.key == (ROW,) else tuple(names[name] for name in description.key)
    numeric = (
        *(names[n] for n in description.numeric),
        *(f"{names[n]}_days" for n in description.dates),
        *description.clock,
    )
    label = names[description.label.column] if description.label.column else LABEL_TIME
    kind = "regression" if description.target.kind == "regression" else "classification"
    fields: list[tuple[str, str, str]] = [
        ("", "name", repr(answers.name)),
        ("", "question", repr(_question(description))),
        ("", "source", _source(description)),
        ("", "schema", "SCHEMA"),
        (_key_reason(description), "key", repr(key)),
        ("", "event_time", repr(names[answers.time])),
        (f"{description.label.why}".capitalize(), "label_time", repr(label)),
    ]
    if description.mature is not None:
        fields.append((description.mature.why, "mature", repr(_mature_name(description))))
    fields += [
        (description.target.why.capitalize(), "target", repr(names[answers.target])),
        ("", "kind", repr(kind)),
    ]
    if description.target.kind == "multiclass":
        fields.append(("", "classes", repr(description.target.classes)))
    fields += [
        ("", "numeric", repr(numeric)),
        ("", "categorical", repr(tuple(names[name] for name in description.categorical))),
        (_candidates_reason(description), "candidates", _candidates(description)),
        (_metric_reason(description), "metric", repr(metric_of(description))),
        (
            "The groups that are reported one by one: categories with few, well filled levels.",
            "slices",
            _slices(description),
        ),
        (_start_reason(description), "history_start", _moment(pace.history_start)),
        (f"About {pace.period_rows:,} rows a batch.", "period", _length(pace.period)),
        (_look_back_reason(description), "look_back", _length(pace.look_back)),
        (_window_reason(description), "window", _length(pace.window)),
    ]
    if pace.train_on is not None:
        fields.append(
            ("What a value means changes with time (see above): older rows teach what no longer holds.", "train_on",
             _length(pace.train_on))
        )  # fmt: skip
    else:
        fields.append(("All of the past: no feature changes its meaning.", "train_on", "None"))
    lines = [line for why, name, text in fields for line in (*_comment(why, 4), f"    {name}={text},")]
    return "\n".join(["", _reader(description) + "USE_CASE = UseCase(", *lines, ")"])


def metric_of(description: Description) -> str:
    """Return the metric that decides between models of this target."""
    return {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[description.target.kind]


def _key_reason(description: Description) -> str:
    if description.key == (ROW,):
        return "As its owner gave it: every row counts, though some are equal."
    reason = "As its owner gave it" if description.answers.key else "The fewest columns found"
    return f"{reason} to tell all {description.looked:,} rows apart."


def _candidates_reason(description: Description) -> str:
    return (
        "Boosted trees take numbers with gaps and categories as they are; a retrain compares a cautious one with one "
        "that learns more."
    )


def _candidates(description: Description) -> str:
    sort = (
        "HistGradientBoostingRegressor" if description.target.kind == "regression" else "HistGradientBoostingClassifier"
    )
    least = 20 if description.rows < 20_000 else 50 if description.rows < 100_000 else 100
    small = f"max_iter=80, learning_rate=0.08, max_leaf_nodes=15, min_samples_leaf={least}"
    large = f"max_iter=120, learning_rate=0.1, max_leaf_nodes=31, min_samples_leaf={least // 2}"
    rest = "early_stopping=False, random_state=0"
    return f'{{"boosting_small": {sort}({small}, {rest}), "boosting": {sort}({large}, {rest})}}'


def _metric_reason(description: Description) -> str:
    return {
        "binary": "How well rows are ranked, whatever share of them is 1 and wherever the cut is made later.",
        "multiclass": "How good the probabilities of all classes are.",
        "regression": f"In units of {description.answers.target}; a large error counts more than several small ones.",
    }[description.target.kind]


def _slices(description: Description) -> str:
    fitting = []
    for name in description.categorical:
        levels = description.frame[name].value_counts(normalize=True)
        if 2 <= len(levels) <= 8 and levels.iloc[0] < 0.95:
            fitting.append(description.names[name])
    return repr(tuple(fitting[:2]))


def _start_reason(description: Description) -> str:
    strays = description.pacing.strays
    return (
        f"{strays:,} rows lie far outside of this history and are not collected." if strays else "The first row's day."
    )


def _look_back_reason(description: Description) -> str:
    if description.label.column is None and not description.label.delay:
        return "Labels come with the rows; this is for late or corrected rows."
    return "The longest that a label was late, so that each is found."


def _window_reason(description: Description) -> str:
    pace = description.pacing
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


def left_out(description: Description) -> Iterable[Finding]:
    """Return the findings that keep a column from the features."""
    return [finding for finding in description.findings if finding.left_out]
