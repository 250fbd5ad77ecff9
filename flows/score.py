"""Score: the champion's predictions for the rows that have none."""

from prefect import flow

from tasks.artifacts import run_name
from tasks.runs import newest_only
from tasks.scoring.scoring import Scored, live_model, score_new_rows, show_no_champion
from tasks.scoring.shadow import score_in_shadow
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, moment


@flow(flow_run_name=run_name)
@newest_only
def score(usecase: UseCaseName, as_of: AsOf = None) -> Scored | None:
    """Predict each stored row that has no prediction yet, once; say so and succeed while there is no champion.

    Beside a champion on probation its predecessor predicts the same rows.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        as_of: The moment taken as now, with its zone. Empty: the clock.
    """
    now = moment(as_of)
    champion = live_model(usecase)
    if champion is None:
        return show_no_champion(usecase)
    scored = score_new_rows(usecase, champion, now)
    score_in_shadow(usecase, now)
    return scored
