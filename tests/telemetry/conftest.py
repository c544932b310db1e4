"""Fixtures for what the daemon tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hotfolder.telemetry.web import Pages, WebServer
from tests.support.receiver import Receiver

Serve = Callable[[Pages], WebServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve pages on a free port of the loopback address until the test ends."""
    servers: list[WebServer] = []

    def begin(pages: Pages) -> WebServer:
        server = WebServer(pages, exchange_seconds=1)
        server.start()
        servers.append(server)
        return server

    yield begin
    for server in servers:
        server.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.shutdown()
    made.server_close()
