"""When has a drill failed, and what does its table say?"""

import pytest

from tasks.simulation.drill import (
    NOTHING,
    Attempt,
    DrillPolicy,
    DrillReport,
    PromotionShare,
    as_rows,
    failures,
    summary,
)

POLICY = DrillPolicy(min_accepted=0.9)


def attempt(**changes):
    good = {"tried": "a leak", "expected": "no_leak", "refused_by": ("no_leak",), "caught": True, "seconds": 1.25}
    return Attempt(**good | {"answer": "refused: a leak"} | changes)


def report(attempts=(), promoted=10, accepted=100):
    return DrillReport(
        usecase="stall",
        error_rate=0.1,
        attempts=attempts,
        luck=PromotionShare(tried="lucky", promoted=promoted, tries=200),
        improvements=(
            PromotionShare(tried="small", promoted=5, tries=100),
            PromotionShare(tried="large", promoted=accepted, tries=100),
        ),
    )


@pytest.mark.parametrize(
    ("promoted", "low", "high"),
    # none or all of n: 1 - .025 ** (1/n); 10 of 200 from Clopper and Pearson's formula
    [(0, 0, 1 - 0.025 ** (1 / 200)), (200, 0.025 ** (1 / 200), 1), (10, 0.02423, 0.09003)],
)
def test_the_true_share_lies_within_the_exact_interval(promoted, low, high):
    assert PromotionShare(tried="", promoted=promoted, tries=200).interval == pytest.approx((low, high), abs=1e-4)


def test_a_drill_in_which_all_is_as_expected_has_not_failed():
    assert failures(report([attempt()]), POLICY) == []


def test_what_slipped_through_is_reported_with_the_gate_that_was_expected():
    slipped = attempt(refused_by=("slow",), caught=False)

    assert failures(report([attempt(), slipped]), POLICY) == [
        "a leak: expected no_leak, refused by slow (refused: a leak)"
    ]


# of 200 tries, 29 and 30 have lower bounds of 9.9 % and 10.3 %
@pytest.mark.parametrize(("promoted", "failed"), [(29, 0), (30, 1)])
def test_luck_has_failed_once_it_is_surely_promoted_more_often_than_the_policy_allows(promoted, failed):
    assert len(failures(report(promoted=promoted), POLICY)) == failed


@pytest.mark.parametrize(("accepted", "failed"), [(89, 1), (90, 0)])
def test_refusing_a_large_improvement_too_often_is_a_failure_too(accepted, failed):
    assert len(failures(report(accepted=accepted), POLICY)) == failed


def test_the_table_has_a_row_for_each_attempt_and_each_share():
    honest = attempt(tried="nothing", expected=NOTHING, refused_by=(), seconds=2)

    assert [tuple(row.values())[:4] for row in as_rows(report([honest, attempt(caught=False)]), POLICY)] == [
        ("nothing", NOTHING, "promoted", "yes"),
        ("a leak", "no_leak", "no_leak", "NO"),
        ("lucky", "promoted in at most 10%", "10 of 200 promoted, 5.0% (95 %: 2.4% to 9.0%)", "yes"),
        ("small", "measured", "5 of 100 promoted, 5.0% (95 %: 1.6% to 11.3%)", ""),
        ("large", "promoted in at least 90%", "100 of 100 promoted, 100.0% (95 %: 96.4% to 100.0%)", "yes"),
    ]


def test_the_summary_counts_what_was_as_expected():
    assert summary(report([attempt(), attempt(caught=False)]), ["luck won"]) == (
        "stall: 1 of 2 as expected; false promotions: 10 of 200 promoted, 5.0% (95 %: 2.4% to 9.0%); "
        "drill failed: luck won"
    )


def test_a_report_that_was_stored_under_the_field_s_old_name_is_still_read():
    stored = attempt().model_dump()

    assert Attempt(**{**{name: stored[name] for name in stored if name != "answer"}, "told": "x"}).answer == "x"
