"""Which labels exist for a run?"""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pandera.pandas as pa
import pytest

from tasks.labels import as_known, as_usable, label_time_passed, usable


def day(number: int) -> datetime:
    return datetime(2024, 1, number, tzinfo=UTC)


@pytest.fixture
def patient(stall):
    """The stall whose labels are trusted from the time in column `settled_at` on."""
    settled = pa.Column("datetime64[us, UTC]", nullable=True)
    return replace(stall, schema=stall.schema.add_columns({"settled_at": settled}), mature="settled_at")


@pytest.fixture
def sold(sales):
    """Three sales of 1 January, told on the 2nd, the 5th and never; all settled on the 4th."""
    label_times = [pd.Timestamp(day(2)), pd.Timestamp(day(5)), None]
    rows = sales(*({"told_at": at, "returned": None if at is None else 1.0} for at in label_times))
    return rows.assign(settled_at=pd.Timestamp(day(4)))


@pytest.mark.parametrize(("moment", "expected"), [(day(1), False), (day(2), True), (day(3), True)])
def test_a_label_is_known_from_its_label_time_on(stall, sold, moment, expected):
    assert label_time_passed(sold, stall, moment).iloc[0] == expected


@pytest.mark.parametrize(("moment", "expected"), [(day(3), False), (day(4), True), (day(5), True)])
def test_a_label_that_came_early_is_usable_once_it_is_mature(patient, sold, moment, expected):
    assert usable(sold, patient, moment).iloc[0] == expected


@pytest.mark.parametrize(("moment", "expected"), [(day(4), False), (day(5), True)])
def test_a_mature_row_is_usable_only_once_its_label_is_known(patient, sold, moment, expected):
    assert usable(sold, patient, moment).iloc[1] == expected


def test_a_row_that_never_gets_a_label_is_never_usable(patient, sold):
    assert not usable(sold, patient, day(31)).iloc[2]


def test_a_row_without_a_time_of_maturity_is_never_usable(patient, sold):
    assert not usable(
        sold.assign(settled_at=pd.Series(pd.NaT, sold.index, "datetime64[us, UTC]")), patient, day(31)
    ).any()


def test_without_maturity_a_label_is_usable_as_soon_as_it_is_known(stall, sold):
    assert usable(sold, stall, day(2)).tolist() == [True, False, False]


def test_an_immature_label_is_stored_but_not_shown(patient, sold):
    assert as_known(sold, patient, day(3))["returned"].tolist()[0] == 1.0
    assert as_usable(sold, patient, day(3))["returned"].isna().all()


def test_a_hidden_label_takes_its_time_along_since_that_reveals_it(patient, sold):
    assert as_usable(sold, patient, day(4))["told_at"].notna().tolist() == [True, False, False]
