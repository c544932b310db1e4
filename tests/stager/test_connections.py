"""Connections are kept, and no more is expected of them than they can give."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys

import httpx

from hotfolder.stager import storage
from hotfolder.stager.connections import Connections
from hotfolder.stager.transport import exchange, raw
from hotfolder.stager.wire import READ_BYTES

GROUP = {"groupId": "g", "status": "processing"}


async def test_a_kept_connection_is_used_again(serve, does, client_of) -> None:
    wire = await serve(does.answer(body=GROUP))
    client = client_of(wire.origin)
    for _ in range(3):
        await client.group("g")
    assert [request.connection for request in wire.requests] == [1, 1, 1]


async def test_nothing_is_sent_over_a_connection_that_the_server_has_closed(serve, does, client_of) -> None:
    async def once(wire, reader, writer) -> None:
        await does.answer(body=GROUP)(wire, reader, writer)
        writer.close()

    wire = await serve(once)
    client = client_of(wire.origin)
    for _ in range(3):
        await client.group("g")
        await asyncio.sleep(0.05)  # the goodbye is on its way
    assert [request.connection for request in wire.requests] == [1, 2, 3]


async def test_no_cookie_is_kept(serve, does, client_of) -> None:
    wire = await serve(does.answer(body=GROUP, set_cookie="visitor=1; Path=/"))
    client = client_of(wire.origin)
    await client.group("g")
    await client.group("g")
    assert [request.header("cookie") for request in wire.requests] == [None, None]


async def test_no_redirect_is_followed(serve, does) -> None:
    elsewhere = await serve(does.answer(body=GROUP))
    wire = await serve(does.answer(307, location=f"{elsewhere.origin}/"))
    connections = Connections(httpx.create_ssl_context(trust_env=False))
    reply = await exchange(connections, httpx.Request("GET", wire.origin), total_seconds=10)
    await connections.aclose()
    assert (reply.status, elsewhere.requests) == (307, [])


async def test_what_has_come_is_taken_at_once(serve, does) -> None:
    """The library alone asks for 64 KiB each time, however much there is."""
    wire = await serve(does.answer(body=bytes(8 << 20)))
    connections = Connections(httpx.create_ssl_context(trust_env=False))
    response = await connections.handle_async_request(httpx.Request("GET", wire.origin))
    sizes = []
    async for piece in raw(response):
        sizes.append(len(piece))
        await asyncio.sleep(0.01)  # so that there is always much
    await response.aclose()
    await connections.aclose()
    assert sum(sizes) == 8 << 20
    assert 64 << 10 < max(sizes) <= READ_BYTES


async def test_a_download_comes_whole_over_an_encrypted_connection(tmp_path) -> None:
    """Its pieces are small ones, however much is there."""
    picture = bytes(1 << 20)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(picture) + picture)
        await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=encrypted(ssl.PROTOCOL_TLS_SERVER))
    connections = Connections(encrypted(ssl.PROTOCOL_TLS_CLIENT))
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(60):
        request = httpx.Request("GET", f"https://127.0.0.1:{port}/")
        response = await connections.handle_async_request(request)
        saved = await storage.save(response, tmp_path / "picture")
    await response.aclose()
    await connections.aclose()
    server.close()
    assert saved.size_bytes == len(picture)


def encrypted(side: int) -> ssl.SSLContext:
    """TLS without anybody's certificate, which would expire."""
    context = ssl.SSLContext(side)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context


NOTHING_IS_LOADED = """
import asyncio, sys
import httpx
from hotfolder.stager import connections

async def main(url):
    made = connections.Connections(httpx.create_ssl_context(trust_env=False))
    await connections.prepare()
    before = set(sys.modules)
    response = await made.handle_async_request(httpx.Request("GET", url))
    await response.aread()
    await made.aclose()
    print(sorted(set(sys.modules) - before))

asyncio.run(main(sys.argv[1]))
"""


async def test_the_first_exchange_loads_nothing_once_it_was_prepared_for(serve, does) -> None:
    wire = await serve(does.answer(body=GROUP))
    ask = [sys.executable, "-c", NOTHING_IS_LOADED, wire.origin]
    asked = await asyncio.to_thread(subprocess.run, ask, capture_output=True, text=True)
    assert asked.stdout == "[]\n", asked.stderr
