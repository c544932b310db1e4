"""An API that works and spells everything differently from its reference: every picture is delivered."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass, field

from PIL import Image

from hotfolder.daemon.service import ApiAccess
from tests.scenarios.bench import Bench
from tests.stager.conftest import Wire
from tests.support.audit import Audit
from tests.support.studio import ELM, files_below

GROUP = "grp:1/2+3="
SIGNED_TYPE = "image/jpeg"


def picture(kind: str) -> bytes:
    content = io.BytesIO()
    Image.effect_noise((64, 48), 90).convert("RGB").save(content, kind)
    return content.getvalue()


@dataclass
class OddApi:
    """Acts as API and as storage."""

    origin: str = ""
    merge_status: str = "SUCCEEDED"
    forbidden: bool = False
    """Whether the key is revoked, until a second project's request has been refused, late."""
    projects: int = 0
    opened: int = 0
    paid: list[str] = field(default_factory=list)
    puts: list[int] = field(default_factory=list)

    async def __call__(self, wire: Wire, reader: StreamReader, writer: StreamWriter) -> None:
        request = await wire.receive(reader)
        line, kind = request.line.removesuffix(" HTTP/1.1"), request.header("content-type")
        if self.forbidden:
            self.projects += "/api/projects" in line
            last = "/api/projects" in line and self.projects == 2
            await asyncio.sleep(4.0 if last else 1.0)
            self.forbidden = self.forbidden and not last
            return await said(writer, 403, b"{}")
        match line.split(" "):
            case ["PUT", _]:
                status = 200 if kind == SIGNED_TYPE else 403
                self.puts.append(status)
                await said(writer, status, b"")
            case ["GET", "/results/merged%20picture.webp?sig=a"]:
                await chunked(writer, 206, picture("WEBP"))
            case ["GET", "/results/sky.jpg"]:
                packed = gzip.compress(picture("JPEG"))
                await said(writer, 200, packed, "Content-Encoding: gzip\r\n")
            case ["GET", path] if path.endswith("/hotfolder-doctor"):
                await said(writer, 404, b"{}")
            case [_, path]:
                await said(writer, 201, self.answer(path))

    def answer(self, path: str) -> bytes:
        if path in ("/api/hdr-enhance", "/api/images/4711/sky-replace"):
            self.paid.append(path)
        if path == "/api/hdr-enhance":
            return b"Thank you!"
        self.opened += path == "/api/hdr-image-group"
        found = {
            "/api/projects": {"success": True, "data": {"id": 12}},
            "/api/hdr-image-group": {"groupId": GROUP},
            "/api/hdr-upload-url": {"uploadUrl": f"{self.origin}/uploads/a photo.jpg"},
            "/api/hdr-image-group/grp%3A1%2F2%2B3%3D": {
                "status": self.merge_status,
                "imageUrl": f" {self.origin}/results/merged picture.webp?sig=a",
            },
            "/api/image": {"data": {"id": 4711}},
            "/api/images/4711/sky-replace": {"data": {"imageUrl": f"{self.origin}/results/sky.jpg"}},
        }
        return json.dumps(found[path]).encode()


async def said(writer: StreamWriter, status: int, body: bytes, more: str = "") -> None:
    writer.write(f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()


async def chunked(writer: StreamWriter, status: int, body: bytes) -> None:
    writer.write(f"HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode())
    writer.write(body + b"\r\n0\r\n\r\n")
    await writer.drain()


async def test_every_picture_comes_home_and_is_paid_for_once(bench: Bench) -> None:
    api = OddApi()
    wire = Wire(api)
    await wire.start()
    api.origin = wire.origin
    bench.drop()
    await bench.until_idle(ApiAccess(wire.origin, wire.origin, ("127.0.0.1",), lambda: "any-key"))
    await wire.stop()
    assert api.paid == ["/api/hdr-enhance", "/api/images/4711/sky-replace"], bench.text()
    assert api.puts.count(200) == 3 and api.puts[-1] == 200
    assert [job.state for job in Audit(bench.studio, ()).jobs] == ["done"], bench.text()
    delivered = {name for name in files_below(bench.studio.done / ELM) if "/" not in name}
    assert delivered == {"living-room.png", "living-room__sky-twilight.jpg"}


async def test_who_is_refused_while_another_finds_the_key_revoked_asks_again(bench: Bench) -> None:
    """The probe may come only when the key is valid again; then only a second refusal is the set's own."""
    api = OddApi(forbidden=True)
    wire = Wire(api)
    await wire.start()
    api.origin = wire.origin
    bench.drop("hall")
    bench.drop("hall", project="14 Elm Road")
    async with bench.working(ApiAccess(wire.origin, wire.origin, ("127.0.0.1",), lambda: "any-key")):
        await bench.studio.comes_to_say(lambda _: not api.forbidden)
        status = await bench.studio.comes_to_say(
            lambda status: {job["state"] for job in status["jobs"]} in ({"done"}, {"done", "failed"})
        )
    await wire.stop()
    assert [job["state"] for job in status["jobs"]] == ["done", "done"], bench.text()


async def test_photos_of_two_sets_never_go_into_one_group(bench: Bench) -> None:
    """Else one picture would be made of two rooms. The other set waits, and says why."""
    api = OddApi(merge_status="processing")
    wire = Wire(api)
    await wire.start()
    api.origin = wire.origin
    bench.drop()
    bench.drop("hall")
    why = "the API named one group for two sets"
    access = ApiAccess(wire.origin, wire.origin, ("127.0.0.1",), lambda: "any-key")
    async with bench.working(access):
        await bench.studio.comes_to_say(
            lambda status: ("uploading", why) in [(job["state"], job["reason"]) for job in status["jobs"]]
        )
        await bench.studio.comes_to_say(lambda status: status["counts"].get("needs_attention"))
        opened = api.opened
        await bench.studio.comes_to_say(lambda status: api.opened >= opened + 2)
    await wire.stop()
    assert api.paid == ["/api/hdr-enhance"] and api.puts.count(200) == 3
