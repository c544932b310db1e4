"""The door of the API origin: key, kind of body and size are looked at before anything is read."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from hotfolder.sandbox.intake import bounded, drain
from hotfolder.sandbox.refusals import Refusal, answer
from hotfolder.sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

KEY_HEADER = "stager-api-key"
PRINTABLE = re.compile(r"[\x21-\x7e]+")
MULTIPART_PATHS = ("/api/image",)
# Room for boundaries and part headers around a file of the largest allowed size.
MULTIPART_MARGIN_BYTES = 64 * 1024


class Gate:
    """ASGI middleware. Everything under /api/ passes here; the documentation pages don't need a key."""

    def __init__(self, app: ASGIApp, settings: SandboxSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        multipart = scope["path"] in MULTIPART_PATHS
        limit = self._settings.json_limit_bytes
        if multipart:
            limit = self._settings.upload_limit_bytes + MULTIPART_MARGIN_BYTES
        try:
            self._check(scope["method"], Headers(scope=scope), multipart, limit)
        except Refusal as refusal:
            await drain(receive, self._settings.upload_limit_bytes)
            await answer(refusal.status_code, refusal.detail)(scope, receive, send)
            return
        await self._app(scope, bounded(receive, limit), send)

    def _check(self, method: str, headers: Headers, multipart: bool, limit: int) -> None:
        self._check_key(headers.get(KEY_HEADER, ""))
        if method != "POST":
            return
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        wanted = "multipart/form-data" if multipart else "application/json"
        if kind != wanted:
            raise Refusal(415, f"content-type: the body must be {wanted}")
        length = headers.get("content-length", "0")
        if int(length) > limit:
            raise Refusal(413, f"the body has {length} bytes; at most {limit} are taken")

    def _check_key(self, given: str) -> None:
        if not PRINTABLE.fullmatch(given):
            raise Refusal(401, f"the header {KEY_HEADER} is missing or blank; every call needs an API key")
        required = self._settings.required_key
        if required is not None and not hmac.compare_digest(given.encode(), required.encode()):
            raise Refusal(401, f"the key in the header {KEY_HEADER} is not valid")
