"""Do the papers' policies weigh what a retrain saves against its price?"""

import numpy as np
import pytest

from tasks.triggers.published_policies import Cara, Upf, forecast_saving, staleness, tuned_limit


def ageing(model, window):
    """A model loses two hundredths with each window of its age."""
    return 0.9 - (window - model) / 50


def flat(model, window):
    return 0.9


@pytest.mark.parametrize(
    ("variant", "expected"), [("threshold", 0.3), ("cumulative", 0.0 - 0.1 + 0.3), ("periodic", 4.0)]
)
def test_staleness_is_what_was_lost_since_the_first_window_after_training(variant, expected):
    assert staleness([0.8, 0.9, 0.5], True, variant, 4) == pytest.approx(expected)


def test_of_an_error_staleness_is_what_it_grew_by():
    assert staleness([10.0, 12.0, 13.0], False, "cumulative", 3) == pytest.approx(0 + 2 + 3)


def test_before_a_window_has_settled_nothing_is_stale():
    assert staleness([], True, "threshold", 2) == 0.0


@pytest.mark.parametrize("variant", ["threshold", "cumulative", "periodic"])
def test_a_retrain_for_nothing_is_asked_for_as_soon_as_rehearsal_showed_that_age_costs(moment, variant):
    now = moment(20, 12, ageing, first=7, champion=7)

    assert Cara(variant=variant, price=0.0)(now) is not None


@pytest.mark.parametrize("variant", ["threshold", "cumulative", "periodic"])
def test_a_retrain_dearer_than_all_it_saved_in_rehearsal_is_not_asked_for(moment, variant):
    now = moment(20, 12, ageing, first=7, champion=7, price=50.0)

    assert Cara(variant=variant, price=0.0)(now) is None


def test_a_limit_is_tuned_on_the_rehearsal_alone(moment):
    calm = moment(20, 12, lambda model, window: 0.9 if window <= 7 else 0.1, first=7, champion=7)

    assert tuned_limit(calm, "cumulative", 0.01) == pytest.approx(1.0)


def test_without_a_rehearsal_nothing_is_asked_for(moment):
    assert Cara(variant="threshold", price=0.0)(moment(20, 12, ageing)) is None


def test_the_forecast_saves_what_age_costs_over_the_horizon(moment):
    """Age five against age zero costs a tenth in each of four windows."""
    mean, deviation = forecast_saving(moment(20, 12, ageing, first=7, champion=7), 4)

    assert mean == pytest.approx(4 * 0.1, rel=0.05)
    assert deviation < 0.05


@pytest.mark.parametrize(("price", "asks"), [(0.2, True), (0.6, False)])
def test_a_retrain_is_asked_for_when_it_surely_saves_its_price(moment, price, asks):
    now = moment(20, 12, ageing, first=7, champion=7, price=price)

    assert (Upf(horizon=4, confidence=0.9, price=0.0)(now) is not None) is asks


def test_a_forecast_that_is_not_sure_asks_for_nothing(moment):
    chance = np.random.default_rng(0)
    now = moment(20, 12, lambda model, window: chance.normal(0.8, 0.1), first=7, champion=7, price=0.0)

    assert Upf(horizon=4, confidence=0.95, price=0.0)(now) is None


def test_too_few_pairs_tell_nothing(moment):
    assert forecast_saving(moment(20, 2, ageing), 4) is None
