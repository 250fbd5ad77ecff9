"""What is measured of a window, and what is kept of it?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.data import ledger
from tasks.data.tables import checks, looks, observations, predicted
from tasks.data.watermarks import UNMARKED, mark_collected
from tasks.monitoring.accepted import acceptance
from tasks.monitoring.check import Check, ColumnDrift, Performance
from tasks.monitoring.drift_report import DriftPolicy
from tasks.monitoring.limits import WatchPolicy
from tasks.monitoring.look import Look
from tasks.monitoring.measure import check_records, keep_check, measure
from tasks.monitoring.signals.models import Signal
from tasks.promotion.promotion import promote
from tasks.registry.models import champion
from tasks.scoring.scoring import scored_rows
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DRIFT = DriftPolicy(numeric_threshold=0.5, categorical_threshold=0.3, missing_threshold=0.25, min_rows=10, max_rows=100)


def on_day(number, hour=0):
    return JAN_1 + timedelta(days=number, hours=hour)


def checked(champion, as_of, drift):
    """Return the check at a moment, its numbers kept."""
    return keep_check.fn(measure.fn("stall", champion, as_of, WatchPolicy()), champion, drift)


def days(first, last):
    return Window(start=on_day(first), end=on_day(last))


def a_column(name="price", drifted=True):
    return ColumnDrift(
        column=name,
        method="wasserstein",
        threshold=0.5,
        value=0.6,
        drifted=drifted,
        reference_missing=0.125,
        current_missing=0.25,
    )


def a_signal(column="price", side=1):
    return Signal(
        family="features",
        column=column,
        statistic="location",
        rows=56,
        value=0.5,
        expected=0.0,
        limit=0.25,
        exceeded=side,
    )


def a_check(**evidence):
    performance = Performance(metric="roc_auc", value=0.5, labelled=40, expected=0.75)
    common = {"usecase": "stall", "as_of": on_day(14), "window": days(7, 14), "model_version": "3", "rows": 56}
    return Check(**common | {"performance": performance} | evidence)


def keep(problem, check, run=""):
    return checks(problem).upsert(checks(problem).rows(check_records(check, run)))


def test_a_check_is_a_record_for_each_column_the_performance_and_the_window(stall):
    signals = (a_signal("price"), a_signal("prediction", 0).model_copy(update={"family": "prediction"}))
    check = a_check(
        features=(a_column("price"), a_column("weight")), outcomes=(a_column("prediction"),), signals=signals
    )

    records = check_records(check, "run 1")

    assert [(record["role"], record["column"], record["value"], record.get("drifted")) for record in records] == [
        ("feature", "price", 0.6, 1.0),
        ("feature", "weight", 0.6, None),
        ("outcome", "prediction", 0.6, 0.0),
        ("performance", "roc_auc", 0.5, None),
        ("window", "drifted share", 1 / 1, None),
    ]
    assert {
        (record["window_start"], record["window_end"], record["rows"], record["evidently_run"]) for record in records
    } == {(on_day(7), on_day(14), 56.0, "run 1")}


def test_a_window_checked_again_replaces_its_rows(stall, state):
    keep(stall, a_check(features=(a_column(),), signals=(a_signal(),)), "run 1")

    written = keep(stall, a_check(features=(a_column(),), signals=(a_signal(side=0),)), "run 2")

    stored = checks(stall).read()
    assert (written.inserted, written.updated) == (0, 3)
    assert stored.set_index("role")["drifted"]["feature"] == 0.0
    assert set(stored["evidently_run"]) == {"run 2"}


def test_another_window_is_stored_beside_it(stall, state):
    keep(stall, a_check())

    assert keep(stall, a_check(window=days(8, 15))).inserted == 2


@pytest.fixture
def unstored(monkeypatch, a_champion):
    """Versions of which nothing but their training rows is known."""
    monkeypatch.setattr("tasks.registry.tracking.unseen_predictions", lambda _run: None)
    monkeypatch.setattr("tasks.registry.models.first_version", lambda _name: a_champion())


def test_too_few_rows_are_a_check_that_says_so_and_knows_no_drift(stall, observed, unstored, a_champion):
    policy = DRIFT.model_copy(update={"min_rows": 57})

    check = checked(a_champion(dataset_version=observed), on_day(14), policy)

    # the champion's window of seven days has 56 sales, of which 16 were told after it had ended
    assert check.note == "56 rows in the window and 41 in the reference: 57 of each are needed to draw drift"
    assert (check.features, check.rows, check.window) == ((), 56, days(7, 14))
    assert checks(stall).read()["note"].str.contains("57 of each are needed").any()


@pytest.mark.slow
def test_the_reference_is_what_the_champion_was_trained_on_at_its_version(stored, challenger, sales, shown):
    promote.fn(*challenger(7), ())
    restated, as_before = [{"weight": None, "price": 999.0}] * 8 * 7, [{}] * 8 * 7
    observations(stored).upsert(sales(*restated, *as_before))

    check = checked(champion("stall"), on_day(14), DRIFT)

    drawn = {column.column: column for column in (*check.features, *check.outcomes)}
    assert (check.note, set(drawn)) == ("", {"price", "weight", "items", "channel", "prediction", "target"})
    # the first week lost its weights and got dear only after it was learned from
    assert (drawn["weight"].reference_missing, drawn["weight"].current_missing) == (0, 0)
    assert not drawn["price"].drifted
    # of 56 sales of the second week, told after two days, 8 * 5 and that at the start of day 12 have their label
    assert (drawn["target"].reference_missing, drawn["target"].current_missing) == (0, (56 - 8 * 5 - 1) / 56)


def test_a_look_is_stored_once_a_window_and_brought_up_to_date_as_labels_land(stall, observed, unstored, a_champion):
    champion, strict = a_champion(dataset_version=observed), DRIFT.model_copy(update={"min_rows": 100})
    for day in (14, 14, 15):
        checked(champion, on_day(day), strict)

    stored_looks = [Look.model_validate_json(body) for body in looks(stall).read().sort_values("window_end")["body"]]

    # told after two days: of day 14's window 41 were known then, and eight more a day later
    assert [(look.window, look.labelled, look.as_of) for look in stored_looks] == [
        (days(7, 14), 41 + 8, on_day(15)),
        (days(8, 15), 41, on_day(15)),
    ]


def test_a_fault_that_a_person_has_accepted_is_none_any_more(stall, observed, unstored, sales, a_champion):
    observations(stall).upsert(sales(*[{}] * 56, *[{"weight": None}] * 56))
    given = a_champion(dataset_version=observed), on_day(14), DRIFT.model_copy(update={"min_rows": 100})
    # healthy rows are told from fifty on, and the champion has 56
    before = checked(*given)
    ledger.record(acceptance("stall", on_day(14), before.faults, "weight", "it is optional now", []))

    after = checked(*given)

    assert {fault.column for fault in before.faults} == {"weight"}
    assert after.faults == ()


def minutes_after(day, minutes):
    return on_day(day) + timedelta(minutes=minutes)


def test_a_check_long_after_the_newest_collection_ends_there_and_finds_no_fault(stall, observed, unstored, a_champion):
    mark_collected.fn("stall", on_day(14))
    given = a_champion(dataset_version=observed), on_day(17), DRIFT.model_copy(update={"min_rows": 100})

    check = checked(*given)

    assert (check.window, check.rows, check.as_of) == (days(7, 14), 56, on_day(17))
    assert check.performance.labelled == 0
    assert check.faults == ()
    assert check.feed == "read up to 2024-01-15 00:00, 3 days ago"


def test_without_a_watermark_a_check_ends_at_its_own_moment_and_says_why(stall, observed, unstored, a_champion):
    given = a_champion(dataset_version=observed), on_day(17), DRIFT.model_copy(update={"min_rows": 100})

    check = checked(*given)

    assert (check.window, check.feed) == (days(10, 17), UNMARKED)


def test_rows_that_lie_beyond_the_newest_collection_are_not_looked_at(stall, observed, unstored, a_champion):
    mark_collected.fn("stall", on_day(14))  # a later one was cut off after it had stored the rows of more days
    given = a_champion(dataset_version=observed), on_day(17), DRIFT.model_copy(update={"min_rows": 100})

    checked(*given)

    [look] = [Look.model_validate_json(body) for body in looks(stall).read()["body"]]
    # told after two days: 41 of the window's sales by its end
    assert (look.window, look.rows, look.labelled) == (days(7, 14), 56, 41)


def test_a_second_check_before_the_next_collection_leaves_the_looks_as_they_are(stall, observed, unstored, a_champion):
    mark_collected.fn("stall", on_day(14))
    champion, strict = a_champion(dataset_version=observed), DRIFT.model_copy(update={"min_rows": 100})
    first = checked(champion, minutes_after(14, 5), strict)
    before = looks(stall).version(), len(checks(stall).read())

    second = checked(champion, minutes_after(14, 10), strict)

    assert (looks(stall).version(), len(checks(stall).read())) == before
    assert second.signals == first.signals
    assert (first.as_of, second.as_of) == (minutes_after(14, 5), minutes_after(14, 10))


def test_labels_that_land_bring_the_measured_performance_with_them(stall, observed, unstored, monkeypatch, a_champion):
    rows = observations(stall).read()
    predicted(stall).append_new(scored_rows(rows, stall, a_champion(), rows["returned"].fillna(0.0), on_day(14)))

    checked(a_champion(dataset_version=observed), on_day(14), DRIFT.model_copy(update={"min_rows": 100}))

    [look] = [Look.model_validate_json(body) for body in looks(stall).read()["body"]]
    assert look.measured == 1.0
