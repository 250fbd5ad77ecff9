"""What did each feature contribute to a prediction?"""

import numpy as np
import pandas as pd
import pytest

from tasks.scoring.attribution import attribution

CHANCE = np.random.default_rng(2013)
BACKGROUND = pd.DataFrame(
    {
        "a": CHANCE.normal(size=50),
        "b": CHANCE.normal(size=50),
        "c": CHANCE.normal(size=50),
        "shop": CHANCE.choice(["web", "store"], 50),
    }
)
ROW = pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0], "shop": ["web"]})


def by_feature(explained):
    return {part.feature: part.contribution for part in explained.contributions}


def test_the_contributions_and_the_baseline_sum_to_the_prediction():
    explained = attribution(lambda x: (np.exp(x.a * x.b) + (x["shop"] == "web")).to_numpy(), ROW, BACKGROUND)

    assert explained.prediction == np.exp(1.0 * 2.0) + 1
    assert explained.baseline + sum(by_feature(explained).values()) == pytest.approx(explained.prediction, rel=1e-12)


def test_of_a_sum_each_feature_contributes_what_its_own_term_changes():
    explained = attribution(
        lambda x: (2 * x.a - x.b).to_numpy(), ROW, pd.DataFrame([{"a": 0.5, "b": 1.0, "c": 0.0, "shop": "web"}])
    )

    assert by_feature(explained) == pytest.approx({"a": 2 * (1 - 0.5), "b": -(2 - 1), "c": 0.0, "shop": 0.0})
    assert explained.baseline == 2 * 0.5 - 1.0
    assert {part.error for part in explained.contributions} == {0.0}


def test_of_a_product_both_factors_share_alike():
    nothing = pd.DataFrame([{"a": 0.0, "b": 0.0, "c": 0.0, "shop": "store"}])

    explained = attribution(lambda x: (x.a * x.b).to_numpy(), ROW, nothing)

    # each is worth nothing alone and 1 * 2 as the last of the two, which it is in half of the orders
    assert by_feature(explained) == pytest.approx({"a": 1.0, "b": 1.0, "c": 0.0, "shop": 0.0})


def test_a_category_contributes_too_and_the_largest_comes_first():
    nothing = pd.DataFrame([{"a": 0.0, "b": 0.0, "c": 0.0, "shop": "store"}])

    explained = attribution(lambda x: (x.a - 5.0 * (x["shop"] == "web")).to_numpy(), ROW, nothing)

    assert [(part.feature, part.contribution) for part in explained.contributions][:2] == [("shop", -5.0), ("a", 1.0)]
    assert [part.value for part in explained.contributions][:2] == ["web", "1"]


def test_it_agrees_with_the_exact_values_within_its_stated_error():
    def predict(x):
        return (x.a * x.b + x.c**2).to_numpy()

    explained = attribution(predict, ROW, BACKGROUND, pairs=4000)

    a, b, c = (BACKGROUND[name] for name in "abc")
    # by hand: the mean over both orders of a and b of what each adds, then over the background rows
    exact = {
        "a": ((1 - a) * b / 2 + (1 - a) * 2 / 2).mean(),
        "b": ((2 - b) * a / 2 + (2 - b) * 1 / 2).mean(),
        "c": (9 - c**2).mean(),
        "shop": 0.0,
    }
    far = {
        part.feature: abs(part.contribution - exact[part.feature]) / (part.error + 1e-12)
        for part in explained.contributions
    }
    assert max(far.values()) < 4


def test_it_is_the_same_whenever_it_is_asked_again():
    first, again = (attribution(lambda x: (x.a * x.b).to_numpy(), ROW, BACKGROUND) for _ in range(2))

    assert first == again


def test_missing_values_of_the_row_are_put_in_as_they_are():
    row = ROW.assign(a=np.nan, shop=pd.Series([None], dtype="str"))

    explained = attribution(lambda x: 7.0 * x.a.isna().to_numpy() + 3.0 * x["shop"].isna().to_numpy(), row, BACKGROUND)

    assert [(part.feature, part.contribution, part.value) for part in explained.contributions[:2]] == [
        ("a", 7.0, "nan"),
        ("shop", 3.0, "nan"),
    ]
