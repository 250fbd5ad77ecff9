"""Run a backtest: plan it, train its models wherever the task runner runs them, and show the results."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from tasks import artifacts, retries
from tasks.data.store import latest
from tasks.data.tables import observations
from tasks.metrics import metric
from tasks.registry import tracking
from tasks.settings import Settings
from tasks.simulation.backtest import advice, page
from tasks.simulation.backtest.alarming import alarm_of
from tasks.simulation.backtest.drifting import drifted_share
from tasks.simulation.backtest.fits import matrix, model_row
from tasks.simulation.backtest.judging import NEVER, OWN, Bench, PolicyVerdict, policy_verdicts
from tasks.simulation.backtest.matrix import Plan, Role
from tasks.simulation.backtest.planning import BacktestSpan, plan_for
from tasks.simulation.backtest.simulation import BacktestGate, BacktestHistory
from tasks.steps import step
from tasks.triggers.moment import Policy
from tasks.triggers.published_policies import Cara, Upf
from tasks.triggers.regret import RegretPolicy
from tasks.triggers.simple_policies import (
    AtAge,
    EveryWindows,
    EvidentlyPreset,
    LossAboveFirst,
    Never,
    PerformanceDrop,
    calibrated_alarm,
)
from tasks.usecases import use_case

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

ROLES: tuple[Role, ...] = ("scout", "champion")


class BacktestPolicies(BaseModel):
    """The numbers of the policies that are compared; never and the calibrated alarm have none here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clocks: tuple[int, ...] = Field(description="Periods, in windows, at which retraining by the clock is compared")
    age: AtAge
    drop: PerformanceDrop
    above_first: LossAboveFirst
    evidently: EvidentlyPreset
    cara: Cara
    upf: Upf
    regret: RegretPolicy

    def by_name(self) -> dict[str, Policy]:
        """Return the policies by the names under which they are reported."""
        clocks = {f"every {n} windows" if n > 1 else "every window": EveryWindows(windows=n) for n in self.clocks}
        return {
            NEVER: Never(),
            **clocks,
            f"at age {self.age.windows}": self.age,
            "performance drop": self.drop,
            "loss above first": self.above_first,
            "Evidently preset": self.evidently,
            "calibrated alarm": calibrated_alarm,
            "CARA": self.cara,
            "UPF": self.upf,
            OWN: self.regret,
        }


def runner_for(workers: str) -> "TaskRunner[Any]":
    """Return what trains models side by side: "threads", "processes", or the address of a Dask scheduler.

    Raises:
        ValueError: it is none of these.
    """
    from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

    if workers == "threads":
        return ThreadPoolTaskRunner(max_workers=2)
    if workers == "processes":
        return ProcessPoolTaskRunner(max_workers=2)
    if "://" not in workers:
        raise ValueError(f"expected threads, processes or an address such as tcp://host:8786, found {workers!r}")
    from prefect_dask import DaskTaskRunner

    return DaskTaskRunner(address=workers)


@step()
def backtest_plan(usecase: str, as_of: datetime, span: BacktestSpan, candidate: str) -> Plan:
    """Return the plan of a backtest on what is stored now; the newest version of the observations is fixed in it.

    Raises:
        ValueError: nothing is stored, or too little.
    """
    problem = use_case(usecase)
    newest = latest(observations(problem).read(columns=[problem.event_time])[problem.event_time])
    if newest is None:
        raise ValueError(f"expected stored rows of {usecase}, found none: run {usecase}-collect first")
    return plan_for(problem, min(as_of, newest), span, candidate or None, observations(problem).version())


@step(**retries.RETRIED, task_run_name="{role} {at}")
def train_row(plan: Plan, role: Role, at: int) -> float:
    """Train one model of the matrix unless its row is stored already; return the seconds of its fit."""
    return model_row(plan, role, at)


@step()
def show_backtest(plan: Plan, gate: BacktestGate, policies: BacktestPolicies, price: float | None) -> str:
    """Play every policy on the trained matrix, show the page in Prefect and MLflow, and return the advice."""
    problem = use_case(plan.usecase)
    bench = bench_of(plan, gate)
    results = policy_verdicts(policies.by_name(), bench, price)
    text = advice.advice_sentence(advice.advised_policy(results, bench, price), results, bench, problem.metric)
    whole = page.page(problem, results, bench, price)
    path = Settings().reports / plan.usecase / "backtest.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(whole, encoding="utf-8")
    address = f"{Settings().reports_url}/{plan.usecase}/backtest.html"
    artifacts.show_table(f"{plan.usecase} backtest", page.table_rows(results), f"{text} [The page]({address})")
    _log(plan, results, whole, text)
    return text


def bench_of(plan: Plan, gate: BacktestGate) -> Bench:
    """Return the history of a plan, all of whose rows are stored, to play policies on."""
    problem = use_case(plan.usecase)
    history = BacktestHistory(
        plan=plan,
        models=matrix(plan, "champion"),
        scouts=matrix(plan, "scout"),
        greater_is_better=metric(problem.metric).greater_is_better,
        drifted=drifted_share(plan),
        alarm=alarm_of(plan),
    )
    return Bench(history, gate)


def _log(plan: Plan, results: list[PolicyVerdict], whole: str, text: str) -> None:
    """Keep the page and the figures as an MLflow run of the use case."""
    name = f"backtest to {plan.windows[-1].end:%Y-%m-%d}"
    with tracking.open_run(plan.usecase, name, {"evergreen.backtest": text[:4_000]}):
        tracking.log_parameters(plan.model_dump(include={"candidate", "dataset_version", "first"}))
        tracking.log_numbers({_metric_name(result.policy): result.score for result in results})
        tracking.log_json({"verdicts": [result.model_dump(mode="json") for result in results]}, "backtest.json")
        tracking.log_text(whole, "backtest.html")


def _metric_name(policy: str) -> str:
    return "mean." + "".join(letter if letter.isalnum() else "_" for letter in policy)
