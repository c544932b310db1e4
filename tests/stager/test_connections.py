"""Connections: TLS, certificates, proxies, and reuse."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hotfolder.errors import ConfigurationError, KeyRejected, OutcomeUnknown, Unreachable
from hotfolder.stager.addresses import SignedUrl
from hotfolder.stager.client import StagerClient
from hotfolder.stager.storage import StorageClient
from tests.stager.conftest import KEY, ClientOf, Serve, Wire, does

GROUP = {"groupId": "g", "status": "processing"}
PICTURE = bytes(1 << 20)


async def test_nothing_is_sent_over_a_connection_that_the_server_has_closed(serve: Serve) -> None:
    async def once(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await does.answer(body=GROUP)(wire, reader, writer)
        writer.close()

    wire = await serve(once)
    for _ in range(3):
        await wire.client.group("g")
        await asyncio.sleep(0.05)  # until the server's close has arrived
    assert [request.connection for request in wire.requests] == [1, 2, 3]


async def test_no_cookie_is_kept(serve: Serve) -> None:
    wire = await serve(does.answer(body=GROUP, set_cookie="visitor=1; Path=/"))
    await wire.client.group("g")
    await wire.client.group("g")
    assert [request.header("cookie") for request in wire.requests] == [None, None]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate authority known only to these tests."""
    folder = tmp_path_factory.mktemp("authority")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=secure.localhost"
    named = ("-addext", "subjectAltName=DNS:localhost,DNS:secure.localhost")
    files = ("-keyout", key, "-out", certificate)
    try:
        subprocess.run([*command.split(), *named, *files], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl")
    return certificate, key


@pytest.fixture
async def secure(authority: tuple[Path, Path]) -> AsyncIterator[Wire]:
    """A server with TLS, as the API and as the storage."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority)

    async def behave(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await wire.receive(reader)
        body = PICTURE if "/bucket/" in request.line else b'{"status": "processing", "id": "p"}'
        writer.write(f"HTTP/1.1 200 X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    wire = Wire(behave)
    server = await asyncio.start_server(wire._serve, "127.0.0.1", 0, ssl=context)
    wire.port = server.sockets[0].getsockname()[1]
    yield wire
    server.close()


async def test_an_authority_of_the_house_is_trusted_where_the_environment_names_it(
    secure: Wire,
    serve: Serve,
    authority: tuple[Path, Path],
    client_of: ClientOf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    origin = f"https://localhost:{secure.port}"
    plain = await serve(does.answer(200))
    with pytest.raises(Unreachable, match="its certificate is not valid"):
        await client_of(origin).group("g")
    with pytest.raises(Unreachable, match="it doesn't speak TLS as this machine does"):
        await client_of(plain.origin.replace("http:", "https:")).group("g")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    assert (await client_of(origin).group("g")).status == "processing"
    storage = StorageClient([f"localhost:{secure.port}"])
    url = SignedUrl(f"{origin}/bucket/picture.jpg")
    download = await storage.download(url, tmp_path / "picture", most_bytes=len(PICTURE))
    await storage.aclose()
    assert download.size_bytes == len(PICTURE)


def test_certificates_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE.*missing\.pem.*No such file"):
        StagerClient("https://127.0.0.1", lambda: KEY)


class Proxy:
    """An HTTP proxy that opens every tunnel to `port`, or answers `refusal`, which may be empty. It keeps all
    received bytes."""

    def __init__(self, port: int, refusal: bytes | None = None) -> None:
        self.port = port
        self.refusal = refusal
        self.seen = bytearray()
        self.tunnels: list[str] = []

    async def start(self) -> str:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://user:word@127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.seen += head
        self.tunnels.append(head.split(b"\r\n")[0].decode())
        if self.refusal is not None:
            writer.write(self.refusal)
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer), return_exceptions=True)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while piece := await source.read(1 << 16):
            self.seen += piece
            target.write(piece)
        target.close()


async def test_through_a_proxy_everything_goes_by_connect_and_the_key_is_never_seen(
    secure: Wire, authority: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names of API and storage are resolved by the proxy alone."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    proxy = Proxy(secure.port)
    address = await proxy.start()
    client = StagerClient("https://secure.localhost", lambda: KEY, proxy=address)
    storage = StorageClient(["secure.localhost"], proxy=address)
    assert await client.create_project("a") == "p"
    assert (await client.enhance("p", "g")).status == 200
    url = SignedUrl("https://secure.localhost/bucket/picture.jpg")
    await storage.download(url, tmp_path / "picture", most_bytes=len(PICTURE))
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    await storage.put(url, tmp_path / "photo.jpg", size_bytes=5)
    await client.aclose()
    await storage.aclose()
    assert set(proxy.tunnels) == {"CONNECT secure.localhost:443 HTTP/1.1"}
    assert KEY.encode() not in proxy.seen and b"stager-api-key" not in proxy.seen
    assert [request.header("stager-api-key") for request in secure.requests] == [KEY, KEY, None, None]
    assert all(request.header("proxy-authorization") is None for request in secure.requests)


@pytest.mark.parametrize(
    "refusal", [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", b"", b"HTTP/1.1 2", b"no"]
)
async def test_a_proxy_that_opens_no_tunnel_has_not_sent_anything(free_port: int, refusal: bytes) -> None:
    proxy = Proxy(1, refusal)
    for address, said in (
        (await proxy.start(), "the API can't be reached: the proxy made no connection to it"),
        (f"http://127.0.0.1:{free_port}", "the proxy can't be reached: the connection was refused"),
    ):
        client = StagerClient("https://stager.invalid", lambda: KEY, proxy=address)
        for call in (client.create_project("a"), client.enhance("p", "g")):
            with pytest.raises(Unreachable, match=f"^{said}$"):
                await call
        await client.aclose()


async def test_plain_http_never_goes_to_a_proxy(serve: Serve) -> None:
    proxy = Proxy(1)
    wire = await serve(does.answer(401))
    client = StagerClient(wire.origin, lambda: KEY, proxy=await proxy.start())
    with pytest.raises(KeyRejected):
        await client.create_project("a")
    with pytest.raises((KeyRejected, OutcomeUnknown)):
        await client.enhance("p", "g")
    await client.aclose()
    assert proxy.tunnels == [] and len(wire.requests) == 2
