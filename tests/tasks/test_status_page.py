"""What does the page say about a use case?"""

from datetime import UTC, datetime, timedelta

import pytest

from tasks import runs
from tasks.data import ledger
from tasks.data.ledger import Decision
from tasks.data.tables import checks, quarantine
from tasks.runs import NextRun
from tasks.status import check_summaries, current_status, show_status
from tasks.status_page import CheckSummary, Status, Stored, age, champion_text, facts, open_matters, page, summary

NOON = datetime(2024, 1, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def decision(kind, hours_ago, answers="", **facts):
    return Decision(
        usecase="stall",
        kind=kind,
        as_of=NOON - hours_ago * HOUR,
        reason=f"why {kind}",
        facts=facts,
        answers=answers,
    )


ASKED = decision("retrain asked", 50)
PROMOTED = decision("promoted", 48, ASKED.id, version="3", turn=1, window="January")


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(minutes=0), "0 minutes ago"),
        (timedelta(minutes=119), "119 minutes ago"),
        (2 * HOUR, "2 hours ago"),
        (47 * HOUR, "47 hours ago"),
        (2 * DAY, "2 days ago"),
        (-HOUR, "later than this moment"),
    ],
)
def test_an_age_is_shown_in_the_largest_unit_of_which_there_are_two(passed, words):
    assert age(NOON - passed, NOON) == words


def test_what_never_happened_has_no_age():
    assert age(None, NOON) == "never"


def test_the_champion_is_what_the_ledger_says_with_its_age_and_what_it_learned_from():
    status = Status(usecase="stall", as_of=NOON, decisions=(ASKED, PROMOTED))

    assert champion_text(status) == "version 3, promoted 2024-01-06 12:00 (2 days ago), learned from January"
    assert summary(status) == f"stall: {champion_text(status)}; 0 open"


DRIFT = decision("drift found", 50)
OPENED = "since 2024-01-06 10:00 (2 days ago): why drift found"


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ([], ""),
        ([decision("retrain asked", 49)], "; a retrain was asked for at 2024-01-06 11:00"),
        ([decision("refused", 48)], "; its challenger was refused at 2024-01-06 12:00: why refused"),
        ([decision("muted", 5, until="2024-01-08T13:00:00Z")], "; muted until 2024-01-08 13:00"),
        ([decision("muted", 5, until="2024-01-08T12:00:00Z")], ""),
    ],
    ids=["just found", "asked", "refused", "muted", "muted until now"],
)
def test_an_open_drift_is_shown_with_its_reason_and_how_far_it_has_come(later, words):
    status = Status(usecase="stall", as_of=NOON, decisions=(DRIFT, *later))

    assert facts(status)["open drift"] == OPENED + words


def test_a_drift_that_a_new_model_has_closed_is_open_no_more():
    assert facts(Status(usecase="stall", as_of=NOON, decisions=(DRIFT, PROMOTED)))["open drift"] == "none"


def test_without_a_move_no_model_is_live():
    assert champion_text(Status(usecase="stall", as_of=NOON)) == "no model is live yet"


def test_a_request_is_open_until_it_is_answered_and_a_question_until_its_request_is():
    newer = decision("retrain asked", 10)
    question = decision("approval asked", 9, newer.id)

    assert open_matters((ASKED, PROMOTED, newer)) == (newer,)
    assert open_matters((ASKED, PROMOTED, newer, question)) == (question,)
    assert open_matters((newer, question, decision("refused", 1, newer.id))) == ()


def test_the_page_shows_each_section_or_why_it_is_empty():
    text = page(Status(usecase="stall", as_of=NOON))

    assert text.splitlines()[0] == "# stall on 2024-01-08 12:00"
    assert "## Next runs\n\nPrefect does not answer." in text
    assert text.count("\n\nNone.") == 4


def test_with_prefect_up_an_empty_list_means_that_no_schedule_is_active():
    assert "No schedule is active." in page(Status(usecase="stall", as_of=NOON, next_runs=()))


def test_the_page_holds_the_numbers():
    check = CheckSummary(
        as_of=NOON, model_version="3", rows=50, drifting=1, compared=4, metric="roc_auc", value=0.7, expected=0.75
    )
    stored = Stored(rows=8, labelled=5, newest_row=NOON - 3 * HOUR, quarantined={"price: bad": 2}, in_quarantine=2)

    text = page(
        Status(
            usecase="stall",
            as_of=NOON,
            decisions=(ASKED,),
            checks=(check,),
            stored=stored,
            next_runs=(NextRun(flow="collect", at=NOON + HOUR),),
        )
    )

    assert "| rows | 8, the newest 3 hours ago |" in text
    assert "| labels | 5, the newest never |" in text
    assert "| 2024-01-08 12:00 | version 3 | 50 | 1 of 4 | roc_auc 0.7000, 0.7500 at promotion |  |" in text
    assert "| collect | 2024-01-08 13:00 |" in text
    assert "| price: bad | 2 |" in text


def test_the_last_ten_decisions_are_shown_newest_first():
    many = tuple(decision("refused", hours, f"request {hours}") for hours in range(12, 0, -1))

    last = page(Status(usecase="stall", as_of=NOON, decisions=many)).split("## Last decisions")[1]

    assert last.count("why refused") == 10
    assert last.index("request 1/") < last.index("request 10/")


@pytest.fixture
def quiet(monkeypatch):
    """Prefect does not answer."""
    monkeypatch.setattr(runs, "next_runs", lambda usecase: None)


def test_rows_and_labels_count_only_as_far_as_they_had_come(stored, quiet):
    # Eight sales a day, each told two days later: at noon of the 8th 7 * 8 + 4 rows, and told those sold by the 6th's
    # noon, 5 * 8 + 4 and the one at noon itself.
    stored_counts = current_status("stall", NOON).stored

    assert (stored_counts.rows, stored_counts.labelled) == (60, 45)
    assert (stored_counts.newest_row, stored_counts.newest_label) == (NOON - 3 * HOUR, NOON)


def test_a_row_in_quarantine_counts_in_each_of_its_reasons(stored, quiet):
    aside = quarantine(stored)
    record = {"row": "{}", "source": "shelf", "quarantined_at": NOON}
    aside.append_new(
        aside.rows(
            [{"id": "1", "reasons": "price: bad; sale: bad"} | record, {"id": "2", "reasons": "price: bad"} | record]
        )
    )

    stored_counts = current_status("stall", NOON).stored

    assert (stored_counts.in_quarantine, stored_counts.quarantined) == (2, {"price: bad": 2, "sale: bad": 1})


def test_a_check_is_summarised_from_its_rows(stall, state):
    window = {"as_of": NOON, "window_start": NOON - DAY, "window_end": NOON, "model_version": "3", "rows": 50.0}
    table = checks(stall).rows(
        [
            window | {"role": "feature", "column": "price", "drifted": 1.0},
            window | {"role": "feature", "column": "items", "drifted": 0.0},
            window | {"role": "feature", "column": "weight", "drifted": None},
            window | {"role": "performance", "column": "roc_auc", "value": 0.7, "threshold": 0.75},
        ]
    )

    [check] = check_summaries(table, NOON)

    assert (check.drifting, check.compared, check.rows) == (1, 2, 50)
    assert (check.metric, check.value, check.expected) == ("roc_auc", 0.7, 0.75)
    assert check_summaries(table, NOON - HOUR) == ()


def test_the_status_is_shown_as_a_page_and_returned_in_a_line(stored, quiet, shown):
    ledger.record(decision("retrain asked", 1))

    line = show_status.fn("stall", NOON)

    assert line == "stall: no model is live yet; 1 open"
    assert shown[-1]["key"] == "stall-status"
    assert "why retrain asked" in shown[-1]["markdown"]
