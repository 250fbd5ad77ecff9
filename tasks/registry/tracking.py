"""Keep one retrain's evidence as one MLflow run that a reviewer can read."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tasks.registry.memory import in_place_of_servers
from tasks.settings import ROOT, Settings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from mlflow.entities import Run
    from sklearn.pipeline import Pipeline

    from tasks.data.store import Dataset

REQUEST = "evergreen.request"
COMPLETE = "evergreen.complete"
VERDICT = "evergreen.verdict"
CODE = "evergreen.code"
TRAINED = "trained.json"
PROFILE = "profile.json"
CARD = "card.md"
VIEW = "retrains"
LISTED = ("score", "gain", "gain_low", "gain_high")
"""Metrics that the list of runs shows, beside the verdict."""
MACHINE_LEARNING = "workflowType=machine_learning"
"""Without this MLflow's pages come in the frame for generative models."""
NAME_WIDTH = 520
"""Pixels in which a run's name fits: of what MLflow gives it by itself, the verdict takes all."""
UNSEEN = "unseen_predictions.parquet"
LIBRARIES = ("numpy", "pandas", "scikit-learn", "skops")


class Request(BaseModel):
    """Why and as of when a retrain runs. Its id names the retrain, however often it is started."""

    model_config = ConfigDict(frozen=True)

    usecase: str
    as_of: AwareDatetime
    reason: str
    decision: str = ""
    """The ledger's id of the request that it answers; empty when a person or a schedule asked."""

    @property
    def id(self) -> str:
        """The retrain's name."""
        return self.decision or f"{self.usecase}/{self.as_of:%Y%m%dT%H%M%S}/retrain"


@in_place_of_servers
def run_of(request: Request) -> "Run | None":
    """Return the run in which this retrain was trained to the end, or None."""
    from mlflow import MlflowClient

    runs = [run for run in _runs(MlflowClient(), request) if COMPLETE in run.data.tags]
    return runs[0] if runs else None


@in_place_of_servers
@contextmanager
def fresh_run(request: Request, tags: dict[str, str]) -> Iterator["Run"]:
    """Open the run of a retrain; runs of it that died before their end are deleted first."""
    import mlflow
    from mlflow import MlflowClient

    for remains in _runs(MlflowClient(), request):
        MlflowClient().delete_run(remains.info.run_id)
    experiment = mlflow.set_experiment(request.usecase)
    view = saved_view(experiment.creation_time or 0)
    MlflowClient().set_experiment_tag(experiment.experiment_id, f"mlflow.sharedViewState.{VIEW}", view)
    request_tags = {
        REQUEST: request.id,
        "evergreen.as_of": request.as_of.isoformat(),
        "evergreen.reason": request.reason,
    }
    name = f"{request.as_of:%Y-%m-%d} running"
    with mlflow.start_run(run_name=name, tags=request_tags | {CODE: code_version()} | tags) as run:
        yield run


def saved_view(made_at: int) -> str:
    """Return the view of an experiment's runs that MLflow 3.17 lists under Views: whole names, verdict, score, gain.

    `made_at` is in milliseconds since 1970.
    """
    columns = ["tags.`evergreen.verdict`", *(f"metrics.`{name}`" for name in LISTED)]
    name = "attributes.`Run Name`"
    # A width counts only for a column that the order names.
    state = {
        "selectedColumns": columns,
        "columnOrder": [name, *columns, "runDateAndNestInfo", "duration"],
        "columnWidths": {name: NAME_WIDTH},
    }
    return json.dumps({"name": VIEW, "createdAt": made_at, "updatedAt": made_at, "state": json.dumps(state)})


def links(usecase: str, facts: Mapping[str, Any]) -> str:
    """Return as markdown what leads from a challenger to its run, version, card, drift report and flow run.

    `facts` are those of its promotion or refusal in the ledger; what they lack is left out.
    """
    run = facts["mlflow_run"]
    version = facts.get("version")
    pages = {
        "Run in MLflow": f"{run}?{MACHINE_LEARNING}",
        f"Version {version}": version and f"{Settings().mlflow_url}/#/models/{usecase}/versions/{version}",
        "Model card": version and f"{run}/artifacts/{CARD}?{MACHINE_LEARNING}",
        "Drift report": facts.get("report_url"),
        "Flow run in Prefect": facts.get("flow_run_url"),
        "All retrains": f"{run.rpartition('/runs/')[0]}/runs?viewStateShareKey={VIEW}&{MACHINE_LEARNING}",
    }
    return " · ".join(f"[{title}]({url})" for title, url in pages.items() if url)


@in_place_of_servers
def mark_complete(run_id: str) -> None:
    """Say that all of a retrain's evidence is in its run, so that it is never trained again."""
    from mlflow import MlflowClient

    MlflowClient().set_tag(run_id, COMPLETE, "true")


@in_place_of_servers
def conclude(
    run_id: str, verdict: str, reason: str, name: str, numbers: Mapping[str, float], at: datetime, links: str
) -> None:
    """Write a retrain's verdict into its run: numbers for the list, description, name and, once those stand, a tag."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    stamp = int(at.timestamp()) * 1000
    MlflowClient().log_batch(run_id, metrics=[Metric(key, number, stamp, 0) for key, number in numbers.items()])
    texts = {
        "evergreen.verdict_reason": reason,
        "mlflow.note.content": f"**{verdict}**: {reason}\n\n{links}",
        "mlflow.runName": name,
    }
    for key, value in (texts | {VERDICT: verdict}).items():
        MlflowClient().set_tag(run_id, key, value)


@contextmanager
def open_run(usecase: str, name: str, tags: dict[str, str]) -> Iterator[None]:
    """Keep what is logged meanwhile in a new run of a use case."""
    import mlflow

    mlflow.set_experiment(usecase)
    with mlflow.start_run(run_name=name, tags=tags):
        yield


def log_text(text: str, path: str) -> None:
    """Keep a text among the artifacts of the open run."""
    import mlflow

    mlflow.log_text(text, path)


@in_place_of_servers
def log_parameters(parameters: Mapping[str, Any]) -> None:
    """Keep in the open run what a model was made with."""
    import mlflow

    mlflow.log_params(dict(parameters))


@in_place_of_servers
def log_numbers(numbers: Mapping[str, float], step: int | None = None) -> None:
    """Keep numbers as metrics of the open run."""
    import mlflow

    mlflow.log_metrics(dict(numbers), step=step)


@in_place_of_servers
def log_json(value: Mapping[str, Any], path: str) -> None:
    """Keep JSON values among the artifacts of the open run."""
    import mlflow

    mlflow.log_dict(dict(value), path)


@in_place_of_servers
def log_pictures(pictures: "Callable[[], Mapping[str, Figure]]") -> None:
    """Draw figures and keep them among the artifacts of the open run, by their paths."""
    import mlflow

    for path, figure in pictures().items():
        mlflow.log_figure(figure, path)


@in_place_of_servers
def log_trained(run_id: str, facts: dict[str, Any]) -> None:
    """Keep in a run what its training came to."""
    from mlflow import MlflowClient

    MlflowClient().log_dict(run_id, facts, TRAINED)


@in_place_of_servers
def profile_at(address: str) -> dict[str, Any]:
    """Return what `log_profile` stored."""
    import mlflow

    return mlflow.artifacts.load_dict(address)


def refusing_gates(request: Request) -> tuple[str, ...]:
    """Return the gates that refused a retrain, as its run lists them; none if it did not get so far."""
    import mlflow

    run = run_of(request)
    if run is None or "evergreen.gates" not in run.data.tags:
        return ()
    stored = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/gates.json")
    return tuple(verdict["gate"] for verdict in stored["gates"] if verdict["reason"] is not None)


@in_place_of_servers
def log_gates(run_id: str, judged: list[dict[str, Any]], table: str, sentence: str) -> None:
    """Keep what the gates said in a run: as JSON, as a table, each number as a metric, and in one sentence as a tag."""
    from mlflow import MlflowClient

    client = MlflowClient()
    client.log_dict(run_id, {"gates": judged}, "gates.json")
    client.log_text(run_id, table, "gates.md")
    for verdict in judged:
        if verdict["number"] is not None:
            client.log_metric(run_id, f"gate.{verdict['gate']}", verdict["number"])
    client.set_tag(run_id, "evergreen.gates", sentence)


@in_place_of_servers
def log_picture(run_id: str, figure: "Figure", path: str) -> None:
    """Keep a figure among a run's artifacts."""
    from mlflow import MlflowClient

    MlflowClient().log_figure(run_id, figure, path)


@in_place_of_servers
def verdict_of(run_id: str) -> str | None:
    """Return the verdict that a retrain's run was concluded with, or None; of a run that is gone, that it is."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        return MlflowClient().get_run(run_id).data.tags.get(VERDICT)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return "deleted"


@in_place_of_servers
def log_profile(run_id: str, profile: dict[str, Any]) -> str:
    """Store what a model's training rows looked like in its run, and return its address."""
    from mlflow import MlflowClient

    MlflowClient().log_dict(run_id, profile, PROFILE)
    return f"runs:/{run_id}/{PROFILE}"


@in_place_of_servers
def log_limits(run_id: str, numbers: dict[str, float], note: str) -> None:
    """Keep in a run, as metrics and in a sentence, by what the alarm of its model rings."""
    from mlflow import MlflowClient

    for name, number in numbers.items():
        MlflowClient().log_metric(run_id, f"limits/{name}", number)
    MlflowClient().set_tag(run_id, "evergreen.limits", note)


@in_place_of_servers
def log_check(run_id: str, numbers: Mapping[str, float], at: datetime) -> None:
    """Keep a check's numbers as points of metrics of its model's run, dated `at`; told again, equal ones stay once.

    A run that is gone keeps none.
    """
    from mlflow import MlflowClient
    from mlflow.entities import LifecycleStage, Metric
    from mlflow.exceptions import MlflowException

    seconds = int(at.timestamp())
    points = [Metric(f"check/{name}", number, 1000 * seconds, seconds // 60) for name, number in numbers.items()]
    try:
        run = MlflowClient().get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return
    if run.info.lifecycle_stage == LifecycleStage.ACTIVE:
        MlflowClient().log_batch(run_id, metrics=points)


@in_place_of_servers
def log_unseen_predictions(run_id: str, rows: "pd.DataFrame") -> None:
    """Keep what a challenger's recipe predicted, in the evaluation, for rows that it had not learned from."""
    import tempfile

    from mlflow import MlflowClient

    with tempfile.TemporaryDirectory() as folder:
        rows.to_parquet(f"{folder}/{UNSEEN}")
        MlflowClient().log_artifact(run_id, f"{folder}/{UNSEEN}")


@in_place_of_servers
def unseen_predictions(run_id: str) -> "pd.DataFrame | None":
    """Return what `log_unseen_predictions` kept in a run: the key and the predictions; None where there is nothing."""
    import mlflow
    import pandas as pd
    from mlflow.exceptions import MlflowException

    try:
        paths = {artifact.path for artifact in mlflow.MlflowClient().list_artifacts(run_id)}
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    if UNSEEN not in paths:
        return None
    return pd.read_parquet(mlflow.artifacts.download_artifacts(f"runs:/{run_id}/{UNSEEN}"))


@in_place_of_servers
def log_card(run_id: str, text: str) -> str:
    """Store a model's card in its run, and return its address."""
    from mlflow import MlflowClient

    MlflowClient().log_text(run_id, text, CARD)
    return f"runs:/{run_id}/{CARD}"


@in_place_of_servers
def trained_facts(run_id: str) -> dict[str, Any]:
    """Return what a retrain's run says of its challenger (see `tasks/promotion/training_run.py`)."""
    import mlflow

    return mlflow.artifacts.load_dict(f"runs:/{run_id}/{TRAINED}")


@in_place_of_servers
def card_of(run_id: str) -> str:
    """Return the card that a model's run holds."""
    import mlflow

    return mlflow.artifacts.load_text(f"runs:/{run_id}/{CARD}")


@in_place_of_servers
def code_of(run_id: str) -> str:
    """Return the version of the code that made a run."""
    from mlflow import MlflowClient

    return MlflowClient().get_run(run_id).data.tags.get(CODE, "unknown")


@in_place_of_servers
def model_requirements(model_uri: str) -> list[str]:
    """Return the libraries that a model was stored with, each with its version."""
    import mlflow
    from mlflow import MlflowClient

    stored = MlflowClient().get_logged_model(model_uri.removeprefix("models:/")).artifact_location
    return mlflow.artifacts.load_text(f"{stored}/requirements.txt").split()


@in_place_of_servers
def log_dataset(dataset: "Dataset", version: int, name: str) -> None:
    """Name in the open run the dataset version that it learns from, by the table's place in the folder of tables."""
    import mlflow
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    table = dataset.path.relative_to(Settings().tables) if dataset.path.is_relative_to(Settings().tables) else None
    source = DeltaDatasetSource(path=str(table or dataset.path.name), delta_table_version=version)
    inputs = MetaDataset(source=source, name=name, digest=f"v{version}")  # type: ignore[abstract]  # it is not, at run time
    mlflow.log_input(inputs, context="training")


@in_place_of_servers
def log_model(model: "Pipeline", inputs: "pd.DataFrame", outputs: Any, name: str = "model") -> str:
    """Store a fitted pipeline with its signature in the open run, as skops, and return its address.

    Raises:
        UntrustedModelError: the pipeline holds types that could not be loaded again.
    """
    import mlflow
    from mlflow.models import infer_signature

    from tasks.registry.models import TRUSTED_TYPES

    logged = mlflow.sklearn.log_model(
        model,
        name=name,
        serialization_format="skops",
        skops_trusted_types=sorted(TRUSTED_TYPES),
        signature=infer_signature(inputs, outputs),
        pip_requirements=[f"{name}=={installed(name)}" for name in LIBRARIES],
    )
    return logged.model_uri


@in_place_of_servers
def code_version() -> str:
    """Return the commit that is checked out, with "+changes" when the tree differs from it, or "unknown"."""
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return "unknown" if not commit else commit + ("+changes" if changes else "")


def run_url(run: "Run") -> str:
    """Return where the MLflow UI shows a run."""
    return f"{Settings().mlflow_url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def flow_run_url() -> str:
    """Return where the Prefect UI shows the flow run that this is called in; empty outside of one."""
    from prefect.runtime import flow_run

    return f"{Settings().prefect_url}/runs/flow-run/{flow_run.id}" if flow_run.id else ""


def _runs(client: Any, request: Request) -> list["Run"]:
    experiment = client.get_experiment_by_name(request.usecase)
    if experiment is None:
        return []
    return client.search_runs([experiment.experiment_id], f"tags.`{REQUEST}` = '{request.id}'")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
