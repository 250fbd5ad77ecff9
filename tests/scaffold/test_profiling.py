"""What are the columns of a table that nobody has described?"""

import numpy as np
import pandas as pd
import pytest

from scaffold.profiling import (
    Undecided,
    as_times,
    column_profile,
    key_of,
    label_time_candidates,
    repeats_the_time,
    target_of,
    time_formats,
)

DAYS = pd.date_range("2024-01-01", periods=100, tz="UTC").as_unit("us")


def column(values, name="it"):
    return pd.Series(values, name=name)


@pytest.mark.parametrize(
    ("values", "kind", "reads_as"),
    [
        ([1.5, 2.5, None], "numeric", "float64"),
        (["1", "2.5", "-3"], "numeric", "float64"),
        ([True, False, True], "boolean", "float64"),
        (["yes", "no", None], "boolean", "bool"),
        (["a", "b", "a"], "category", "str"),
        (["01234", "00001", "01234"], "category", "str"),
        (["2024-01-02", "2024-01-03", None], "date", "datetime64[us, UTC]"),
        (["02.01.2024 10:30", "13.01.2024 11:00"], "date", "str"),
        ([f"u-{number}" for number in range(60)], "identifier", "str"),
        (list(range(60)), "identifier", "float64"),
        ([f"a guest wrote note {number} about the room" for number in range(60)], "text", "str"),
        (["same", "same"], "constant", "str"),
        ([7, 7, 7], "constant", "float64"),
        ([None, None], "empty", "float64"),
    ],
)
def test_a_column_is_recognised_by_what_it_holds(values, kind, reads_as) -> None:
    profile, _ = column_profile(column(values))

    assert (profile.kind, profile.reads_as) == (kind, reads_as)


@pytest.mark.parametrize(("bad", "kind"), [(5, "numeric"), (6, "category")])
def test_text_is_a_number_as_long_as_one_cell_in_200_is_none(bad, kind) -> None:
    words = ["?"] * bad + [str(number % 7) for number in range(1000 - bad)]

    profile, _ = column_profile(column(words))

    assert profile.kind == kind


def test_cells_that_are_no_numbers_are_counted_and_one_is_shown() -> None:
    profile, values = column_profile(column(["oops"] + ["1", "2"] * 200))

    assert (profile.unread, profile.example, int(values.isna().sum())) == (1, "oops", 1)


def test_infinities_become_missing() -> None:
    profile, values = column_profile(column([1.0, float("inf"), 2.5]))

    assert (profile.unread, values.isna().tolist()) == (1, [False, True, False])
    assert profile.missing == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("written", "formats"),
    [
        (["2024-01-02T03:04:05Z", "2024-02-02T03:04:05+02:00"], ["ISO8601"]),
        (["13/01/2024", "01/02/2024"], ["%d/%m/%Y"]),
        (["01/13/2024", "02/01/2024"], ["%m/%d/%Y"]),
        (["01/02/2024", "03/04/2024"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["05 Jan 2024", "06 Feb 2024"], ["%d %b %Y"]),
        ([1_700_000_000, 1_700_003_600], ["s"]),
        ([1_700_000_000_000, 1_700_003_600_000], ["ms"]),
        ([20240102, 20240131], ["%Y%m%d"]),
        ([0, 1, 2], []),
        (["soon", "later"], []),
    ],
)
def test_the_format_of_written_times_is_recognised(written, formats) -> None:
    assert time_formats(column(written)) == formats


def test_times_with_a_zone_become_utc_and_those_without_are_read_in_the_given_one() -> None:
    _, zoned = as_times(column(["2024-07-01T12:00:00+02:00", "2024-07-02T12:00:00+02:00"]))
    profile, naive = as_times(column(["2024-07-01 12:00:00", "2024-07-02 12:00:00"]), zone="Europe/Paris")

    assert zoned[0] == naive[0] == pd.Timestamp("2024-07-01 10:00", tz="UTC")
    assert profile.zoned is False


def test_a_row_number_is_no_time_and_the_refusal_says_how_to_make_one() -> None:
    with pytest.raises(Undecided, match=r"'row'.*counts rows and is no time.*made-up clock"):
        as_times(column([0, 1, 2, 3], "row"))


def test_times_that_can_be_read_in_two_ways_are_asked_about() -> None:
    with pytest.raises(Undecided, match=r"TIME_FORMAT='%d/%m/%Y' or TIME_FORMAT='%m/%d/%Y'"):
        as_times(column(["01/02/2024", "03/04/2024"]))


def target(values, kind=None):
    profile, read = column_profile(column(values, "y"))
    return target_of(read, profile, kind)


def test_two_words_become_0_and_1() -> None:
    profile = target(["no deal", "won", None, "no deal"])

    assert (profile.kind, profile.words) == ("binary", {"no deal": 0.0, "won": 1.0})
    assert profile.values.tolist()[:2] == [0.0, 1.0]
    assert np.isnan(profile.values[2])


def test_of_two_words_that_say_nothing_the_rarer_is_1() -> None:
    assert target(["a", "b", "a"]).words == {"a": 0.0, "b": 1.0}


def test_stored_0_and_1_stay() -> None:
    assert target([0, 1, 1]).words is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.5, 1.5, 2.5], "regression"),
        (list(range(0, 42, 2)), "regression"),
        (["x", "y", "z"] * 2, "multiclass"),
    ],
)
def test_the_kind_of_problem_follows_from_the_target(values, kind) -> None:
    assert target(values).kind == kind


def test_few_whole_numbers_may_be_quantities_or_classes_and_are_asked_about() -> None:
    with pytest.raises(Undecided, match=r"3 whole numbers from 1 to 3; say KIND=regression .* KIND=multiclass"):
        target([1, 2, 3])


def test_numbers_that_name_classes_become_words() -> None:
    assert target([1, 2, 3], "multiclass").classes == ("1", "2", "3")


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ([1, 1, 1], r"target 'y' has 1 different values"),
        ([None, None], r"target 'y' has 0 different values"),
        ([f"c{number % 21}" for number in range(210)], r"target 'y' has 21 classes.*KIND=multiclass"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused_with_what_it_holds(values, refusal) -> None:
    with pytest.raises(Undecided, match=refusal):
        target(values)


def key(frame, never=()):
    columns = [column_profile(frame[name])[0] for name in frame.columns]
    return key_of(frame, "day", columns, set(never))


def test_an_identifier_is_the_key_before_the_time_is() -> None:
    assert key(pd.DataFrame({"day": DAYS, "order_id": range(100), "price": np.linspace(0.5, 9, 100)})) == ("order_id",)


def test_the_time_is_the_key_where_it_is_unique() -> None:
    assert key(pd.DataFrame({"day": DAYS, "shop": ["a", "b"] * 50})) == ("day",)


def test_a_number_of_seconds_since_1970_is_in_utc_wherever_it_was_written() -> None:
    profile, times = as_times(column([1_704_067_200, 1_704_070_800]), "Europe/Paris")

    assert times[0] == pd.Timestamp("2024-01-01", tz="UTC")
    assert profile.zoned is True


def test_rows_without_a_time_leave_it_the_key_of_the_others() -> None:
    frame = pd.DataFrame({"day": DAYS, "shop": ["a", "b"] * 50})

    assert key(frame.assign(day=frame["day"].mask(frame.index < 3))) == ("day",)


def test_a_few_columns_with_the_time_are_the_key_and_exact_duplicates_do_not_count() -> None:
    frame = pd.DataFrame({"day": DAYS.repeat(2), "shop": ["a", "b"] * 100})

    assert key(pd.concat([frame, frame.head(3)], ignore_index=True)) == ("shop", "day")


def test_there_is_no_key_where_rows_differ_only_in_a_later_outcome() -> None:
    frame = pd.DataFrame({"day": DAYS.repeat(2), "outcome": ["a", "b"] * 100})

    assert key(frame, never=["outcome"]) is None


def test_a_time_column_mostly_after_the_event_may_be_the_label_s() -> None:
    frame = pd.DataFrame({"day": DAYS, "paid": DAYS + pd.Timedelta(days=3), "born": DAYS - pd.Timedelta(days=9000)})

    assert label_time_candidates(frame, "day", ["day", "paid", "born"]) == {"paid": 1.0}


def test_the_day_of_the_event_repeats_its_time() -> None:
    times = pd.Series(DAYS) + pd.Timedelta(hours=5)

    assert repeats_the_time(times.dt.floor("D"), times)
    assert not repeats_the_time(times - pd.to_timedelta(np.arange(100), unit="D"), times)
