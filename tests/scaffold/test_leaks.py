"""Which columns give the answer away?"""

import numpy as np
import pandas as pd
import pytest

from scaffold.leaks import later_versions, leak_findings, pure_value, sums
from scaffold.profiling import TargetProfile
from tasks.training.single_feature import single_scores

ROWS = 4_000
CHANCE = np.random.default_rng(0)
NOISE = CHANCE.normal(size=ROWS)
ANSWER = pd.Series((NOISE + CHANCE.normal(size=ROWS) > 0).astype(float), name="lost")
HONEST = pd.Series(NOISE)


def leaks_by_column(kind="binary", answers=ANSWER, **columns):
    frame = pd.DataFrame({"honest": HONEST, **columns})
    return {
        finding.column: finding for finding in leak_findings(frame, TargetProfile(kind, answers), list(frame.columns))
    }


def test_an_honest_column_is_not_suspected() -> None:
    assert leaks_by_column() == {}


def test_a_word_for_the_answer_is() -> None:
    status = ANSWER.map({0.0: "Check-Out", 1.0: "Canceled"})

    assert "AUC 1.000" in leaks_by_column(status=status)["status"].evidence


def test_a_transformed_copy_of_a_number_is() -> None:
    price = pd.Series(np.exp(NOISE), name="price")

    assert set(leaks_by_column("regression", price, honest=pd.Series(CHANCE.normal(size=ROWS)), log=np.log(price))) == {
        "log"
    }


def test_a_class_s_code_is() -> None:
    answers = pd.Series(CHANCE.choice(["a", "b", "c"], ROWS), name="class")

    assert set(leaks_by_column("multiclass", answers, code=answers.map({"a": 3.0, "b": 1.0, "c": 2.0}))) == {"code"}


def test_columns_that_add_up_to_the_target_are_even_if_each_alone_is_weak() -> None:
    parts = pd.DataFrame({name: CHANCE.integers(0, 90, ROWS).astype(float) for name in ("casual", "member", "hour")})
    total = (parts.casual + 2 * parts.member).rename("total")

    leaks = sums(parts, total, list(parts.columns))

    assert [leak.column for leak in leaks] == ["casual", "member"]
    assert "1 x casual, 2 x member add up to total" in leaks[0].evidence


@pytest.mark.parametrize(("wrong", "is_suspected"), [(0, True), (20, False)])
def test_a_value_that_occurs_with_a_single_answer_is(wrong, is_suspected) -> None:
    parking = pd.Series(np.where(ANSWER == 0, CHANCE.uniform(size=ROWS) < 0.2, 0.0).astype(float), name="parking")
    parking.iloc[np.flatnonzero(ANSWER == 1)[:wrong]] = 1.0

    assert (pure_value(parking, ANSWER) is not None) is is_suspected


def test_a_changed_copy_is_where_the_change_tells_the_answer() -> None:
    reserved = pd.Series(CHANCE.choice(["A", "B", "C"], ROWS))
    is_moved = (ANSWER == 0) & (CHANCE.uniform(size=ROWS) < 0.3)
    frame = pd.DataFrame({"reserved": reserved, "assigned": reserved.where(~is_moved, "P")})

    (leak,) = later_versions(frame, ANSWER, ["reserved", "assigned"])

    assert leak.column == "assigned"
    assert "seems a later version of reserved" in leak.evidence


def test_a_column_missing_just_where_the_target_is_unknown_is() -> None:
    is_open = pd.Series(np.arange(ROWS) % 4 == 0)
    answers, fee = ANSWER.mask(is_open), pd.Series(CHANCE.normal(size=ROWS)).mask(is_open)

    assert leaks_by_column(answers=answers, fee=fee)["fee"].kind == "is known only later"


def test_another_model_s_prediction_is_by_name_though_it_is_not_perfect() -> None:
    assert (
        "a model made it"
        in leaks_by_column(y_pred=HONEST * 2, age=pd.Series(CHANCE.normal(size=ROWS)))["y_pred"].evidence
    )


def test_a_column_far_better_than_all_others_is_questioned_and_stays_a_feature() -> None:
    frame = {"other": pd.Series(CHANCE.normal(size=ROWS)), "strong": ANSWER + CHANCE.normal(0, 0.4, ROWS)}

    doubt = leaks_by_column(honest=pd.Series(CHANCE.normal(size=ROWS)), **frame)["strong"]

    assert (doubt.kind, doubt.left_out) == ("predicts very well", False)


def test_a_column_is_scored_on_rows_later_than_those_it_learned_from() -> None:
    number = pd.Series([f"r{row}" for row in range(ROWS)])

    (single,) = single_scores(pd.DataFrame({"number": number}), ANSWER, "binary")

    assert single.score == pytest.approx(0.5)
