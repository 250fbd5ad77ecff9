"""When is a new champion taken back, and on which rows is it judged?"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.data.tables import observations, predicted, shadows
from tasks.data.watermarks import mark_collected
from tasks.monitoring.accepted import acceptance
from tasks.monitoring.history import keep_looks
from tasks.monitoring.look import Look
from tasks.monitoring.probation import judge_probation, judged_window, probation_gain, worse_reason
from tasks.monitoring.signals.health import Fault, FaultPolicy
from tasks.promotion.promotion import promote
from tasks.registry.models import champion
from tasks.scoring.scoring import score_new_rows
from tasks.scoring.shadow import ProbationPolicy, Trial, on_probation, score_in_shadow
from tasks.training.comparison import BootstrapEstimate
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = ProbationPolicy(windows=2, error_rate=0.1, min_rows=10)
TRIAL = Trial(promotion="p", version="2", predecessor="1", since=JAN_1 + 7 * DAY, policy=POLICY, looks=0)


def on_day(number):
    return JAN_1 + number * DAY


def promotion(turn=2, over="1", policy=POLICY, kind="promoted"):
    facts = {"turn": turn, "version": "2", "over": over, "probation": policy and policy.model_dump()}
    return Decision(usecase="stall", kind=kind, as_of=on_day(7), reason="better", facts=facts, answers="stall/7")


def look(day, answers="stall/7/promoted"):
    return Decision(usecase="stall", kind="on probation", as_of=on_day(day), reason="not worse", answers=answers)


def test_a_promotion_puts_its_version_on_probation_beside_its_predecessor():
    trial = on_probation([promotion()])

    assert (trial.version, trial.predecessor, trial.since, trial.looks) == ("2", "1", on_day(7), 0)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [promotion(over=None)],
        [promotion(policy=None)],
        [promotion(policy=POLICY.model_copy(update={"windows": 0}))],
        [promotion(), promotion(turn=3, kind="rolled back")],
        [promotion(), look(14), look(21)],
    ],
    ids=["nothing live", "no predecessor", "no policy", "no windows", "rolled back", "passed"],
)
def test_nothing_is_on_probation(history):
    assert on_probation(history) is None


def test_only_looks_at_this_promotion_count():
    assert on_probation([promotion(), look(14), look(15, answers="stall/1/promoted")]).looks == 1


@pytest.mark.parametrize(("looks", "day", "end"), [(0, 13, None), (0, 14, 14), (0, 30, 14), (1, 20, None), (1, 21, 21)])
def test_each_look_is_at_a_further_window_and_once_it_has_ended(stall, looks, day, end):
    over = judged_window(TRIAL.model_copy(update={"looks": looks}), stall, on_day(day))

    assert over == (None if end is None else Window(start=on_day(7), end=on_day(end)))


@pytest.mark.parametrize(("value", "is_worse"), [(-0.17, False), (-0.20, True), (0.5, False)])
def test_a_version_is_worse_only_if_the_whole_interval_is_below_zero(value, is_worse):
    estimate = BootstrapEstimate(value=value, error=0.1, freedom=20)

    # one-sided, at a rate of .1 over two looks: t(20) of .95 is 1.7247
    assert (worse_reason(estimate, TRIAL, "roc_auc", 40) is not None) is is_worse


def test_the_reason_tells_both_versions_and_the_numbers():
    assert worse_reason(BootstrapEstimate(value=-0.5, error=0.1, freedom=20), TRIAL, "roc_auc", 40) == (
        "roc_auc of version 2 is worse than that of its predecessor 1 on the same 40 labelled rows: gain -0.5000, "
        "at most -0.3275 at an error rate of 0.05"
    )


def test_a_gain_is_that_of_the_champion_over_its_predecessor(stall, sales):
    rows = sales(*[{}] * 56).assign(prediction=np.arange(56) / 56)
    pairs = rows.assign(shadow=np.where(rows["returned"] == 1, 1.0, 0.0))

    gain = probation_gain(pairs, stall, JAN_1)

    # The predecessor ranks every pair rightly. Of the champion, whose chance grows with time, about half.
    assert gain.value == pytest.approx(0.5 - 1.0, abs=0.03)


@pytest.fixture
def second(challenger, stored, sales, shown):
    """Version 2 went live on day 7 in place of 1, on probation for two windows; sales went on for forty days."""

    def go_live(leaf, policy=POLICY):
        observations(stored).upsert(sales(*[{}] * 8 * 40))
        promote.fn(*challenger(5), ())
        promote.fn(*challenger(7, "1", leaf=leaf), (), policy)

    return go_live


def play(day):
    score_new_rows.fn("stall", champion("stall"), on_day(day))
    return score_in_shadow.fn("stall", on_day(day)), judge_probation.fn("stall", on_day(day), FaultPolicy())


@pytest.mark.slow
def test_the_predecessor_predicts_the_rows_that_the_champion_has_and_each_once(second, stored):
    second(leaf=1)
    score_new_rows.fn("stall", champion("stall"), on_day(9))

    written = [score_in_shadow.fn("stall", on_day(9)) for _ in range(2)]

    predictions = shadows(stored).read()
    assert written == [2 * 8, 0]
    assert sorted(predictions["sale"]) == sorted(f"S{number}" for number in range(7 * 8, 9 * 8))
    assert set(predictions["model_version"]) == {"1"}
    assert set(predicted(stored).read()["model_version"]) == {"2"}


@pytest.mark.slow
def test_the_shadow_ends_with_the_probation(second, stored):
    second(leaf=1)
    play(14)
    play(21)

    assert play(28) == (0, None)
    assert shadows(stored).read()["sold_at"].max() < pd.Timestamp(on_day(21))


@pytest.mark.slow
def test_a_champion_that_is_no_worse_passes_after_its_looks_and_each_is_recorded(second):
    second(leaf=1)

    outcomes = [play(day)[1] for day in (10, 14, 15, 21, 22)]

    assert outcomes[0] is None
    assert outcomes[1] == "version 2 on probation: look 1 of 2: not worse"
    assert outcomes[2] is None
    assert outcomes[3] == "version 2 on probation: look 2 of 2: not worse"
    assert outcomes[4] is None
    assert [decision.kind for decision in ledger.decisions("stall")] == [
        "promoted",
        "promoted",
        "on probation",
        "on probation",
    ]
    assert champion("stall").version == "2"


@pytest.mark.slow
def test_a_window_is_judged_once_it_is_collected_to_its_end(second):
    second(leaf=1)
    mark_collected.fn("stall", on_day(13))
    early = play(14)[1]
    mark_collected.fn("stall", on_day(14))

    assert (early, play(14)[1]) == (None, "version 2 on probation: look 1 of 2: not worse")


@pytest.mark.slow
def test_a_champion_that_is_worse_is_taken_back_and_the_ledger_says_why(second, shown):
    second(leaf=99)

    _, outcome = play(14)

    assert outcome.startswith("rolled back: version 1 in place of 2: roc_auc of version 2 is worse than that of its")
    assert champion("stall").version == "1"
    back = ledger.moves(ledger.decisions("stall"))[-1]
    # five days of 8 sales, and the one at the end of the fifth, were told by day 14
    assert (back.kind, back.facts["rows"], back.facts["look"]) == ("rolled back", 41, 1)
    assert shown[-1]["key"] == "stall-rollback"
    assert play(15) == (0, None)


@pytest.mark.slow
def test_a_look_with_too_few_labels_is_put_off_and_not_lost(second, monkeypatch):
    second(leaf=99)
    with monkeypatch.context() as early:
        early.setattr("tasks.monitoring.probation.labelled_pairs", lambda *given: pd.DataFrame(index=range(9)))
        assert play(14)[1] is None

    assert play(15)[1].startswith("rolled back: version 1 in place of 2")


@pytest.mark.slow
def test_a_worse_champion_stays_where_its_predecessor_does_not_work_and_that_is_shown(second, monkeypatch):
    from tasks.registry.rollback import CannotRollBackError

    second(leaf=99)
    score_new_rows.fn("stall", champion("stall"), on_day(14))
    score_in_shadow.fn("stall", on_day(14))

    def broken(*given):
        raise CannotRollBackError("version 1 of stall does not load")

    monkeypatch.setattr("tasks.monitoring.probation.working_version", broken)

    outcome = judge_probation.fn("stall", on_day(14), FaultPolicy())

    assert outcome.endswith("It stays, because version 1 of stall does not load")
    assert champion("stall").version == "2"


@pytest.mark.slow
def test_a_predecessor_that_is_gone_is_shown_and_keeps_nothing_from_being_predicted(second, shown):
    from mlflow import MlflowClient

    second(leaf=1)
    MlflowClient().delete_model_version("stall", "1")

    assert play(9) == (0, None)
    assert shown[-1]["description"].startswith("version 1 cannot be compared with version 2: stall has no registered")


FAULT = Fault(kind="duplicates", column="", number=1, expected=0, since=JAN_1, last_good=None, sentence="twice")
NEW_LEVEL = FAULT.model_copy(update={"kind": "unknown categories", "column": "channel"})


def look_at(first, last, fault):
    window = Window(start=on_day(first), end=on_day(last))
    return Look(window=window, as_of=on_day(last), watch="w", rows=56, labelled=40, signals=(), faults=(fault,))


@pytest.mark.slow
def test_rows_of_a_window_whose_data_were_broken_judge_nobody(second, stored):
    second(leaf=99)
    keep_looks(stored, [look_at(7, 14, FAULT)])

    assert play(14)[1] is None
    assert champion("stall").version == "2"


@pytest.mark.slow
def test_a_fault_that_lasts_does_not_keep_a_champion_on_probation_for_good(second, stored):
    second(leaf=99)
    keep_looks(stored, [look_at(0, 7, NEW_LEVEL), look_at(7, 14, NEW_LEVEL)])

    assert play(14)[1] is not None
    assert champion("stall").version == "1"


@pytest.mark.slow
def test_a_fault_that_a_person_has_accepted_does_not_either(second, stored):
    second(leaf=99)
    keep_looks(stored, [look_at(7, 14, NEW_LEVEL)])
    ledger.record(acceptance("stall", on_day(13), [NEW_LEVEL], "", "a new channel", []))

    assert play(14)[1] is not None
    assert champion("stall").version == "1"


@pytest.mark.slow
def test_a_rollback_that_died_after_the_row_is_finished_by_the_next_run(second, monkeypatch):
    second(leaf=99)
    with monkeypatch.context() as dying:
        dying.setattr("tasks.registry.champion.live", lambda usecase: None)
        play(14)
    assert champion("stall").version == "2"

    from tasks.scoring.scoring import live_model

    assert live_model.fn("stall").version == "1"
    assert judge_probation.fn("stall", on_day(14), FaultPolicy()) is None
    assert len(ledger.moves(ledger.decisions("stall"))) == 3


def test_a_version_that_predicts_just_as_its_predecessor_is_not_worse():
    equal = BootstrapEstimate(value=0.0, error=0.0, freedom=20)

    assert worse_reason(equal, TRIAL, "roc_auc", 100) is None


@pytest.mark.slow
@pytest.mark.parametrize(("needed", "looks"), [(40, 1), (41, 1), (42, 0)], ids=["below", "at", "above"])
def test_a_look_needs_as_many_labels_as_the_policy_says(second, needed, looks):
    second(leaf=1, policy=POLICY.model_copy(update={"min_rows": needed}))

    play(14)

    # five days of 8 sales, and the one at the end of the fifth, were told by day 14
    assert [decision.kind for decision in ledger.decisions("stall")].count("on probation") == looks
