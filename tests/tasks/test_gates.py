"""Which challenger is refused, by which gate, and with which words?"""

import re
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from tasks.gates import GATES, TITLES, GatePolicy, refusal_reason, verdicts
from tasks.settings import ROOT
from tasks.training.comparison import BootstrapEstimate
from tasks.training.evidence import Evidence, GroupGap, Serving, SliceGain

POLICY = GatePolicy(
    min_gain_over_baseline=0.125,
    min_gain_over_simple_model=0.5,
    min_gain_over_champion=0.0625,
    min_rows=100,
    error_rate=0.1,
    min_slice_rows=50,
    max_slice_loss=0,
    max_group_gap=0.25,
    max_outside=0.5,
    max_same_share=0.5,
    max_calibration_error=0.0625,
    max_bias=0.25,
    max_single_skill=0.875,
    max_copied_share=0.125,
    max_late_share=0.5,
    max_serving_difference=0.125,
    max_latency_ratio=4,
    max_size_ratio=8,
    max_reproduction_difference=0.125,
)
EVERY_GATE = [
    *("beats_baseline", "beats_simple_model", "enough_unseen_rows", "beats_champion", "no_slice_worse", "groups_alike"),
    *("finite", "in_range", "not_constant", "calibrated", "unbiased", "no_feature_too_good", "no_row_learned"),
    *("no_copies", "learned_from_the_past", "known_at_the_event", "serves", "serves_fast", "fits", "reproducible"),
]
GATES_PAGE = (ROOT / "docs" / "gates.md").read_text(encoding="utf-8")
SURE = BootstrapEstimate(value=0.25, error=0, freedom=10)
"""A gain without doubt."""


def evidence(**changes):
    """Return evidence of a first model that is good in every way."""
    good = {
        "metric": "roc_auc",
        "rows": 500,
        "challenger": 0.75,
        "baseline": 0.5,
        "gain_over_baseline": SURE,
        "simple_model": 0.625,
        "finite_share": 1.0,
        "outside": 0.0,
        "same_share": 0.01,
        "calibration_error": 0.01,
        "best_single_feature": "price",
        "single_skill": 0.5,
        "learned_rows": 0,
        "early_rows": 0,
        "copied_share": 0.0,
        "late_share": 0.0,
        "serving": Serving(difference=0.0, milliseconds=4.0, size=1000),
        "largest_reproduction_difference": 0.0,
    }
    return Evidence(**good | changes)


def beside_a_champion(**changes):
    """Return evidence of a challenger that is better than the present champion in every way."""
    compared = {
        "champion_version": "3",
        "compared_rows": 200,
        "overlap_rows": 300,
        "challenger_beside_champion": 0.75,
        "champion": 0.5,
        "simple_model_beside_champion": 0.25,
        "gain_over_champion": SURE,
        "serving": Serving(difference=0.0, milliseconds=4, champion_milliseconds=4, size=1000, champion_size=1000),
    }
    return evidence(**compared | changes)


def regression(**changes):
    """Return evidence of a first regression that is good in every way."""
    good = {"metric": "rmse", "challenger": 1.0, "simple_model": 2.0, "baseline": 3.0, "is_classification": False}
    return evidence(**good | {"calibration_error": None, "bias": 0.0} | changes)


def refusing(given, **changes):
    """Return the names of the gates that refuse."""
    every_verdict = verdicts(given, POLICY.model_copy(update=changes))
    return [verdict.gate for verdict in every_verdict if verdict.reason is not None]


def the(gate, given, **changes):
    """Return one gate's verdict."""
    (verdict,) = (verdict for verdict in verdicts(given, POLICY.model_copy(update=changes)) if verdict.gate == gate)
    return verdict


@pytest.mark.parametrize("given", [evidence(), beside_a_champion(), regression()], ids=["first", "beside", "values"])
def test_what_is_good_in_every_way_is_judged_by_every_gate_and_refused_by_none(given):
    every_verdict = verdicts(given, POLICY)

    assert [verdict.gate for verdict in every_verdict] == EVERY_GATE
    assert refusal_reason(every_verdict) is None


def test_a_verdict_bears_the_code_of_its_gate():
    assert [verdict.gate for verdict in verdicts(evidence(), POLICY)] == [gate.code for gate in GATES]


def test_each_gate_has_its_section_by_code_and_title_and_each_section_its_gate():
    sections = re.findall(r"^## (.+) \{#([a-z_]+)\}$", GATES_PAGE, flags=re.MULTILINE)

    assert {code: title for title, code in sections} == TITLES
    assert len(sections) == len(GATES_PAGE.split("\n## ")) - 1 == len(TITLES)


@pytest.mark.parametrize("part", ["Measures", "Limit", "Refuses because", "What to do"])
def test_each_section_says_what_is_measured_the_limit_the_reason_and_what_to_do(part):
    assert [section for section in GATES_PAGE.split("\n## ")[1:] if section.count(f"\n- **{part}:** ") != 1] == []


def test_each_field_of_the_policy_is_named_in_the_section_of_a_gate():
    assert [name for name in GatePolicy.model_fields if f"`{name}`" not in GATES_PAGE] == []


def test_without_thresholds_nothing_is_promoted():
    judged = verdicts(evidence(), GatePolicy())

    assert refusal_reason(judged) == (
        "configured: no threshold is set for min_gain_over_baseline, min_gain_over_champion, min_rows: "
        "set each under `gates` of the deployment"
    )


@pytest.mark.parametrize("name", ["min_gain_over_baseline", "min_gain_over_champion", "min_rows"])
def test_a_threshold_that_is_left_out_refuses_by_its_name(name):
    judged = verdicts(evidence(), POLICY.model_copy(update={name: None}))

    assert refusal_reason(judged).startswith(f"configured: no threshold is set for {name}: ")


def test_without_any_verdict_nothing_is_promoted():
    assert refusal_reason(()) == "no gate has judged the challenger"


def test_all_gates_are_computed_even_when_the_first_refuses_and_all_reasons_are_given():
    nothing = BootstrapEstimate(value=0, error=0, freedom=9)
    judged = verdicts(evidence(rows=1500, challenger=0.5, gain_over_baseline=nothing, finite_share=0.5), POLICY)

    assert [verdict.gate for verdict in judged] == EVERY_GATE
    assert refusal_reason(judged) == (
        "beats_baseline: roc_auc 0.5000 against 0.5000 for the trivial baseline: gain +0.0000, "
        "lower bound +0.0000 at 90 % confidence (at least 0.125 required, n = 1,500); "
        "beats_simple_model: roc_auc 0.5000 against 0.6250 for a linear model: gain -0.1250 "
        "(at least 0.0625 required, n = 1,500); "
        "finite: share of predictions that are missing or infinite: 0.5 (limit 0, n = 1,500)"
    )


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"challenger": None}, "beats_baseline"),
        ({"baseline": None}, "beats_baseline"),
        ({"gain_over_baseline": None}, "beats_baseline"),
        ({"challenger": float("nan")}, "beats_simple_model"),
        ({"simple_model": float("nan")}, "beats_simple_model"),
        ({"simple_model": None}, "beats_simple_model"),
        ({"champion": None}, "beats_champion"),
        ({"challenger_beside_champion": None}, "beats_champion"),
        ({"gain_over_champion": None}, "beats_champion"),
        ({"error_share": 0.0}, "beats_champion"),
        ({"champion_fault": "its file is gone"}, "beats_champion"),
        ({"group_gaps": (GroupGap(column="sex", measure="odds", gap=None),)}, "groups_alike"),
        ({"finite_share": None}, "finite"),
        ({"outside": None}, "in_range"),
        ({"same_share": None}, "not_constant"),
        ({"calibration_error": None}, "calibrated"),
        ({"single_skill": None}, "no_feature_too_good"),
        ({"learned_rows": None}, "no_row_learned"),
        ({"copied_share": None}, "no_copies"),
        ({"early_rows": None}, "learned_from_the_past"),
        ({"late_share": None}, "known_at_the_event"),
        ({"serving": None}, "serves"),
        ({"serving": Serving(fault="it is no model")}, "serves"),
        ({"serving": Serving(milliseconds=1, size=1)}, "serves"),
        ({"serving": Serving(difference=0, size=1, champion_size=1)}, "serves_fast"),
        ({"serving": Serving(difference=0, size=1, champion_size=1, milliseconds=1)}, "serves_fast"),
        ({"serving": Serving(difference=0, milliseconds=1, champion_milliseconds=1, champion_size=1)}, "fits"),
        ({"serving": Serving(difference=0, milliseconds=1, champion_milliseconds=1, size=1)}, "fits"),
        ({"largest_reproduction_difference": None}, "reproducible"),
    ],
)
def test_what_cannot_be_computed_refuses(change, gate):
    assert gate in refusing(beside_a_champion(**change))


def test_a_bias_that_cannot_be_computed_refuses_a_regression():
    assert refusing(regression(bias=None)) == ["unbiased"]


@pytest.mark.parametrize(
    ("gate", "below", "at", "above"),
    [
        ("in_range", {"outside": 0}, {"outside": 1e-9}, {"outside": 1e-8}),
        ("not_constant", {"same_share": 0.49}, {"same_share": 0.5}, {"same_share": 0.51}),
        ("calibrated", {"calibration_error": 0.06}, {"calibration_error": 0.0625}, {"calibration_error": 0.063}),
        ("no_feature_too_good", {"single_skill": 0.8}, {"single_skill": 0.875}, {"single_skill": 0.876}),
        ("no_row_learned", {"learned_rows": 0}, {"learned_rows": 0}, {"learned_rows": 1}),
        ("no_copies", {"copied_share": 0.1}, {"copied_share": 0.125}, {"copied_share": 0.126}),
        ("learned_from_the_past", {"early_rows": 0}, {"early_rows": 0}, {"early_rows": 1}),
        ("known_at_the_event", {"late_share": 0.4}, {"late_share": 0.5}, {"late_share": 0.51}),
        (
            "reproducible",
            {"largest_reproduction_difference": 0.1},
            {"largest_reproduction_difference": 0.125},
            {"largest_reproduction_difference": 0.126},
        ),
    ],
)
def test_a_limit_refuses_only_what_is_above_it(gate, below, at, above):
    assert refusing(evidence(**below)) == refusing(evidence(**at)) == []
    assert refusing(evidence(**above)) == [gate]


@pytest.mark.parametrize(("share", "refused"), [(1.0, []), (0.999, ["finite"])])
def test_a_single_prediction_that_is_not_finite_refuses(share, refused):
    assert refusing(evidence(finite_share=share)) == refused


@pytest.mark.parametrize(("outside", "refused"), [(0.4, []), (0.5, []), (0.6, ["in_range"])])
def test_values_may_lie_outside_what_was_learned_from_by_a_share_of_its_range(outside, refused):
    assert refusing(regression(outside=outside)) == refused


@pytest.mark.parametrize(("bias", "refused"), [(0.2, []), (0.25, []), (0.3, ["unbiased"])])
def test_values_may_be_off_on_average_by_a_share_of_the_targets_spread(bias, refused):
    assert refusing(regression(bias=bias)) == refused


@pytest.mark.parametrize(("error", "refused"), [(0.19, []), (0.2, []), (0.21, ["calibrated"])])
def test_where_the_champions_chances_are_contradicted_more_than_the_limit_its_own_error_is_the_limit(error, refused):
    compared = beside_a_champion(calibration_error=error, champion_calibration_error=0.2)

    assert refusing(compared) == refused
    assert the("calibrated", compared).limit == 0.2


def test_a_champion_with_less_error_than_the_limit_does_not_tighten_it():
    assert the("calibrated", beside_a_champion(champion_calibration_error=0.01)).limit == 0.0625


@pytest.mark.parametrize(("gained", "refused"), [(0.124, ["beats_baseline"]), (0.125, []), (0.126, [])])
def test_the_lower_bound_of_the_gain_over_the_trivial_baseline_must_reach_the_minimum(gained, refused):
    assert refusing(evidence(gain_over_baseline=BootstrapEstimate(value=gained, error=0, freedom=9))) == refused


def test_a_gain_over_the_trivial_baseline_that_may_be_luck_is_refused():
    # t of 10 degrees of freedom, one-sided 10 %: 1.372
    verdict = the("beats_baseline", evidence(gain_over_baseline=BootstrapEstimate(value=0.25, error=0.125, freedom=10)))

    assert verdict.number == pytest.approx(0.25 - 0.125 * 1.372, abs=1e-4)
    assert verdict.reason is not None


@pytest.mark.parametrize(
    ("challenger", "refused"), [(0.874, ["beats_simple_model"]), (0.875, []), (0.876, [])], ids=["below", "at", "above"]
)
def test_a_challenger_must_gain_a_share_of_what_a_linear_model_does_over_it(challenger, refused):
    # the linear model gains .25 over a guess: half of that more is asked for
    assert refusing(evidence(challenger=challenger, simple_model=0.75)) == refused


@pytest.mark.parametrize(("challenger", "refused"), [(0.724, ["beats_simple_model"]), (0.726, [])])
def test_where_the_policy_says_so_it_may_be_worse_by_such_a_share(challenger, refused):
    assert refusing(evidence(challenger=challenger, simple_model=0.75), min_gain_over_simple_model=-0.1) == refused


def test_a_linear_model_that_is_worse_than_a_guess_is_no_measure():
    assert the("beats_simple_model", evidence(simple_model=0.25)).limit == 0


@pytest.mark.parametrize(("simple", "refused"), [(0.99, []), (1.0, []), (1.01, ["beats_simple_model"])])
def test_a_champion_that_is_worse_than_a_linear_model_must_only_be_bettered(simple, refused):
    compared = beside_a_champion(champion=0.5, simple_model_beside_champion=0.75, challenger=0.75, simple_model=simple)

    assert refusing(compared) == refused


@pytest.mark.parametrize(("low", "refused"), [(0.0624, ["beats_champion"]), (0.0625, ["beats_champion"]), (0.0626, [])])
def test_the_lower_bound_of_the_gain_must_exceed_the_minimum_and_a_tie_keeps_the_champion(low, refused):
    compared = beside_a_champion(gain_over_champion=BootstrapEstimate(value=low, error=0, freedom=9))

    assert refusing(compared) == refused


def test_a_tie_keeps_the_champion_even_where_no_gain_is_asked_for():
    compared = beside_a_champion(gain_over_champion=BootstrapEstimate(value=0, error=0, freedom=9))

    assert refusing(compared, min_gain_over_champion=0.0) == ["beats_champion"]


@pytest.mark.parametrize(("low", "refused"), [(-0.03, []), (-0.03125, []), (-0.032, ["beats_champion"])])
def test_where_the_policy_says_so_a_challenger_need_only_not_be_worse_by_more_than_a_margin(low, refused):
    compared = beside_a_champion(gain_over_champion=BootstrapEstimate(value=low, error=0, freedom=9))

    assert refusing(compared, must_beat_champion=False, max_loss_to_champion=0.03125) == refused


# t of 10 degrees of freedom, one-sided: 1.372 at 10 %, 1.812 at 5 %, 2.228 at 2.5 % (the table)
@pytest.mark.parametrize(
    ("share", "candidates", "t"), [(1.0, 1.0, 1.372), (0.5, 1.0, 1.812), (0.25, 1.0, 2.228), (0.5, 2.0, 2.228)]
)
def test_the_confidence_asked_for_rises_with_the_tries_and_with_the_candidates(share, candidates, t):
    gained = BootstrapEstimate(value=0.25, error=0.0625, freedom=10)
    compared = beside_a_champion(gain_over_champion=gained, error_share=share, candidates=candidates)

    assert the("beats_champion", compared).number == pytest.approx(0.25 - 0.0625 * t, abs=1e-4)


def test_a_gain_that_is_not_sure_is_refused_with_its_numbers():
    gained = BootstrapEstimate(value=0.25, error=0.125, freedom=10)

    assert the("beats_champion", beside_a_champion(gain_over_champion=gained, error_share=0.5)).reason == (
        "roc_auc 0.7500 against 0.5000 for champion version 3: gain +0.2500, lower bound +0.0234 at 95 % confidence "
        "(more than 0.0625 required, n = 200)"
    )


def test_a_challenger_that_has_no_error_budget_left_on_these_rows_is_refused_with_that_reason():
    assert the("beats_champion", beside_a_champion(error_share=0.0)).reason == (
        "earlier challengers have used up the error rate on these rows; retrain when newer labelled rows came"
    )


def test_a_champion_that_could_not_be_asked_is_reported_with_the_fault():
    reason = the("beats_champion", beside_a_champion(champion_fault="its file is gone")).reason

    assert reason == "could not be computed: champion version 3 (its file is gone)"


@pytest.mark.parametrize(("rows", "refused"), [(99, True), (100, False), (101, False)], ids=["below", "at", "above"])
def test_a_comparison_needs_enough_rows_that_neither_was_trained_on(rows, refused):
    assert ("enough_unseen_rows" in refusing(beside_a_champion(compared_rows=rows))) is refused


def test_too_few_rows_are_reported_with_those_left_out_and_when_there_will_be_enough():
    compared = beside_a_champion(compared_rows=70, as_of=datetime(2024, 3, 1, tzinfo=UTC), rows_per_day=20)

    # 30 more at 20 a day: a day and a half
    assert the("enough_unseen_rows", compared).reason == (
        "70 evaluated rows that neither model was trained on (at least 100 required; champion version 3 was trained on "
        "300 others); "
        "at 20 labelled rows a day there will be enough by 2024-03-02 12:00"
    )


def worse_by(value, name="shop=web", rows=100):
    """Return a slice on which the challenger loses, with t = -value of 10 degrees of freedom."""
    return SliceGain(name=name, rows=rows, gain=BootstrapEstimate(value=-value, error=1, freedom=10))


@pytest.mark.parametrize(("loss", "refused"), [(1.3, []), (1.4, ["no_slice_worse"])])
def test_a_slice_is_worse_where_that_is_surer_than_the_error_rate(loss, refused):
    assert refusing(beside_a_champion(slices=(worse_by(loss),))) == refused


# one-sided 5 % is the half of 10 %: t = 1.812
@pytest.mark.parametrize(("loss", "refused"), [(1.8, []), (1.83, ["no_slice_worse"])])
def test_of_two_slices_each_may_take_half_of_the_error_rate(loss, refused):
    assert refusing(beside_a_champion(slices=(worse_by(loss), worse_by(-5, "shop=store")))) == refused


def test_once_one_slice_is_worse_the_next_is_asked_about_one_fewer():
    reason = the("no_slice_worse", beside_a_champion(slices=(worse_by(3), worse_by(1.4, "shop=store")))).reason

    assert reason == (
        "worse than the champion on 2 of 2 slices (error rate 0.1): shop=web (gain -3.0000, n = 100), "
        "shop=store (gain -1.4000, n = 100)"
    )


@pytest.mark.parametrize(("rows", "refused"), [(49, False), (50, True)])
def test_a_slice_with_too_few_rows_is_named_and_does_not_refuse(rows, refused):
    verdict = the("no_slice_worse", beside_a_champion(slices=(worse_by(9, rows=rows),)))

    assert (verdict.reason is not None, verdict.note) == (refused, "" if refused else "too few rows to judge: shop=web")


def test_a_loss_that_the_policy_allows_a_slice_is_no_loss():
    assert refusing(beside_a_champion(slices=(worse_by(2),)), max_slice_loss=1.0) == []


@pytest.mark.parametrize(("gap", "refused"), [(0.2, []), (0.25, []), (0.3, ["groups_alike"])])
def test_the_groups_of_a_protected_column_must_be_treated_alike(gap, refused):
    gaps = (GroupGap(column="age", measure="odds", gap=0.1), GroupGap(column="sex", measure="odds", gap=gap))

    assert refusing(evidence(group_gaps=gaps)) == refused


def test_a_model_that_fails_in_a_clean_process_is_refused_with_the_fault():
    assert the("serves", evidence(serving=Serving(fault="no such class"))).reason == (
        "the model does not load and predict in a clean process: no such class"
    )


def test_a_champion_that_does_not_load_is_named_with_what_to_do():
    serving = Serving(difference=0, milliseconds=1, size=1, champion_fault="OSError: no such file")

    assert the("fits", beside_a_champion(serving=serving)).reason == (
        "could not be computed: model file size as a multiple of the champion's, which does not load in a clean "
        "process: OSError: no such file; roll back to a version that does"
    )


@pytest.mark.parametrize(
    ("gate", "change", "refused"),
    [
        ("serves", {"difference": 0.125}, False),
        ("serves", {"difference": 0.126}, True),
        ("serves_fast", {"milliseconds": 16}, False),
        ("serves_fast", {"milliseconds": 17}, True),
        ("fits", {"size": 8000}, False),
        ("fits", {"size": 8001}, True),
    ],
)
def test_a_model_serves_the_same_within_ratios_of_the_champion(gate, change, refused):
    serving = beside_a_champion().serving.model_copy(update=change)

    assert refusing(beside_a_champion(serving=serving)) == ([gate] if refused else [])


def test_what_the_policy_does_not_ask_for_is_passed_over_and_named():
    first_evidence = evidence(serving=None, largest_reproduction_difference=None)
    every_verdict = verdicts(first_evidence, POLICY.model_copy(update={"must_serve": False, "must_reproduce": False}))

    assert refusal_reason(every_verdict) is None
    assert [
        verdict.gate for verdict in every_verdict if verdict.note == "switched off in the gates of the deployment"
    ] == EVERY_GATE[-4:]


@pytest.mark.parametrize(
    "wrong", [{"min_gain_over_baseline": 0}, {"min_gain_over_champion": -0.1}, {"min_rows": 0}, {"error_rate": 0}]
)
def test_a_gate_that_could_never_refuse_is_refused_by_name(wrong):
    with pytest.raises(ValidationError, match=f"{next(iter(wrong))}\n.*should be greater than"):
        GatePolicy(**POLICY.model_dump() | wrong)


def test_the_form_shows_each_threshold_as_a_plain_number():
    fields = GatePolicy.model_json_schema()["properties"]

    assert {shown["type"] for shown in fields.values()} <= {"number", "integer", "boolean"}
