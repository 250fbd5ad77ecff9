"""Keep the versions of a table in Delta files; the only module that knows Delta."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks.errors import LostVersionError

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

LOCK = "evergreen.write"
RETENTION = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
"""Delta forgets a version after 30 days, models cite theirs while registered: nothing expires by age."""


@dataclass(frozen=True)
class DeltaLog:
    """The versions of one table (see `tasks.data.store.Log`)."""

    path: Path
    key: tuple[str, ...]
    schema: "pa.Schema"
    partition: tuple[str, ...]

    def exists(self) -> bool:
        """Say whether anything was ever written."""
        from deltalake import DeltaTable

        return DeltaTable.is_deltatable(str(self.path))

    def snapshot(self, version: int | None = None) -> "DeltaTable":
        """Return a version, the newest where none is named."""
        from deltalake import DeltaTable

        return DeltaTable(str(self.path), version=version)

    def writable(self) -> "DeltaTable":
        """Return the newest version, of a table that was made where there was none, and whose versions last."""
        from deltalake import DeltaTable

        if not self.exists():
            DeltaTable.create(
                str(self.path),
                schema=self.schema,
                partition_by=list(self.partition) or None,
                mode="ignore",
                configuration=RETENTION,
            )
        return _lasting(self.path)

    def append(self, snapshot: "DeltaTable", rows: "pa.Table") -> None:
        """Add rows, unless another writer has written since the snapshot; then raise."""
        from deltalake import write_deltalake

        write_deltalake(snapshot, rows, mode="append", commit_properties=_alone(snapshot))

    def merge(self, snapshot: "DeltaTable", rows: "pa.Table") -> None:
        """Add rows, each in place of the one with its key, unless another writer has written since; then raise."""
        same = " AND ".join(f"stored.`{column}` = row.`{column}`" for column in self.key)
        merge = snapshot.merge(rows, same, "row", "stored", commit_properties=_alone(snapshot))
        merge.when_matched_update_all().when_not_matched_insert_all().execute()

    def insist(self, write: Callable, *given: Any, **named: Any) -> Any:
        """Do a write again each time that another writer was faster."""
        return _insisting(write, *given, **named)

    def readable(self, version: int | None):
        """Say what it means that an old version cannot be read, and what to do."""
        return _readable(self.path, version)

    def compact(self, most_files: int) -> None:
        """Join small files once there are more than `most_files`; the rows stay the same."""
        if self.exists() and file_count(self.path) > most_files:
            compact(self.path)


class Vacuumed(BaseModel):
    """Which files a vacuum has deleted, or would delete."""

    model_config = ConfigDict(frozen=True)

    files: int = 0
    bytes: int = 0


def stored_tables(folder: Path) -> list[Path]:
    """Return the folders of the tables that lie directly in `folder`, by name."""
    return sorted(log.parent for log in folder.glob("*/_delta_log"))


def file_count(path: Path) -> int:
    """Return how many files the newest version of the table at `path` consists of."""
    from deltalake import DeltaTable

    return len(DeltaTable(str(path)).file_uris())


def compact(path: Path) -> None:
    """Join the small files of the table at `path`; the rows stay the same, and older versions readable."""
    _insisting(_compact_once, path)


def vacuum(path: Path, cited: Iterable[int], days: int, *, delete: bool) -> Vacuumed:
    """Delete the files of the table at `path` that left it more than `days` days ago, and tell what that freed.

    The files of the newest version and of the `cited` ones stay, whatever their age. Files that a killed writer left
    behind go at the same age. With `delete` off, nothing changes, and what would be deleted is told. Delta notes a
    vacuum in two versions without rows; none is made where there is nothing to delete.

    Raises:
        LostVersionError: a cited version is gone already; then nothing is deleted.
    """
    keep = sorted(set(cited))
    for version in keep:
        _require(path, version)
    sizes = _deletable(path, keep, days)
    if not delete or not sizes:
        return Vacuumed(files=len(sizes), bytes=sum(sizes.values()))
    _insisting(_lasting, path)
    _vacuum(path, keep, days, dry_run=False)
    gone = [size for file, size in sizes.items() if not file.exists()]
    return Vacuumed(files=len(gone), bytes=sum(gone))


def _deletable(path: Path, keep: list[int], days: int) -> dict[Path, int]:
    """Return the bytes of each file that a vacuum would delete; Delta names again what it deleted before."""
    files = {path / name for name in _vacuum(path, keep, days, dry_run=True)}
    return {file: file.stat().st_size for file in files if file.exists()}


def _vacuum(path: Path, keep: list[int], days: int, *, dry_run: bool) -> list[str]:
    """Let Delta vacuum. Its own lower limit is off: by that, nothing here would ever be old enough."""
    from deltalake import DeltaTable

    return DeltaTable(str(path)).vacuum(
        24 * days, dry_run, enforce_retention_duration=False, full=True, keep_versions=keep or None
    )


def _require(path: Path, version: int) -> None:
    from deltalake import DeltaTable

    with _readable(path, version):
        DeltaTable(str(path), version=version)


@contextmanager
def _readable(path: Path, version: int | None) -> Iterator[None]:
    """Say what it means that an old version cannot be read, and what to do."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, FileNotFoundError) as error:
        if version is None:
            raise
        raise LostVersionError(
            f"version {version} of the table {path.parent.name}/{path.name} cannot be read any more: its log or its "
            f"files were deleted ({type(error).__name__}). A model that cites it can be neither compared with its "
            f"training rows nor made again. Restore {path} from a backup; or run `retrain`, and once its model is "
            f"live, delete the model versions that cite version {version} in MLflow"
        ) from error


def _lasting(path: Path) -> "DeltaTable":
    """Return the newest version of the table at `path`, whose versions no clean-up takes from here on.

    A table from before versions were kept gets the properties in a version without rows, which one writer can make.
    """
    from deltalake import DeltaTable

    table = DeltaTable(str(path))
    if RETENTION.items() <= table.metadata().configuration.items():
        return table
    table.alter.set_table_properties(RETENTION, commit_properties=_alone(table))
    return DeltaTable(str(path))


def _compact_once(path: Path) -> None:
    _lasting(path).optimize.compact()


def _insisting(write: Callable, *given: Any, **named: Any) -> Any:
    """Do a write again each time that another writer was faster."""
    from deltalake.exceptions import CommitFailedError
    from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

    losing_a_race = retry(
        retry=retry_if_exception_type(CommitFailedError),
        wait=wait_random(0, 0.5),
        stop=stop_after_attempt(50),
        reraise=True,
    )
    return losing_a_race(write)(*given, **named)


def _alone(table: "DeltaTable"):
    """Let this commit through only if no other writer has committed since `table` was read."""
    from deltalake import CommitProperties, Transaction

    turn = (table.transaction_version(LOCK) or 0) + 1
    return CommitProperties(app_transactions=[Transaction(LOCK, turn)], max_commit_retries=0)
