"""Which rows are stored after a collection, however often, however late and however abruptly it ends?"""

import json
import random
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tasks.data.collection import (
    Collected,
    as_known,
    collect_periods,
    list_windows,
    quarantine_records,
    show_collected,
    windows_to_collect,
)
from tasks.data.tables import observations, quarantine
from tasks.data.validation import BatchPolicy
from tasks.errors import BatchRefusedError
from tasks.windows import Window, periods

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FIRST_DAY = Window(start=JAN_1, end=JAN_1 + DAY)
LENIENT = BatchPolicy(max_bad_share=1, min_volume_share=0)
STRICT = BatchPolicy(max_bad_share=0.25, min_volume_share=0.5)

COLLECT_10_DAYS = """
from datetime import UTC, datetime, timedelta
from tasks.data.collection import collect_periods, list_windows
from tasks.data.validation import BatchPolicy

as_of = datetime(2024, 1, 11, tzinfo=UTC)
policy = BatchPolicy(max_bad_share=1, min_volume_share=0)
windows = list_windows.fn("stall", as_of)
ready.set()
for window in windows:
    collect_periods.fn("stall", [window], as_of, policy)
"""
SALES_OF_10_DAYS = 8 * 10
BAD_SALES_OF_10_DAYS = [f"S{number}" for number in range(7, SALES_OF_10_DAYS, 20)]


def on_day(number, hour=0):
    return JAN_1 + number * DAY + hour * HOUR


def collect(window=FIRST_DAY, as_of=JAN_1 + 10 * DAY, policy=LENIENT):
    return collect_periods.fn("stall", [window], as_of, policy)[0]


def collect_days(*numbers, as_of, policy=LENIENT):
    return [collect(Window(start=on_day(n), end=on_day(n + 1)), as_of, policy) for n in numbers]


def names(rows):
    return sorted(rows["sale"], key=lambda name: int(name[1:]))


def set_aside(problem):
    """Return the quarantined sales' names and reasons."""
    rows = quarantine(problem).read()
    return sorted(zip((json.loads(text)["sale"] for text in rows["row"]), rows["reasons"], strict=True))


@pytest.mark.parametrize(
    ("newest", "first"),
    [(None, 0), (on_day(1, 5), 1), (on_day(7), 7), (on_day(7, 1), 7), (on_day(9, 23), 7)],
    ids=["nothing stored", "long ago", "at the look-back", "after the look-back", "just now"],
)
def test_periods_are_read_since_the_newest_stored_row_and_in_any_case_over_the_look_back(stall, newest, first):
    windows = windows_to_collect(stall, newest, as_of=on_day(10))

    assert windows == periods(Window(start=on_day(first), end=on_day(10)), DAY)


def test_the_look_back_reaches_to_the_start_of_its_period_but_not_before_history(stall):
    assert windows_to_collect(stall, on_day(5), as_of=on_day(5, 6))[0].start == on_day(2)
    assert windows_to_collect(stall, on_day(0, 1), as_of=on_day(1))[0].start == JAN_1


def test_the_last_period_ends_at_the_moment_of_the_run(stall):
    assert windows_to_collect(stall, None, as_of=on_day(1, 6)) == [
        Window(start=on_day(0), end=on_day(1)),
        Window(start=on_day(1), end=on_day(1, 6)),
    ]


def test_there_is_nothing_to_read_before_history_starts(stall):
    assert windows_to_collect(stall, None, as_of=JAN_1) == []


def test_rows_exist_from_after_their_event_time_and_those_without_one_always(stall, sales):
    rows = sales({"sold_at": on_day(1) - HOUR}, {"sold_at": on_day(1)}, {"sold_at": None})

    assert as_known(rows, stall, on_day(1))["sale"].tolist() == ["S0", "S2"]


@pytest.mark.parametrize(
    ("told_at", "expected"),
    [(on_day(3) - HOUR, True), (on_day(3), True), (on_day(3) + HOUR, False), (None, False)],
    ids=["before", "at", "after", "never"],
)
def test_a_label_exists_from_its_label_time_on(stall, sales, told_at, expected):
    rows = as_known(sales({"told_at": told_at, "returned": 1.0}), stall, on_day(3))

    assert rows["returned"].notna().tolist() == [expected]
    assert rows["told_at"].notna().tolist() == [expected]


def test_what_is_known_later_is_hidden_without_touching_the_rows_given(stall, sales):
    rows = sales({})

    as_known(rows, stall, on_day(1))

    pd.testing.assert_frame_equal(rows, sales({}))


def test_a_quarantined_row_is_kept_whole_with_its_reasons_source_and_times(stall, sales):
    bad = sales({"price": -1.0, "returned": None})

    [record] = quarantine_records(bad, pd.Series(["price: too low; returned: odd"]), stall, on_day(4))

    assert json.loads(record["row"])["price"] == -1.0
    assert record["reasons"] == "price: too low; returned: odd"
    assert (record["source"], record["event_time"], record["quarantined_at"]) == ("shelf", JAN_1, on_day(4))


def test_a_quarantined_row_is_named_by_its_values_and_reasons_alone(stall, sales):
    rows = sales({}, {}, {"sale": "S0", "sold_at": JAN_1, "told_at": on_day(2)})
    why = pd.Series(["a", "b", "a"])

    first = quarantine_records(rows[:2], why[:2], stall, on_day(4))
    later = quarantine_records(rows[:1], why[1:2], stall, on_day(5)) + quarantine_records(
        rows[:1], why[:1], stall, on_day(6)
    )

    assert first[0]["id"] == later[1]["id"]
    assert len({record["id"] for record in first + later}) == 3


def test_good_rows_are_stored_and_bad_ones_set_aside_with_their_reason(stall, state):
    collected = collect()

    assert (collected.inserted, collected.updated, collected.quarantined) == (7, 0, 1)
    assert names(observations(stall).read()) == ["S0", "S1", "S2", "S3", "S4", "S5", "S6"]
    assert set_aside(stall) == [("S7", "price: in_range(0, 1000)")]


def test_a_period_collected_again_changes_nothing(stall, state):
    first = collect()

    again = collect()

    assert (again.inserted, again.updated, again.quarantined) == (0, 0, 0)
    assert (again.version, quarantine(stall).version()) == (first.version, 1)


def test_a_label_that_has_become_known_is_merged_into_its_row(stall, state):
    collect(as_of=on_day(1))
    assert observations(stall).read()["returned"].isna().all()

    collected = collect(as_of=on_day(2, 9))

    assert (collected.inserted, collected.updated) == (0, 4)  # sold at 0, 3, 6 and 9 o'clock, told two days later
    assert names(observations(stall).read().dropna(subset=["returned", "told_at"])) == ["S0", "S1", "S2", "S3"]


def test_a_collection_as_of_an_earlier_moment_unlearns_no_label(stall, state):
    collect(as_of=on_day(10))

    collect(as_of=on_day(1))

    assert observations(stall).read()["returned"].notna().all()


def test_late_and_restated_rows_are_merged_by_key(stall, state, sales):
    stall.source.stock = sales({}, {}, {})
    collect()
    stall.source.stock = sales({}, {"price": 99.0}, {}, {})

    collected = collect()

    assert (collected.inserted, collected.updated) == (1, 1)
    assert sorted(observations(stall).read()["price"]) == [10.0, 12.0, 13.0, 99.0]


def test_a_row_without_event_time_is_set_aside_once_though_each_period_brings_it(stall, state, sales):
    stall.source.stock = sales({}, {"sold_at": None}, {"sold_at": on_day(1)})

    collected = collect_days(0, 1, as_of=on_day(10))

    assert [piece.quarantined for piece in collected] == [1, 0]
    assert set_aside(stall) == [("S1", "sold_at: missing")]


def test_rows_without_event_time_do_not_make_each_period_a_bad_batch(stall, state, sales):
    stall.source.stock = sales({}, *[{"sold_at": None}] * 9)

    assert collect(policy=STRICT).inserted == 1


def test_a_bad_row_twice_in_a_batch_is_set_aside_once(stall, state, sales):
    bad = {"sale": "S9", "price": -1.0, "sold_at": JAN_1, "told_at": None, "items": 1, "gift": True}
    same = {"channel": "web", "returned": None, "weight": 1.0}
    stall.source.stock = sales({}, bad | same, bad | same, bad | same)

    assert collect().quarantined == 2  # the last one bears the key alone, the two before it do not


def test_a_bad_batch_is_refused_whole_and_taken_again_by_the_next_run(stall, state, sales):
    stall.source.stock = sales({}, {"price": -1.0}, {"price": -1.0}, {})

    with pytest.raises(
        BatchRefusedError, match=r"^stall \[2024-01-01 00:00, .*: expected at most 25.0% bad rows, found 50"
    ):
        collect(policy=STRICT)

    assert observations(stall).read().empty
    assert quarantine(stall).read().empty
    assert list_windows.fn("stall", on_day(1)) == [FIRST_DAY]
    assert collect(policy=LENIENT).inserted == 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows.drop(columns="price"), "expected column 'price', found only 'sale', 'sold_at'"),
        (lambda rows: rows.astype({"price": str}), "expected 'price' as float64, found str, such as"),
    ],
    ids=["column gone", "type changed"],
)
def test_a_batch_of_another_shape_is_refused_whole(stall, state, spoil, message):
    stall.source.stock = spoil(stall.source.stock)

    with pytest.raises(BatchRefusedError, match=f"^stall .*: {message}.*the next run takes it again"):
        collect()

    assert observations(stall).version() is None
    assert quarantine(stall).version() is None


def test_a_period_with_far_fewer_rows_than_usual_is_refused(stall, state):
    collect_days(0, 1, 2, as_of=on_day(10))
    stall.source.stock = stall.source.stock[:27]  # three of the fourth day

    with pytest.raises(BatchRefusedError, match="expected at least 50% of the usual 8 rows, found 3"):
        collect_days(3, as_of=on_day(10), policy=STRICT)


def test_a_period_without_any_row_where_rows_are_usual_is_refused_too(stall, state):
    collect_days(0, 1, 2, as_of=on_day(10))
    stall.source.stock = stall.source.stock[:24]  # none of the fourth day

    with pytest.raises(BatchRefusedError, match="expected at least 50% of the usual 8 rows, found 0"):
        collect_days(3, as_of=on_day(10), policy=STRICT)


def test_a_period_that_is_not_over_may_hold_fewer_rows_than_usual(stall, state):
    collect_days(0, 1, 2, as_of=on_day(10))

    collected = collect(Window(start=on_day(3), end=on_day(3, 6)), as_of=on_day(3, 6), policy=STRICT)

    assert collected.inserted == 2


def test_a_source_without_rows_stores_none(stall, state):
    stall.source.stock = stall.source.stock[:0]

    collected = collect()

    assert (collected.inserted, collected.updated, collected.quarantined) == (0, 0, 0)
    assert observations(stall).read().empty


def test_the_periods_to_read_begin_where_the_stored_rows_end(stall, state):
    assert list_windows.fn("stall", on_day(8))[0] == FIRST_DAY

    collect_days(0, 1, 2, as_of=on_day(8))

    assert list_windows.fn("stall", on_day(8)) == periods(Window(start=on_day(2), end=on_day(8)), DAY)


def assert_10_days_are_stored_once(problem):
    sold = [f"S{number}" for number in range(SALES_OF_10_DAYS)]
    assert names(observations(problem).read()) == [name for name in sold if name not in BAD_SALES_OF_10_DAYS]
    assert [name for name, _ in set_aside(problem)] == sorted(BAD_SALES_OF_10_DAYS)


@pytest.mark.slow
def test_a_collection_that_is_killed_again_and_again_loses_and_doubles_nothing(stall, process, killed):
    moments = random.Random(2013)

    ends = [killed(COLLECT_10_DAYS, moments.uniform(0, 0.15)) for _ in range(4)]
    process(COLLECT_10_DAYS).join(60)

    assert ends == [-9, -9, -9, -9]
    assert_10_days_are_stored_once(stall)


@pytest.mark.slow
def test_two_collections_at_once_store_each_row_once(stall, process):
    both = [process(COLLECT_10_DAYS), process(COLLECT_10_DAYS)]

    ends = [(running.join(60), running.exitcode)[1] for running in both]

    assert ends == [0, 0]
    assert_10_days_are_stored_once(stall)


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([(51_955, 0, 3), (45, 1_200, 0)], "stall: 52,000 new rows, 1,200 updated, 3 quarantined"),
        ([], "nothing to do: no time has passed since the last collection"),
    ],
)
def test_a_collection_is_shown_by_its_counts(shown, pieces, message):
    counts = ("inserted", "updated", "quarantined")
    collected = [Collected(window=FIRST_DAY, version=1, **dict(zip(counts, piece, strict=True))) for piece in pieces]

    show_collected.fn("stall", collected)

    assert shown[0]["description"] == message


@pytest.mark.parametrize(("hour", "price"), [(-1, 99.0), (0, 10.0), (1, 10.0)], ids=["before", "at", "after"])
def test_a_row_that_is_stored_of_the_moment_or_later_keeps_a_collection_from_restating_any(
    stall, state, sales, hour, price
):
    unlabelled = {"told_at": None, "returned": None}
    observations(stall).upsert(sales(unlabelled, unlabelled | {"sold_at": on_day(1, hour)}))
    stall.source.stock = sales({"price": 99.0})

    collect(as_of=on_day(1))

    assert observations(stall).read().set_index("sale")["price"]["S0"] == price


@pytest.mark.parametrize(("hour", "price"), [(-1, 99.0), (0, 99.0), (1, 10.0)], ids=["before", "at", "after"])
def test_so_does_a_label_that_is_known_only_after_the_moment(stall, state, sales, hour, price):
    observations(stall).upsert(sales({"told_at": on_day(1, hour)}))
    stall.source.stock = sales({"price": 99.0, "told_at": on_day(1, hour)})

    collect(as_of=on_day(1))

    assert observations(stall).read()["price"].tolist() == [price]
