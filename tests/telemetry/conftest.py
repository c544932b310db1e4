"""Fixtures for telemetry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from hotfolder.telemetry import web
from hotfolder.telemetry.web import Report, WebServer, pages


class Serve(Protocol):
    def __call__(
        self, *, health: Callable[[], Report] = ..., metrics: Callable[[], bytes] = ...
    ) -> WebServer: ...


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serve pages on a free port of the loopback address until the test ends."""
    monkeypatch.setattr(web, "SILENT_SECONDS", 0.5)
    servers: list[WebServer] = []

    def begin(
        *, health: Callable[[], Report] = lambda: {"ok": True}, metrics: Callable[[], bytes] = bytes
    ) -> WebServer:
        server = WebServer(pages(health=health, readiness=lambda: {"ok": False}, metrics=metrics))
        servers.append(server)
        return server

    yield begin
    for server in servers:
        server.stop()
