"""The network under the HTTP library, against sockets that behave and such that don't."""

from __future__ import annotations

import asyncio
import gc
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import httpcore
import httpx
import pytest

from hotfolder.stager.connections import Connections
from hotfolder.stager.transport import Lost, exchange
from hotfolder.stager.wire import MOST_WAITING_BYTES, READ_BYTES, Network, Sealed, Wire
from tests.stager.conftest import reset
from tests.stager.test_connections import encrypted

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MUCH = 64 << 20
LATE_SECONDS = 0.2


@asynccontextmanager
async def wired(serve: Serve, *, tls: bool = False) -> AsyncIterator[Wire | Sealed]:
    """A connection to a server that does `serve`."""
    server = await asyncio.start_server(
        serve, "127.0.0.1", 0, ssl=encrypted(ssl.PROTOCOL_TLS_SERVER) if tls else None
    )
    port = server.sockets[0].getsockname()[1]
    wire = await Network().connect_tcp("127.0.0.1", port, timeout=10)
    if tls:
        wire = await wire.start_tls(encrypted(ssl.PROTOCOL_TLS_CLIENT), timeout=10)
    assert isinstance(wire, Wire | Sealed)
    try:
        yield wire
    finally:
        await wire.aclose()
        server.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)


@pytest.mark.parametrize("tls", [False, True])
async def test_what_nobody_has_asked_for_yet_takes_little_memory(tls: bool) -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(MUCH))
        await writer.drain()
        writer.close()

    got = 0
    async with wired(pour, tls=tls) as wire, asyncio.timeout(60):
        for pause_seconds in (0.5, 0.1, 0.1):
            await asyncio.sleep(pause_seconds)
            under = wire._wire if isinstance(wire, Sealed) else wire
            assert sum(map(len, under._arrived)) <= MOST_WAITING_BYTES + 2 * READ_BYTES
            got += len(await wire.read(65536, 10))
        while piece := await wire.read(65536, 10):
            assert len(piece) <= READ_BYTES
            got += len(piece)
    assert got == MUCH


async def test_an_answer_is_heard_though_the_connection_fails_right_after_it() -> None:
    """Who refuses a photo while it still comes says why, and hangs up on the rest."""
    hung_up = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"no")
        await writer.drain()
        await asyncio.sleep(0.1)
        reset(writer)
        hung_up.set()

    async with wired(refuse) as wire:
        with pytest.raises(httpcore.WriteError):
            for _ in range(100):
                await wire.write(bytes(1 << 20), 10)
        await hung_up.wait()
        assert await wire.read(65536, 10) == b"no"
        with pytest.raises(httpcore.ReadError):
            await wire.read(65536, 10)
        with pytest.raises(httpcore.WriteError):
            await wire.write(b"more", 10)


@pytest.mark.parametrize("tls", [False, True])
async def test_whoever_waits_too_long_hears_for_what(tls: bool) -> None:
    async with wired(silent, tls=tls) as wire:
        with pytest.raises(httpcore.ReadTimeout):
            await wire.read(65536, LATE_SECONDS)
        with pytest.raises(httpcore.WriteTimeout):
            for _ in range(MUCH >> 20):  # until the system takes no more
                await wire.write(bytes(1 << 20), LATE_SECONDS)


async def test_a_handshake_that_hangs_ends_in_time() -> None:
    async with wired(silent) as wire:
        with pytest.raises(httpcore.ConnectTimeout):
            await wire.start_tls(encrypted(ssl.PROTOCOL_TLS_CLIENT), timeout=LATE_SECONDS)
        with pytest.raises(httpcore.WriteError):
            await wire.write(b"hello", 10)


async def test_nobody_there_is_no_connection() -> None:
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(httpcore.ConnectError) as met:
        await Network().connect_tcp("127.0.0.1", port, timeout=10)
    assert isinstance(met.value.__cause__, ConnectionRefusedError)


async def test_a_connection_that_has_failed_keeps_nothing_of_what_went_over_it() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        reset(writer)

    piece = bytes(1 << 20)
    async with wired(refuse) as wire:
        with suppress(httpcore.WriteError):
            while True:
                await wire.write(piece, 10)
        gc.collect()
        assert sys.getrefcount(piece) == 2  # ours, and the question's


async def test_a_name_that_can_be_none_is_told_as_one_that_is_not_found() -> None:
    connections = Connections(encrypted(ssl.PROTOCOL_TLS_CLIENT))
    with pytest.raises(Lost, match="its name could not be looked up") as met:
        await exchange(connections, httpx.Request("GET", "https://a..example.com/"), total_seconds=10)
    assert not met.value.sent
    await connections.aclose()


async def test_a_wait_that_is_broken_off_loses_nothing() -> None:
    asked = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked.wait()
        writer.write(b"yes")
        await writer.drain()
        await reader.read()

    async with wired(answer) as wire:
        waiting = asyncio.create_task(wire.read(65536, 10))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        asked.set()
        assert await wire.read(65536, 10) == b"yes"


async def test_a_connection_on_which_somebody_speaks_unasked_is_no_idle_one() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 408 Too late\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with wired(speak) as wire:
        assert not wire.get_extra_info("is_readable")
        await wire.write(b"hello", 10)
        await asyncio.sleep(0.1)
        assert wire.get_extra_info("is_readable")
