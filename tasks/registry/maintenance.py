"""Keep tables small and quick: join small files, and delete what neither the present nor any registered model needs."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from tasks import artifacts, retries
from tasks.data import delta, ledger
from tasks.data.ledger import Decision
from tasks.data.tables import observations
from tasks.registry import models as registry_models
from tasks.settings import Settings
from tasks.steps import step
from tasks.usecases import use_case

LEDGER = "ledger"
"""The one table that all use cases share."""
MEGABYTE = 1_000_000


class NoRegistryError(RuntimeError):
    """The registry that answers is not the one in which the models of the ledger are registered."""


class MaintenancePolicy(BaseModel):
    """Which files of the tables are deleted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delete_files: bool = Field(description="Delete files that no longer serve; off: only say how many there are")
    keep_days: int = Field(
        ge=7,
        le=36500,
        description="Days for which every version of a table can be read, whether a model cites it or not",
    )


class CitedVersions(BaseModel):
    """Which versions of the observations may never be deleted."""

    model_config = ConfigDict(frozen=True)

    models: int = 0
    """Registered versions and challengers that wait for approval."""
    versions: tuple[int, ...] = ()
    """Of the observations; each once, ascending."""


class Upkeep(BaseModel):
    """What became of one table."""

    model_config = ConfigDict(frozen=True)

    table: str
    files_before: int
    files_after: int
    protected: int = 0
    """Old versions that models cite."""
    deleted: int = 0
    deleted_bytes: int = 0


def cited(registered: dict[str, int], history: list[Decision]) -> CitedVersions:
    """Return what the registered versions, given with what each cites, and the approvals that are open learned from.

    Raises:
        NoRegistryError: nothing is registered, though the ledger holds models that went live.
    """
    if not registered and (live := ledger.moves(history)):
        raise NoRegistryError(
            f"the ledger holds {len(live)} models of {live[-1].usecase} that went live, the registry none: nothing is "
            f"deleted. Does MLFLOW_TRACKING_URI name the right server?"
        )
    waiting = [asked.facts["dataset_version"] for asked in ledger.open_approvals(history)]
    versions = [*registered.values(), *waiting]
    return CitedVersions(models=len(versions), versions=tuple(sorted(set(versions))))


def summary(usecase: str, upkeep: Sequence[Upkeep], citations: CitedVersions, policy: MaintenancePolicy) -> str:
    """Say in a sentence what was joined and deleted, and what was protected."""
    files = sum(table.deleted for table in upkeep)
    size = sum(table.deleted_bytes for table in upkeep) / MEGABYTE
    act = "deleted" if policy.delete_files else "could be deleted"
    before, after = sum(table.files_before for table in upkeep), sum(table.files_after for table in upkeep)
    return (
        f"{usecase}: {files:,} files ({size:,.1f} MB) {act} that left their tables more than {policy.keep_days} days "
        f"ago; protected: {len(citations.versions)} versions of the observations, cited by {citations.models} models; "
        f"{len(upkeep)} tables compacted from {before:,} files to {after:,}"
    )


@step()
def compacted_tables(usecase: str) -> list[Upkeep]:
    """Join the small files of each table of a use case, and of the ledger; return how many there were and are."""
    return [_compacted(table) for table in _tables(usecase)]


@step(**retries.RETRIED)
def cited_versions(usecase: str) -> CitedVersions:
    """Return what may not be deleted; where the registry does not answer, this fails, and nothing is.

    The ledger is read first: an approval that is answered meanwhile is then counted twice rather than never.

    Raises:
        NoRegistryError: the registry that answers is not that of the ledger's models.
        ValueError: a registered version does not say what it learned from.
    """
    history = ledger.decisions(usecase)
    return cited(registry_models.cited_versions(usecase), history)


@step()
def vacuumed_tables(
    usecase: str, upkeep: list[Upkeep], citations: CitedVersions, policy: MaintenancePolicy
) -> list[Upkeep]:
    """Delete old files of each table, or count them; models cite versions of the observations only.

    Raises:
        LostVersionError: a cited version is gone already; nothing of that table was deleted.
    """
    learned_from = observations(use_case(usecase)).path
    return [
        _vacuumed(table, citations.versions if _path(table.table) == learned_from else (), policy) for table in upkeep
    ]


@step()
def show_maintenance(usecase: str, upkeep: list[Upkeep], citations: CitedVersions, policy: MaintenancePolicy) -> str:
    """Show what was done to each table, and return it in a sentence."""
    sentence = summary(usecase, upkeep, citations, policy)
    act = "deleted" if policy.delete_files else "could be deleted"
    rows = [
        {
            "table": table.table,
            "files before": table.files_before,
            "files after": table.files_after,
            f"old files {act}": table.deleted,
            f"MB {act}": round(table.deleted_bytes / MEGABYTE, 3),
            "versions protected": table.protected,
        }
        for table in upkeep
    ]
    artifacts.show_table(f"{usecase} maintenance", rows, sentence)
    return sentence


def _tables(usecase: str) -> list[str]:
    """Return the tables of a use case and the ledger, by their folders below that of all tables."""
    root = Settings().tables
    shared = [path for path in delta.stored_tables(root) if path.name == LEDGER]
    return [str(path.relative_to(root)) for path in [*delta.stored_tables(root / usecase), *shared]]


def _path(table: str) -> Path:
    return Settings().tables / table


def _compacted(table: str) -> Upkeep:
    before = delta.file_count(_path(table))
    delta.compact(_path(table))
    return Upkeep(table=table, files_before=before, files_after=delta.file_count(_path(table)))


def _vacuumed(upkeep: Upkeep, cited: tuple[int, ...], policy: MaintenancePolicy) -> Upkeep:
    gone = delta.vacuum(_path(upkeep.table), cited, policy.keep_days, delete=policy.delete_files)
    return upkeep.model_copy(update={"protected": len(cited), "deleted": gone.files, "deleted_bytes": gone.bytes})
