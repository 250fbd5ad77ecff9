"""Write numbers as people read them in a sentence: rounded, with thousands apart, two of them told apart."""

MOST_DIGITS = 6


def number(value: float, digits: int = 3) -> str:
    """Return a number with that many digits, one fewer below 1, and thousands apart: "1.59", "0.93", "26,374"."""
    size = abs(value)
    if size >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:#.{digits if size >= 1 else max(digits - 1, 1)}g}".rstrip(".") if value else "0"


def numbers_apart(before: float, after: float) -> tuple[str, str]:
    """Return two numbers with as many digits as it takes to see that they differ."""
    for digits in range(3, MOST_DIGITS + 1):
        shown = number(before, digits), number(after, digits)
        if shown[0] != shown[1]:
            break
    return shown


def percent(share: float) -> str:
    """Return a share as a percentage with one digit after the point; "all" and "none" are 100.0% and 0.0%."""
    return f"{share:.1%}"


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
