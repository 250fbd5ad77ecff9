"""What is measured of a window, and when are the automations told?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks import ledger
from tasks.acceptance import acceptance
from tasks.checks import Check, ColumnDrift, History, Performance
from tasks.collection import observations
from tasks.drift import DriftPolicy
from tasks.episodes import open_episode
from tasks.ledger import Decision
from tasks.monitoring import (
    ask_for_retrain,
    check_records,
    checks,
    findings,
    history,
    live_predictions,
    looks,
    measure,
    performance,
    scouts_of,
)
from tasks.policy import RetrainPolicy
from tasks.registry import Champion
from tasks.scoring import predicted, scored_rows
from tasks.signals.health import Fault
from tasks.signals.models import Alarm, Signal
from tasks.watching import Look
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DRIFT = DriftPolicy(numeric_threshold=0.5, categorical_threshold=0.3, missing_threshold=0.25, min_rows=10, max_rows=100)


RETRAINING = RetrainPolicy(max_loss=0.1, min_labelled=10, cooldown_days=0, min_new_rows=0)


def on_day(number, hour=0):
    return JAN_1 + timedelta(days=number, hours=hour)


def days(first, last):
    return Window(start=on_day(first), end=on_day(last))


def a_champion(until=7, dataset_version=1):
    return Champion(
        name="stall",
        version="3",
        run_id="run",
        dataset_version=dataset_version,
        trained_from=JAN_1,
        trained_until=on_day(until),
        promoted_at=on_day(until),
        expected_score=0.75,
    )


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


def a_check(**found):
    seen = Performance(metric="roc_auc", value=0.5, labelled=40, expected=0.75)
    common = {"usecase": "stall", "as_of": on_day(14), "window": days(7, 14), "model_version": "3", "rows": 56}
    return Check(**common | {"performance": seen} | found)


def keep(problem, check, run=""):
    return checks(problem).upsert(checks(problem).rows(check_records(check, run)))


@pytest.fixture
def told(monkeypatch):
    """What the automations were told, instead of telling a server."""
    events = []
    monkeypatch.setattr("prefect.events.emit_event", lambda **event: events.append(event))
    return events


def test_a_performance_counts_labels_that_are_known_of_rows_that_the_model_had_not_seen(stall, sales):
    live = sales(*({"returned": known} for known in (1.0, 0.0, 1.0, None, 0.0))).assign(
        prediction=[0.9, 0.1, 0.05, 0.9, 0.99],
        in_training=[False, False, False, False, True],
    )

    seen = performance(live, stall, 0.75)

    # Of the pairs of a 1 and a 0, (.9, .1) is in the right order and (.05, .1) is not.
    assert seen == Performance(metric="roc_auc", value=1 / 2, labelled=3, expected=0.75)


def test_a_performance_without_labels_is_unknown(stall, sales):
    live = sales({"returned": None}).assign(prediction=0.5, in_training=False)

    assert performance(live, stall, 0.75) == Performance(metric="roc_auc", value=None, labelled=0, expected=0.75)


def test_live_predictions_are_the_windows_rows_as_known_beside_what_was_predicted(stall, state, sales):
    rows = sales({"sold_at": on_day(6)}, {"sold_at": on_day(7)}, {"sold_at": on_day(8)}, {"sold_at": on_day(9)})
    known = rows.assign(told_at=[on_day(8), on_day(9), on_day(10), on_day(11)], returned=1.0)
    observations(stall).upsert(known.astype(stall.dtypes))
    predicted(stall).append_new(scored_rows(known[:3], stall, a_champion(), [0.1, 0.2, 0.3], on_day(9)))

    live = live_predictions(stall, days(7, 10), as_of=on_day(9)).sort_values("sold_at")

    assert live["sale"].tolist() == ["S1", "S2"]  # S0 is older, S3 has no prediction and was not there yet
    assert live["prediction"].tolist() == [0.2, 0.3]
    assert live["returned"].notna().tolist() == [True, False]  # told on day 9 and on day 10
    assert live["model_version"].tolist() == ["3", "3"]


def test_a_check_is_a_record_for_each_column_the_performance_and_the_window(stall):
    told = (a_signal("price"), a_signal("prediction", 0).model_copy(update={"family": "prediction"}))
    check = a_check(features=(a_column("price"), a_column("weight")), outcomes=(a_column("prediction"),), signals=told)

    records = check_records(check, "run 1")

    assert [(one["role"], one["column"], one["value"], one.get("drifted")) for one in records] == [
        ("feature", "price", 0.6, 1.0),
        ("feature", "weight", 0.6, None),
        ("outcome", "prediction", 0.6, 0.0),
        ("performance", "roc_auc", 0.5, None),
        ("window", "drifted share", 1 / 1, None),
    ]
    assert {(one["window_start"], one["window_end"], one["rows"], one["evidently_run"]) for one in records} == {
        (on_day(7), on_day(14), 56.0, "run 1")
    }


def test_a_window_checked_again_replaces_its_rows(stall, state):
    keep(stall, a_check(features=(a_column(),), signals=(a_signal(),)), "run 1")

    written = keep(stall, a_check(features=(a_column(),), signals=(a_signal(side=0),)), "run 2")

    kept = checks(stall).read()
    assert (written.inserted, written.updated) == (0, 3)
    assert kept.set_index("role")["drifted"]["feature"] == 0.0
    assert set(kept["evidently_run"]) == {"run 2"}


def test_another_window_is_kept_beside_it(stall, state):
    keep(stall, a_check())

    assert keep(stall, a_check(window=days(8, 15))).inserted == 2


@pytest.fixture
def unstored(monkeypatch):
    """Versions of which nothing but their training rows is known."""
    monkeypatch.setattr("tasks.tracking.unseen_predictions", lambda _run: None)
    monkeypatch.setattr("tasks.registry.first_version", lambda _name: a_champion())


@pytest.fixture
def observed(stall, state, sales):
    """Forty days of sales, eight a day, in one version; the champion of the tests knows the first seven days."""
    observations(stall).upsert(sales(*[{}] * 8 * 40))
    return observations(stall).version()


def test_too_few_rows_are_a_check_that_says_so_and_knows_no_drift(stall, observed, unstored):
    policy = DRIFT.model_copy(update={"min_rows": 57})

    check = measure.fn("stall", a_champion(dataset_version=observed), on_day(14), policy, RETRAINING)

    # the champion's window of seven days has 56 sales, of which 16 were told after it had ended
    assert check.note == "56 rows in the window and 41 in the reference, 57 of each needed to draw drift"
    assert (check.features, check.rows, check.window) == ((), 56, days(7, 14))
    assert checks(stall).read()["note"].str.contains("57 of each needed").any()


def test_the_reference_is_what_the_champion_was_trained_on_at_its_version(
    stall, observed, unstored, sales, monkeypatch
):
    observations(stall).upsert(sales(*[{"price": 999.0}] * 8 * 7))
    sides = []
    monkeypatch.setattr("tasks.monitoring._compared", lambda *given: sides.append(given[3:5]) or given[2])

    measure.fn("stall", a_champion(dataset_version=observed), on_day(14), DRIFT, RETRAINING)

    [(reference, current)] = sides
    assert reference["price"].max() < 999.0
    assert reference["sold_at"].max() == on_day(5)  # told at the end of the seventh day, when the champion was trained
    assert (current["sold_at"].min(), current["sold_at"].max()) == (on_day(7), on_day(13, 21))
    assert current["returned"].notna().sum() == 8 * 5 + 1  # told within two days, by day 14


def test_a_look_is_kept_once_a_window_and_brought_up_to_date_as_labels_land(stall, observed, unstored):
    champion, strict = a_champion(dataset_version=observed), DRIFT.model_copy(update={"min_rows": 100})
    for day in (14, 14, 15):
        measure.fn("stall", champion, on_day(day), strict, RETRAINING)

    kept = [Look.model_validate_json(body) for body in looks(stall).read().sort_values("window_end")["body"]]

    # told after two days: of day 14's window 41 were known then, and eight more a day later
    assert [(one.window, one.labelled, one.as_of) for one in kept] == [
        (days(7, 14), 41 + 8, on_day(15)),
        (days(8, 15), 41, on_day(15)),
    ]


def test_a_fault_that_a_person_has_accepted_is_none_any_more(stall, observed, unstored, sales):
    observations(stall).upsert(sales(*[{}] * 56, *[{"weight": None}] * 56))
    given = "stall", a_champion(dataset_version=observed), on_day(14), DRIFT.model_copy(update={"min_rows": 100})
    # healthy rows are told from fifty on, and the champion has 56
    before = measure.fn(*given, RETRAINING)
    ledger.record(acceptance("stall", on_day(14), before.faults, "weight", "it is optional now", []))

    after = measure.fn(*given, RETRAINING)

    assert {one.column for one in before.faults} == {"weight"}
    assert after.faults == ()


def test_labels_that_land_bring_the_measured_performance_with_them(stall, observed, unstored, monkeypatch):
    rows = observations(stall).read()
    predicted(stall).append_new(scored_rows(rows, stall, a_champion(), rows["returned"].fillna(0.0), on_day(14)))

    measure.fn("stall", a_champion(dataset_version=observed), on_day(14), DRIFT.model_copy(update={"min_rows": 100}),
               RETRAINING)  # fmt: skip

    [look] = [Look.model_validate_json(body) for body in looks(stall).read()["body"]]
    assert look.measured == 1.0


def test_scouts_are_kept_once_and_told_of_windows_whose_labels_have_settled(stall, observed, unstored):
    champion, strict = a_champion(dataset_version=observed), DRIFT.model_copy(update={"min_rows": 100})
    told = [measure.fn("stall", champion, on_day(35), strict, RETRAINING).scouts for _ in (1, 2)]

    # Five whole weeks; the labels of the last come until two days after it.
    pairs = [(0, 2), (0, 3), (1, 2), (2, 3)]
    assert [[(one.scout, one.window) for one in scouts.found] for scouts in told] == [pairs, pairs]
    assert len(scouts_of(stall).read()) == len(pairs)


def test_without_a_policy_for_the_cost_of_age_no_scout_is_fitted(stall, observed, unstored):
    silent, strict = RETRAINING.model_copy(update={"regret": None}), DRIFT.model_copy(update={"min_rows": 100})

    check = measure.fn("stall", a_champion(dataset_version=observed), on_day(35), strict, silent)

    assert check.scouts is None
    assert scouts_of(stall).read().empty


def a_fault():
    return Fault(kind="duplicates", column="", number=0.5, expected=0.0, since=on_day(8), last_good=days(0, 7),
                 sentence="half of the rows are there twice")  # fmt: skip


def test_a_fault_is_a_decision_of_its_own_while_it_is_new(stall):
    past = History(last_retrain=None, new_rows=0)

    [found] = findings(a_check(faults=(a_fault(),), new_faults=(a_fault(),)), past)

    assert (found.kind, found.reason) == ("fault", "half of the rows are there twice")
    assert found.facts["faults"][0]["last_good"]["start"] == "2024-01-01T00:00:00Z"
    assert findings(a_check(faults=(a_fault(),)), past) == []


def test_a_fault_that_comes_to_last_is_told_once(stall):
    past = History(last_retrain=None, new_rows=0)

    [found] = findings(a_check(lasting=(a_fault(),), new_lasting=(a_fault(),)), past)

    assert found.kind == "fault lasts"
    assert found.reason.endswith("since it lasts: half of the rows are there twice")
    assert findings(a_check(lasting=(a_fault(),)), past) == []


def test_an_alarm_opens_one_episode_and_quiet_checks_close_it(stall):
    alarm = Alarm(signals=(a_signal(),), reasons=("price moved",))
    past = History(last_retrain=None, new_rows=0)

    [opened] = findings(a_check(alarm=alarm), past)
    within = past.model_copy(update={"episode": open_episode([opened])})

    assert (opened.kind, opened.reason, opened.facts["severity"]) == ("drift found", "price moved", 0.5 / 0.25)
    assert findings(a_check(alarm=alarm), within) == []
    assert [one.kind for one in findings(a_check(quiet=True), within)] == ["episode closed"]


def test_history_counts_the_labels_since_the_champion_learned(stall, observed):
    # sold from day 7 to the first hour of day 8, and told by day 10
    assert history.fn("stall", a_champion(until=7), on_day(10)).new_rows == 8 + 1
    assert history.fn("stall", a_champion(until=10), on_day(10)).new_rows == 0


def test_history_knows_the_last_answer_and_the_open_request_up_to_its_moment(stall, state):
    ends = [
        Decision(usecase="stall", kind="promoted", as_of=on_day(3), reason="better"),
        Decision(usecase="stall", kind="refused", as_of=on_day(5), reason="worse"),
        Decision(usecase="stall", kind="promoted", as_of=on_day(30), reason="later"),
    ]
    asked = Decision(usecase="stall", kind="retrain asked", as_of=on_day(9), reason="drift")
    [ledger.record(one) for one in [*ends, asked]]

    past = history.fn("stall", a_champion(until=7), on_day(10))

    assert (past.last_retrain, past.unanswered) == (on_day(5), asked)


def test_history_before_the_first_retrain_is_empty(stall, state):
    past = history.fn("stall", a_champion(until=7), on_day(10))

    assert past == History(last_retrain=None, new_rows=0, trained_until=on_day(7))


def test_a_request_is_kept_before_the_automations_are_told_its_id(stall, state, told):
    name = ask_for_retrain.fn(a_check(), "3 of 4 features drifted", History(last_retrain=None, new_rows=0))

    assert ledger.decision(name).reason == "3 of 4 features drifted"
    assert told == [
        {
            "event": "drift.detected",
            "resource": {
                "prefect.resource.id": "evergreen.use-case.stall",
                "prefect.resource.name": "stall",
                "evergreen.decision": name,
            },
            "payload": {"decision": name, "reason": "3 of 4 features drifted"},
        }
    ]


def test_a_request_that_nobody_answered_is_told_again_and_no_other_is_made(stall, state, told):
    asked = Decision(usecase="stall", kind="retrain asked", as_of=on_day(9), reason="drift")
    ledger.record(asked)

    name = ask_for_retrain.fn(a_check(), "drift", History(last_retrain=None, new_rows=0, unanswered=asked))

    assert name == asked.id
    assert ledger.decisions("stall") == [asked]
    assert [one["payload"]["decision"] for one in told] == [asked.id]
