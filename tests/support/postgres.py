"""A private PostgreSQL on a socket in a temporary folder."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine, create_engine, make_url, text

from hotfolder.jobs.postgres import StoreServer, server_engine
from hotfolder.jobs.upgrade import bring_up_to_date

ADVICE = "there is no PostgreSQL: install it, as `apt-get install --no-install-recommends postgresql` does"
TEMPLATE, USER = "template_of_stores", "hot"


def programs() -> Path | None:
    """The folder with initdb and pg_ctl; None where there is none."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


def unprivileged() -> str | None:
    """The user for the server, which refuses to run as root; None for the current one."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


class Postgres:
    """The running server."""

    def __init__(self, folder: Path, restart: Callable[[str], None]) -> None:
        """`restart` takes pg_ctl's shutdown mode: immediate, fast or smart."""
        self.folder = folder
        self.restart = restart
        self._numbers = itertools.count(1)
        self._admin = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self.run(f"CREATE DATABASE {TEMPLATE}")
        template = create_engine(self.url(TEMPLATE))
        with template.begin() as connection:
            bring_up_to_date(connection, empty=True)
        template.dispose()

    def fresh(self) -> StoreServer:
        """A new empty database, which ends with the server."""
        name = f"store_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return StoreServer(self.url(name))

    @contextmanager
    def empty(self) -> Iterator[StoreServer]:
        """A new empty database, dropped at the end of the block."""
        server = self.fresh()
        try:
            yield server
        finally:
            self.run(f"DROP DATABASE {make_url(server.url).database} WITH (FORCE)")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}"

    def run(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))

    @contextmanager
    def store(self) -> Iterator[Engine]:
        """A new empty store, dropped at the end of the block."""
        name = f"store_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        engine = server_engine(StoreServer(self.url(name)))
        try:
            yield engine
        finally:
            engine.dispose()
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        self._admin.dispose()


@contextmanager
def running(bin_folder: Path) -> Iterator[Postgres]:
    """A server until the end of the block, without fsync: its data needn't survive the machine."""
    user = unprivileged()
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)

        def call(program: str, *arguments: str) -> None:
            command = [str(bin_folder / program), "-D", str(folder / "data"), *arguments]
            as_user = {"user": user, "extra_groups": []} if user is not None else {}
            environment = {**os.environ, "HOME": name}
            subprocess.run(command, check=True, capture_output=True, cwd=name, env=environment, **as_user)  # type: ignore[call-overload]

        call("initdb", "-A", "trust", "-U", USER, "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        options = f"-k {name} -c listen_addresses='' -c fsync=off"
        starting = ("-w", "-s", "-l", str(folder / "log"), "-o", options)
        call("pg_ctl", *starting, "start")
        try:
            server = Postgres(folder, lambda mode: call("pg_ctl", *starting, "-m", mode, "restart"))
            yield server
            server.close()
        finally:
            call("pg_ctl", "-w", "-s", "-m", "immediate", "stop")
