"""A stand-in for the API at the pace of a real line and a real cluster: `python -m tests.bench.pacedserver`.

Its first argument is JSON: the fields of `World`, `faults`, and `record`, the file for what it saw. It prints
one line of JSON with its two addresses, serves until its standard input ends, and then writes the record:
`events` as (monotonic seconds, event, group, set), `charges`, `complaints` and what went wrong on purpose.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tests.bench import photos
from tests.bench.bound import World
from tests.bench.pacing import RETRY_AFTER_SECONDS, Fate, Line, Slots, Transfer, sleep_until
from tests.bench.wire import Connection, Request, Response, listening

STORAGE = "127.0.0.2"
HDR_FIELDS = {"lensCorrection", "perspectiveCorrection", "photographerRemoval"}
OPERATIONS = {
    "stage": {"roomType", "roomStyle", "actionType", "resolution", "removeFurniture"},
    "lawn-replace": {"lawnType", "resolution"},
    "sky-replace": {"skyType", "resolution", "skySubType"},
}
OPTIONAL = {"colorTypes", "extraInstructions"}
UPLOADED = re.compile(
    rb'^--[^\r]+\r\nContent-Disposition: form-data; name="file"; filename="[^"]+\.(jpg|png)"', re.I
)


class Refused(Exception):
    """A request that breaks a rule of the reference."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass
class Group:
    id: str
    room: str = ""
    slots: set[str] = field(default_factory=set)
    put: dict[str, str] = field(default_factory=dict)
    done_at: float | None = None
    result: str = ""


Route = tuple[str, str, Callable[..., Awaitable[Response]]]


class PacedServer:
    """The API, its storage, and a record of all requests."""

    def __init__(self, world: World, faults: bool, megapixels: float) -> None:
        self.world = world
        self.uplink, self.downlink = Line(world.uplink), Line(world.downlink)
        self.merging = Slots(world.merge_slots, world.merge_seconds)
        self.editing = Slots(world.edit_slots, world.edit_seconds)
        self.fate = Fate(faults)
        self.events: list[tuple[float, str, str, str]] = []
        self.charges: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.projects: set[str] = set()
        self.groups: dict[str, Group] = {}
        self.slot_groups: dict[str, Group] = {}
        self.images: dict[str, str] = {}
        self.results: dict[str, bytes] = {}
        self.picture = photos.photo(world.result_bytes, megapixels)
        self.storage = ""
        self._numbers = itertools.count(1)

    def note(self, event: str, group: Group | str, at: float | None = None) -> None:
        if isinstance(group, str):
            group = self.groups.get(group) or Group(group)
        moment = asyncio.get_running_loop().time() if at is None else at
        self.events.append((moment, event, group.id, group.room))

    def admit(self, request: Request) -> None:
        """Set the pace of a request's body, and decide what goes wrong with it."""
        kind = kind_of(request)
        request.trouble = self.fate.next(kind)
        if kind in ("put", "image"):
            rate = self.world.uplink_per_connection
            request.transfer = Transfer(self.uplink, rate, request.began_at)
            if request.trouble.cut:
                request.cut_after = request.length // 2
        if kind == "put":
            group = self.slot_groups.get(request.path.rpartition("/")[2])
            if group is not None:
                self.note("put began", group)

    async def handle(self, request: Request) -> Response | None:
        """Handle one request, with half a round trip before and after it."""
        half = self.world.round_trip / 2
        trouble = request.trouble
        await asyncio.sleep(half)
        if trouble.refuse:
            await asyncio.sleep(half)
            return Response(429, b"{}", headers={"retry-after": f"{RETRY_AFTER_SECONDS:g}"})
        if trouble.reset and kind_of(request) != "enhance":
            return None
        try:
            response = await self.answer(request)
        except Refused as refused:
            self.complaints.append(f"{request.method} {request.path}: {refused}")
            response = Response(refused.status, json.dumps({"error": str(refused)}).encode())
        if trouble.reset:
            return None
        if trouble.cut and kind_of(request) == "result":
            response.cut_after = len(response.body) // 2
        await asyncio.sleep(half + trouble.slow_seconds)
        return response

    async def answer(self, request: Request) -> Response:
        on_storage = request.headers.get("host", "").startswith(STORAGE)
        if on_storage is ("stager-api-key" in request.headers):
            raise Refused(401, "the key belongs to the API and to nobody else")
        for method, pattern, act in ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and request.method == method:
                return await act(self, request, *found.groups())
        raise Refused(404, "no such thing")

    async def create_project(self, request: Request) -> Response:
        body = checked(request, {"title"})
        project = f"project-{next(self._numbers)}"
        self.projects.add(project)
        return ok({"id": project, "title": body["title"]})

    async def create_group(self, request: Request) -> Response:
        body = checked(request, {"projectId", *HDR_FIELDS})
        self.check_project(body["projectId"])
        group = Group(f"group-{next(self._numbers)}")
        self.groups[group.id] = group
        self.note("group", group)
        return ok({"groupId": group.id})

    async def upload_slot(self, request: Request) -> Response:
        body = checked(request, {"projectId", "groupId", "filename"})
        self.check_project(body["projectId"])
        group = self.found(body["groupId"])
        if len(group.slots) >= 7 or group.done_at is not None:
            raise Refused(400, "a group takes seven photos, and none once it is merged")
        slot = f"image-{next(self._numbers)}"
        group.slots.add(slot)
        self.slot_groups[slot] = group
        self.note("slot", group)
        return ok({"id": slot, "uploadUrl": f"{self.storage}/{slot}?X-Goog-SignedHeaders=host&s=x"})

    async def put(self, request: Request, slot: str) -> Response:
        group = self.slot_groups.get(slot)
        if group is None or request.received != request.length:
            raise Refused(403, "no such address, or not the length that was announced")
        if request.tail != b"\xff\xd9" or not request.head.startswith(b"\xff\xd8"):
            raise Refused(400, "not a whole JPEG")
        mark = photos.mark_of(bytes(request.head[:4096]))
        group.put[slot] = mark
        group.room = group.room or mark.rpartition("/")[0]
        self.note("put ended", group)
        return Response(200, b"", "text/plain")

    async def enhance(self, request: Request) -> Response:
        body = checked(request, {"projectId", "groupId"})
        group = self.found(body["groupId"])
        if group.done_at is not None:
            self.charges[f"merge {group.room}"] += 1
            raise Refused(409, "merged already, and charged again")
        if not group.put or group.slots != group.put.keys():
            raise Refused(400, "photos are missing")
        if (
            len(set(group.put.values())) != len(group.put)
            or len({m.rpartition("/")[0] for m in group.put.values()}) > 1
        ):
            self.complaints.append(f"{group.id} mixes photos: {sorted(group.put.values())}")
        self.charges[f"merge {group.room}"] += 1
        now = asyncio.get_running_loop().time()
        group.done_at = self.merging.done_at(now)
        group.result = self.keep(group.id)
        self.note("enhance", group)
        self.note("merged", group, group.done_at)
        return ok({})

    async def group_state(self, request: Request, group_id: str) -> Response:
        group = self.found(group_id)
        now = asyncio.get_running_loop().time()
        if group.done_at is None or now < group.done_at:
            self.note("poll", group)
            return ok({"status": "processing"})
        self.note("seen", group)
        return ok({"status": "completed", "imageUrl": self.result_url(group.result)})

    async def upload_image(self, request: Request) -> Response:
        if not UPLOADED.match(bytes(request.head)) or request.received != request.length:
            raise Refused(400, "the form has no field `file` with a picture")
        image = f"img-{next(self._numbers)}"
        source = photos.mark_of(bytes(request.head[:4096])).rpartition("/")[0]
        self.images[image] = source
        self.note("image began", source, request.began_at)
        self.note("image ended", source)
        return ok({"success": True, "data": self.described(image, "x")})

    async def operate(self, request: Request, image: str, operation: str) -> Response:
        checked(request, OPERATIONS[operation], OPTIONAL)
        if image not in self.images:
            raise Refused(404, "no such image")
        source = self.images[image]
        room = self.groups[source].room if source in self.groups else image
        self.charges[f"{operation} {room}"] += 1
        self.note("operate", source)
        await sleep_until(self.editing.done_at(asyncio.get_running_loop().time()))
        self.note("edited", source)
        return ok({"success": True, "data": [self.described(f"res-{image}", self.keep(f"{source}-sky"))]})

    async def result(self, request: Request, name: str) -> Response:
        if name not in self.results:
            raise Refused(404, "no such result")
        source, _, kind = name.partition("-sky")
        self.note("final fetched" if kind else "merge fetched", source.removesuffix(".jpg"))
        now = asyncio.get_running_loop().time()
        transfer = Transfer(self.downlink, self.world.downlink, now + self.world.round_trip / 2)
        return Response(200, self.results[name], "image/jpeg", transfer=transfer)

    def keep(self, name: str) -> str:
        self.results[f"{name}.jpg"] = photos.marked(self.picture, f"{name}/")
        return f"{name}.jpg"

    def result_url(self, name: str) -> str:
        return f"{self.storage}/result/{name}"

    def described(self, identifier: str, result: str) -> dict[str, Any]:
        return {"id": identifier, "imageUrl": self.result_url(result), "width": 100, "height": 100}

    def check_project(self, project: str) -> None:
        if project not in self.projects:
            raise Refused(404, "no such project")

    def found(self, group_id: str) -> Group:
        if group_id not in self.groups:
            raise Refused(404, "no such group")
        return self.groups[group_id]

    def record(self) -> dict[str, Any]:
        return {
            "events": sorted(self.events),
            "charges": dict(self.charges),
            "complaints": self.complaints,
            "injected": dict(self.fate.injected),
            "injected_seconds": self.fate.injected_seconds,
            "uploaded_bytes": self.uplink.carried_bytes,
        }


ROUTES: tuple[Route, ...] = (
    ("POST", "/api/projects", PacedServer.create_project),
    ("POST", "/api/hdr-image-group", PacedServer.create_group),
    ("POST", "/api/hdr-upload-url", PacedServer.upload_slot),
    ("POST", "/api/hdr-enhance", PacedServer.enhance),
    ("GET", "/api/hdr-image-group/([a-z0-9-]+)", PacedServer.group_state),
    ("POST", "/api/image", PacedServer.upload_image),
    ("POST", "/api/images/([a-z0-9-]+)/(stage|lawn-replace|sky-replace)", PacedServer.operate),
    ("PUT", "/(image-[0-9]+)", PacedServer.put),
    ("GET", "/result/([a-z0-9.-]+)", PacedServer.result),
)
KINDS = (
    ("put", "PUT /image-"),
    ("result", "GET /result/"),
    ("poll", "GET /api/hdr-image-group/"),
    ("group", "POST /api/hdr-image-group"),
    ("slot", "POST /api/hdr-upload-url"),
    ("enhance", "POST /api/hdr-enhance"),
    ("operate", "POST /api/images/"),
    ("image", "POST /api/image"),
    ("project", ""),
)


def kind_of(request: Request) -> str:
    """The kind of the request, for pace and trouble."""
    line = f"{request.method} {request.path}"
    return next(kind for kind, start in KINDS if line.startswith(start))


def checked(request: Request, required: Set[str], optional: Set[str] = frozenset()) -> dict[str, Any]:
    """The JSON body, after checking that it has exactly these fields."""
    try:
        body = request.json()
    except ValueError:
        raise Refused(400, "not JSON") from None
    if not isinstance(body, dict) or not required <= body.keys() <= required | optional:
        raise Refused(422, f"not exactly the fields {sorted(required)}")
    return body


def ok(body: dict[str, Any]) -> Response:
    return Response(200, json.dumps(body).encode())


async def serve(given: dict[str, Any]) -> None:
    world = World(**{each.name: given[each.name] for each in fields(World) if each.name in given})
    server = PacedServer(world, given.get("faults", False), given.get("result_megapixels", 3.0))
    loop = asyncio.get_running_loop()
    api, storage = listening("127.0.0.1"), listening(STORAGE)
    for listener in (api, storage):
        await loop.create_server(lambda: Connection(server.admit, server.handle), sock=listener)
    server.storage = f"http://{STORAGE}:{storage.getsockname()[1]}"
    print(json.dumps({"url": f"http://127.0.0.1:{api.getsockname()[1]}", "storage": STORAGE}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    Path(given["record"]).write_text(json.dumps(server.record()))


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
