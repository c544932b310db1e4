"""A port that stays free, and a TCP proxy before the database or the API, which can be cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from hotfolder.jobs.postgres import StoreServer
from tests.support.postgres import USER

PORT_FILE = ".s.PGSQL.5432"


@contextmanager
def held_port() -> Iterator[int]:
    """A port on which nobody listens. Bound here until the block ends, it is given to nobody who takes any
    free one; who asks for this one may listen on it, as often as they like."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


Target = str | tuple[str, int]
"""A socket's path, or host and port."""


class Proxy:
    """Forwards everything, until it is told to `hang` (accept, and forward nothing), or to `cut` (end all
    connections, and refuse new ones)."""

    def __init__(self, target: Target, port: int) -> None:
        self._target, self.port = target, port
        self._open = threading.Event()
        self._open.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener: socket.socket | None = None
        self.mend()

    def server(self, database: str) -> StoreServer:
        return StoreServer(f"postgresql+psycopg://{quote(USER)}@127.0.0.1:{self.port}/{database}")

    def mend(self) -> None:
        """Forward everything again."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        self._open.set()

    def hang(self) -> None:
        self._open.clear()

    def cut(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for one in (each for pair in self._pairs for each in pair):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._pairs.clear()
        self._open.set()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                family = socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET
                server = socket.socket(family)
                try:
                    server.connect(self._target)
                except OSError:
                    client.close()
                    continue
                self._pairs.append((client, server))
                if self._listener is not listener:  # cut while this one was accepted
                    client.close()
                    server.close()
                    return
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


@contextmanager
def between(target: Path | Target) -> Iterator[Proxy]:
    """A proxy before an address, or before the database server in a folder, until the block ends."""
    with held_port() as port:
        proxy = Proxy(str(target / PORT_FILE) if isinstance(target, Path) else target, port)
        try:
            yield proxy
        finally:
            proxy.cut()
