"""Does the true retrain withstand sabotage? A shorter form of `make drill`."""

import pytest

from flows import drill as drilling
from tasks.gates import GatePolicy
from tasks.registry import models
from tasks.settings import Settings
from tasks.simulation.drill import DrillPolicy, DrillReport
from tasks.simulation.drill.report import report_file
from tasks.simulation.drill.sabotages import sabotages
from tasks.training.folds import TrainPolicy

pytestmark = pytest.mark.servers

SHORT = {
    "nothing: an honest challenger",
    "a column leaks the answer",
    "NaN predictions",
    "a pickle that runs code on load",
}


@pytest.fixture(scope="module")
def report(system: Settings) -> DrillReport:
    """What a drill with four sabotages, and MLflow stopped halfway, found on made-up rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drilling, "sabotages", lambda: [sabotage for sabotage in sabotages() if sabotage.tried in SHORT])
        drilling.drill(
            "synthetic",
            TrainPolicy(blocks=2, min_rows=200),
            GatePolicy(min_gain_over_baseline=0.02, min_gain_over_champion=0.002, min_rows=500, min_slice_rows=100),
            DrillPolicy(lucky_tries=10, improvement_tries=10),
        )
    return DrillReport.model_validate_json(report_file("synthetic").read_text())


def test_each_sabotage_is_refused_by_its_gate_and_the_honest_challenger_is_not(report: DrillReport) -> None:
    result = {attempt.tried: (attempt.caught, attempt.expected in attempt.refused_by) for attempt in report.attempts}

    assert result == {
        "nothing: an honest challenger": (True, False),
        "a column leaks the answer": (True, True),
        "NaN predictions": (True, True),
        "a pickle that runs code on load": (True, True),
        "MLflow stopped halfway through a promotion": (True, False),
    }


def test_large_improvements_are_accepted_and_luck_is_not(report: DrillReport) -> None:
    assert report.improvements[-1].share >= 0.9
    assert report.luck.interval[0] <= report.error_rate


def test_the_drill_leaves_no_model_behind(report: DrillReport) -> None:
    assert models.champion("drill_synthetic") is None
