"""The codes of all that the system reports of a window or asks for: each has a section in docs/codes.md."""

from collections.abc import Mapping

from tasks.monitoring.signals.faults import FAULT_KINDS
from tasks.monitoring.signals.models import SIGNAL_TITLES
from tasks.triggers.policy import TRIGGERS

CODES: Mapping[str, Mapping[str, str]] = {
    "Signals": {str(family): title for family, title in SIGNAL_TITLES.items()},
    "Faults": {kind.replace(" ", "-"): nature.title for kind, nature in FAULT_KINDS.items()},
    "Triggers": {code: trigger.title for code, trigger in TRIGGERS.items()},
}
"""Titles by code, by chapter of the page. The ledger has signals as `families`, faults as `kind`, a `trigger`."""
