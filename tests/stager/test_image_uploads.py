"""Section 3.1 of the reference: a picture, streamed from disk as one multipart form; and the limit on upload
bandwidth, with a clock of the test's own."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from email import message_from_bytes
from pathlib import Path

import pytest

from hotfolder.errors import RequestRefused, SetChanged, Unreachable
from hotfolder.stager.streams import LARGEST_PIECE_BYTES, Throttle, open_photo
from tests.stager.conftest import ClientOf, Serve, Wire, does
from tests.support.clocks import SkippingClock

UPLOADED = {
    "success": True,
    "data": {
        "id": "img_71283912739",
        "imageUrl": "https://storage.googleapis.com/stager-resized/cache_file.jpg",
        "width": 1920,
        "height": 1280,
    },
}


@pytest.mark.parametrize("filename", ["01.jpg", 'a"b\r\nX: y.jpg', "größe.png"])
async def test_upload_image(filename: str, serve: Serve, tmp_path: Path) -> None:
    """Section 3.1: one part named `file`, with a length, whatever the name."""
    photo = tmp_path / "photo"
    photo.write_bytes(bytes(range(256)) * 9)
    wire = await serve(does.answer(200, UPLOADED))
    image_id = await wire.client.upload_image(photo, filename, "image/png")
    assert image_id == "img_71283912739"
    (request,) = wire.requests
    assert request.line == "POST /api/image HTTP/1.1"
    assert request.header("transfer-encoding") is None
    assert request.header("content-length") == str(request.body_bytes)
    message = message_from_bytes(
        f"Content-Type: {request.header('content-type')}\r\n\r\n".encode() + request.body
    )
    _, part = message.walk()
    assert part.get_param("name", header="content-disposition") == "file"
    assert part.get_content_type() == "image/png"
    assert part.keys() == ["Content-Disposition", "Content-Type"]
    assert part.get_payload(decode=True) == photo.read_bytes()


async def test_a_large_upload_is_streamed(serve: Serve, tmp_path: Path) -> None:
    """200 MB go through a few MiB of memory, with their exact length announced."""
    photo = tmp_path / "large.png"
    with photo.open("wb") as file:
        file.truncate(200 << 20)
    wire = await serve(does.answer(200, UPLOADED))
    tracemalloc.start()
    try:
        await wire.client.upload_image(photo, "01.png", "image/png")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (request,) = wire.requests
    assert request.body_bytes == int(request.header("content-length") or 0) > 200 << 20
    assert peak_bytes < 24 << 20


@pytest.mark.parametrize("change", ["grow", "shrink", "touch"])
async def test_a_picture_that_changes_on_the_way(change: str, serve: Serve, tmp_path: Path) -> None:
    """The upload is given up, since what was sent isn't what was settled."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x" * (8 << 20))

    async def meddle(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        match change:
            case "grow":
                with photo.open("ab") as file:
                    file.write(b"more")
            case "shrink":
                with photo.open("r+b") as file:
                    file.truncate(3 << 20)
            case "touch":
                with photo.open("r+b") as file:
                    file.write(b"y")
        while await reader.read(1 << 16):
            pass

    wire = await serve(meddle)
    with pytest.raises(SetChanged):
        await wire.client.upload_image(photo, "01.jpg", "image/jpeg")


async def test_only_a_plain_file_is_uploaded(client_of: ClientOf, free_port: int, tmp_path: Path) -> None:
    """A missing file, a symlink, a FIFO and a folder are told apart from trouble with the network."""
    client = client_of(f"http://127.0.0.1:{free_port}")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "real.jpg").write_bytes(b"x")
    (tmp_path / "link.jpg").symlink_to("real.jpg")
    for name in ("missing.jpg", "fifo", "link.jpg", ""):
        with pytest.raises(SetChanged):
            await client.upload_image(tmp_path / name, "01.jpg", "image/jpeg")
    with pytest.raises(Unreachable):
        await client.upload_image(tmp_path / "real.jpg", "01.jpg", "image/jpeg")


async def test_an_upload_that_is_refused_early(serve: Serve, tmp_path: Path) -> None:
    """A 413 while bytes are still sent is read, not taken for a lost connection."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(bytes(8 << 20))

    async def refuse(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        while await reader.read(1 << 16):
            pass

    wire = await serve(refuse)
    with pytest.raises(RequestRefused) as caught:
        await wire.client.upload_image(photo, "01.jpg", "image/jpeg")
    assert caught.value.status == 413


RATE = 1_000_000.0


async def test_ten_seconds_worth_takes_ten_seconds_but_for_the_first_one() -> None:
    clock = SkippingClock()
    throttle = Throttle(clock, RATE)
    for _ in range(110):
        await throttle.take(100_000)
    assert 9.8 <= clock.seconds <= 10.0


async def test_several_uploads_share_one_limit() -> None:
    clock = SkippingClock()
    throttle = Throttle(clock, RATE)

    async def upload() -> None:
        for _ in range(20):
            await throttle.take(throttle.piece_bytes)

    await asyncio.gather(*(upload() for _ in range(4)))
    sent = 80 * throttle.piece_bytes
    assert sent / RATE - 1.2 <= clock.seconds <= sent / RATE


async def test_an_idle_hour_saves_up_no_more_than_a_second() -> None:
    clock = SkippingClock()
    throttle = Throttle(clock, RATE)
    await throttle.take(1)
    clock.seconds += 3600
    began = clock.seconds
    for _ in range(30):
        await throttle.take(100_000)
    assert 1.8 <= clock.seconds - began <= 2.0


async def test_a_limit_is_changed_and_taken_away_while_it_is_in_use() -> None:
    clock = SkippingClock()
    throttle = Throttle(clock, RATE)
    await throttle.take(3_000_000)
    throttle.bytes_per_second = 2 * RATE
    await throttle.take(1)
    assert clock.seconds <= 1.1
    throttle.bytes_per_second = None
    before = clock.seconds
    await throttle.take(10**9)
    assert clock.seconds == before
    assert throttle.piece_bytes == LARGEST_PIECE_BYTES and throttle.delay_seconds(10**9) == 0


async def test_a_photo_is_read_in_small_pieces_and_whole(tmp_path: Path) -> None:
    """At 100 KB/s a piece of 1 MiB would leave the line silent for ten seconds, and the server would time
    out."""
    clock = SkippingClock()
    content = bytes(range(256)) * 2000
    (tmp_path / "a.jpg").write_bytes(content)
    opened = open_photo(tmp_path / "a.jpg")
    with opened.file:
        pieces = [piece async for piece in opened.pieces(Throttle(clock, 100_000))]
    assert b"".join(pieces) == content and max(map(len, pieces)) == 16 << 10
    assert 4.0 <= clock.seconds <= 5.2
