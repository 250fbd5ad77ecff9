"""What does a policy know, and what becomes of what it asks for?"""

import numpy as np
import pytest

from tasks.simulation.backtest.simulation import BacktestGate, RequestedRetrain, gate_refusal, moment_at, policy_outcome

GATE = BacktestGate(blocks=1, min_gain=0.0)


def fresher_is_better(model, window):
    """A model loses a tenth with each window of its age."""
    return 1 - (window - model) / 10


def always(moment):
    return "as always"


def never(moment):
    return None


def test_without_a_request_the_first_model_stays(history):
    outcome = policy_outcome("never", never, history(6, fresher_is_better), GATE)

    assert outcome.asked == ()
    assert outcome.live == ()


def test_a_policy_is_asked_at_the_end_of_each_window_in_which_a_new_model_could_still_serve(history):
    moments = []

    policy_outcome("none", lambda moment: moments.append(moment.now), history(6, fresher_is_better, first=1), GATE)

    assert moments == [2, 3, 4]


def test_a_better_challenger_goes_live_once_a_window_shows_it_that_neither_was_trained_on(history):
    outcome = policy_outcome("always", always, history(6, fresher_is_better), GATE)

    assert [(request.window, request.refusal is None) for request in outcome.asked] == [
        (1, False),
        (2, True),
        (3, False),
        (4, True),
    ]
    assert outcome.live == (2, 4)


def test_a_worse_challenger_is_refused_with_what_it_lacked(history):
    outcome = policy_outcome("always", always, history(4, lambda model, window: 1 - model / 10), GATE)

    assert outcome.live == ()
    assert outcome.asked[1].refusal == "gain -0.1000 over the champion on 1 windows, more than 0.0 needed"


def test_of_an_error_less_goes_live(history):
    outcome = policy_outcome("always", always, history(4, lambda model, window: 1 - model / 10, greater=False), GATE)

    assert outcome.live == (2,)


@pytest.mark.parametrize(("needed", "refused"), [(0.09, False), (0.1, True), (0.11, True)])
def test_the_gain_must_exceed_the_least(history, needed, refused):
    played = history(4, lambda model, window: 0.5 + model / 10)

    refusal = gate_refusal(played, 2, 0, BacktestGate(blocks=1, min_gain=needed))

    assert (refusal is not None) is refused


def test_several_blocks_are_weighed_together(history):
    gains = {2: 0.4, 3: -0.1}
    played = history(5, lambda model, window: 0.5 + (gains.get(window, 0) if model else 0))

    assert gate_refusal(played, 3, 0, BacktestGate(blocks=1, min_gain=0)) is not None
    assert gate_refusal(played, 3, 0, BacktestGate(blocks=2, min_gain=0)) is None


def test_where_no_window_has_settled_the_gate_refuses(history):
    played = history(6, fresher_is_better, late=6)

    assert gate_refusal(played, 3, 0, GATE) == "no labelled window that neither challenger nor champion has seen"


def test_a_model_that_could_not_be_trained_cannot_go_live(history):
    played = history(6, fresher_is_better)
    played.models.trained[3] = False

    assert gate_refusal(played, 3, 0, GATE) == "too few labelled rows to train a challenger"


def test_a_policy_sees_no_window_whose_labels_have_not_come(history):
    moment = moment_at(history(8, fresher_is_better, late=2), 4, 0, [])

    assert moment.settled == [0, 1, 2]
    assert np.isnan(moment.scores[:, 3:]).all()
    assert np.isnan(moment.scouts[:, 3:]).all()
    assert np.isnan(moment.scout_parts[:, 3:]).all()
    assert moment.scores[0, 1:3].tolist() == [0.9, 0.8]


def test_a_policy_sees_no_model_that_was_never_trained(history):
    asked = [RequestedRetrain(window=3, reason="", refusal="no")]

    moment = moment_at(history(8, fresher_is_better, first=1), 5, 1, asked)

    assert np.flatnonzero(~np.isnan(moment.scores).all(axis=1)).tolist() == [0, 1, 3]
    assert np.flatnonzero(~np.isnan(moment.scouts).all(axis=1)).tolist() == [0, 1, 2, 3, 4]


def test_a_policy_sees_its_champions_losses_window_by_window(history):
    moment = moment_at(history(8, fresher_is_better, late=1), 4, 1, [])

    assert [losses.tolist() for losses in moment.errors()] == [[2.0, 2.0], [3.0, 3.0]]


def test_a_policy_is_given_the_price(history):
    assert moment_at(history(4, fresher_is_better), 1, 0, [], price=0.25).price == 0.25
