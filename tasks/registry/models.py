"""Know which model is live, load it safely, and make another one live; the only module that knows MLflow's registry."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks.registry.memory import in_place_of_servers
from tasks.windows import Window

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from sklearn.pipeline import Pipeline

CHAMPION = "champion"
TRUSTED_TYPES = frozenset(
    {
        "numpy.dtype",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
    }
)
"""Types beyond skops' own list that a model file may name: the state of scikit-learn's common estimators."""


class UntrustedModelError(RuntimeError):
    """A model file names types that are not on our list; it was not loaded."""


class ModelFacts(BaseModel):
    """What a model version says about itself, kept as its tags."""

    model_config = ConfigDict(frozen=True)

    dataset_version: int
    """Version of the observations that it was trained on."""
    trained_from: datetime
    trained_until: datetime
    promoted_at: datetime
    expected_score: float
    """The use case's metric in the evaluation that promoted it."""
    profile: str = ""
    """Address of what its training rows looked like, column by column (see `tasks/monitoring/profile.py`)."""

    @property
    def trained(self) -> Window:
        """The event times that it was trained on."""
        return Window(start=self.trained_from, end=self.trained_until)


class Champion(ModelFacts):
    """A registered version of a model: the live one, or one that was or could be."""

    name: str
    version: str
    run_id: str


def client() -> "MlflowClient":
    """Return a client of the server that `MLFLOW_TRACKING_URI` names."""
    from mlflow import MlflowClient

    return MlflowClient()


@in_place_of_servers
def champion(usecase: str) -> Champion | None:
    """Return the version that bears the alias champion, or None while there is none."""
    version = _by_alias(usecase, CHAMPION)
    return None if version is None else _described(version)


@in_place_of_servers
def named_version(usecase: str, version: str) -> Champion:
    """Return a registered version, whether live or not.

    Raises:
        ValueError: there is none of that number; the message lists those that there are.
    """
    versions = {str(model_version.version): model_version for model_version in _versions(usecase)}
    if version not in versions:
        there = ", ".join(sorted(versions, key=int)) or "none"
        raise ValueError(f"{usecase} has no registered version {version!r}; there are: {there}")
    return _described(versions[version])


@in_place_of_servers
def first_version(usecase: str) -> Champion:
    """Return the oldest version that is still registered, whether live or not.

    Raises:
        ValueError: there is none.
    """
    versions = _versions(usecase)
    if not versions:
        raise ValueError(f"no model of {usecase} is registered")
    return _described(min(versions, key=lambda version: int(version.version)))


def cited_versions(usecase: str) -> dict[str, int]:
    """Return the version of the observations that each registered version was trained on, whether live or not.

    Raises:
        ValueError: a registered version does not say which.
    """
    tags = {str(version.version): version.tags.get("dataset_version", "") for version in _versions(usecase)}
    if silent := sorted(version for version, cited in tags.items() if not cited.isdigit()):
        raise ValueError(
            f"expected the tag dataset_version on every registered version of {usecase}, found none on "
            f"{', '.join(silent)}: set it to the version of the observations that it learned from, or delete it"
        )
    return {version: int(cited) for version, cited in tags.items()}


@in_place_of_servers
def registered_version(usecase: str, run_id: str) -> str | None:
    """Return the version that was registered from a run, or None."""
    versions = client().search_model_versions(f"name = '{usecase}' and run_id = '{run_id}'")
    return str(versions[0].version) if versions else None


@in_place_of_servers
def register(usecase: str, run_id: str, model_uri: str, facts: ModelFacts) -> str:
    """Register a run's model with its facts, once however often it is called; return the version."""
    from mlflow.exceptions import MlflowException

    version = registered_version(usecase, run_id)
    if version is not None:
        return version
    try:
        client().create_registered_model(usecase)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {name: str(value) for name, value in facts.model_dump(mode="json").items()}
    model_id = model_uri.removeprefix("models:/")
    made = client().create_model_version(usecase, model_uri, run_id=run_id, tags=tags, model_id=model_id)
    return str(made.version)


@in_place_of_servers
def make_champion(usecase: str, version: str) -> None:
    """Give the alias champion to a version; its predecessor loses it in the same act."""
    client().set_registered_model_alias(usecase, CHAMPION, version)


@in_place_of_servers
def describe(usecase: str, version: str, text: str) -> None:
    """Give a version the description that its page shows."""
    client().update_model_version(usecase, version, description=text)


@in_place_of_servers
def withdraw(usecase: str, version: str) -> None:
    """Take back a version that never went live; its run and model stay."""
    client().delete_model_version(usecase, version)


@in_place_of_servers
def load(model: Champion) -> "Pipeline":
    """Return a version's fitted pipeline, loaded against our own list of types.

    Raises:
        UntrustedModelError: the file names a type that is not on the list.
    """
    return _loaded(f"models:/{model.name}/{model.version}", model.run_id)


def untrusted_types(model: Any) -> list[str]:
    """Return the types that a file of this model would name and that are neither on skops' list nor on ours, sorted."""
    import skops.io

    return sorted(set(skops.io.get_untrusted_types(data=skops.io.dumps(model))) - TRUSTED_TYPES)


@in_place_of_servers
def load_logged(model_uri: str) -> "Pipeline":
    """Return the fitted pipeline at an address that a run logged, registered or not, loaded in the same way.

    Raises:
        UntrustedModelError: the file names a type that is not on the list.
    """
    return _loaded(model_uri, "")


def trusted(path: Path) -> "Pipeline":
    """Load a skops file if every type in it is on skops' list or ours.

    Raises:
        UntrustedModelError: it names another one.
    """
    import skops.io

    named = set(skops.io.get_untrusted_types(file=path))
    if strange := sorted(named - TRUSTED_TYPES):
        raise UntrustedModelError(
            f"{path.name} names types that a model here must not hold: {', '.join(strange)}. "
            f"If they are harmless, add them to TRUSTED_TYPES in tasks/registry/models.py"
        )
    return skops.io.load(path, trusted=sorted(named))


@lru_cache(maxsize=4)
def _loaded(uri: str, _run_id: str) -> "Pipeline":
    import mlflow

    folder = Path(mlflow.artifacts.download_artifacts(uri))
    return trusted(next(folder.glob("*.skops")))


def _versions(usecase: str) -> "list[ModelVersion]":
    query = f"name = '{usecase}'"
    page = client().search_model_versions(query)
    versions = list(page)
    while page.token:
        page = client().search_model_versions(query, page_token=page.token)
        versions += page
    return versions


def _by_alias(usecase: str, alias: str) -> "ModelVersion | None":
    from mlflow.exceptions import MlflowException

    try:
        return client().get_model_version_by_alias(usecase, alias)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def _described(version: "ModelVersion") -> Champion:
    facts: dict[str, Any] = dict(version.tags)
    return Champion(name=version.name, version=str(version.version), run_id=str(version.run_id), **facts)
