"""Retrain: compare, decide, and let the better model go live."""

from prefect import flow

from tasks.artifacts import run_name
from tasks.gates import GatePolicy, Verdict, refusal_reason, verdicts
from tasks.promotion.approval import answer_of_a_person, approval_refusal, comment, waiting_elsewhere, waiting_request
from tasks.promotion.promotion import PromotionPolicy, ask_for_approval, nothing_to_train, promote, refuse, settle
from tasks.promotion.training_run import Trained, data_lacking, past_answer, train, understood
from tasks.promotion.verdicts import show_verdicts
from tasks.registry.tracking import Request
from tasks.runs import newest_only
from tasks.training.folds import TrainPolicy
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, moment


@flow(flow_run_name=run_name)
@newest_only
def retrain(
    usecase: UseCaseName,
    reason: str = "asked for by hand",
    as_of: AsOf = None,
    decision: str = "",
    *,
    training: TrainPolicy,
    gates: GatePolicy,
    promotion: PromotionPolicy,
) -> str:
    """Train a challenger on the labelled rows that exist, and promote it only if it beats the champion.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        reason: Why a person asks for this retrain; kept in the ledger.
        as_of: The moment taken as now, with its zone. Empty: the clock.
        decision: Id of the request in the ledger that this run answers; it brings its own moment and reason.
        training: How much evidence is gathered.
        gates: What the challenger must show before it goes live.
        promotion: Whether a person must agree, and how the model is watched once it is live.
    """
    settle(usecase, moment(None))
    request = waiting_request(usecase) or understood(usecase, moment(as_of), decision, reason)
    answer = past_answer(request) or waiting_elsewhere(request)
    if answer is not None:
        return answer

    lack = data_lacking(request, training)
    if lack is not None:
        return nothing_to_train(request, lack)

    trained = train(request, training)
    judged = verdicts(trained.evidence, gates)
    show_verdicts(usecase, trained, judged, gates)
    refusal = refusal_reason(judged)
    if refusal is not None:
        return refuse(request, trained, judged, refusal)
    if promotion.approval == "required":
        return decided_by_a_person(request, trained, judged, promotion)
    return promote(request, trained, judged, promotion.probation, watch=promotion.watch)


def decided_by_a_person(
    request: Request, trained: Trained, judged: tuple[Verdict, ...], promotion: PromotionPolicy
) -> str:
    """Suspend the run until a person has answered, and do what was said; the champion is looked at again then."""
    asked = ask_for_approval(request, trained, judged, promotion.approval_hours, moment(None))
    answer = answer_of_a_person(asked, promotion.approval_hours)

    refusal = approval_refusal(answer, asked, moment(None))
    if refusal is not None:
        return refuse(request, trained, judged, refusal)
    return promote(request, trained, judged, promotion.probation, f"approved: {comment(answer)}", promotion.watch)
