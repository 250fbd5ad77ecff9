"""Drill: sabotage the system on purpose, and report whether it was caught."""

from datetime import datetime

from prefect import flow

from flows.retrain import retrain
from tasks.gates import GatePolicy
from tasks.promotion.promotion import PromotionPolicy
from tasks.scoring.shadow import ProbationPolicy
from tasks.simulation.drill import DrillPolicy, DrillReport
from tasks.simulation.drill.attempts import halfway, honest_champion, sabotaged_attempt
from tasks.simulation.drill.chances import improvements, luck
from tasks.simulation.drill.report import drill_name, show_drill
from tasks.simulation.drill.sabotages import sabotages
from tasks.simulation.drill.stage import drill_stage
from tasks.training.folds import TrainPolicy

UNATTENDED = PromotionPolicy(
    approval="waived", approval_hours=1, probation=ProbationPolicy(windows=1, error_rate=0.05, min_rows=100)
)
"""Nobody is asked about a model that a drill promotes."""


@flow(flow_run_name=drill_name)
def drill(usecase: str, training: TrainPolicy, gates: GatePolicy, drill: DrillPolicy) -> str:
    """Run the true retrain under one sabotage after the other, in a namespace of its own; fail if one slips through.

    The real champion, tables and ledger are not touched. Equal and better challengers are tried on made-up histories.

    Args:
        usecase: The ML problem whose collected rows are drilled with; "synthetic" for made-up ones.
        training: How much evidence each retrain gathers.
        gates: The gates that are put to the test.
        drill: How often equal and better challengers are tried, and what must be accepted.
    """
    with drill_stage(usecase) as stage:

        def run(as_of: datetime, given: GatePolicy) -> str:
            return retrain(stage.problem.name, "drill", as_of, training=training, gates=given, promotion=UNATTENDED)

        honest_champion(stage, run, gates)
        tries = [sabotage for sabotage in sabotages() if sabotage.fits(stage.problem)]
        attempts = [sabotaged_attempt(stage, sabotage, number, run, gates) for number, sabotage in enumerate(tries)]
        attempts.append(halfway(stage, len(tries), run, gates))
    report = DrillReport(
        usecase=usecase,
        error_rate=gates.error_rate,
        attempts=tuple(attempts),
        luck=luck(gates, drill),
        improvements=improvements(gates, drill),
    )
    return show_drill(report, drill)
