"""Retrain: compare, decide, and let the better model go live."""

from prefect import flow

from tasks.gates import GatePolicy, refusal_reason, verdicts
from tasks.promotion import nothing_to_train, promote, refuse, settle
from tasks.reporting import run_name
from tasks.retraining import data_lacking, past_answer, train, understood
from tasks.training import TrainPolicy
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, moment


@flow(flow_run_name=run_name)
def retrain(
    usecase: UseCaseName,
    training: TrainPolicy,
    gates: GatePolicy,
    as_of: AsOf = None,
    decision: str = "",
    reason: str = "asked for by hand",
) -> str:
    """Train a challenger on the labelled rows that exist, and promote it only if it beats the champion.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        training: How much evidence is gathered.
        gates: What the challenger must show before it goes live.
        as_of: The moment taken as now, with its zone. Empty: the clock.
        decision: Id of the request in the ledger that this run answers; it brings its own moment and reason.
        reason: Why a person asks for this retrain; kept in the ledger.
    """
    settle(usecase)
    request = understood(usecase, moment(as_of), decision, reason)
    answer = past_answer(request)
    if answer is not None:
        return answer

    lack = data_lacking(request, training)
    if lack is not None:
        return nothing_to_train(request, lack)

    trained = train(request, training)
    judged = verdicts(trained.evidence, gates)
    refusal = refusal_reason(judged)
    if refusal is not None:
        return refuse(request, trained, judged, refusal)
    return promote(request, trained, judged)
