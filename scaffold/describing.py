"""Decide, from a look at a table and its owner's words, what the new use case is; ask for what cannot be decided."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pandas as pd
from sklearn.metrics import roc_auc_score

from scaffold import leaks, profiling, shifts
from scaffold.pacing import FEWEST_AT_ALL, FEWEST_MOMENTS, Pacing, pacing
from scaffold.profiling import ColumnProfile, Finding, TargetKind, TargetProfile, Undecided
from scaffold.tables import Address, TableSample, every_row_of
from tasks import usecases
from tasks.data.sources.layout import UNPARSED

ROW = "row"
NOW = "now"
NONE = "none"
ROW_KEY = "row_key"
LABEL_TIME = "label_time"
MATURE = "mature"
OURS = {"target", "champion", "baseline", "block", ROW_KEY, LABEL_TIME, MATURE, "event_time", "event_hour",
        "event_weekday"}  # fmt: skip
"""Names that a draft gives to columns of its own, beside those of `tasks.usecases.OURS`."""
FEWEST_LABELLED = 200
"""Labelled rows of a table below which no model can be fitted and compared on later rows."""
MOST_LEVELS = 1_000
FEWEST_LEVEL_ROWS = 20
MOST_REPEATED = 0.01
"""Largest share of rows with a key borne before; collect keeps the last of them and sets the others aside."""
BIASED_DELAY = 0.6
"""AUC of the label's delay for the target from which early labels are a biased sample."""
MATURE_SHARE = 0.99
_DELAY = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)")
_COMMA = r"\s*[+-]?[\d.]*\d,\d+\s*"
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the owner of the table has given."""

    name: str
    address: Address
    time: str
    target: str
    key: tuple[str, ...] = ()
    label_time: str | None = None
    mature: str | None = None
    kind: TargetKind | None = None
    time_format: str | None = None
    zone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class Availability:
    """When something is known: a stored time column, or so long after the event."""

    column: str | None = None
    delay: timedelta = timedelta(0)
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A new use case, decided but not yet written down. Columns are called by their stored names."""

    answers: Answers
    rows: int
    looked: int
    columns: dict[str, ColumnProfile]
    names: dict[str, str]
    """Name in the source to the name in the use case."""
    target: TargetProfile
    key: tuple[str, ...]
    """Source names, or `row`."""
    label: Availability
    mature: Availability | None
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    dates: tuple[str, ...]
    suspects: tuple[str, ...]
    """Suspected leaks: stored, and left out of the features."""
    clock: tuple[str, ...]
    """Which of hour and weekday of the event are made features."""
    findings: tuple[Finding, ...]
    pacing: Pacing
    frame: pd.DataFrame = field(repr=False)
    """The rows looked at, in order of time; columns by source name, as float64, str or UTC times."""


def use_case_description(answers: Answers, table: TableSample) -> Description:
    """Return the use case that the table and the answers describe.

    Raises:
        Undecided: the owner must give one more answer.
    """
    _refuse_unknown(answers, table)
    columns, frame = _column_profiles(answers, table)
    order = frame[answers.time].sort_values(kind="stable").index
    was_sorted = frame[answers.time].dropna().is_monotonic_increasing
    frame = frame.loc[order].reset_index(drop=True)
    raw = table.frame.loc[order].reset_index(drop=True)
    target = profiling.target_of(frame[answers.target], columns[answers.target], answers.kind)
    if table.is_whole and (labelled := int(target.values.notna().sum())) < FEWEST_LABELLED:
        raise Undecided(
            f"{labelled} of {table.rows} rows have a target; at least {FEWEST_LABELLED} are needed to fit models and "
            "to compare them on later rows. Come back with more rows"
        )
    dates = [name for name, profile in columns.items() if profile.kind == "date"]
    label = _label(answers, frame, dates)
    key, key_findings = _key(answers, frame, raw, columns, label)
    mature = _mature(answers, frame, target, label, dates)

    used = {answers.time, answers.target, label.column, mature.column if mature else None}
    dropped = _dropped_columns(columns, frame, used, answers)
    plain = [name for name in columns if name not in used | dropped.keys() and columns[name].kind != "date"]
    suspected = leaks.leak_findings(frame, target, plain)
    suspects = {finding.column for finding in suspected if finding.left_out}
    features = [
        name for name in plain if name not in suspects and (name not in key or columns[name].kind == "category")
    ]
    shifted = shifts.shift_findings(frame, target, [name for name in features if name not in key])
    past_dates = tuple(name for name in dates if name not in used | dropped.keys())
    if not features and not past_dates:
        raise Undecided(
            f"no column is left to predict {answers.target!r} from: {_findings_text([*dropped.values(), *suspected])}"
        )
    numeric = tuple(name for name in features if columns[name].kind in ("numeric", "boolean"))
    forget = any(finding.kind == "meaning changes" and finding.column in features for finding in shifted)
    findings = [
        *_table_findings(answers, columns, frame, table, was_sorted=was_sorted), *key_findings, *suspected,
        *dropped.values(), *_label_findings(answers, frame, target, label), *_target_findings(target),
        *_column_findings(columns, features), *shifted, *_hole_findings(answers, frame),
    ]  # fmt: skip
    return Description(
        answers=answers,
        rows=table.rows,
        looked=len(frame),
        columns=columns,
        names=_safe_names([*columns], answers.target),
        target=target,
        key=key,
        label=label,
        mature=mature,
        numeric=numeric,
        categorical=tuple(name for name in features if name not in numeric),
        dates=past_dates,
        suspects=tuple(name for name in columns if name in suspects),
        clock=_clock(frame[answers.time]),
        findings=tuple(findings),
        pacing=pacing(frame[answers.time], _longest_delay(frame, answers.time, label), forget, target.rarer_share),
        frame=frame,
    )


def with_every_row(description: Description) -> Description:
    """Return the description with its key and history checked against all rows, where only some were looked at.

    Raises:
        Undecided: rows that were not looked at bear the key of another.
    """
    answers = description.answers
    if description.looked == description.rows:
        return description
    names = [answers.time, *(name for name in description.key if name not in (ROW, answers.time))]
    every = every_row_of(answers.address, names)
    column = description.columns[answers.time]
    times = profiling.read_times(every[answers.time], column.time_format or "ISO8601", answers.zone)
    findings = list(description.findings)
    if description.key != (ROW,) and (twice := int(every.duplicated(list(description.key)).sum())):
        if twice > MOST_REPEATED * len(every):
            raise Undecided(
                f"KEY={','.join(description.key)} is borne by {twice:,} of all {len(every):,} rows a second time; add "
                f"a column, or say KEY={ROW}"
            )
        findings.append(
            Finding(", ".join(description.key), "repeated key", f"{twice:,} of {len(every):,} rows bear it again")
        )
    delay = _longest_delay(description.frame, answers.time, description.label)
    pace = pacing(times, delay, description.pacing.train_on is not None, description.target.rarer_share)
    return replace(description, findings=tuple(findings), pacing=pace)


def delay_of(text: str) -> timedelta | None:
    """Return a length of time such as 90min, 6h, 3d or 2w, or None if the text is none."""
    match = _DELAY.fullmatch(text.strip())
    return timedelta(**{_UNITS[match[2]]: float(match[1])}) if match else None


def _refuse_unknown(answers: Answers, table: TableSample) -> None:
    times = [
        answer
        for answer in (answers.label_time, answers.mature)
        if answer and answer not in (NOW, NONE) and not delay_of(answer)
    ]
    asked = {"TIME": [answers.time], "TARGET": [answers.target], "LABEL_TIME or MATURE": times}
    asked["KEY"] = [] if answers.key == (ROW,) else list(answers.key)
    for word, names in asked.items():
        for name in names:
            if name in table.unsupported:
                raise Undecided(f"{word}={name}: the column holds {table.unsupported[name]}, which cannot be read")
            if name not in table.frame.columns:
                raise Undecided(f"{word}={name}: no such column; there are: {', '.join(map(str, table.frame.columns))}")
    if answers.time == answers.target:
        raise Undecided(f"TIME and TARGET are both {answers.time!r}; name two columns")


def _column_profiles(answers: Answers, table: TableSample) -> tuple[dict[str, ColumnProfile], pd.DataFrame]:
    columns, values = {}, {}
    times = {answers.time, answers.label_time, answers.mature}
    for name in table.frame.columns:
        stored = table.frame[name]
        if name == answers.time:
            columns[name], values[name] = profiling.as_times(stored, answers.zone, answers.time_format)
        elif name in times:
            columns[name], values[name] = profiling.as_times(stored, answers.zone)
        else:
            columns[name], values[name] = profiling.column_profile(stored, answers.zone)
    time_column = columns[answers.time]
    if answers.address.in_database and time_column.time_format is not None:
        raise Undecided(
            f"column {answers.time!r} holds no times that the database itself understands (read as "
            f"{time_column.time_format}); give a QUERY= that makes it one, with to_timestamp(...) or the like"
        )
    least = FEWEST_AT_ALL * FEWEST_MOMENTS
    if (moments := values[answers.time].nunique()) < least:
        raise Undecided(
            f"column {answers.time!r} has {moments} different times; at least {least} are needed to learn from some "
            "and compare on later ones. Name a column of the times of events"
        )
    return columns, pd.DataFrame(values)


def _label(answers: Answers, frame: pd.DataFrame, dates: Sequence[str]) -> Availability:
    if answers.label_time == NOW:
        return Availability(why="at once, as its owner gave it")
    if answers.label_time:
        if delay := delay_of(answers.label_time):
            return Availability(delay=delay, why="as its owner gave it")
        return Availability(column=answers.label_time, why="as its owner gave it")
    candidates = profiling.label_time_candidates(frame, answers.time, dates)
    if len(candidates) > 1:
        choices = ", ".join(
            f"{name} ({share:.0%} of the rows after {answers.time})" for name, share in candidates.items()
        )
        raise Undecided(
            f"several columns may tell when the target became known: {choices}. Say LABEL_TIME=<one of them>, a delay "
            "such as LABEL_TIME=3d, or LABEL_TIME=now if it is known with the event"
        )
    for name, share in candidates.items():
        return Availability(column=name, why=f"the only time column mostly after the event ({share:.0%} of the rows)")
    return Availability(why="no time column lies mostly after the event, so it is taken to be known at once")


def _mature(
    answers: Answers, frame: pd.DataFrame, target: TargetProfile, label: Availability, dates: Sequence[str]
) -> Availability | None:
    if answers.mature:
        if answers.mature == NONE:
            return None
        delay = delay_of(answers.mature)
        return Availability(
            delay=delay or timedelta(0), column=None if delay else answers.mature, why="as its owner gave it"
        )
    if label.column is None or (bias := _delay_bias(frame, answers.time, target, label)) < BIASED_DELAY:
        return None
    times = frame[answers.time]
    delays = (frame[label.column] - times).dropna()
    settled = max(delays.quantile(MATURE_SHARE).to_pytimedelta(), timedelta(0))
    settled = timedelta(hours=-(-settled // timedelta(hours=1)))
    if settled > (times.max() - times.min()).to_pytimedelta() / 8:
        others = [name for name in dates if name not in (answers.time, label.column)]
        raise Undecided(
            f"the delay of a label predicts its value (AUC {bias:.2f}), so early labels are a biased sample, and "
            f"{MATURE_SHARE:.0%} of them are known only after {length_text(settled)}. Say from when on a row's label "
            f"can be trusted: MATURE=<{' or '.join(others) or 'a time column'}>, a delay such as "
            f"MATURE={settled.days}d, or MATURE=none"
        )
    why = (
        f"the delay of a label predicts its value (AUC {bias:.2f}), so early labels are a biased sample; "
        f"{MATURE_SHARE:.0%} are known {length_text(settled)} after the event"
    )
    return Availability(delay=settled, why=why)


def _delay_bias(frame: pd.DataFrame, time: str, target: TargetProfile, label: Availability) -> float:
    """Return how well the label's delay alone tells the target apart: 0.5 not at all, 1 fully."""
    delays = (frame[label.column] - frame[time]).dt.total_seconds()
    usable = delays.notna() & target.values.notna()
    values = target.values[usable]
    is_high = values > values.median() if target.kind == "regression" else values == values.value_counts().index[-1]
    if not usable.any() or is_high.nunique() < 2:
        return 0.5
    auc = float(roc_auc_score(is_high, delays[usable]))
    return max(auc, 1 - auc)


def _key(
    answers: Answers, frame: pd.DataFrame, raw: pd.DataFrame, columns: dict[str, ColumnProfile], label: Availability
) -> tuple[tuple[str, ...], list[Finding]]:
    copies = int(raw.duplicated().sum())
    findings = (
        [Finding("", "duplicate rows", f"{copies:,} of {len(raw):,} rows repeat another one exactly")] if copies else []
    )
    if answers.key == (ROW,) and ROW not in columns:
        return answers.key, findings
    if answers.key:
        return answers.key, findings + _key_faults(answers.key, raw)
    never = {answers.target, label.column or ""}
    key = profiling.key_of(frame, answers.time, list(columns.values()), never)
    choices = f"KEY={ROW} to have every row count, identified by its content and its number among equal rows"
    if key is None:
        nearest = _nearest_keys(frame, answers.time, [n for n in columns if n not in never and n != answers.time])
        raise Undecided(
            f"no column, and no few columns with {answers.time!r}, tell all {len(raw):,} rows apart ({copies:,} rows "
            f"repeat another one exactly). Say KEY=<columns, separated by commas>, or {choices}. Nearest: {nearest}"
        )
    if copies > MOST_REPEATED * len(raw):
        raise Undecided(
            f"{copies:,} of {len(raw):,} rows repeat another one exactly. Say KEY={','.join(key)} to keep one of "
            f"each, or {choices}"
        )
    return key, findings


def _key_faults(key: tuple[str, ...], raw: pd.DataFrame) -> list[Finding]:
    names = list(key)
    if gaps := [f"{name} in {raw[name].isna().sum():,}" for name in names if raw[name].isna().any()]:
        raise Undecided(f"KEY={','.join(key)} is missing in some rows: {', '.join(gaps)}; a key names every row")
    twice = int(raw.duplicated(names).sum())
    distinct = int(raw.drop_duplicates().duplicated(names).sum())
    if distinct > MOST_REPEATED * len(raw):
        example = raw.loc[raw.duplicated(names), names].iloc[0].to_dict()
        raise Undecided(
            f"KEY={','.join(key)} is borne by {twice:,} of {len(raw):,} rows a second time, such as {example}, "
            f"and {distinct:,} of these differ in another column; add a column, or say KEY={ROW}"
        )
    evidence = (
        f"{twice:,} rows bear the key of an earlier one; collect keeps the last of each and sets the others aside"
    )
    return [Finding(", ".join(key), "repeated key", evidence)] if twice else []


def _nearest_keys(frame: pd.DataFrame, time: str, names: Sequence[str]) -> str:
    left = {name: int(frame.duplicated([time, name]).sum()) for name in names if frame[name].dtype.kind != "f"}
    best = sorted(left, key=lambda name: left[name])[:3]
    return ", ".join(f"{name},{time} ({left[name]:,} rows bear it again)" for name in best) or "none"


def _dropped_columns(
    columns: dict[str, ColumnProfile], frame: pd.DataFrame, used: set[str | None], answers: Answers
) -> dict[str, Finding]:
    """Return why columns are no features, by name, beyond suspicion of a leak."""
    findings = {}
    first_names: dict[Any, str] = {}
    for name, profile in columns.items():
        if name in used:
            continue
        values = frame[name]
        if reason := _unusable_reason(profile, values, frame[answers.time]):
            findings[name] = Finding(name, *reason, True)
            continue
        digest = hash(tuple(pd.util.hash_pandas_object(values.iloc[:: max(1, len(values) // 5000)], index=False)))
        twin = first_names.setdefault(digest, name)
        if twin != name and values.equals(frame[twin]):
            findings[name] = Finding(name, "repeats a column", f"the same as {twin} in all {len(values):,} rows", True)
    return findings


def _unusable_reason(
    profile: ColumnProfile, values: "pd.Series[Any]", times: "pd.Series[Any]"
) -> tuple[str, str] | None:
    """Return the kind of finding and its evidence if a column can be no feature."""
    present = int(values.notna().sum())
    if profile.name == UNPARSED:
        return "name taken", "the sources give this name to a column of their own; rename it to use it"
    if profile.kind == "empty":
        return "empty", f"missing in all {len(values):,} rows"
    if profile.kind == "constant":
        return "constant", f"always {values.dropna().iloc[0]!s:.40}"
    if profile.kind == "text":
        example = str(values.dropna().iloc[0])
        return "free text", f"{profile.distinct:,} different texts in {present:,} rows, such as {example[:60]!r}"
    if profile.kind == "date":
        later = float((values > times).mean())
        if later > 0.01:
            return (
                "is known only later",
                f"later than the event in {later:.0%} of the rows, if it is no plan made before",
            )
        evidence = "the event time again, its day, or a fixed time from it"
        return ("repeats the time", evidence) if profiling.repeats_the_time(values, times) else None
    is_rich = (
        profile.kind == "category" and profile.distinct > MOST_LEVELS and present / profile.distinct < FEWEST_LEVEL_ROWS
    )
    is_worded = values.dtype.kind not in "fM"
    if (is_rich or profile.kind == "identifier") and is_worded and values.dropna().str.fullmatch(_COMMA).all():
        return "decimal commas", f"numbers such as {values.dropna().iloc[0]!r}: write them with a point to use them"
    if profile.kind == "identifier":
        return "identifier", f"{profile.distinct:,} different values in {present:,} rows"
    if shifts.counts_up(values):
        first, last = values.dropna().iloc[[0, -1]]
        return (
            "runs with time",
            f"goes from {first!s:.40} to {last!s:.40} and never back: later rows have only new values",
        )
    if is_rich:
        return "very many levels", f"{profile.distinct:,} levels, {present / profile.distinct:.1f} rows each"
    return None


def _table_findings(
    answers: Answers, columns: dict[str, ColumnProfile], frame: pd.DataFrame, table: TableSample, *, was_sorted: bool
) -> list[Finding]:
    findings = [Finding(name, "cannot be read", f"holds {kind}", True) for name, kind in table.unsupported.items()]
    time = columns[answers.time]
    if not time.zoned:
        findings.append(
            Finding(answers.time, "no zone", f"its times do not say their zone and are read as {answers.zone}")
        )
    if not was_sorted:
        findings.append(
            Finding(answers.time, "not in order", "rows are not stored in order of time; nothing needs them so")
        )
    if missing := int(frame[answers.time].isna().sum()):
        evidence = f"{missing:,} of {len(frame):,} rows have no readable event time; they will be set aside"
        findings.append(Finding(answers.time, "missing times", evidence))
    return findings


def _label_findings(answers: Answers, frame: pd.DataFrame, target: TargetProfile, label: Availability) -> list[Finding]:
    findings = []
    if unknown := int(target.values.isna().sum()):
        evidence = f"missing in {unknown:,} of {len(frame):,} rows, which nothing is learned from"
        findings.append(Finding(answers.target, "target missing", evidence))
    if label.column is not None:
        early = float((frame[label.column] < frame[answers.time]).mean())
        if early > 0.01:
            evidence = (
                f"before {answers.time} in {early:.0%} of the rows: there the answer is known before it is asked for; "
                "think about an earlier TIME"
            )
            findings.append(Finding(label.column, "label before event", evidence))
    return findings


def _target_findings(target: TargetProfile) -> list[Finding]:
    name = str(target.values.name)
    if target.kind == "regression":
        skew = float(target.values.skew())
        evidence = (
            f"long tail: mean {target.values.mean():.4g}, median {target.values.median():.4g}, skewness {skew:.1f}"
        )
        return [Finding(name, "skewed target", evidence + "; rmse is ruled by the largest")] if abs(skew) > 3 else []
    shares = target.values.value_counts(normalize=True)
    rare = f"{shares.index[-1]} in {shares.iloc[-1]:.2%} of the rows"
    return [Finding(name, "rare class", rare)] if shares.iloc[-1] < 0.02 else []


def _column_findings(columns: dict[str, ColumnProfile], features: Sequence[str]) -> list[Finding]:
    findings = []
    for profile in columns.values():
        if profile.unread:
            evidence = f"{profile.unread:,} cells are no {_word(profile)}, such as {profile.example[:40]!r}; "
            evidence += "they are read as missing" if profile.example == "inf" else "their rows will be set aside"
            findings.append(Finding(profile.name, "mixed", evidence))
        if profile.name in features and profile.kind == "category" and profile.distinct > 100:
            findings.append(
                Finding(
                    profile.name, "many levels", f"{profile.distinct:,} levels, which become numbers in their order"
                )
            )
    return findings


def _hole_findings(answers: Answers, frame: pd.DataFrame) -> list[Finding]:
    times = frame[answers.time]
    findings = [
        Finding(
            answers.time,
            "hole in time",
            f"no row for {length_text(hole.end - hole.start)} from {hole.start:%Y-%m-%d %H:%M} on",
        )
        for hole in shifts.holes(times)
    ]
    if (grid := shifts.steps_missing(times)) and grid[2]:
        evidence = f"a row is due every {length_text(grid[0])}; of {grid[1]:,} such moments {grid[2]:,} have none"
        findings.append(Finding(answers.time, "steps missing", evidence))
    return findings


def _clock(times: "pd.Series[Any]") -> tuple[str, ...]:
    """Return the parts of the event time that repeat often enough to be learned: hour, weekday."""
    span = times.max() - times.min()
    hours = times.dt.hour.nunique() > 12 and span > pd.Timedelta(days=3)
    weekdays = times.dt.dayofweek.nunique() > 4 and span > pd.Timedelta(days=28)
    return (*(("event_hour",) if hours else ()), *(("event_weekday",) if weekdays else ()))


def _longest_delay(frame: pd.DataFrame, time: str, label: Availability) -> timedelta:
    if label.column is None:
        return label.delay
    longest = (frame[label.column] - frame[time]).max()
    return timedelta(0) if pd.isna(longest) else max(longest.to_pytimedelta(), timedelta(0))


def _safe_names(names: Sequence[str], target: str) -> dict[str, str]:
    """Return names that every store takes: letters, digits and _, none twice in any case, none of the system's own."""
    safe: dict[str, str] = {}
    taken = set(OURS)
    for name in names:
        plain = re.sub(r"\W+", "_", name).strip("_") or "column"
        plain = f"n{plain}" if plain[0].isdigit() else plain
        if name == target and name == "target":
            safe[name] = name
            continue
        stem, number = (f"given_{plain}" if _is_ours(plain.lower()) else plain), 2
        chosen = stem
        while chosen.lower() in taken:
            chosen, number = f"{stem}_{number}", number + 1
        taken.add(chosen.lower())
        safe[name] = chosen
    return safe


def _is_ours(name: str) -> bool:
    return name in OURS or usecases.OURS.fullmatch(name) is not None


def _word(profile: ColumnProfile) -> str:
    return {"date": "times", "boolean": "booleans"}.get(profile.kind, "numbers")


def _findings_text(findings: Sequence[Finding]) -> str:
    return "; ".join(f"{finding.column} {finding.kind} ({finding.evidence})" for finding in findings[:5])


def length_text(length: timedelta) -> str:
    """Return a length of time in words: 3 days, 1 hour."""
    units = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}
    unit = next((name for name, duration in units.items() if length >= duration), "second")
    count = f"{length / units.get(unit, timedelta(seconds=1)):.4g}"
    return f"{count} {unit}{'' if count == '1' else 's'}"
