"""Does the list of goals say what was reached, and where not?"""

import pytest

from benchmarks.goals import dearer_by, goals, goals_text, pays


def verdict(policy, *, share=None, percentile=50.0, asked=0, low=0.0, high=0.0, cost_area=0.0):
    given = {"share": share, "percentile": percentile, "asked": asked, "low": low, "high": high}
    return {"policy": policy, "cost_area": cost_area, **given}


def stream(own, *, pays=True, peer=0.0):
    return {"pays": pays, "windows": 12, "verdicts": [verdict("peer", cost_area=peer), own]}


GOOD = verdict("own", share=0.9, percentile=95.5, asked=4, low=0.01, high=0.03, cost_area=-0.1)
IDLE = verdict("own", asked=2, low=-0.02, high=0.0)


def short(streams):
    """Return what falls short of each goal in turn."""
    return [goal.short for goal in goals(streams, "own")]


def test_all_goals_may_be_met():
    assert short({"a": stream(GOOD), "b": stream(IDLE, pays=False)}) == [()] * 6


def test_a_share_is_short_on_average_and_the_streams_below_are_named():
    """(.9 + .7) / 2 = .8."""
    streams = {"a": stream(GOOD), "b": stream(GOOD | {"share": 0.7})}

    assert short(streams)[0] == ("b 0.70",)
    assert goals(streams, "own")[0].reached == "0.80 (a 0.90, b 0.70)"


def test_asking_for_nothing_where_it_pays_gains_nothing():
    assert short({"a": stream(GOOD | {"share": None})})[0] == ("a 0.00",)


@pytest.mark.parametrize(("asked", "named"), [(4, ()), (5, ("a 42%",))])
def test_requests_are_at_most_a_third_of_the_windows(asked, named):
    assert short({"a": stream(GOOD | {"asked": asked})})[1] == named


@pytest.mark.parametrize(("percentile", "named"), [(95.1, ()), (95.0, ("a 95",))])
def test_each_stream_must_lie_above_chance(percentile, named):
    assert short({"a": stream(GOOD | {"percentile": percentile})})[2] == named


def test_where_it_does_not_pay_requests_and_harm_are_named():
    streams = {"a": stream(IDLE | {"asked": 3, "high": -0.001}, pays=False)}

    assert short(streams)[3:5] == [("a 3",), ("a",)]


def test_a_peer_that_is_cheaper_beyond_noise_is_named():
    """Differences .2, .3, .4: .3 on average, with t(.95, 2) = 2.92 times .1 / 3 ** .5 = .169 to either side."""
    streams = {
        name: stream(GOOD | {"cost_area": area}, peer=0.0) for name, area in zip("abc", (0.2, 0.3, 0.4), strict=True)
    }

    assert dearer_by(streams, "own", "peer") == pytest.approx((0.3, 0.1314, 0.4686), abs=1e-4)
    assert short(streams)[5] == ("peer",)


def test_a_peer_that_is_cheaper_within_noise_is_not_short():
    """Differences -.1 and .3: .1 on average, with t(.95, 1) = 6.31 times .2 to either side."""
    streams = {name: stream(GOOD | {"cost_area": area}) for name, area in zip("ab", (-0.1, 0.3), strict=True)}

    assert short(streams)[5] == ()


@pytest.mark.parametrize(("low", "is_paying"), [(0.001, True), (0.0, False)])
def test_retraining_pays_where_doing_it_always_surely_gains(low, is_paying):
    assert pays([verdict("every window", low=low, high=0.1)]) is is_paying


def test_the_list_ticks_what_is_met_and_names_what_is_not():
    text = goals_text({"a": stream(GOOD | {"percentile": 80.0})}, "own")

    assert "Retraining pays on a." in text
    assert "- [x] where it pays: at least 85% of the achievable gain on average: 0.90 (a 0.90)\n" in text
    assert "every stream: 0 of 1 streams; falls short: a 80\n" in text
