"""Runs, models and versions in memory, while history is played without servers.

What `in_place_of_servers` marks in `tracking` and `models` is the whole interface: in memory, the method of that name
of `MemoryRegistry` is called instead.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from tasks import lasting

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

    from tasks.data.store import Dataset
    from tasks.registry.models import Champion, ModelFacts
    from tasks.registry.tracking import Request

P = ParamSpec("P")
R = TypeVar("R")


def in_place_of_servers(function: Callable[P, R]) -> Callable[P, R]:
    """Let memory do a function's work while history is played in memory, and MLflow elsewhere."""

    @wraps(function)
    def chosen(*args: P.args, **kwargs: P.kwargs) -> R:
        memory = lasting.memory()
        if memory is None:
            return function(*args, **kwargs)
        if memory.registry is None:
            memory.registry = MemoryRegistry()
        return cast(R, getattr(memory.registry, function.__name__)(*args, **kwargs))

    chosen.in_place_of_servers = True  # type: ignore[attr-defined]  # the tests compare all that bear it with memory
    return chosen


class MemoryRegistry:
    """What MLflow keeps that a decision rests on. Pictures, metrics and texts that only people read are left out."""

    def __init__(self) -> None:
        self._facts: dict[str, dict[str, Any]] = {}
        """By run, what its training came to."""
        self._profiles: dict[str, dict[str, Any]] = {}
        self._unseen: dict[str, pd.DataFrame] = {}
        self._verdicts: dict[str, str] = {}
        self._runs: dict[str, str] = {}
        """Runs that were trained to the end, by their request."""
        self._models: dict[str, Pipeline] = {}
        self._versions: dict[str, list[Champion]] = {}
        self._champions: dict[str, str] = {}

    def run_of(self, request: "Request") -> Any:
        """Return the run in which this retrain was trained to the end, or None."""
        run_id = self._runs.get(request.id)
        return None if run_id is None else _run(run_id)

    @contextmanager
    def fresh_run(self, request: "Request", tags: dict[str, str]) -> Iterator[Any]:
        """Open the run of a retrain."""
        yield _run(f"run of {request.id}")
        self._runs[request.id] = f"run of {request.id}"

    def mark_complete(self, run_id: str) -> None:
        """Change nothing: a run in memory is complete when it is closed."""

    def conclude(
        self,
        run_id: str,
        verdict: str,
        reason: str,
        name: str,
        numbers: Mapping[str, float],
        at: datetime,
        links: str,
    ) -> None:
        """Keep a retrain's verdict."""
        self._verdicts[run_id] = verdict

    def verdict_of(self, run_id: str) -> str | None:
        """Return the verdict that a retrain's run was concluded with, or None."""
        return self._verdicts.get(run_id)

    def log_trained(self, run_id: str, facts: dict[str, Any]) -> None:
        """Keep what a retrain's training came to."""
        self._facts[run_id] = facts

    def trained_facts(self, run_id: str) -> dict[str, Any]:
        """Return what a retrain's training came to."""
        return self._facts[run_id]

    def log_profile(self, run_id: str, profile: dict[str, Any]) -> str:
        """Keep what a model's training rows looked like, and return its address."""
        self._profiles[f"memory:/{run_id}"] = profile
        return f"memory:/{run_id}"

    def profile_at(self, address: str) -> dict[str, Any]:
        """Return what a model's training rows looked like."""
        return self._profiles[address]

    def log_unseen_predictions(self, run_id: str, rows: "pd.DataFrame") -> None:
        """Keep what a challenger's recipe predicted, in the evaluation, for rows that it had not learned from."""
        self._unseen[run_id] = rows

    def unseen_predictions(self, run_id: str) -> "pd.DataFrame | None":
        """Return what `log_unseen_predictions` kept, or None."""
        return self._unseen.get(run_id)

    def log_model(self, model: "Pipeline", inputs: "pd.DataFrame", outputs: Any, name: str = "model") -> str:
        """Keep a fitted pipeline, and return its address."""
        address = f"memory:/{name}-{len(self._models)}"
        self._models[address] = model
        return address

    def load_logged(self, model_uri: str) -> "Pipeline":
        """Return the fitted pipeline at an address."""
        return self._models[model_uri]

    def load(self, model: "Champion") -> "Pipeline":
        """Return a version's fitted pipeline."""
        return self._models[self._facts[model.run_id]["model_uri"]]

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Keep nothing: only people read it."""

    def log_numbers(self, numbers: Mapping[str, float], step: int | None = None) -> None:
        """Keep nothing: only people read it."""

    def log_json(self, value: Mapping[str, Any], path: str) -> None:
        """Keep nothing: only people read it."""

    def log_pictures(self, pictures: "Callable[[], Mapping[str, Figure]]") -> None:
        """Draw nothing: nobody looks at it."""

    def log_gates(self, run_id: str, judged: list[dict[str, Any]], table: str, sentence: str) -> None:
        """Keep nothing: the ledger holds what the gates decided."""

    def log_picture(self, run_id: str, figure: "Figure", path: str) -> None:
        """Keep nothing: nobody looks at it."""

    def log_limits(self, run_id: str, numbers: dict[str, float], note: str) -> None:
        """Keep nothing: the profile holds the limits."""

    def log_check(self, run_id: str, numbers: Mapping[str, float], at: datetime) -> None:
        """Keep nothing: the tables hold the check."""

    def log_dataset(self, dataset: "Dataset", version: int, name: str) -> None:
        """Keep nothing: the version's facts name the dataset."""

    def log_card(self, run_id: str, text: str) -> str:
        """Keep nothing, and return the address that it would have."""
        return f"memory:/{run_id}/card.md"

    def card_of(self, run_id: str) -> str:
        """Return no card."""
        return ""

    def code_of(self, run_id: str) -> str:
        """Return that the code is the one at work."""
        return "unknown"

    def code_version(self) -> str:
        """Return that the code is the one at work."""
        return "unknown"

    def model_requirements(self, model_uri: str) -> list[str]:
        """Return no libraries: the model was never stored."""
        return []

    def champion(self, usecase: str) -> "Champion | None":
        """Return the version that bears the alias champion, or None while there is none."""
        version = self._champions.get(usecase)
        return None if version is None else self.named_version(usecase, version)

    def named_version(self, usecase: str, version: str) -> "Champion":
        """Return a registered version."""
        return next(model for model in self._versions[usecase] if model.version == version)

    def first_version(self, usecase: str) -> "Champion":
        """Return the oldest version."""
        return self._versions[usecase][0]

    def registered_version(self, usecase: str, run_id: str) -> str | None:
        """Return the version that was registered from a run, or None."""
        versions = (model.version for model in self._versions.get(usecase, []) if model.run_id == run_id)
        return next(versions, None)

    def register(self, usecase: str, run_id: str, model_uri: str, facts: "ModelFacts") -> str:
        """Register a run's model with its facts, once however often it is called; return the version."""
        from tasks.registry.models import Champion

        version = self.registered_version(usecase, run_id)
        if version is not None:
            return version
        versions = self._versions.setdefault(usecase, [])
        number = int(versions[-1].version) + 1 if versions else 1
        versions.append(Champion(name=usecase, version=str(number), run_id=run_id, **facts.model_dump()))
        return str(number)

    def make_champion(self, usecase: str, version: str) -> None:
        """Give the alias champion to a version."""
        self._champions[usecase] = version

    def describe(self, usecase: str, version: str, text: str) -> None:
        """Keep nothing: nobody reads it."""

    def withdraw(self, usecase: str, version: str) -> None:
        """Take back a version that never went live."""
        self._versions[usecase] = [model for model in self._versions[usecase] if model.version != version]


def _run(run_id: str) -> Any:
    return SimpleNamespace(info=SimpleNamespace(run_id=run_id, experiment_id="memory"))
