"""The API client: every endpoint. It holds the key and sends requests only to the API's origin."""

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

from hotfolder.errors import ConfigurationError, HotfolderError, KeyRejected, RequestRefused, Unreachable
from hotfolder.stager import answers
from hotfolder.stager.addresses import parse_base_url, path_segment
from hotfolder.stager.answers import Answer, GroupState, ResultImage, SignedUrl
from hotfolder.stager.failures import (
    CHECK_KEY,
    CHECK_URL,
    KeyUnusable,
    error_for_reply,
    may_have_been_charged,
    unreachable,
)
from hotfolder.stager.operations import HdrOptions, Json, Operation, Stage
from hotfolder.stager.streams import Throttle, open_photo_in_thread
from hotfolder.stager.transport import NoAnswer, Timeouts, exchange, http_date, open_client, trusted_tls

KEY = re.compile(r"[\x21-\x7e]+")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
KEY_HEADER = "stager-api-key"
KEY_HINT = "Put the key alone into STAGER_API_KEY, or into the file named by api.key_file."
# The reference says "File: binary_image_payload" of the form, which may name the multipart field or its type.
UPLOAD_FIELD = "file"
NONEXISTENT_GROUP = "hotfolder-doctor"


class Secret(str):
    """The key, as a string whose `repr` hides it from tracebacks and debuggers."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[key]"


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer to a request without side effects: HTTP status, Date header, duration in seconds, and
    whether a web page came instead of the API's JSON, as from a gateway or a proxy that isn't in trouble."""

    status: int
    at: datetime | None
    seconds: float
    is_web_page: bool


class StagerClient:
    """Every endpoint of the API, one method each.

    Nothing is retried here. Free calls raise Unreachable (no answer, 5xx, 408, a redirect, an answer that
    can't be used), KeyRejected, PaymentRequired, TooManyRequests, or RequestRefused with its `status`. Paid
    calls (`enhance`, `operate`) raise the same where the request was certainly not executed: no connection,
    401, 402, 429, any other 4xx but 408. For any other failure once the request may have left, unexpected
    exceptions included, they raise OutcomeUnknown. KeyUnusable and unexpected exceptions mean that nothing
    was sent.
    """

    def __init__(
        self,
        base_url: str,
        key: Callable[[], str],
        *,
        timeouts: Timeouts | None = None,
        throttle: Throttle | None = None,
        proxy: str | None = None,
    ) -> None:
        """`key` is called for every request; `throttle` limits `upload_image`; `proxy` is an http or https
        URL. Raises ConfigurationError for an unsafe `base_url`."""
        base = parse_base_url(base_url)
        self._key = key
        self._throttle = throttle
        self._timeouts = timeouts or Timeouts()
        tls = trusted_tls()
        self._free_client = open_client(tls, proxy, self._timeouts.httpx_timeout(), base_url=base)
        # A new connection for each call: when a reused one is closed, the request may have been executed.
        self._paid_client = open_client(
            tls, proxy, self._timeouts.httpx_timeout(paid=True), base_url=base, most_idle=0
        )

    async def aclose(self) -> None:
        """Close the connections; the client can't be used afterwards."""
        await self._free_client.aclose()
        await self._paid_client.aclose()

    async def create_project(self, title: str) -> str:
        """Create a project and return its id. Not idempotent: each call creates another one. Control
        characters in the title, line breaks included, are sent as spaces; an empty title as "unnamed"."""
        said = " ".join(CONTROL_CHARACTERS.sub(" ", title).split()) or "unnamed"
        return answers.parse_id(await self._free("POST", "/api/projects", {"title": said}), "id")

    async def create_group(self, project_id: str, options: HdrOptions) -> str:
        """Create a group for up to seven photos and return its id. Not idempotent."""
        body = {"projectId": project_id, **options.body()}
        return answers.parse_id(await self._free("POST", "/api/hdr-image-group", body), "groupId")

    async def upload_url(self, project_id: str, group_id: str, filename: str) -> SignedUrl:
        """A signed URL to upload one photo to. If this fails without an answer, the group may hold an image
        that is never uploaded."""
        body: Json = {"projectId": project_id, "groupId": group_id, "filename": filename}
        return answers.parse_upload_url(await self._free("POST", "/api/hdr-upload-url", body))

    async def enhance(
        self, project_id: str, group_id: str, before_send: Callable[[], None] = lambda: None
    ) -> Answer:
        """PAID. Start the merge of a group; the answer is raw. Whatever it says, the group's status is more
        reliable. `before_send` as in `operate`."""
        body: Json = {"projectId": project_id, "groupId": group_id}
        return await self._paid("/api/hdr-enhance", body, before_send)

    async def group(self, group_id: str) -> GroupState:
        """The progress of a group's merge."""
        answer = await self._free("GET", f"/api/hdr-image-group/{path_segment(group_id)}")
        return answers.parse_group(answer, secret=usable_key(self._key))

    async def ping(self) -> None:
        """Check that the API works, by a free request for a group that can't exist. Raises BadWorld."""
        with suppress(RequestRefused):
            await self._free("GET", f"/api/hdr-image-group/{NONEXISTENT_GROUP}")

    async def probe(self) -> Probe:
        """Send a free request for a group that can't exist, and return the answer whatever its status. Raises
        Unreachable when none came, and KeyUnusable."""
        path = f"/api/hdr-image-group/{NONEXISTENT_GROUP}"
        request = self._request(self._free_client, "GET", path, {}, b"")
        began = time.monotonic()
        try:
            reply = await exchange(self._free_client, request, self._timeouts.free_total_seconds)
        except NoAnswer as lost:
            raise unreachable("the API", "GET /api/hdr-image-group", lost) from None
        page = reply.status < 500 and reply.is_web_page
        return Probe(reply.status, http_date(reply.headers.get("date", "")), time.monotonic() - began, page)

    async def confirm_served(self) -> None:
        """Raise BadWorld where every request is refused and not one alone, as a free one for a group that
        can't exist shows: Unreachable where a web page answers it, KeyRejected for 401 and 403."""
        found = await self.probe()
        call = "GET /api/hdr-image-group"
        answered = f"{call} was answered {found.status}"
        if found.is_web_page:
            raise Unreachable(f"{answered}, with a web page in place of the API's answer", hint=CHECK_URL)
        if found.status in (401, 403):
            raise KeyRejected(f"the API refuses the key: {answered}", hint=CHECK_KEY)

    async def upload_image(self, photo: Path, filename: str, media_type: str) -> str:
        """Upload a picture for `operate` and return its id. Raises SetChanged when the file changes
        meanwhile, LocalTrouble when it can't be read."""
        async with open_photo_in_thread(photo) as opened:
            total_seconds = self._timeouts.upload_seconds(self._throttle, opened.size_bytes)
            pieces = opened.pieces(self._throttle)
            head, tail, form_type = multipart_frame(filename, media_type)
            headers = {
                "content-type": form_type,
                "content-length": str(len(head) + opened.size_bytes + len(tail)),
            }
            content = framed_stream(head, pieces, tail)
            request = self._request(self._free_client, "POST", "/api/image", headers, content)
            answer = await self._answer("POST /api/image", request, total_seconds)
        return answers.parse_id(answer, "id")

    async def operate(
        self, image_id: str, operation: Operation, before_send: Callable[[], None] = lambda: None
    ) -> Answer:
        """PAID. An operation on an uploaded image; the answer is raw, see `results`.

        `before_send` is a callback after connecting, before the first byte is sent. When it raises, nothing
        is sent, and its error is passed on unchanged."""
        if isinstance(operation, Stage) and operation.room_type is None:
            raise RequestRefused("A staging needs a room type; nothing was sent")
        path = f"/api/images/{path_segment(image_id)}/{operation.endpoint}"
        return await self._paid(path, operation.body(), before_send)

    def results(self, answer: Answer) -> tuple[ResultImage, ...]:
        """`parse_results`, with the key masked in what the API says."""
        return answers.parse_results(answer, secret=self._secret())

    def objection(self, answer: Answer) -> str:
        """`answers.objection`, with the key masked in what the API says."""
        return answers.objection(answer, secret=self._secret())

    def _secret(self) -> str:
        with suppress(KeyUnusable):  # answers are read without it
            return usable_key(self._key)
        return ""

    async def _free(self, method: str, path: str, body: Json | None = None) -> Answer:
        content, headers = encode_json(body)
        request = self._request(self._free_client, method, path, headers, content)
        return await self._answer(f"{method} {path}", request, self._timeouts.free_total_seconds)

    async def _paid(self, path: str, body: Json, before_send: Callable[[], None]) -> Answer:
        call = f"POST {path}"
        content, headers = encode_json(body)
        request = self._request(self._paid_client, "POST", path, headers, content)
        left = False

        def leaving() -> None:
            nonlocal left
            before_send()
            left = True

        try:
            return await self._answer(call, request, self._timeouts.paid_total_seconds, leaving)
        except HotfolderError:
            raise
        except Exception as problem:
            if not left:
                raise
            raise may_have_been_charged(call, f"an unforeseen {type(problem).__name__}") from None

    def _request(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        headers: dict[str, str],
        content: bytes | AsyncIterator[bytes],
    ) -> httpx.Request:
        headers = {KEY_HEADER: usable_key(self._key), "accept": "application/json", **headers}
        return client.build_request(method, path, headers=headers, content=content)

    async def _answer(
        self,
        call: str,
        request: httpx.Request,
        total_seconds: float,
        before_send: Callable[[], None] | None = None,
    ) -> Answer:
        """The raw answer of a success; else raises the matching error. A request with `before_send` is
        paid."""
        paid = before_send is not None
        client = self._paid_client if paid else self._free_client
        try:
            reply = await exchange(client, request, total_seconds, before_send)
        except NoAnswer as lost:
            if paid and lost.sent:
                raise may_have_been_charged(call, lost.why) from None
            raise unreachable("the API", call, lost) from None
        problem = error_for_reply(call, reply, paid=paid, secret=Secret(request.headers[KEY_HEADER]))
        if problem is not None:
            raise problem
        return Answer(reply.status, (reply.body or b"").decode("utf-8", "replace"))


def usable_key(key: Callable[[], str]) -> Secret:
    """The current key. Raises KeyUnusable, whose message doesn't contain it."""
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


def encode_json(body: Json | None) -> tuple[bytes, dict[str, str]]:
    if body is None:
        return b"", {}
    text = json.dumps(body, ensure_ascii=False)
    return text.encode("utf-8", "replace"), {"content-type": "application/json"}


def multipart_frame(filename: str, media_type: str) -> tuple[bytes, bytes, str]:
    """The bytes of a multipart form before and after its one file's content, and the form's content type."""
    mark = secrets.token_bytes(16)
    files = {UPLOAD_FIELD: (filename, mark, media_type)}
    form = httpx.Request("POST", "https://form.invalid/", files=files)
    head, _, tail = form.read().partition(mark)
    return head, tail, form.headers["content-type"]


async def framed_stream(head: bytes, pieces: AsyncIterator[bytes], tail: bytes) -> AsyncIterator[bytes]:
    yield head
    async for piece in pieces:
        yield piece
    yield tail
