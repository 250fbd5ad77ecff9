"""Which quarantined rows come back after the schema has changed, and how often?"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pandera.pandas as pa
import pytest

from tasks.data.collection import collect_periods, list_windows, quarantine_records
from tasks.data.quarantine import STORED_BETTER, readmit_rows, restored, show_readmission, still_aside
from tasks.data.tables import observations, quarantine, readmissions
from tasks.data.validation import REPEATED, BatchPolicy
from tasks.status import current_status
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LENIENT = BatchPolicy(max_bad_share=1, min_volume_share=0)
NOW = JAN_1 + 10 * DAY
BAD_SALES = ["S7", "S27", "S47", "S67"]
"""Every twentieth of eighty has a price of -1."""
PROGRAM = """
from dataclasses import replace
from datetime import UTC, datetime
import pandera.pandas as pa
import usecases.stall as file
from tasks.data.quarantine import readmit_rows

file.USE_CASE = replace(file.USE_CASE, schema=file.SCHEMA.update_column("price", checks=pa.Check.in_range(-1, 1000)))
ready.set()
readmit_rows.fn("stall", None, "", datetime(2024, 1, 11, tzinfo=UTC))
"""


def on_day(number, hour=0):
    return JAN_1 + number * DAY + timedelta(hours=hour)


@pytest.fixture
def collected(stall, state):
    """Ten days of sales, of which four were set aside for their price."""
    collect_periods.fn("stall", list_windows.fn("stall", NOW), NOW, LENIENT)
    return stall


@pytest.fixture
def relaxed(collected, stall_file):
    """The same, by a schema that has come to allow a price of -1."""
    price = stall_file.SCHEMA.update_column("price", checks=pa.Check.in_range(-1, 1000))
    stall_file.USE_CASE = replace(collected, schema=price)
    return stall_file.USE_CASE


@pytest.fixture
def set_aside(stall, state):
    """Put good sales into the quarantine, as if an earlier schema had refused them."""

    def put(rows, day=5, why="price: too low"):
        records = quarantine_records(rows, pd.Series(why, index=rows.index), stall, on_day(day))
        quarantine(stall).append_new(quarantine(stall).rows(records))

    return put


def readmit(over=None, because="", as_of=NOW):
    return readmit_rows.fn("stall", over, because, as_of)


def stored(problem, *sales):
    rows = observations(problem).read()
    return rows[rows["sale"].isin(sales)].sort_values("sold_at")


def names_aside(problem):
    return [json.loads(row)["sale"] for row in still_aside(problem, NOW)["row"]]


def test_rows_that_are_good_now_are_stored_as_the_source_gave_them(relaxed):
    result = readmit()

    assert (result.looked_at, result.readmitted, result.inserted, result.remaining) == (4, 4, 4, {})
    back = stored(relaxed, *BAD_SALES)
    expected = relaxed.source.stock.loc[[7, 27, 47, 67], list(relaxed.columns)]
    pd.testing.assert_frame_equal(back[:3].reset_index(drop=True), expected[:3].reset_index(drop=True))
    assert back["returned"].isna().tolist() == [False, False, False, True]  # S67 of day 8 was told after day 10
    assert len(observations(relaxed).read()) == 80


def test_readmitted_again_nothing_is_stored_twice_and_nothing_is_left_to_look_at(relaxed):
    readmit()
    version = observations(relaxed).version()

    again = readmit()

    assert (again.looked_at, again.readmitted) == (0, 0)
    assert (observations(relaxed).version(), len(readmissions(relaxed).read())) == (version, 4)


def test_a_run_that_died_between_its_two_writes_is_finished_by_the_next(relaxed, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("tasks.data.quarantine.readmissions", lambda _problem: 1 / 0)
        broken.setattr("tasks.data.quarantine.still_aside", lambda problem, _now: quarantine(problem).read())
        with pytest.raises(ZeroDivisionError):
            readmit()
    assert (len(observations(relaxed).read()), len(readmissions(relaxed).read())) == (80, 0)

    result = readmit()

    assert (result.readmitted, result.inserted) == (4, 0)
    assert (len(observations(relaxed).read()), names_aside(relaxed)) == (80, [])


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0, 0.05])
def test_a_run_that_is_killed_after_its_first_write_loses_and_doubles_nothing(relaxed, process, killed, seconds):
    killed(PROGRAM, seconds)
    process(PROGRAM).join(60)

    sold = observations(relaxed).read()["sale"]
    assert (len(sold), sold.nunique(), names_aside(relaxed)) == (80, 80, [])
    assert len(readmissions(relaxed).read()) == 4


def test_by_the_same_schema_nothing_comes_back_and_what_speaks_against_it_is_told(collected):
    result = readmit()

    assert (result.looked_at, result.readmitted) == (4, 0)
    assert result.remaining == {"price: in_range(0, 1000)": 4}
    assert (len(observations(collected).read()), sorted(names_aside(collected))) == (76, sorted(BAD_SALES))


def test_an_empty_quarantine_has_nothing_to_readmit(stall, state, shown):
    sentence = show_readmission.fn("stall", readmit())

    assert sentence == "stall: nothing to readmit: no quarantined row has this event time and these reasons"


@pytest.mark.parametrize(
    ("over", "because", "back"),
    [
        (Window(start=on_day(0, 21), end=on_day(3, 9)), "", ["S7"]),
        (Window(start=on_day(0, 21), end=on_day(3, 12)), "", ["S7", "S27"]),
        (None, "price", BAD_SALES),
        (None, "weight", []),
    ],
)
def test_only_rows_of_the_window_and_the_reason_are_looked_at(relaxed, over, because, back):
    readmit(over, because)

    assert stored(relaxed, *BAD_SALES)["sale"].tolist() == back


def test_a_stored_row_gives_way_only_to_one_that_knows_its_label(stall, state, sales, set_aside):
    expected = sales({}, {}, {}).assign(price=99.0)
    observations(stall).upsert(expected.assign(price=10.0, returned=[None, 1.0, None]).astype(stall.dtypes))
    set_aside(expected.assign(returned=[1.0, 0.0, None]))

    result = readmit()

    assert (result.readmitted, result.inserted, result.completed, result.remaining) == (1, 0, 1, {STORED_BETTER: 2})
    assert stored(stall, "S0", "S1", "S2")["price"].tolist() == [99.0, 10.0, 10.0]


def test_the_newest_record_of_a_key_counts_and_the_others_share_its_fate(stall, state, sales, set_aside):
    set_aside(sales({"returned": None, "told_at": None}), day=1)
    set_aside(sales({}), day=3)

    result = readmit()

    assert (result.readmitted, result.inserted) == (2, 1)
    assert stored(stall, "S0")["returned"].tolist() == [1.0]


def test_an_older_good_record_does_not_come_back_where_the_newest_is_bad(stall, state, sales, set_aside):
    set_aside(sales({}), day=1)
    set_aside(sales({"items": 0}), day=3)

    result = readmit()

    assert (result.readmitted, list(result.remaining)) == (0, ["items: greater_than_or_equal_to(1)"])


def test_a_row_that_gave_way_to_a_later_one_of_its_key_is_not_looked_at(stall, state, sales, set_aside):
    set_aside(sales({}), why=f"key sale: {REPEATED}")

    assert readmit().looked_at == 0


def test_what_was_set_aside_later_does_not_exist_yet(stall, state, sales, set_aside):
    set_aside(sales({}), day=5)

    assert readmit(as_of=on_day(4)).looked_at == 0
    assert readmit(as_of=on_day(5)).readmitted == 1


def test_a_record_becomes_the_row_that_it_was(stall, sales):
    rows = sales({"weight": None, "price": 0.1 + 0.2}, {"told_at": None, "returned": None, "gift": True, "sale": "S01"})
    records = pd.DataFrame(quarantine_records(rows, pd.Series(["", ""]), stall, NOW))

    result = restored(records, stall)

    pd.testing.assert_frame_equal(result[list(stall.columns)], rows[list(stall.columns)].astype(stall.dtypes))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"price": "cheap"}, "price: 'cheap' is not a float64; price: missing"),
        ({"_unparsed": "weight: 'heavy' is not a float64"}, "weight: 'heavy' is not a float64"),
        ({"items": None}, "items: missing"),
        ({"price": float("inf")}, "price: in_range(0, 1000); price: infinite"),
    ],
)
def test_what_cannot_be_read_stays_aside_beside_rows_that_come_back(stall, state, sales, set_aside, change, reason):
    set_aside(sales({}, {}).astype(object).assign(**{name: [value, None] for name, value in change.items()})[:1])
    set_aside(sales({}, {})[1:])

    result = readmit()

    assert (result.readmitted, "; ".join(result.remaining)) == (1, reason)


def test_what_is_readmitted_no_longer_counts_as_in_quarantine(relaxed, monkeypatch):
    monkeypatch.setattr("tasks.runs.next_runs", lambda usecase: None)
    readmit(because="price", over=Window(start=JAN_1, end=on_day(3)), as_of=NOW)

    assert current_status("stall", NOW - DAY).stored.in_quarantine == 0  # all were set aside on day 10
    assert current_status("stall", NOW).stored.in_quarantine == 3
