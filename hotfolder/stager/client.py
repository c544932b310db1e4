"""The API client. It holds the key and can address nothing but the API's own origin."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from hotfolder.errors import ConfigurationError, HotfolderError, RequestRefused
from hotfolder.stager import answers
from hotfolder.stager.addresses import parse_base_url, path_part
from hotfolder.stager.answers import Answer, GroupState, UploadedImage, UploadSlot
from hotfolder.stager.connections import Connections
from hotfolder.stager.operations import HdrOptions, Json, Operation, Stage
from hotfolder.stager.refusals import KeyUnusable
from hotfolder.stager.streams import OpenPhoto, opened_photo
from hotfolder.stager.throttle import Throttle
from hotfolder.stager.transport import Lost, Reply, Timeouts, date_of, exchange
from hotfolder.stager.verdicts import lost_verdict, may_have_been_charged, verdict

KEY = re.compile(r"[\x21-\x7e]+")
KEY_HEADER = "stager-api-key"
KEY_HINT = "Put the key alone into STAGER_API_KEY, or into the file named by api.key_file."
# The reference doesn't name the multipart field.
UPLOAD_FIELD = "file"
NOBODYS_GROUP = "hotfolder-doctor"


class Secret(str):
    """The key, unseen wherever a traceback or a debugger shows variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[key]"


@dataclass(frozen=True, slots=True)
class Knock:
    """How the API answered a request that changes nothing: its status, its own clock, how long it took."""

    status: int
    at: datetime | None
    seconds: float


class StagerClient:
    """Every endpoint of the API, one method each.

    Nothing is retried here. Free calls raise Unreachable (no answer, 5xx, 408, a redirect, an answer that
    makes no sense), KeyRejected, PaymentRequired, TooManyRequests, or RequestRefused with its `status`. Paid
    calls (`enhance`, `operate`) raise the same where the request was certainly not executed: no
    connection, 401, 402, 429, a redirect that repeats the request elsewhere (301, 307, 308), any other 4xx
    but 408. Everything else, and anything unforeseen, is OutcomeUnknown. KeyUnusable comes before anything
    is sent.
    """

    def __init__(
        self,
        base_url: str,
        key: Callable[[], str],
        *,
        timeouts: Timeouts | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        """`key` is asked at every request; `throttle` slows `upload_image` down. Raises ConfigurationError
        for an unsafe `base_url`."""
        self._base = parse_base_url(base_url)
        self._key = key
        self._throttle = throttle
        self._timeouts = timeouts or Timeouts()
        self._tls = httpx.create_ssl_context(trust_env=False)
        self._connections = Connections(self._tls)

    async def aclose(self) -> None:
        """Close idle connections; the client can't be used any more."""
        await self._connections.aclose()

    async def create_project(self, title: str) -> str:
        """The id of a new project. Repeating it makes another one."""
        return answers.parse_project(await self._free("POST", "/api/projects", {"title": title}))

    async def create_group(self, project_id: str, options: HdrOptions) -> str:
        """The id of a new group of up to seven photos."""
        body = {"projectId": project_id, **options.body()}
        return answers.parse_group_id(await self._free("POST", "/api/hdr-image-group", body))

    async def upload_slot(self, project_id: str, group_id: str, filename: str) -> UploadSlot:
        """A signed URL for one photo. When this fails without an answer the group may hold a ghost image."""
        body: Json = {"projectId": project_id, "groupId": group_id, "filename": filename}
        return answers.parse_slot(await self._free("POST", "/api/hdr-upload-url", body))

    async def enhance(self, project_id: str, group_id: str) -> Answer:
        """PAID. Start the merge of a group; the answer is raw, see `parse_acceptance`."""
        return await self._paid("/api/hdr-enhance", {"projectId": project_id, "groupId": group_id})

    async def group(self, group_id: str) -> GroupState:
        """How far the merge of a group is."""
        answer = await self._free("GET", f"/api/hdr-image-group/{path_part(group_id)}")
        return answers.parse_group(answer, secret=usable(self._key))

    async def rouse(self) -> None:
        """Ask, for free, for a group that can't exist: does nothing, or raises BadWorld."""
        with suppress(RequestRefused):
            await self._free("GET", f"/api/hdr-image-group/{NOBODYS_GROUP}")

    async def knock(self) -> Knock:
        """Ask, for free, for a group that can't exist: what any status says is the caller's to judge. Raises
        Unreachable when there is none, KeyUnusable."""
        call, path = "GET /api/hdr-image-group", f"/api/hdr-image-group/{NOBODYS_GROUP}"
        request, _ = self._request("GET", path, {}, b"")
        began = time.monotonic()
        try:
            reply = await exchange(
                self._connections, request, total_seconds=self._timeouts.free_total_seconds
            )
        except Lost as lost:
            raise lost_verdict(call, lost, paid=False) from None
        return Knock(reply.status, date_of(reply.headers), time.monotonic() - began)

    async def upload_image(self, photo: Path, filename: str, media_type: str) -> UploadedImage:
        """Upload a picture for `operate`. Raises SetChanged when the file changes on the way."""
        async with opened_photo(photo, throttle=self._throttle) as opened:
            head, tail, boundary = multipart(filename, media_type)
            headers = {
                "content-type": f"multipart/form-data; boundary={boundary}",
                "content-length": str(len(head) + opened.size_bytes + len(tail)),
            }
            request, secret = self._request(
                "POST", "/api/image", headers, framed(head, opened, tail, self._throttle)
            )
            total_seconds = self._timeouts.upload_seconds(self._throttle, opened.size_bytes)
            reply = await self._send("POST /api/image", request, secret, total_seconds)
        return answers.parse_uploaded(reply)

    async def operate(self, image_id: str, operation: Operation) -> Answer:
        """PAID. Stage, lawn or sky on an uploaded image; the answer is raw, see `parse_results`."""
        if isinstance(operation, Stage) and operation.room_type is None:
            raise RequestRefused("a staging needs a room type; nothing was sent")
        return await self._paid(f"/api/images/{path_part(image_id)}/{operation.endpoint}", operation.body())

    async def _free(self, method: str, path: str, body: Json | None = None) -> Answer:
        content, headers = encoded(body)
        request, secret = self._request(method, path, headers, content)
        return await self._send(f"{method} {path}", request, secret, self._timeouts.free_total_seconds)

    async def _send(self, call: str, request: httpx.Request, secret: Secret, total_seconds: float) -> Answer:
        try:
            reply = await exchange(self._connections, request, total_seconds=total_seconds)
        except Lost as lost:
            raise lost_verdict(call, lost, paid=False) from None
        return accepted(call, reply, paid=False, secret=secret)

    async def _paid(self, path: str, body: Json) -> Answer:
        call = f"POST {path}"
        content, headers = encoded(body)
        request, secret = self._request(
            "POST", path, headers, content, read_seconds=self._timeouts.paid_read_seconds
        )
        # A connection of its own: on a kept one, a closing server can't be told from an executing one.
        connections = Connections(self._tls)
        try:
            reply = await exchange(connections, request, total_seconds=self._timeouts.paid_total_seconds)
            return accepted(call, reply, paid=True, secret=secret)
        except Lost as lost:
            raise lost_verdict(call, lost, paid=True) from None
        except HotfolderError:
            raise
        except Exception as problem:
            raise may_have_been_charged(call, f"an unforeseen {type(problem).__name__}") from None
        finally:
            with suppress(Exception):
                await connections.aclose()

    def _request(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        content: bytes | AsyncIterator[bytes],
        *,
        read_seconds: float | None = None,
    ) -> tuple[httpx.Request, Secret]:
        secret = usable(self._key)
        request = httpx.Request(
            method,
            self._base.copy_with(path=self._base.path.rstrip("/") + path),
            headers={
                KEY_HEADER: secret,
                "accept": "application/json",
                "accept-encoding": "identity",
                "user-agent": "hotfolder",
                **headers,
            },
            content=content,
            extensions={"timeout": self._timeouts.extension(read_seconds=read_seconds)},
        )
        return request, secret


def usable(key: Callable[[], str]) -> Secret:
    """The key as it is now. Raises KeyUnusable, which never shows it."""
    try:
        secret = Secret(key())
    except (ConfigurationError, OSError, UnicodeError) as problem:
        said = problem.message if isinstance(problem, ConfigurationError) else type(problem).__name__
        raise KeyUnusable(f"the API key can't be read: {said}", hint=KEY_HINT) from None
    if not KEY.fullmatch(secret):
        raise KeyUnusable(
            "the API key is empty or holds a space, a line break or a letter outside ASCII", hint=KEY_HINT
        )
    return secret


def accepted(call: str, reply: Reply, *, paid: bool, secret: Secret) -> Answer:
    """The raw answer of a success; raises what anything else amounts to."""
    problem = verdict(call, reply, paid=paid, secret=secret)
    if problem is not None:
        raise problem
    return Answer(reply.status, (reply.body or b"").decode("utf-8", "replace"))


def encoded(body: Json | None) -> tuple[bytes, dict[str, str]]:
    if body is None:
        return b"", {}
    text = json.dumps(body, ensure_ascii=False)
    return text.encode("utf-8", "replace"), {"content-type": "application/json"}


def multipart(filename: str, media_type: str) -> tuple[bytes, bytes, str]:
    """What comes before and after the file's bytes, and the boundary."""
    boundary = secrets.token_hex(16)
    quoted = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{UPLOAD_FIELD}"; filename="{quoted}"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    )
    return head.encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode(), boundary


async def framed(
    head: bytes, photo: OpenPhoto, tail: bytes, throttle: Throttle | None
) -> AsyncIterator[bytes]:
    yield head
    async for piece in photo.pieces(throttle):
        yield piece
    yield tail
