"""Both origins and the merges in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import anyio
import uvicorn
from starlette.types import ASGIApp

from hotfolder.sandbox.api import create_app
from hotfolder.sandbox.faults.exchange import Faults, OpenProtocol
from hotfolder.sandbox.faults.injector import Outage
from hotfolder.sandbox.faults.rules import RuleBook
from hotfolder.sandbox.imageworkers import TaskFailed, TaskRefused
from hotfolder.sandbox.objects import RESULTS, UPLOADS, result_name
from hotfolder.sandbox.projects import Group
from hotfolder.sandbox.settings import SandboxError, SandboxSettings
from hotfolder.sandbox.state import Sandbox, open_sandbox
from hotfolder.sandbox.storage import create_storage

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 2
OPERATION_DRAIN_SECONDS = 1
MERGE_AGAIN_SECONDS = 5


class Server(uvicorn.Server):
    """A server without signal handlers: two of them run in the process, and the caller stops them."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self._address = ("", 0)
        self._kept: socket.socket | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()

    def stop_listening(self) -> None:
        """Refuse new connections and close idle ones, until `resume_listening`. The port stays bound if
        possible."""
        listener = self.servers[0].sockets[0]
        self._address = listener.getsockname()[:2]
        for server in self.servers:
            server.close()
        with contextlib.suppress(SandboxError):
            self._kept = bind_socket(*self._address)
        for connection in list(self.server_state.connections):
            connection.shutdown()

    async def resume_listening(self) -> None:
        """Listen again. Raises SandboxError when another process has taken the port."""
        listener, self._kept = self._kept or bind_socket(*self._address), None
        if self.should_exit:
            listener.close()
        else:
            await self.startup([listener])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._kept is not None:
            self._kept.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    settings: SandboxSettings,
    *,
    announce: Callable[[str, str], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until `stop` is set, then end within 3 seconds. The next start repeats a merge in progress.

    `announce(api_base_url, storage_base_url)` is called once both origins answer, with the real ports.
    Raises SandboxError when an address or the data folder can't be used, or the file of faults is invalid.
    """
    book = RuleBook(settings.faults) if settings.faults is not None else None
    with ExitStack() as stack:
        api_socket = stack.enter_context(bind_socket(settings.host, settings.port))
        storage_socket = stack.enter_context(bind_socket(settings.storage_host, settings.storage_port))
        storage_base_url = base_url(storage_socket)
        sandbox = stack.enter_context(open_sandbox(settings, storage_base_url))
        async with Outage() as outage, asyncio.TaskGroup() as tasks:
            faults = Faults(book, sandbox, outage) if book is not None else None
            api = Server(uvicorn_config(create_app(sandbox, faults), faults))
            storage = Server(uvicorn_config(create_storage(sandbox, faults), faults))
            outage.listeners |= {"api": api, "storage": storage}
            merging = anyio.CancelScope()
            tasks.create_task(run_merges(sandbox, merging))
            serving = [
                tasks.create_task(api.serve([api_socket])),
                tasks.create_task(storage.serve([storage_socket])),
            ]
            await api.up.wait()
            await storage.up.wait()
            if announce is not None:
                announce(base_url(api_socket), storage_base_url)
            try:
                await (stop or asyncio.Event()).wait()
            finally:
                merging.cancel()
                api.should_exit = storage.should_exit = True
                # Operations have a moment to finish; then they are answered with a failure.
                await asyncio.wait(serving, timeout=OPERATION_DRAIN_SECONDS)
                sandbox.operations.stop()


async def run_merges(sandbox: Sandbox, scope: anyio.CancelScope) -> None:
    """Do the requested merges until `scope` is cancelled, one at a time, in FIFO order. A group being merged
    then stays `processing`, and is merged after the next start."""
    records = sandbox.records
    with scope:
        while True:
            sandbox.merge_asked.clear()
            try:
                while (group := records.next_to_merge()) is not None:
                    records.finish_merge(group.id, await merge(sandbox, group))
            except (OSError, sqlite3.Error):
                # For example a full disk. The group stays `processing`, and its merge is retried.
                logger.exception("the sandbox can't go on merging")
                await asyncio.sleep(MERGE_AGAIN_SECONDS)
                continue
            await sandbox.merge_asked.wait()


async def merge(sandbox: Sandbox, group: Group) -> str | None:
    """Make the group's picture. Returns None, or why it failed."""
    objects, settings = sandbox.objects, sandbox.settings
    part = objects.part(".jpg")
    photos = [photo for photo in sandbox.records.photos(group.id) if objects.exists(UPLOADS, photo.object)]
    try:
        await sandbox.merges.run(
            "merge",
            settings.merge_delay_seconds,
            photos=[objects.path(UPLOADS, photo.object) for photo in photos],
            target=part,
            lens_correction=group.lens,
            perspective_correction=group.perspective,
            photographer_removal=group.photographer,
            long_edge=settings.long_edge,
        )
        objects.place(part, RESULTS, result_name(group.id))
        return None
    except (TaskRefused, TaskFailed) as error:
        message = str(error)
        for photo in photos:
            # The engine's message has the photo's name in the store; the caller knows the name that it gave.
            message = message.replace(photo.object, photo.filename)
        logger.warning("merge of group %s failed: %s", group.id, message)
        return f"the merge failed: {message}"
    finally:
        part.unlink(missing_ok=True)


def uvicorn_config(app: ASGIApp, faults: Faults | None) -> uvicorn.Config:
    """The configuration of uvicorn. Without an access log, which would contain signed URLs."""
    return uvicorn.Config(
        app,
        http=OpenProtocol if faults is not None else "h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def bind_socket(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises SandboxError when it can't be bound."""
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise SandboxError(
            f"the sandbox can't listen on {host}:{port} ({error.strerror}); choose another address or port"
        ) from error
    return listener


def base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
