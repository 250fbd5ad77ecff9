"""How are the gates' verdicts shown?"""

from tasks.gates import Verdict
from tasks.promotion.verdicts import as_markdown, as_rows, gain_figure
from tasks.training.comparison import BootstrapEstimate
from tasks.training.evidence import Evidence, SliceGain

JUDGED = (
    Verdict(gate="finite", number=0.0, limit=0.0, reason=None),
    Verdict(gate="serves", number=None, limit=1e-6, reason="it does not load | at all"),
    Verdict(gate="no_slice_worse", number=0.5, limit=0.1, reason=None, note="too few rows to judge: shop=web"),
)


def test_each_gate_is_a_row_with_its_code_title_number_limit_verdict_and_why():
    assert [tuple(row.values()) for row in as_rows(JUDGED)] == [
        ("finite", "Predictions are numbers", "0", "0", "passed", ""),
        ("serves", "Predicts the same in a clean process", "", "1e-06", "refused", "it does not load | at all"),
        ("no_slice_worse", "Not worse on any slice", "0.5", "0.1", "passed", "too few rows to judge: shop=web"),
    ]


def test_the_markdown_table_keeps_bars_inside_their_cells():
    assert as_markdown(JUDGED).splitlines() == [
        "| gate | title | number | limit | verdict | why |",
        "| --- | --- | --- | --- | --- | --- |",
        "| finite | Predictions are numbers | 0 | 0 | passed |  |",
        "| serves | Predicts the same in a clean process |  | 1e-06 | refused | it does not load \\| at all |",
        "| no_slice_worse | Not worse on any slice | 0.5 | 0.1 | passed | too few rows to judge: shop=web |",
    ]


def test_the_figure_has_a_bar_for_all_rows_and_for_each_slice_that_has_a_gain():
    gained = BootstrapEstimate(value=0.25, error=0.125, freedom=10)
    evidence = Evidence(
        metric="mae",
        rows=9,
        challenger=1,
        baseline=2,
        gain_over_champion=gained,
        slices=(SliceGain(name="shop=web", rows=5, gain=gained), SliceGain(name="shop=fair", rows=1, gain=None)),
    )

    (axes,) = gain_figure(evidence, 0.05).axes

    assert [label.get_text() for label in axes.get_yticklabels()] == ["shop=web (n = 5)", "all rows"]
