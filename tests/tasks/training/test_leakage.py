"""What makes evidence too good to be true?"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tasks.training.folds import Fold
from tasks.training.leakage import best_single_feature, changed_later, copied_share, filled_later
from tasks.windows import Window


def labelled_sales(sales, count=240, **columns):
    """Return sales whose return follows no feature, with the given functions of n and the answer as columns."""
    chance = np.random.default_rng(0)
    answers = chance.integers(0, 2, count).astype(float)
    noise = chance.uniform(0, 100, (count, 2))
    return sales(
        *(
            {"returned": answers[n], "price": noise[n, 0], "weight": noise[n, 1]}
            | {name: of(n, answers[n]) for name, of in columns.items()}
            for n in range(count)
        )
    )


def test_a_feature_that_is_the_answer_alone_predicts_perfectly(stall, sales):
    rows = labelled_sales(sales, weight=lambda n, answer: 3.0 * answer)

    assert best_single_feature(rows, stall) == ("weight", 1.0)


def test_a_word_that_is_the_answer_does_too(stall, sales):
    rows = labelled_sales(sales, channel=lambda n, answer: "web" if answer else "store")

    assert best_single_feature(rows, stall) == ("channel", 1.0)


def test_honest_features_alone_are_far_from_perfect(stall, sales):
    assert best_single_feature(labelled_sales(sales), stall)[1] < 0.5


@pytest.fixture
def folds(stall_file):
    """One fold: fitted on the first 160 sales, evaluated on the next 80."""
    opened = stall_file.OPENED
    block = Window(start=opened + pd.Timedelta(days=20), end=opened + pd.Timedelta(days=30))
    return [Fold(block=block, models={}, learned=pd.RangeIndex(160))]


def as_of(folds):
    return folds[0].block.end + pd.Timedelta(days=3)


def test_rows_that_lie_in_training_under_another_key_are_copies(stall, sales, folds):
    rows = labelled_sales(sales)
    copied = pd.concat([rows[:120], rows[200:240].assign(sale=rows["sale"][120:160].to_numpy()), rows[160:]])
    copied = copied.set_axis(rows.index).assign(sold_at=rows["sold_at"], told_at=rows["told_at"])

    # the last 40 of the 80 evaluated rows are those of training's last 40
    assert copied_share(folds, copied, stall, as_of(folds)) == pytest.approx(40 / 80)


def test_rows_without_a_copy_are_none(stall, sales, folds):
    assert copied_share(folds, labelled_sales(sales), stall, as_of(folds)) == 0


def test_what_the_data_repeat_anyway_is_no_copy(stall, sales, folds):
    rows = labelled_sales(sales, price=lambda n, _: 1.0, weight=lambda n, _: 2.0)

    assert copied_share(folds, rows, stall, as_of(folds)) == 0


def test_a_feature_that_is_there_only_where_the_label_is_came_later(stall, sales):
    rows = labelled_sales(sales)
    open_ = rows.index >= 200

    late_feature = filled_later(
        rows.assign(returned=rows["returned"].mask(open_), weight=rows["weight"].mask(open_)), stall
    )

    assert late_feature == ("weight", 1.0)


def test_a_feature_with_gaps_here_and_there_did_not(stall, sales):
    rows = labelled_sales(sales)
    gaps = rows["weight"].mask(rows.index % 2 == 0)

    assert filled_later(rows.assign(returned=rows["returned"].mask(rows.index >= 200), weight=gaps), stall)[1] < 0.1


def test_too_few_open_labels_say_nothing(stall, sales):
    rows = labelled_sales(sales)
    open_ = rows.index >= 221

    assert filled_later(
        rows.assign(returned=rows["returned"].mask(open_), weight=rows["weight"].mask(open_)), stall
    ) == (
        "",
        0.0,
    )


def test_a_feature_that_changed_as_the_label_came_is_returned_with_its_share(stall, sales):
    now = labelled_sales(sales, count=80)
    before = now.assign(
        returned=now["returned"].mask(now.index >= 40),
        weight=now["weight"].mask(now.index >= 50, 0.0),
        price=now["price"].where(now.index < 60, 1.0).where(now.index >= 40, 1.0),
    )

    # forty labels came; the weight of the last thirty of these changed, the price of the last twenty
    assert changed_later(before, now[::-1], stall) == ("weight", 30 / 40)


def test_a_feature_that_names_the_row_cannot_change_later(stall, sales):
    named = replace(stall, key=("sale", "channel"))
    now = labelled_sales(sales, count=80)
    before = now.assign(returned=now["returned"].where(now.index < 40), weight=0.0)

    assert changed_later(before, now, named) == ("weight", 1.0)


def test_without_labels_that_came_in_between_nothing_changed_later(stall, sales):
    now = labelled_sales(sales, count=80)

    assert changed_later(now.assign(weight=0.0), now, stall) == ("", 0.0)
