"""Signed uploads and verified downloads, over a real socket."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import stat
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from hotfolder.errors import (
    BadWorld,
    HostInTrouble,
    HotfolderError,
    LocalTrouble,
    RequestRefused,
    SetChanged,
    TooManyRequests,
    Unreachable,
)
from hotfolder.stager.addresses import SignedUrl
from hotfolder.stager.failures import ResultGone, UrlExpired, UrlRefused
from hotfolder.stager.storage import StorageClient
from hotfolder.stager.transport import Timeouts
from tests.stager.conftest import SIGNATURE, Behaviour, Serve, Wire, does, failure

HOSTS = ("127.0.0.1",)
QUICK = Timeouts(read_seconds=0.3, transfer_total_seconds=5.0)
SECRET = f"X-Goog-Signature={SIGNATURE}"


@pytest.fixture
async def storage() -> AsyncIterator[StorageClient]:
    async with aclosing(StorageClient(HOSTS)) as made:
        yield made


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "IMG_0001.JPG"
    path.write_bytes(b"\xff\xd8" + bytes(5000))
    return path


def patience(name: str) -> Timeouts | None:
    """Short for servers that send nothing or never end; all others, and each request until it is sent, get
    the time that a busy machine needs."""
    return QUICK if name in ("silence", "dripping") else None


def url_on(wire: Wire, signed: str = "host") -> SignedUrl:
    return SignedUrl(f"{wire.origin}/bucket/o%2Fphoto.jpg?X-Goog-SignedHeaders={signed}&{SECRET}")


@pytest.mark.parametrize(
    ("signed", "expected"),
    [
        ("host", {}),
        ("content-type%3Bhost", {"content-type": "image/jpeg"}),
        ("Content-Type;Host", {"content-type": "image/jpeg"}),
        ("host;x-goog-if-generation-match", {"x-goog-if-generation-match": "0"}),
        ("content-length;host", {}),
        ("", {}),
    ],
)
async def test_a_put_sends_what_was_signed_and_no_more(
    signed: str, expected: dict[str, str], serve: Serve, storage: StorageClient, photo: Path
) -> None:
    """A header too many or too few breaks the signature; the target is sent exactly."""
    wire = await serve(does.answer(200))
    await storage.put(url_on(wire, signed), photo, size_bytes=5002)
    (request,) = wire.requests
    assert request.line == f"PUT /bucket/o%2Fphoto.jpg?X-Goog-SignedHeaders={signed}&{SECRET} HTTP/1.1"
    assert dict(request.headers) == {"host": f"127.0.0.1:{wire.port}", "content-length": "5002"} | expected
    assert request.body == photo.read_bytes()


async def test_a_signed_header_that_nobody_told_us_is_not_guessed(
    serve: Serve, storage: StorageClient, photo: Path
) -> None:
    """The error names the header, and nothing is sent."""
    wire = await serve(does.answer(200))
    error = await failure(storage.put(url_on(wire, "host;x-goog-meta-room"), photo, size_bytes=5002))
    assert type(error) is UrlRefused and "x-goog-meta-room" in error.message
    assert wire.connections == 0


EXPIRED = (
    b"<?xml version='1.0'?><Error><Code>ExpiredToken</Code><Message>X-Goog-Signature=c0ffee</Message></Error>"
)
MALFORMED = b"<Error><Code>InvalidArgument</Code><Details>X-Goog-Signature=c0ffee</Details></Error>"


Table = dict[str, tuple[Behaviour, type[HotfolderError]]]


def statuses(raised: type[HotfolderError], *each: int, **headers: str) -> Table:
    """Cases in which each of these statuses, with an empty body, raises that error."""
    return {str(one): (does.answer(one, **headers), raised) for one in each}


PUTS: Table = {
    "400 expired": (does.answer(400, EXPIRED), UrlExpired),
    "400": (does.answer(400, MALFORMED), RequestRefused),
    "403": (does.answer(403), UrlExpired),
    "400 slow": (does.answer(400, b"<Error><Code>RequestTimeout</Code></Error>"), HostInTrouble),
    "a sign-in page": (does.answer(200, b"\n<html>Please sign in"), Unreachable),
    "429": (does.answer(429, retry_after="3"), TooManyRequests),
    "reset before reading": (does.reset_unread(), Unreachable),
    "reset after reading": (does.raw(b"", then_reset=True), Unreachable),
    "silence": (does.hang(), Unreachable),
    "dripping": (does.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"), Unreachable),
    "no HTTP": (does.raw(b"hello\r\n\r\n"), Unreachable),
    **statuses(RequestRefused, 404, 412, 413),
    **statuses(HostInTrouble, 408, 500, 503),
    **statuses(UrlRefused, 302, 307, location="http://127.0.0.9/"),
}


@pytest.mark.parametrize("name", PUTS)
async def test_each_failure_of_a_put(name: str, serve: Serve, photo: Path) -> None:
    """The error says whether to ask for a fresh URL, to wait, or to give up."""
    behave, expected = PUTS[name]
    wire = await serve(behave)
    async with aclosing(StorageClient(HOSTS, timeouts=patience(name))) as storage:
        error = await failure(storage.put(url_on(wire), photo, size_bytes=5002))
    assert type(error) is expected
    assert wire.connections == 1


async def test_already_uploaded_is_fine(serve: Serve, storage: StorageClient, photo: Path) -> None:
    """412 under a signed generation match: an earlier attempt succeeded, its answer was lost."""
    wire = await serve(does.answer(412))
    await storage.put(url_on(wire, "host;x-goog-if-generation-match"), photo, size_bytes=5002)


@pytest.mark.parametrize("size_bytes", [0, 5001, 5003])
async def test_a_photo_of_another_size_is_not_sent(
    size_bytes: int, serve: Serve, storage: StorageClient, photo: Path
) -> None:
    """It isn't the photo that had settled."""
    wire = await serve(does.answer(200))
    error = await failure(storage.put(url_on(wire), photo, size_bytes=size_bytes))
    assert type(error) is SetChanged and wire.connections == 0


async def test_a_large_photo_is_streamed(serve: Serve, storage: StorageClient, tmp_path: Path) -> None:
    """200 MB go through a few MiB of memory."""
    large = tmp_path / "large.tif"
    with large.open("wb") as file:
        file.truncate(200 << 20)
    wire = await serve(does.answer(200))
    tracemalloc.start()
    try:
        await storage.put(url_on(wire), large, size_bytes=200 << 20)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert wire.requests[0].body_bytes == 200 << 20
    assert wire.requests[0].header("transfer-encoding") is None
    assert peak_bytes < 24 << 20


async def test_a_download_is_whole_and_hashed(serve: Serve, storage: StorageClient, tmp_path: Path) -> None:
    """Bytes, hash and length are those of the server; nothing is compressed, and nobody else may read it."""
    body = bytes(range(256)) * 20_000
    wire = await serve(does.answer(200, body))
    target = tmp_path / "result"
    umask = os.umask(0o002)
    try:
        download = await storage.download(url_on(wire), target, most_bytes=len(body))
    finally:
        os.umask(umask)
    assert target.read_bytes() == body
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert download.size_bytes == len(body)
    assert download.sha256 == hashlib.sha256(body).hexdigest()
    assert wire.requests[0].header("accept-encoding") == "identity"
    assert wire.requests[0].header("stager-api-key") is None


async def test_a_download_never_replaces_a_file(serve: Serve, storage: StorageClient, tmp_path: Path) -> None:
    """An existing file stays, also when the attempt fails."""
    target = tmp_path / "result"
    target.write_bytes(b"mine")
    wire = await serve(does.answer(200, b"theirs"))
    assert type(await failure(storage.download(url_on(wire), target, most_bytes=99))) is LocalTrouble
    assert target.read_bytes() == b"mine"


PART = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\npart"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BOMB, BROKEN = gzip.compress(bytes(900_000)), b"\x1f\x8b" + bytes(99)
DOWNLOADS: Table = {
    "400 expired": (does.answer(400, EXPIRED), ResultGone),
    "403": (does.answer(403, MALFORMED), ResultGone),
    "429": (does.answer(429), TooManyRequests),
    "too large": (does.answer(200, bytes(1001)), UrlRefused),
    "a bomb": (does.answer(200, BOMB, content_encoding="gzip"), ResultGone),
    "compressed badly": (does.answer(200, BROKEN, content_encoding="gzip"), Unreachable),
    "an odd length": (does.answer(200, b"x", content_length="1, 2"), Unreachable),
    "chunked without end": (does.endless(CHUNKED + b"FFFFFFFF\r\n"), ResultGone),
    "cut": (does.raw(PART), Unreachable),
    "reset": (does.raw(PART, then_reset=True), Unreachable),
    "silence": (does.hang(), Unreachable),
    "dripping": (does.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"), Unreachable),
    "an endless error": (does.endless(b"HTTP/1.1 404 No\r\n\r\n"), ResultGone),
    **statuses(ResultGone, 204, 404, 410),
    **statuses(HostInTrouble, 408, 500),
    **statuses(UrlRefused, 302, location="http://127.0.0.9/"),
}


@pytest.mark.parametrize("name", DOWNLOADS)
async def test_each_failure_of_a_download(name: str, serve: Serve, tmp_path: Path) -> None:
    """None leaves a file behind, and all are bad worlds: a paid result is never given up here."""
    behave, expected = DOWNLOADS[name]
    wire = await serve(behave)
    async with aclosing(StorageClient(HOSTS, timeouts=patience(name))) as storage:
        error = await failure(storage.download(url_on(wire), tmp_path / "result", most_bytes=1000))
    assert type(error) is expected and isinstance(error, BadWorld)
    assert list(tmp_path.iterdir()) == []
    assert wire.connections == 1


PICTURE = bytes(range(256)) * 3
GENEROUS = {
    "206": does.answer(206, PICTURE, content_range=f"bytes 0-767/{len(PICTURE)}"),
    "201": does.answer(201, PICTURE),
    "gzipped": does.answer(200, gzip.compress(PICTURE), content_encoding="gzip"),
    "said to be gzipped": does.answer(200, PICTURE, content_encoding="gzip"),
    "no length": does.raw(b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE),
    "chunked": does.raw(CHUNKED + b"300\r\n" + PICTURE + b"\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("name", GENEROUS)
async def test_a_result_is_taken_however_it_is_sent(
    name: str, serve: Serve, storage: StorageClient, tmp_path: Path
) -> None:
    wire = await serve(GENEROUS[name])
    target = tmp_path / "result"
    download = await storage.download(url_on(wire), target, most_bytes=len(PICTURE))
    assert target.read_bytes() == PICTURE
    assert (download.sha256, download.size_bytes) == (hashlib.sha256(PICTURE).hexdigest(), len(PICTURE))


@pytest.mark.parametrize("wanted", ["image/jpeg", "application/octet-stream"])
async def test_a_content_type_that_was_signed_in_silence_is_found(
    wanted: str, serve: Serve, storage: StorageClient, photo: Path
) -> None:
    """It takes a 403 or two once; the accepted type is sent first from then on."""

    async def strict(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await wire.receive(reader)
        status = 200 if request.header("content-type") == wanted else 403
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

    wire = await serve(strict)
    for _ in range(3):
        await storage.put(url_on(wire), photo, size_bytes=5002)
    types = [request.header("content-type") for request in wire.requests]
    assert types[0] is None and types[-3:] == [wanted] * 3 and len(types) <= 5


async def test_a_server_may_end_its_side_while_a_photo_goes_up(
    serve: Serve, storage: StorageClient, tmp_path: Path
) -> None:
    """A FIN during an upload, after the answer or without one."""
    photo = tmp_path / "photo.tif"
    with photo.open("wb") as file:
        file.truncate(64 << 20)

    def ending(said: bytes) -> Behaviour:
        async def behave(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.3)  # until nothing more can be sent, and the client waits
            writer.write(said)
            writer.write_eof()
            await asyncio.sleep(0.1)
            while await reader.read(1 << 20):
                pass
            writer.close()

        return behave

    silent = await serve(ending(b""))
    error = await failure(storage.put(url_on(silent), photo, size_bytes=64 << 20))
    assert type(error) is Unreachable
    heard = await serve(ending(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    await storage.put(url_on(heard), photo, size_bytes=64 << 20)


async def test_a_cancelled_download_leaves_nothing(
    serve: Serve, storage: StorageClient, tmp_path: Path
) -> None:
    wire = await serve(does.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"))
    task = asyncio.create_task(storage.download(url_on(wire), tmp_path / "result", most_bytes=1000))
    async with asyncio.timeout(120):
        while not (tmp_path / "result").exists():  # noqa: ASYNC110 - a file tells nobody that it is there
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


async def test_a_lost_folder_is_local_trouble(serve: Serve, storage: StorageClient, tmp_path: Path) -> None:
    """Trouble with our disk isn't blamed on the network."""
    wire = await serve(does.answer(200, b"x"))
    error = await failure(storage.download(url_on(wire), tmp_path / "no" / "result", most_bytes=9))
    assert type(error) is LocalTrouble


async def test_a_full_disk_is_local_trouble(
    serve: Serve, storage: StorageClient, tmp_path: Path, small_files: Callable[[int], None]
) -> None:
    wire = await serve(does.answer(200, bytes(4 << 20)))
    small_files(1 << 20)
    error = await failure(storage.download(url_on(wire), tmp_path / "result", most_bytes=8 << 20))
    assert type(error) is LocalTrouble
    assert list(tmp_path.iterdir()) == []
