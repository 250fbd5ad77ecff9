"""What does the page say of a row's way?"""

from datetime import UTC, datetime

from tasks.scoring.attribution import Attribution, Contribution
from tasks.scoring.explanation_page import SetAside, StoredPrediction, Story, page, summary

NOON = datetime(2024, 1, 8, 12, tzinfo=UTC)
PREDICTION = StoredPrediction(values=(0.75,), model_version="2", scored_at=NOON)
ASIDE = SetAside(reasons="price: too low", quarantined_at=NOON)


def a_story(**changes):
    """Return the story of S1, which is stored since version 3 and good, and nothing else has happened to it."""
    stored = {"stored": {"price": "10.0"}, "first_version": 3, "newest_version": 5}
    return Story(**{"usecase": "stall", "key": "S1"} | stored | changes)


def section(story, title):
    """Return what stands under a title of the story's page."""
    return page(story).split(f"## {title}\n\n")[1].split("\n\n## ")[0]


def test_a_row_that_was_only_set_aside_has_no_further_way():
    story = Story(usecase="stall", key="S9", stored={}, set_aside=(ASIDE,))

    assert page(story).splitlines()[0] == "# S9 was set aside and never stored: price: too low"
    assert section(story, "Stored") == "Never."
    assert section(story, "Validated") == "It did not pass."
    assert section(story, "In quarantine").endswith("| 2024-01-08 12:00 | price: too low |")
    assert section(story, "Predicted") == "Not yet."


def test_the_summary_tells_the_newest_reason_for_which_a_row_was_set_aside():
    newer = ASIDE.model_copy(update={"reasons": "items: missing"})

    assert summary(Story(usecase="stall", key="S9", stored={}, set_aside=(ASIDE, newer))).endswith("items: missing")


def test_a_stored_row_is_shown_with_its_versions_and_columns():
    assert section(a_story(), "Stored").startswith("Since version 3 of the dataset, up to version 5.")
    assert section(a_story(), "Stored").endswith("| price | 10.0 |")
    assert section(a_story(), "In quarantine") == "Never."


def test_a_version_that_was_deleted_is_not_made_up():
    assert section(a_story(first_version=None), "Stored").startswith("Since a version that is no longer kept of")


def test_what_today_s_schema_says_of_it_is_shown():
    assert section(a_story(), "Validated") == "It passes today's schema."
    assert section(a_story(faults="price: too low"), "Validated") == "Today's schema says: price: too low"


def test_a_prediction_is_shown_with_its_version_and_its_moment():
    story = a_story(prediction=PREDICTION)

    assert summary(story) == "S1 was predicted 0.7500 by version 2"
    assert section(story, "Predicted") == "0.7500 by version 2, scored as of 2024-01-08 12:00."


def test_of_several_classes_each_chance_is_shown():
    story = a_story(prediction=PREDICTION.model_copy(update={"values": (0.25, 0.75)}))

    assert summary(story) == "S1 was predicted 0.2500, 0.7500 by version 2"


def test_contributions_are_shown_beside_the_mean_that_they_start_from():
    parts = (
        Contribution(feature="price", value="10.0", contribution=0.5, error=0.0625),
        Contribution(feature="items", value="2", contribution=-0.25, error=0.0),
    )
    explained = Attribution(baseline=0.5, prediction=0.75, contributions=parts)

    text = section(
        a_story(attribution=explained, explained_version="2", output="chance of 1"), "What each feature contributed"
    )

    assert text.startswith("chance of 1 by version 2: 0.7500. That is 0.5000, the mean over rows that it learned from")
    assert text.splitlines()[-2:] == ["| price | 10.0 | 0.5000 | 0.0625 |", "| items | 2 | -0.2500 | 0.0000 |"]


def test_without_a_prediction_to_take_apart_the_page_says_why():
    assert section(a_story(), "What each feature contributed").startswith("Nothing was predicted")
