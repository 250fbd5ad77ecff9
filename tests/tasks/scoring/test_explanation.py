"""What is told of one row, from where it was stored to what each feature contributed?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tasks.data.collection import collect_periods, quarantine_records
from tasks.data.tables import observations, quarantine
from tasks.data.validation import BatchPolicy
from tasks.promotion.promotion import promote
from tasks.registry.models import champion
from tasks.scoring.explanation import UnknownRowError, key_of, quarantine_history, row_story, show_row, with_attribution
from tasks.scoring.scoring import score_new_rows
from tasks.windows import Window

JAN_1 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = JAN_1 + 10 * DAY


@pytest.fixture
def set_aside(stored, sales):
    """S7 was set aside twice before it was stored, S900 once and never stored."""
    problem = stored
    for day, name, reason in ((1, "S7", "price: below 0"), (2, "S7", "items: missing"), (3, "S900", "price: below 0")):
        bad = sales({"sale": name, "price": -1.0})
        records = quarantine_records(bad, pd.Series([reason]), problem, JAN_1 + day * DAY)
        quarantine(problem).append_new(quarantine(problem).rows(records))


def test_a_key_of_one_column_is_taken_as_it_is(stall):
    assert key_of(" S1, the first ", stall) == {"sale": "S1, the first"}


def test_a_key_of_several_columns_is_read_in_their_order_and_types(stall):
    problem = replace(stall, key=("sold_at", "items", "sale"))

    key = key_of("2024-01-01 03:00:00+00:00, 2, S1", problem)

    assert key == {"sold_at": pd.Timestamp("2024-01-01 03:00", tz="UTC"), "items": 2, "sale": "S1"}


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("S1", "expected the key of stall as sold_at, items, found 1 values: 'S1'"),
        ("2024-01-01T03:00Z, two", "expected sold_at as datetime64.us, UTC., items as int64, found '2024"),
        ("yesterday, 2", "expected sold_at as datetime64"),
    ],
)
def test_what_is_no_key_is_refused_with_what_one_looks_like(stall, text, refusal):
    with pytest.raises(UnknownRowError, match=refusal):
        key_of(text, replace(stall, key=("sold_at", "items")))


def test_a_row_in_quarantine_is_matched_though_its_whole_number_became_a_fraction():
    aside = pd.DataFrame([{"row": '{"id": 12.0, "x": 1}', "reasons": "bad", "quarantined_at": pd.Timestamp(JAN_1)}])

    assert [event.reasons for event in quarantine_history(aside, {"id": 12})] == ["bad"]
    assert quarantine_history(aside, {"id": 13}) == ()


def test_an_unknown_key_is_refused_with_an_example(stored):
    with pytest.raises(UnknownRowError, match=r"no row 'S12345' was stored or set aside by .*, such as S\d+$"):
        row_story.fn("stall", "S12345", NOW)


def test_before_anything_is_stored_the_refusal_says_so(stall, state):
    with pytest.raises(UnknownRowError, match="nothing is stored yet"):
        row_story.fn("stall", "S1", NOW)


def test_a_stored_row_is_shown_with_the_version_since_which_it_is(stored, sales):
    later = observations(stored).upsert(sales({"sale": "S500", "sold_at": JAN_1 + 9 * DAY})).version

    story = row_story.fn("stall", "S500", NOW)

    assert (story.first_version, story.newest_version) == (later, later)
    assert story.stored["price"] == "10.0"
    assert (story.faults, story.set_aside, story.prediction) == ("", (), None)


def test_a_label_that_came_later_is_unknown_and_a_row_that_came_later_is_none(stored):
    # S8 was sold on day 1 and told on day 3
    assert row_story.fn("stall", "S8", JAN_1 + 3 * DAY).stored["returned"] == "0.0"
    assert row_story.fn("stall", "S8", JAN_1 + 2 * DAY).stored["returned"] == "unknown"
    with pytest.raises(UnknownRowError, match="no row 'S8'"):
        row_story.fn("stall", "S8", JAN_1 + 1 * DAY)


def test_the_times_that_a_row_was_set_aside_are_shown_oldest_first(stored, set_aside):
    story = row_story.fn("stall", "S7", NOW)

    assert [event.reasons for event in story.set_aside] == ["price: below 0", "items: missing"]


def test_a_row_that_was_only_set_aside_is_shown_with_its_reason(stored, set_aside, shown):
    sentence = show_row.fn(row_story.fn("stall", "S900", NOW))

    assert sentence == "S900 was set aside and never stored: price: below 0"
    assert "| 2024-01-04 00:00 | price: below 0 |" in shown[-1]["markdown"]


def test_a_row_that_a_real_collection_set_aside_is_shown(stall, state):
    policy = BatchPolicy(max_bad_share=1.0, min_volume_share=0.0)
    collect_periods.fn("stall", [Window(start=JAN_1, end=JAN_1 + DAY)], NOW, policy)

    # every twentieth has a price below zero, S7 first
    assert row_story.fn("stall", "S7", NOW).set_aside[0].reasons == "price: in_range(0, 1000)"


def test_a_stored_row_that_today_s_schema_would_refuse_says_so(stored, sales):
    observations(stored).upsert(sales({"sale": "S7", "price": -1.0}))

    assert row_story.fn("stall", "S7", NOW).faults == "price: in_range(0, 1000)"


@pytest.mark.slow
def test_a_prediction_is_taken_apart_by_the_version_that_made_it(challenger, shown):
    promote.fn(*challenger(5), ())
    score_new_rows.fn("stall", champion("stall"), NOW)
    promote.fn(*challenger(6, "1", leaf=99), ())

    story = with_attribution.fn(row_story.fn("stall", "S48", NOW))

    assert (story.prediction.model_version, story.explained_version) == ("1", "1")
    # S48 comes back, as every third does, which the tree knows from the number of items alone
    explained = story.attribution
    assert (story.output, story.prediction.values, explained.prediction) == ("chance of returned = 1", (1.0,), 1.0)
    assert explained.contributions[0].feature == "items"
    assert explained.baseline + sum(part.contribution for part in explained.contributions) == pytest.approx(1.0)
    sentence = show_row.fn(story)
    assert sentence == "S48 was predicted 1.0000 by version 1"
    assert "Shapley sampling" in shown[-1]["markdown"]


@pytest.mark.slow
def test_a_row_without_a_prediction_is_explained_by_the_live_version(challenger, shown):
    promote.fn(*challenger(5), ())

    story = with_attribution.fn(row_story.fn("stall", "S3", NOW))

    assert (story.prediction, story.explained_version) == (None, "1")
    assert show_row.fn(story) == "S3 is stored and has no prediction"


@pytest.mark.slow
def test_without_a_model_nothing_is_attributed(stored, mlflow_server, shown):
    story = with_attribution.fn(row_story.fn("stall", "S3", NOW))

    assert story.attribution is None
    show_row.fn(story)
    assert "Nothing was predicted" in shown[-1]["markdown"]
