"""Strict checks of a request before it is processed, and the API's error responses."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from hotfolder.sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

XML_TYPE = "application/xml"
SHOWN_CHARACTERS = 80
SHOWN_PROBLEMS = 10


class Refusal(HTTPException):
    """A request that is refused. `message` goes to the caller unchanged."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status_code=status, detail=message)


def quote_value(value: Any) -> str:
    """A value for an error message: one line of ASCII, at most 80 characters long."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value if isinstance(value, str | int | float | bool | None) else str(value))
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def describe_problem(error: dict[str, Any]) -> str:
    """One of pydantic's errors as a sentence that names the field, its value and the allowed values."""
    kind, message = error["type"], str(error["msg"])
    place = [str(part) for part in error["loc"] if part != "body"]
    if kind == "json_invalid":
        return f"the body isn't JSON: {error['ctx'].get('error', 'it ends too soon')}"
    if not place:
        return "the body must be a JSON object"
    if kind == "extra_forbidden":
        return f"unknown field {quote_value(place[-1])}"
    name = ".".join(place)
    if kind == "missing":
        return f"{name} is missing"
    return f"{name}: {quote_value(error.get('input'))} isn't allowed; {message[:1].lower()}{message[1:]}"


def describe_problems(errors: Sequence[Any]) -> str:
    """All problems of a request in one line."""
    sentences = [describe_problem(error) for error in errors[:SHOWN_PROBLEMS]]
    more = len(errors) - len(sentences)
    return "; ".join(sentences) + (f"; and {more} more" if more > 0 else "")


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def storage_error(code: str, message: str) -> bytes:
    """An error body in the XML format of the real storage."""
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return f"<?xml version='1.0' encoding='UTF-8'?>{error}".encode()


def install_error_handlers(app: FastAPI) -> None:
    """Install the handlers by which `app` answers every error in the documented format."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return error_response(400, describe_problems(error.errors()))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return error_response(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        return error_response(500, f"the sandbox itself failed ({type(error).__name__}); its log says more")


def limited_body(receive: Receive, limit: int) -> Receive:
    """`receive` that raises Refusal (413) once a body, announced or not, exceeds `limit` bytes."""
    total = 0

    async def counting() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise Refusal(413, f"the body is too large; at most {limit} bytes are taken")
        return message

    return counting


async def drain(receive: Receive, limit: int) -> None:
    """Read the rest of a body, up to `limit` bytes: a client that still sends on closing loses the answer."""
    total = 0
    while total <= limit:
        message = await receive()
        total += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


KEY_HEADER = "stager-api-key"
PRINTABLE = re.compile(r"[\x21-\x7e]+")
MULTIPART_PATHS = ("/api/image",)
# Room for boundaries and part headers around a file of the largest allowed size.
MULTIPART_MARGIN_BYTES = 64 * 1024


class RequestChecks:
    """ASGI middleware that checks key, content type and length of requests under /api/. The documentation
    pages don't need a key."""

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
            await error_response(refusal.status_code, refusal.detail)(scope, receive, send)
            return
        await self._app(scope, limited_body(receive, limit), send)

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
