"""When does each simple policy ask for a retrain?"""

import pytest

from tasks.triggers.simple_policies import (
    AtAge,
    AtRandom,
    EveryWindows,
    EvidentlyPreset,
    LossAboveFirst,
    Never,
    OutsideInterval,
    PerformanceDrop,
    calibrated_alarm,
)


def flat(model, window):
    return 0.8


def falling_at(window, to):
    """Every model scores 0.8 until a window, and `to` from it on."""
    return lambda _, at: to if at >= window else 0.8


def test_never_never_asks(moment):
    assert Never()(moment(9, 5, flat)) is None


@pytest.mark.parametrize(("now", "asks"), [(4, False), (5, True), (6, False), (8, True)])
def test_the_clock_asks_every_so_many_windows_since_the_first_model(moment, now, asks):
    assert (EveryWindows(windows=3)(moment(12, now, flat, first=2, champion=2)) is not None) is asks


@pytest.mark.parametrize(("asked", "asks"), [((), True), ((6,), False), ((5,), True)])
def test_age_counts_from_the_last_request_even_if_it_was_refused(moment, asked, asks):
    assert (AtAge(windows=3)(moment(12, 8, flat, champion=2, asked=asked)) is not None) is asks


def test_random_moments_come_again_from_their_seed_and_are_as_frequent_as_their_share(moment):
    policy = AtRandom(share=0.3, seed=1)
    asked = [policy(moment(401, now, flat)) is not None for now in range(1, 400)]

    assert asked == [policy(moment(401, now, flat)) is not None for now in range(1, 400)]
    assert sum(asked) == pytest.approx(0.3 * 399, abs=30)


@pytest.mark.parametrize(("to", "asks"), [(0.79, False), (0.78, True), (0.77, True)])
def test_a_drop_by_so_many_points_asks(moment, to, asks):
    policy = PerformanceDrop(points=0.0199999, share=0.05, windows=1)

    assert (policy(moment(9, 5, falling_at(5, to))) is not None) is asks


@pytest.mark.parametrize(("to", "asks"), [(0.83, False), (0.85, True)])
def test_an_error_asks_when_it_grows_by_a_share_of_what_was_expected(moment, to, asks):
    policy = PerformanceDrop(points=0.02, share=0.05, windows=1)

    assert (policy(moment(9, 5, falling_at(5, to), greater_is_better=False)) is not None) is asks


def test_a_window_that_is_better_asks_for_nothing(moment):
    policy = PerformanceDrop(points=0.02, share=0.05, windows=1)

    assert policy(moment(9, 5, falling_at(5, 0.9))) is None
    assert policy(moment(9, 5, falling_at(5, 0.5), greater_is_better=False)) is None


def test_the_first_window_after_a_training_is_what_is_expected_and_asks_for_nothing(moment):
    assert PerformanceDrop(points=0.02, share=0.05, windows=1)(moment(9, 5, falling_at(5, 0.1), champion=4)) is None


@pytest.mark.parametrize(("to", "asks"), [(0.785, False), (0.775, True)])
def test_a_loss_a_tenth_above_the_first_windows_asks(moment, to, asks):
    """The loss of an AUC of 0.8 is 0.2; a tenth above it is 0.22."""
    assert (LossAboveFirst(share=0.1)(moment(9, 5, falling_at(5, to))) is not None) is asks


@pytest.mark.parametrize(("share", "asks"), [(0.49, False), (0.5, True), (None, False)], ids=["below", "at", "unknown"])
def test_evidentlys_preset_asks_from_its_share_of_drifting_features_on(moment, share, asks):
    now = moment(9, 5, flat, drifted_share=lambda: share)

    assert (EvidentlyPreset(share=0.5)(now) is not None) is asks


def wavering(window, to):
    """Scores waver by a hundredth about 0.8, and are `to` in one window."""
    return lambda _, at: to if at == window else 0.8 + (0.01 if at % 2 else -0.01)


@pytest.mark.parametrize(("to", "asks"), [(0.785, False), (0.7, True), (0.9, False)], ids=["usual", "bad", "good"])
def test_a_window_outside_the_interval_of_those_before_asks(moment, to, asks):
    now = moment(12, 9, wavering(9, to))

    assert (OutsideInterval(false_alarms=0.05)(now) is not None) is asks


@pytest.mark.parametrize("why", [None, "shop moved"])
def test_the_calibrated_alarm_asks_for_the_reason_that_it_rings_for(moment, why):
    assert calibrated_alarm(moment(9, 5, lambda _, at: 0.8, alarm=lambda: why)) == why


def test_the_rehearsal_tells_what_is_usual(moment):
    now = moment(12, 7, wavering(7, 0.7), first=6, champion=6)

    assert OutsideInterval(false_alarms=0.05)(now) is not None
    assert OutsideInterval(false_alarms=0.05)(moment(12, 1, wavering(1, 0.7))) is None
