"""Sabotage the system on purpose, in a namespace of its own, and say whether each sabotage was caught."""

from collections.abc import Sequence

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

SURELY = 0.05
NOTHING = "nothing: it is promoted"
"""What is expected of the attempt in which nothing is sabotaged."""


class DrillPolicy(BaseModel):
    """How often equal and better challengers are tried, and what counts as large enough to be accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lucky_tries: int = Field(
        default=200, ge=1, description="Challengers of the champion's own recipe with another seed that are tried"
    )
    margin: float = Field(
        default=0.002,
        ge=0,
        description="What the lower bound of a made-up challenger's gain must exceed, in AUC: another seed of one "
        "recipe makes a model that is truly better, by less than that",
    )
    improvement_tries: int = Field(
        default=100, ge=1, description="Challengers that are tried of each size of real improvement"
    )
    small_gain: float = Field(
        default=0.003, gt=0, description="A small improvement: in AUC, or as a share of the champion's error"
    )
    medium_gain: float = Field(default=0.01, gt=0, description="A middling improvement, in the same units")
    large_gain: float = Field(
        default=0.03, gt=0, description="An improvement, in the same units, that must nearly always be accepted"
    )
    min_accepted: float = Field(
        default=0.9, gt=0, le=1, description="Smallest share of the large improvements that must be accepted"
    )


class Attempt(BaseModel):
    """One sabotage and what came of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tried: str
    expected: str
    """The gate that is expected to refuse."""
    refused_by: tuple[str, ...]
    caught: bool
    """The expected gate refused, and the champion is the one it was."""
    seconds: float
    answer: str = Field(validation_alias=AliasChoices("answer", "told"))
    """The answer of the flow, or the error in which it ended."""


class PromotionShare(BaseModel):
    """How many of some challengers were promoted, of how many."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tried: str
    promoted: int = Field(ge=0)
    tries: int = Field(ge=1)

    @property
    def share(self) -> float:
        """The share that was promoted."""
        return self.promoted / self.tries

    @property
    def interval(self) -> tuple[float, float]:
        """Return the bounds within which the true share lies with 95 % confidence.

        Source: Clopper and Pearson, The use of confidence or fiducial limits, Biometrika 26, 1934.
        """
        from scipy.stats import beta

        failed = self.tries - self.promoted
        low = float(beta.ppf(SURELY / 2, self.promoted, failed + 1)) if self.promoted else 0.0
        high = float(beta.isf(SURELY / 2, self.promoted + 1, failed)) if failed else 1.0
        return low, high

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.promoted} of {self.tries} promoted, {self.share:.1%} (95 %: {low:.1%} to {high:.1%})"


class DrillReport(BaseModel):
    """The results of a drill."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    error_rate: float
    attempts: tuple[Attempt, ...]
    luck: PromotionShare
    improvements: tuple[PromotionShare, ...]
    """From small to large."""


class DrillFailedError(RuntimeError):
    """A sabotage slipped through, there were too many false promotions, or a real improvement was refused."""


def failures(report: DrillReport, policy: DrillPolicy) -> list[str]:
    """Say what went wrong in a drill, one sentence each; empty if all was as it should be."""
    sentences = [
        f"{attempt.tried}: expected {attempt.expected}, "
        f"refused by {', '.join(attempt.refused_by) or 'no gate'} ({attempt.answer})"
        for attempt in report.attempts
        if not attempt.caught
    ]
    if report.luck.interval[0] > report.error_rate:
        sentences.append(f"false promotions: {report.luck}, limit {report.error_rate:.1%}")
    large = report.improvements[-1]
    if large.share < policy.min_accepted:
        sentences.append(f"{large.tried}: {large}, at least {policy.min_accepted:.0%} required")
    return sentences


def summary(report: DrillReport, failed: Sequence[str]) -> str:
    """Say in one sentence how a drill ended."""
    caught = sum(attempt.caught for attempt in report.attempts)
    verdict = "passed" if not failed else f"failed: {'; '.join(failed)}"
    count = f"{caught} of {len(report.attempts)} as expected"
    return f"{report.usecase}: {count}; false promotions: {report.luck}; drill {verdict}"


def as_rows(report: DrillReport, policy: DrillPolicy) -> list[dict[str, object]]:
    """Return the drill's table, one row an attempt, as people read it."""
    rows: list[dict[str, object]] = [
        {
            "tried": attempt.tried,
            "expected": attempt.expected,
            "found": ", ".join(attempt.refused_by)
            or ("promoted" if attempt.expected == NOTHING and attempt.caught else "-"),
            "as expected": _word(attempt.caught),
            "seconds": round(attempt.seconds, 1),
        }
        for attempt in report.attempts
    ]
    lucky = f"promoted in at most {report.error_rate:.0%}"
    rows.append(_row(report.luck, lucky, _word(report.luck.interval[0] <= report.error_rate)))
    *smaller, large = report.improvements
    rows += [_row(share, "measured", "") for share in smaller]
    return [
        *rows,
        _row(large, f"promoted in at least {policy.min_accepted:.0%}", _word(large.share >= policy.min_accepted)),
    ]


def _row(share: PromotionShare, expected: str, word: str) -> dict[str, object]:
    return {"tried": share.tried, "expected": expected, "found": str(share), "as expected": word, "seconds": ""}


def _word(well: bool) -> str:
    return "yes" if well else "NO"
