"""Say what in a table changes with time: levels, gaps, meaning, and the rows themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from scaffold.profiling import Finding, TargetProfile

MISSING_CHANGE = 0.2
"""Change of the share of missing cells, from the first third of the history to the last, that is worth telling."""
LEVEL_CHANGE = 0.3
"""Largest difference between the two thirds' cumulative distributions (Kolmogorov-Smirnov), or half the summed
difference of their shares (total variation), from which the level has moved."""
MEANING_CHANGE = 0.15
"""Change of a value's effect on the target: in shares of rows, or in standard deviations of a number."""
FEWEST_ROWS = 100
"""Fewest rows of a value in each third for its effect to be compared."""
SURE = 6.0
"""How many standard errors the change must be away from chance: about 200 columns of 8 values are compared."""
MOST_HOLES = 3


@dataclass(frozen=True)
class Hole:
    """A stretch of time without rows."""

    start: pd.Timestamp
    end: pd.Timestamp


def shift_findings(frame: pd.DataFrame, target: TargetProfile, names: Sequence[str]) -> list[Finding]:
    """Return what changes between the first and the last third of the rows, which are in order of time."""
    third = len(frame) // 3
    if third < FEWEST_ROWS:
        return []
    first, last = slice(0, third), slice(len(frame) - third, None)
    answers = _numeric_answers(target)
    findings = []
    for name in names:
        values = frame[name]
        findings += _missing_change(values.iloc[first], values.iloc[last])
        findings += _level_change(values.iloc[first], values.iloc[last])
        findings += _meaning_change(values, answers, first, last, target)
    return findings


def counts_up(values: "pd.Series[Any]") -> bool:
    """Say whether a column, in order of time, only ever goes on to new values, as a year does."""
    present = values.dropna()
    codes = present if present.dtype.kind == "f" else pd.Series(pd.factorize(present)[0], index=present.index)
    steps = codes.diff().dropna().to_numpy()
    up, down = int((steps > 0).sum()), int((steps < 0).sum())
    return up > 0 and down <= 0.01 * (up + down)


def holes(times: "pd.Series[Any]") -> list[Hole]:
    """Return the longest stretches without rows that are many times longer than usual ones; `times` in order."""
    present = times.dropna().drop_duplicates()
    if len(present) < 20:
        return []
    gaps = present.diff().iloc[1:]
    span = present.iloc[-1] - present.iloc[0]
    usual = max(gaps.quantile(0.99), gaps.median() * 10)
    long = gaps[(gaps > 2 * usual) & (gaps > span / 200)].nlargest(MOST_HOLES)
    return [Hole(present[place] - gap, present[place]) for place, gap in long.items()]


def steps_missing(times: "pd.Series[Any]") -> tuple[pd.Timedelta, int, int] | None:
    """Return the usual step, how many moments a grid of it has and how many are missing, or None without a grid."""
    present = times.dropna().drop_duplicates()
    if len(present) < 20:
        return None
    gaps = present.diff().iloc[1:]
    step = gaps.mode().iloc[0]
    if (gaps == step).mean() < 0.8:
        return None
    moments = int((present.iloc[-1] - present.iloc[0]) / step) + 1
    return step, moments, max(0, moments - len(present))


def _missing_change(first: "pd.Series[Any]", last: "pd.Series[Any]") -> list[Finding]:
    before, after = float(first.isna().mean()), float(last.isna().mean())
    if abs(after - before) < MISSING_CHANGE:
        return []
    evidence = f"missing in {before:.0%} of the first third of the rows, in {after:.0%} of the last"
    return [Finding(str(first.name), "gaps change", evidence)]


def _level_change(first: "pd.Series[Any]", last: "pd.Series[Any]") -> list[Finding]:
    before, after = first.dropna(), last.dropna()
    if min(len(before), len(after)) < FEWEST_ROWS:
        return []
    if before.dtype.kind == "f":
        both = np.sort(np.concatenate([before, after]))
        apart = np.searchsorted(np.sort(before), both, "right") / len(before)
        distance = float(np.abs(apart - np.searchsorted(np.sort(after), both, "right") / len(after)).max())
        evidence = f"median {before.median():.4g} in the first third, {after.median():.4g} in the last"
        evidence += f"; mean {before.mean():.4g} and {after.mean():.4g}"
    else:
        moved = after.value_counts(normalize=True).sub(before.value_counts(normalize=True), fill_value=0.0)
        distance, most = float(moved.abs().sum() / 2), moved.abs().idxmax()
        evidence = (
            f"{most!r} in {(before == most).mean():.0%} of the first third, in {(after == most).mean():.0%} of the last"
        )
    return [Finding(str(first.name), "level changes", evidence)] if distance >= LEVEL_CHANGE else []


def _meaning_change(
    values: "pd.Series[Any]", answers: "pd.Series[Any]", first: slice, last: slice, target: TargetProfile
) -> list[Finding]:
    """Return the value of the column whose effect on the target, beyond what changed for all rows, changed most."""
    groups, largest, evidence = _bins(values), MEANING_CHANGE, ""
    scale = 1.0 if target.kind != "regression" else float(answers.std()) or 1.0
    before, after = answers.iloc[first] / scale, answers.iloc[last] / scale
    for level, group in groups.items():
        was, now = before[group.iloc[first]].dropna(), after[group.iloc[last]].dropna()
        if min(len(was), len(now)) < FEWEST_ROWS:
            continue
        change = _beyond(was.mean(), now.mean(), before.mean(), after.mean())
        noise = float(np.sqrt(was.var() / len(was) + now.var() / len(now)))
        if abs(change) > largest and abs(change) > SURE * noise:
            largest = abs(change)
            evidence = _effects(level, was.mean() * scale, now.mean() * scale, answers, first, last, target)
    return [Finding(str(values.name), "meaning changes", evidence)] if evidence else []


def _beyond(was: float, now: float, before: float, after: float) -> float:
    """Return how far a group moved otherwise than everyone did, be it by the same number or by the same factor."""
    added = (now - after) - (was - before)
    scaled = now - was * after / before if before > 0 and after > 0 and was >= 0 else added
    return float(min(added, scaled, key=abs))


def _effects(
    level: str, was: float, now: float, answers: "pd.Series[Any]", first: slice, last: slice, target: TargetProfile
) -> str:
    everyone = float(answers.iloc[first].mean()), float(answers.iloc[last].mean())
    if target.kind == "regression":
        effect = f"{target.values.name} is {was:.4g} on average in the first third and {now:.4g} in the last"
        return f"where {level}, {effect}; of all rows {everyone[0]:.4g} and {everyone[1]:.4g}"
    name = f"{target.values.name} is {answers.name!r}" if target.kind == "multiclass" else f"{target.values.name} is 1"
    effect = f"where {level}, {name} in {was:.0%} of the first third and in {now:.0%} of the last"
    return f"{effect}; of all rows in {everyone[0]:.0%} and {everyone[1]:.0%}"


def _bins(values: "pd.Series[Any]") -> "dict[str, pd.Series[Any]]":
    """Return a few groups of rows by name: the commonest words; of a number its zero, the rest, or its quarters."""
    if values.dtype.kind != "f":
        return {f"it is {word!r}": values == word for word in values.value_counts().index[:8]}
    if values.nunique() <= 8:
        return {f"it is {number:g}": values == number for number in values.dropna().unique()} | _signs(values)
    edges = np.unique(values.quantile([0, 0.25, 0.5, 0.75, 1]).to_numpy())
    pairs = list(pairwise(edges))
    return _signs(values) | {
        f"it is {low:.4g} to {high:.4g}": (values >= low) & ((values < high) | (high == edges[-1]))
        for low, high in pairs
    }


def _signs(values: "pd.Series[Any]") -> "dict[str, pd.Series[Any]]":
    has_zeros = bool((values == 0).mean() > 0.3)
    return {"it is not 0": values.notna() & (values != 0), "it is 0": values == 0} if has_zeros else {}


def _numeric_answers(target: TargetProfile) -> "pd.Series[Any]":
    """Return the target as a number: of several classes, 1 for the commonest."""
    if target.kind != "multiclass":
        return target.values.astype("float64")
    commonest = target.values.value_counts().index[0]
    return (target.values == commonest).astype("float64").where(target.values.notna()).rename(str(commonest))
