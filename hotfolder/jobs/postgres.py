"""Everything specific to PostgreSQL: connections that detect a lost server, and the requirements for a
server.

psycopg comes with the extra `cluster`, so it is imported late.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from hotfolder.errors import ConfigurationError, LocalTrouble, StoreAway, StoreError, to_install

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 8.0
"""The timeout of a statement, and how long the server keeps an idle transaction's locks, as of a frozen
client."""
LOCK_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""How long the client waits for any byte of the server: without it, a connection that was cut silently would
block for ever."""
KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
"""TCP keepalives in seconds, set on both sides: they end a connection whose other side vanished silently."""
MIGRATION_SECONDS = 3600.0
TURN_SECONDS = 60.0
"""How long a process waits while another one migrates the store."""
ADVISORY_LOCK = 0x686F74666F6C6472
"""The number of the advisory lock for creating and migrating tables: "hotfoldr" in ASCII, an arbitrary
one."""
ONCE_BACK = "Everything continues by itself once it is back."
NO_RIGHT = "42501"
OF_ITS_OWN = "Give hotfolder a database of its own, as docs/cluster.md shows."


@dataclass(frozen=True, slots=True)
class StoreServer:
    """The database of a shared store. `url` has no password; it comes from `password_file`, else from libpq's
    own sources: PGPASSWORD, PGPASSFILE."""

    url: str
    password_file: Path | None = None

    @property
    def title(self) -> str:
        """The store's name in messages."""
        return f"the job store in the database {make_url(self.url).database}"

    def password(self) -> str | None:
        """The password in `password_file`, read for each new connection; None without such a file. Raises
        ConfigurationError."""
        if self.password_file is None:
            return None
        try:
            return self.password_file.read_text().rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigurationError(
                f"The file that store.password_file names can't be read: {reason}.",
                hint="A relative name starts at the folder of the configuration file.",
            ) from None


def server_engine(server: StoreServer, *, read_only: bool = False, migrating: bool = False) -> Engine:
    """An engine for the server. A lost connection is discarded, and the next transaction gets a new one. With
    `migrating` statements have no timeout. Raises StoreError where psycopg isn't installed, and
    ConfigurationError where the password can't be read."""
    server.password()  # at the start an unreadable one is an error; later it is retried (see `connect`)
    connection_class = patient_connection(MIGRATION_SECONDS if migrating else ANSWER_SECONDS)
    url = make_url(server.url)
    milliseconds = 0 if migrating else int(STATEMENT_SECONDS * 1000)
    of_session = {
        "statement_timeout": milliseconds,
        "lock_timeout": int(LOCK_SECONDS * 1000),
        "idle_in_transaction_session_timeout": milliseconds,
        "default_transaction_read_only": "on" if read_only else "off",
        # By default the server would keep the locks of a machine that lost its power for two hours.
        **{f"tcp_{name}": value for name, value in KEEPALIVES.items()},
    }
    options = " ".join(f"-c {name}={value}" for name, value in of_session.items())
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": int(STATEMENT_SECONDS * 1000),
        "application_name": "hotfolder",
        **KEEPALIVES,
    }
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        hide_parameters=True,  # raw answers hold signed addresses
        # Parameters in the URL take precedence. Prepared statements would not survive a migration.
        connect_args={k: v for k, v in arguments.items() if k not in url.query}
        | {
            "options": " ".join([options, *url.normalized_query.get("options", ())]),
            "prepare_threshold": None,
        },
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, cargs: Any, cparams: dict[str, Any]) -> Any:
        try:
            password = server.password()
        except ConfigurationError as error:  # it was readable at the start: probably being replaced now
            raise StoreAway(error.message, hint=error.hint) from None
        own = cparams if password is None else {**cparams, "password": password}
        return connection_class.connect(*cargs, **own)

    # psycopg ends several statements sent at once by a flush, at which the server stops its timer for
    # idle transactions: a machine that froze then would keep its locks, and with them all the others waiting.
    @event.listens_for(engine, "do_executemany")
    def one_by_one(cursor: Any, statement: str, parameters: Sequence[Any], _context: object) -> bool:
        for each in parameters:
            cursor.execute(statement, each)
        return True

    # The count of rows that the cursor has is the last statement's.
    engine.dialect.supports_sane_multi_rowcount = False
    return engine


def patient_connection(seconds: float) -> type[psycopg.Connection[Any]]:
    """A psycopg connection class that closes the connection and raises OperationalError after `seconds`
    without an answer: the server's own timeouts don't help where the server or the network hangs. Raises
    StoreError where psycopg isn't installed."""
    try:
        import psycopg
    except ImportError:
        raise StoreError(
            "store.url names a PostgreSQL database, and psycopg is not installed",
            hint=f"Install it, {to_install('cluster')}.",
        ) from None

    class PatientConnection(psycopg.Connection[Any]):
        def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
            try:
                return super().wait(answered(gen), *args, **kwargs)
            except TimeoutError:
                self.close()
                raise psycopg.OperationalError(f"the server said nothing for {seconds:g} s") from None

    def answered(gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """Wraps psycopg's wait generator, which yields what it waits for and is sent whether that is ready,
        or, at short intervals, that it isn't. Raises TimeoutError at the deadline."""
        ends_at = time.monotonic() + seconds
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() >= ends_at:
                    raise TimeoutError
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    return PatientConnection


def store_away(error: DBAPIError) -> StoreAway:
    """The StoreAway for an error of psycopg: unreachable, or not able to do what was asked."""
    detail = (str(error.orig).strip().splitlines() or [""])[0]
    state = getattr(error.orig, "sqlstate", None) or ""
    what = "can't be reached"
    if state and not state.startswith(("08", "28", "3D", "57P")):
        what = "can't do just now what is asked of it"
    return StoreAway(f"the database with the job store {what}", hint=ONCE_BACK, detail=detail)


@contextmanager
def rights_needed(server: StoreServer) -> Iterator[None]:
    """Translate an error for a missing privilege of the database user into StoreError."""
    try:
        yield
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != NO_RIGHT:
            raise
        reason = str(error.orig).splitlines()[0]
        raise StoreError(
            f"{server.title} can't be used: {reason}",
            hint="The user in store.url has to own the database, as `createdb --owner USER NAME` makes it.",
        ) from None


def refuse_unfit(found: ServerFacts, server: StoreServer) -> None:
    """Raise StoreError for a server that may lose committed purchases or can't store every name."""
    if found.synchronous_commit == "off":
        raise StoreError(
            f"{server.title} may lose what it has confirmed: synchronous_commit is off",
            hint="It would be paid twice. Switch it on for this database and user: ALTER DATABASE ... SET"
            " synchronous_commit = on.",
        )
    if found.encoding != "UTF8":
        raise StoreError(
            f"{server.title} can't hold every name: its encoding is {found.encoding}, not UTF8",
            hint="Make a database with `createdb --encoding UTF8 --template template0 NAME`.",
        )


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A server's relevant settings; `now` is its clock, `may_create` whether this user may create tables."""

    version: str
    encoding: str
    synchronous_commit: str
    fsync: bool
    may_create: bool
    now: datetime


def read_server_facts(connection: Connection) -> ServerFacts:
    names = ("server_version", "server_encoding", "synchronous_commit", "fsync")
    shown = ", ".join(f"current_setting('{name}')" for name in names)
    may_create = "coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)"
    row = connection.execute(text(f"SELECT {shown}, {may_create}, clock_timestamp()")).one()
    version, encoding, commit, fsync, created, now = row
    return ServerFacts(version, encoding, commit, fsync == "on", created, now)


def set_sequences(connection: Connection, tables: Sequence[Table]) -> None:
    """Set the tables' id sequences to the highest id, after rows were copied with their ids."""
    for table in tables:
        for column in table.primary_key:
            sequence = "pg_get_serial_sequence(:table, :column)"
            names = {"table": table.name, "column": column.name}
            if connection.execute(text(f"SELECT {sequence}"), names).scalar():
                highest = f"SELECT setval({sequence}, max({column.name})) FROM {table.name}"
                connection.execute(text(highest), names)


def lock_migration(connection: Connection) -> None:
    """Take the advisory lock for creating or migrating tables, until this transaction ends. Raises
    LocalTrouble where another process holds it for TURN_SECONDS."""
    ends_at = time.monotonic() + TURN_SECONDS
    locked = text("SELECT pg_try_advisory_xact_lock(:number)")
    while not connection.execute(locked, {"number": ADVISORY_LOCK}).scalar():
        if time.monotonic() >= ends_at:
            raise LocalTrouble(
                "another hotfolder is just bringing the job store up to date",
                hint="It is waited for; this one continues by itself then.",
            )
        time.sleep(0.2)
