"""Read rows of a table or query, wherever SQLAlchemy connects, as plain frames; values are bound, not formatted in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tasks.data.sources.frames import plain_frame, table_of
from tasks.data.sources.layout import Layout
from tasks.errors import SourceUnavailable, SourceUnreadable

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

# Whether a database holds local time, UTC or a date is not recorded; none is further off than a day.
_SLACK = timedelta(days=1)


def sql_frames(
    address: str, layout: Layout, low: datetime, high: datetime, *, table: str | None, query: str | None
) -> "Iterator[pd.DataFrame]":
    """Yield the rows about `[low, high)` in order of time, those without a time, and those whose time is no time."""
    engine = _engine(address)
    with _sql_errors(engine), engine.connect() as connection:
        names = layout.wanted(_column_names(connection, _relation(table, query)), table or "the query's result")
        relation = _relation(table, query, names, layout.read_by)
        statement = _statement(relation, layout, low, high, engine.dialect.name)
        result = connection.execution_options(yield_per=layout.chunk_rows).execute(statement)
        for rows in result.partitions():
            yield plain_frame(table_of(dict(zip(names, zip(*rows, strict=True), strict=True))), layout)


def _engine(address: str) -> "sa.Engine":
    import sqlalchemy as sa

    try:
        engine = sa.create_engine(address, hide_parameters=True, poolclass=sa.NullPool)
    except (sa.exc.ArgumentError, ImportError) as error:
        # Not chained: the original may quote the address with its password.
        raise SourceUnreadable(
            f"expected a SQLAlchemy URL whose driver is installed, found {type(error).__name__}; "
            "write dialect+driver://user:password@host/database, and install the driver"
        ) from None
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and file != ":memory:" and not file.startswith("file:") and not Path(file).exists():
        raise SourceUnavailable(f"expected a SQLite file at {file}, found none; check the path in the URL")
    return engine


def _relation(table: str | None, query: str | None, names: Sequence[str] = (), time: str = "") -> "sa.FromClause":
    import sqlalchemy as sa

    columns = [sa.column(name, sa.DateTime() if name == time else None) for name in names]
    if query is not None:
        return sa.text(query.rstrip().rstrip(";")).columns(*columns).subquery("source_rows")
    schema, _, name = (table or "").rpartition(".")
    return sa.table(name, *columns, schema=schema or None)


def _column_names(connection: "sa.Connection", relation: "sa.FromClause") -> list[str]:
    """Return the columns found. Asked for first: SQLite takes the quoted name of a missing column for a text."""
    import sqlalchemy as sa

    every: sa.Select[tuple[Any, ...]] = sa.select(sa.literal_column("*")).select_from(relation).where(sa.false())
    return list(connection.execute(every).keys())


def _statement(
    relation: "sa.FromClause", layout: Layout, low: datetime, high: datetime, dialect: str
) -> "sa.Select[tuple[Any, ...]]":
    import sqlalchemy as sa

    stored = relation.c[layout.read_by]
    local = ZoneInfo(layout.time_zone)
    first, last = (moment.astimezone(local).replace(tzinfo=None) for moment in (low - _SLACK, high + _SLACK))
    wanted = sa.or_(stored.is_(None), sa.and_(stored >= first, stored < last))
    if dialect == "sqlite":
        # It compares whatever it holds with the bound text; what is no ISO time must come through to be named.
        wanted = sa.or_(wanted, stored.op("NOT GLOB")(sa.literal("[0-9][0-9][0-9][0-9]-[0-9][0-9]-*", sa.String())))
    untyped = [sa.type_coerce(column, sa.types.NullType()) for column in relation.c]
    return sa.select(*untyped).where(wanted).order_by(stored)


@contextmanager
def _sql_errors(engine: "sa.Engine") -> Iterator[None]:
    """Turn what goes wrong with the database into a SourceError that names the host."""
    import sqlalchemy as sa

    host = engine.url.set(query={}).render_as_string(hide_password=True)
    try:
        yield
    except (sa.exc.DBAPIError, OSError) as error:
        kind = SourceUnavailable if _may_pass(error, engine) else SourceUnreadable
        raise kind(
            f"expected an answer from {host}, found: {getattr(error, 'orig', error)}; "
            "check that it runs, that this machine may connect, and the table or query in the use case's source"
        ) from error


def _may_pass(error: "sa.exc.DBAPIError | OSError", engine: "sa.Engine") -> bool:
    """Say whether a retry may help. SQLite calls a missing table, too, an operational error."""
    import sqlalchemy as sa

    if isinstance(error, OSError):
        return True
    if engine.dialect.name == "sqlite":
        return any(word in str(error.orig) for word in ("locked", "unable to open"))
    return error.connection_invalidated or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
