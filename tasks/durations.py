"""Say lengths of time as people do."""

from datetime import timedelta

UNITS = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
)
MANY = 100
"""From which number on no digit after the point matters."""


def in_words(length: timedelta) -> str:
    """Return a length in the largest unit of which there is exactly one, or two and more: "25 minutes", "3.5 days"."""
    for unit, size in UNITS:
        count = float(f"{length / size:.3g}")
        if count == 1 or count >= 2:
            return _counted(length / size, unit)
    return _counted(length.total_seconds(), "second")


def _counted(count: float, unit: str) -> str:
    number = f"{count:,.0f}" if count >= MANY else f"{count:.3g}"
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"
