"""Monitor: look at the newest window, and ask for a retrain where the evidence does."""

from prefect import flow

from tasks.artifacts import run_name
from tasks.data.watermarks import tell_late_feed
from tasks.monitoring.drift_report import DriftPolicy
from tasks.monitoring.measure import keep_check, log_numbers, measure
from tasks.monitoring.probation import judge_probation
from tasks.promotion.promotion import settle
from tasks.runs import newest_only
from tasks.scoring.scoring import live_model, tell_no_champion
from tasks.triggers.policy import RetrainPolicy, retrain_reason
from tasks.triggers.request import ask_for_retrain, history, keep_findings, show_check
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, moment


@flow(flow_run_name=run_name)
@newest_only
def monitor(usecase: UseCaseName, as_of: AsOf = None, *, drift: DriftPolicy, policy: RetrainPolicy) -> str | None:
    """Compare the newest window with what the champion was trained on; return the id of a request to retrain, or None.

    A champion on probation that the labels show to be worse than its predecessor is taken back, and nothing is asked
    for: the next check looks at what is live then. The window ends where the newest collection did; a source that is
    read later than usual is told, and holds nothing back.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        as_of: The moment taken as now, with its zone. Empty: the clock.
        drift: What Evidently's report draws as drifted; the verdict is that of the policy's limits.
        policy: The evidence that asks for a retrain, and what holds it back.
    """
    now = moment(as_of)
    settle(usecase, moment(None))
    tell_late_feed(usecase, now)
    champion = live_model(usecase)
    if champion is None:
        return tell_no_champion(usecase)

    check = keep_check(measure(usecase, champion, now, policy.watch), champion, drift)
    log_numbers(check, champion)
    judge_probation(usecase, now, policy.watch.faults)
    if live_model(usecase) != champion:
        return None

    past = history(check, champion, policy)
    keep_findings(check, past)
    reason = retrain_reason(check, past, policy)
    show_check(check, reason, past, policy)
    if reason is None:
        return None
    return ask_for_retrain(check, reason, past, policy)
