"""Write numbers as people read them in a sentence: rounded, with thousands apart, two of them told apart."""

MOST_DIGITS = 6
ROUNDING = 1e-6
"""Share of the larger of two numbers below which the other one is rounding error."""


def number(value: float, digits: int = 3) -> str:
    """Return a number with that many digits, one fewer below 1, and thousands apart: "1.59", "0.93", "26,374"."""
    size = abs(value)
    if size >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:#.{digits if size >= 1 else digits - 1}g}".rstrip(".") if value else "0"


def numbers_apart(before: float, after: float) -> tuple[str, str]:
    """Return two numbers with as many digits as it takes to see that they differ; one that is rounding error is 0."""
    least = ROUNDING * max(abs(before), abs(after))
    pair = [0.0 if abs(value) < least else value for value in (before, after)]
    for digits in range(3, MOST_DIGITS + 1):
        shown = number(pair[0], digits), number(pair[1], digits)
        if shown[0] != shown[1]:
            break
    return shown


def percents_apart(before: float, after: float) -> tuple[str, str]:
    """Return two shares as percentages with as many digits as it takes to see that they differ."""
    for digits in range(1, 5):
        shown = f"{before:.{digits}%}", f"{after:.{digits}%}"
        if shown[0] != shown[1]:
            break
    return shown


def points(share: float) -> str:
    """Return a difference of two shares in percentage points, without the word."""
    return number(100 * share)


def counted(count: float, noun: str) -> str:
    """Return a count with its noun: "1 window", "1,200 rows"."""
    return f"{count:,.0f} {noun}" if count == 1 else f"{count:,.0f} {noun}s"
