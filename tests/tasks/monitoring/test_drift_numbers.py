"""What does Evidently draw of a check?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.monitoring.check import Check, Performance
from tasks.monitoring.drift_numbers import SHARE, distances, drawing, headline
from tasks.monitoring.signals.models import Signal
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = Window(start=JAN_1, end=JAN_1 + timedelta(days=7))


def a_signal(column, value, exceeded=0, family="features"):
    """A statistic that is expected at 1 and has a limit of 2."""
    return Signal(family=family, column=column, statistic="location", rows=40, value=value, expected=1.0, limit=2.0,
                  exceeded=exceeded)  # fmt: skip


def a_check(value=0.5, version="3", signals=()):
    performance = Performance(metric="roc_auc", value=value, labelled=30, expected=0.75)
    return Check(usecase="stall", as_of=WEEK.end, window=WEEK, model_version=version, rows=56, performance=performance,
                 signals=signals)  # fmt: skip


def test_a_column_is_as_far_as_its_farthest_statistic_in_multiples_of_the_limit():
    farthest = distances([a_signal("price", 2.0), a_signal("price", -4.0, exceeded=-1), a_signal("weight", 1.5)])

    assert farthest == {"price": 5 / 2, "weight": 0.5 / 2}


def test_what_moved_far_to_its_harmless_side_is_not_drawn_beyond_its_limit():
    farthest = distances([a_signal("price", -9.0, family="missing")])

    assert farthest == {"price": 1.0}


@pytest.mark.parametrize("family", ["joint", "performance", "concept"])
def test_what_concerns_several_columns_moves_none(family):
    assert distances([a_signal("price", 9.0, exceeded=1, family=family), a_signal("weight", None)]) == {}


def test_the_drawing_counts_the_columns_that_the_check_counts():
    signals = (a_signal("price", 4.0, exceeded=1), a_signal("weight", 3.0), a_signal("items", 1.0))
    check = a_check(signals=(*signals, a_signal("prediction", 9.0, exceeded=1, family="prediction")))

    drawn = drawing(check)

    assert [name for name in ("price", "weight", "items") if drawn.beyond(name)] == list(check.drifting) == ["price"]
    assert drawn.beyond("prediction")
    assert not drawn.beyond("never told of")
    assert drawn.numbers[SHARE] == check.drifted_share == 1 / 3


def test_what_is_drawn_of_a_window_leaves_out_what_it_could_not_tell():
    assert drawing(a_check(version="3")).numbers == {
        "rows": 56.0,
        "labelled rows": 30.0,
        "version": 3.0,
        "roc_auc on labelled rows": 0.5,
        "roc_auc at promotion": 0.75,
        "severity of the alarm": 0.0,
        "data faults": 0.0,
    }
    assert set(drawing(a_check(value=None, version="backtest")).numbers) == {
        "rows",
        "labelled rows",
        "roc_auc at promotion",
        "severity of the alarm",
        "data faults",
    }


def test_the_page_begins_with_the_verdict():
    check = a_check(signals=(a_signal("price", 4.0, exceeded=1), a_signal("weight", 3.0)))

    window = "[2024-01-01 00:00, 2024-01-08 00:00)"
    assert headline(check).startswith(
        f"**Version 3, {window}, 56 rows: 50% of the features lie beyond their limits** (price)"
    )
    assert "no feature could be told** (none)" in headline(a_check())
