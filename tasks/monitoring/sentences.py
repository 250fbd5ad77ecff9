"""Say what a check shows in sentences: those of one kind as one, many as a summary, each with its code."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tasks.codes import with_code
from tasks.monitoring.signals.health import Fault
from tasks.monitoring.signals.models import Alarm, Signal

MOST = 5
"""How many sentences, or names, a summary holds; it says how many more there are."""


class Sentence(NamedTuple):
    """What is said of one column, or of all rows where it has none."""

    column: str
    text: str
    code: str

    @property
    def rest(self) -> str:
        """What follows the column's name; columns with the same rest share kind and numbers."""
        return self.text.removeprefix(self.column) if self.text.startswith(f"{self.column} ") else ""


def fault_sentences(faults: Iterable[Fault]) -> list[Sentence]:
    """Return what each fault says."""
    return [Sentence(fault.column, fault.sentence, fault.code) for fault in faults]


def alarm_sentences(alarm: Alarm | None) -> list[Sentence]:
    """Return what each signal of an alarm says; nothing where none rings."""
    return [] if alarm is None else signal_sentences(alarm.signals, alarm.reasons)


def signal_sentences(signals: Sequence[Signal], reasons: Sequence[str]) -> list[Sentence]:
    """Return each signal's reason as a sentence."""
    return [Sentence(signal.column, text, signal.code) for signal, text in zip(signals, reasons, strict=True)]


def grouped(sentences: Iterable[Sentence]) -> list[list[Sentence]]:
    """Return the sentences, those of columns that share kind and numbers together, in order of the first of each."""
    groups: dict[tuple[str, str, str], list[Sentence]] = {}
    for sentence in sentences:
        key = (sentence.code, sentence.rest, "" if sentence.rest else sentence.text)
        groups.setdefault(key, []).append(sentence)
    return list(groups.values())


def line(group: Sequence[Sentence]) -> str:
    """Return one line for sentences of one kind: "8 columns are missing in all 1,200 rows: a, b [missing-values]"."""
    first = group[0]
    names = list(dict.fromkeys(sentence.column for sentence in group))
    if len(names) == 1:
        return with_code(first.text, first.code)
    return with_code(f"{len(names):,} columns{_plural(first.rest)}: {listed(names)}", first.code)


def lines(sentences: Iterable[Sentence]) -> list[str]:
    """Return one line for each group of sentences."""
    return [line(group) for group in grouped(sentences)]


def summary(sentences: Iterable[Sentence], where: str, most: int = MOST) -> str:
    """Return the first few lines in one, and how many more there are and `where` they stand; empty without any."""
    every = lines(sentences)
    left_out = len(every) - most
    return "; ".join(every[:most]) + (f"; and {left_out:,} more {where}" if left_out > 0 else "")


def listed(names: Sequence[str], most: int = MOST) -> str:
    """Return the first few names, and how many more there are; "none" without any."""
    left_out = len(names) - most
    return (", ".join(names[:most]) or "none") + (f" and {left_out:,} more" if left_out > 0 else "")


def _plural(rest: str) -> str:
    for singular, plural in ((" is ", " are "), (" has ", " have ")):
        if rest.startswith(singular):
            return plural + rest.removeprefix(singular)
    return rest
