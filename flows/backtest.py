"""Backtest: what each retraining policy would have cost and gained on this history."""

from prefect import flow, unmapped

from tasks.artifacts import run_name
from tasks.simulation.backtest.matrix import Plan
from tasks.simulation.backtest.planning import BacktestSpan
from tasks.simulation.backtest.running import (
    ROLES,
    BacktestPolicies,
    backtest_plan,
    runner_for,
    show_backtest,
    train_row,
)
from tasks.simulation.backtest.simulation import BacktestGate
from tasks.usecases import UseCaseName
from tasks.windows import AsOf, moment


@flow(flow_run_name=run_name)
def backtest(
    usecase: UseCaseName,
    price: float | None = None,
    as_of: AsOf = None,
    candidate: str = "",
    workers: str = "threads",
    *,
    span: BacktestSpan,
    gate: BacktestGate,
    policies: BacktestPolicies,
) -> str:
    """Replay history under each policy; return the advice. A backtest that died goes on with the models it has.

    Args:
        usecase: The ML problem, one of the files in usecases/.
        price: What a retrain costs, in units of the metric times windows. Empty: nobody said.
        as_of: The moment at which history ends, with its zone. Empty: the clock.
        candidate: The estimator that every model is. Empty: the first that the use case declares.
        workers: Where models are trained: threads, processes, or the address of a Dask scheduler.
        span: Which part of history policies and the first model learn from before any is live.
        gate: What a challenger must show before it goes live.
        policies: The numbers of the policies that are compared.
    """
    plan = backtest_plan(usecase, moment(as_of), span, candidate)
    train_models.with_options(task_runner=runner_for(workers))(plan)
    return show_backtest(plan, gate, policies, price)


@flow(flow_run_name="{plan.usecase} models")
def train_models(plan: Plan) -> int:
    """Train every model of the matrix, as many at once as the task runner has workers; return how many there are."""
    futures = [train_row.task.map(unmapped(plan), unmapped(role), list(plan.trained_at)) for role in ROLES]
    return sum(len(each.result()) for each in futures)
