"""Find the columns that give the answer away, with the numbers that say so.

What is suspected is left out of the features: a model that waits for its answer is worth nothing, and one column too
few costs little. A column that is known only later, yet predicts no better than an honest one, no number gives away.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scaffold.profiling import Finding, TargetProfile

if TYPE_CHECKING:
    from numpy.typing import NDArray
from tasks.training.single_feature import SingleScore, single_scores

NEARLY_PERFECT = 0.98
"""AUC, or share of the variance explained, from which one column alone gives the answer away."""


JUMP_SKILL = 0.8


JUMP_RATIO = 2.0
"""A column this good (0 is a guess, 1 is perfect) and this many times as good as the next best is worth a question."""


MOST_ROWS, FEWEST_ROWS, MOST_CELLS = 20_000, 4_000, 1_000_000
"""How many rows are asked what each column alone predicts: as many as that number of cells allows, within bounds."""


FEW_LEVELS = 12


PURE_SHARE = 0.01
"""Fewest rows, as a share of all, that a value must have to be called pure: met with one answer only."""


PURE_EXPECTED = 50
"""Fewest rows with the other answer that chance would put there."""


SUSPECT, SURELY, DOUBTFUL = "gives the answer away", "is known only later", "predicts very well"


_MODEL_NAME = re.compile(r"(^|_)(y_?)?(pred|predicted|prediction|proba|y_hat|yhat)(_|$)", re.IGNORECASE)


def leak_findings(frame: pd.DataFrame, target: TargetProfile, names: Sequence[str]) -> list[Finding]:
    """Return the columns that give the answer away. `frame` is in order of time, its columns float64 or str."""
    has_target = target.values.notna()
    findings = unknown_with_the_target(frame, target, names)
    rows = np.flatnonzero(has_target.to_numpy())
    most = min(len(rows), max(FEWEST_ROWS, min(MOST_ROWS, MOST_CELLS // max(1, len(names)))))
    rows = rows[np.linspace(0, len(rows) - 1, most).astype(int)]
    some, answers = frame.iloc[rows], target.values.iloc[rows]
    singles = single_scores(some[list(names)], answers, target.kind)
    findings += [*_perfect(singles, target), *_other_models(singles, target)]
    if target.kind == "regression":
        findings += sums(some, answers, [name for name in names if some[name].dtype.kind == "f"])
    if target.kind == "binary":
        left = [name for name in names if name not in {finding.column for finding in findings}]
        labelled, answers = frame[has_target], target.values[has_target]
        findings += [finding for name in left if (finding := pure_value(labelled[name], answers)) is not None]
        findings += later_versions(
            some, target.values.iloc[rows], [name for name in left if frame[name].dtype.kind != "f"]
        )
    findings += _jump(
        [single for single in singles if single.column not in {finding.column for finding in findings}], target
    )
    return list({finding.column: finding for finding in reversed(findings)}.values())[::-1]


def sums(frame: pd.DataFrame, answers: "pd.Series[Any]", numbers: Sequence[str]) -> list[Finding]:
    """Return the columns of which the target is a weighted sum, if it is: fitted on one half, true on the other."""
    usable = [name for name in numbers if frame[name].notna().mean() > 0.99 and frame[name].std() > 0]
    if len(usable) < 2 or len(frame) < 10 * len(usable):
        return []
    values = ((frame[usable] - frame[usable].mean()) / frame[usable].std()).fillna(0.0).to_numpy()
    middle, scale = float(answers.mean()), float(answers.std())
    goal = ((answers - middle) / scale).to_numpy()
    weights = _weights(values[::2], goal[::2])
    if (fit := _explained_share(values[1::2], goal[1::2], weights)) < 0.9999:
        return []
    parts = [name for name, weight in zip(usable, weights, strict=True) if abs(weight) > 0.01]
    chosen = [usable.index(name) for name in parts]
    formula = ", ".join(f"{weights[i] * scale / frame[usable[i]].std():.3g} x {usable[i]}" for i in chosen)
    evidence = f"{formula} add up to {answers.name}: R2 {fit:.5f} on {len(goal) // 2:,} rows not fitted"
    return [Finding(name, SUSPECT, evidence, True) for name in parts]


def pure_value(values: "pd.Series[Any]", answers: "pd.Series[Any]") -> Finding | None:
    """Say which value, or which of zero, not zero, missing and present, is met with one answer only, if one is."""
    rate = float(answers.mean())
    for group, mask in _groups(values).items():
        rows = int(mask.sum())
        if rows < PURE_SHARE * len(values) or rows > (1 - PURE_SHARE) * len(values):
            continue
        ones = float(answers[mask].mean())
        for answer, other, expected in ((0, ones, rate), (1, 1 - ones, 1 - rate)):
            if other <= 0.001 * expected and expected * rows >= PURE_EXPECTED:
                evidence = (
                    f"of {rows:,} rows where it is {group}, {round((1 - other) * rows):,} have {answers.name} {answer};"
                    f" over all rows {1 - expected:.0%} have"
                )
                return Finding(str(values.name), SUSPECT, evidence, True)
    return None


def later_versions(frame: pd.DataFrame, answers: "pd.Series[Any]", words: Sequence[str]) -> list[Finding]:
    """Return the column of each pair that is a copy of the other with changes, where changes tell the answer."""
    findings = []
    levels = {name: set(frame[name].dropna().unique()) for name in words}
    rich = [name for name in words if len(levels[name]) >= 3]
    for number, column in enumerate(rich):
        for other in rich[number + 1 :]:
            if len(levels[column] & levels[other]) < 0.5 * max(len(levels[column]), len(levels[other])):
                continue
            differ = (frame[column] != frame[other]) & frame[column].notna() & frame[other].notna()
            share = float(differ.mean())
            if not 0.005 < share < 0.4:
                continue
            changed, unchanged = float(answers[differ].mean()), float(answers[~differ].mean())
            low, high = sorted((changed, unchanged))
            if low > 0.33 * high:
                continue
            later, first = (column, other) if frame[column].nunique() > frame[other].nunique() else (other, column)
            evidence = (
                f"seems a later version of {first}: they differ in {share:.0%} of the rows, and there {answers.name} "
                f"is 1 in {changed:.0%}, elsewhere in {unchanged:.0%}"
            )
            findings.append(Finding(later, SUSPECT, evidence, True))
    return findings


def unknown_with_the_target(frame: pd.DataFrame, target: TargetProfile, names: Sequence[str]) -> list[Finding]:
    """Return the columns that are missing where, and only where, the target is."""
    unknown = target.values.isna()
    if not 20 <= unknown.sum() <= len(frame) - 20:
        return []
    gaps = frame[list(names)].isna()
    return [
        Finding(
            name,
            SURELY,
            f"missing in {gaps[name][unknown].mean():.0%} of the {int(unknown.sum()):,} rows without a target, "
            f"in {gaps[name][~unknown].mean():.1%} of the others",
            True,
        )
        for name in names
        if gaps[name][unknown].mean() > 0.95 and gaps[name][~unknown].mean() < 0.05
    ]


def _perfect(singles: Sequence[SingleScore], target: TargetProfile) -> list[Finding]:
    return [
        Finding(single.column, SUSPECT, f"alone it predicts {target.values.name} with {_score(single, target)}", True)
        for single in singles
        if single.score >= NEARLY_PERFECT
    ]


def _other_models(singles: Sequence[SingleScore], target: TargetProfile) -> list[Finding]:
    return [
        Finding(
            single.column,
            SUSPECT,
            f"its name says that a model made it, and alone it predicts {_score(single, target)}",
            True,
        )
        for single in singles
        if _MODEL_NAME.search(single.column) and single.skill >= 0.3
    ]


def _jump(singles: Sequence[SingleScore], target: TargetProfile) -> list[Finding]:
    """Say of the best column left if it leaves all others far behind: an honest one may, so it stays a feature."""
    honest = [single for single in singles if single.score < NEARLY_PERFECT]
    if len(honest) < 2 or honest[0].skill < max(JUMP_SKILL, JUMP_RATIO * honest[1].skill):
        return []
    best, second = honest[:2]
    evidence = f"alone it predicts with {_score(best, target)}, the next best, {second.column}, with {second.score:.3f}"
    return [Finding(best.column, DOUBTFUL, f"{evidence}; make sure that it is known at the event")]


def _score(single: SingleScore, target: TargetProfile) -> str:
    return f"{'R2' if target.kind == 'regression' else 'AUC'} {single.score:.3f} on later rows"


def _groups(values: "pd.Series[Any]") -> "dict[str, pd.Series[Any]]":
    groups = {"missing": values.isna(), "present": values.notna()}
    if values.dtype.kind == "f":
        return groups | {"not zero": values.notna() & (values != 0), "zero": values == 0}
    levels = values.dropna().unique() if values.nunique() <= FEW_LEVELS else []
    return groups | {repr(level): values == level for level in levels}


def _weights(values: "NDArray[Any]", goal: "NDArray[Any]") -> "NDArray[Any]":
    return np.linalg.lstsq(values, goal, rcond=None)[0]


def _explained_share(values: "NDArray[Any]", goal: "NDArray[Any]", weights: "NDArray[Any]") -> float:
    return 1 - float(np.mean((goal - values @ weights) ** 2) / max(np.var(goal), 1e-12))
