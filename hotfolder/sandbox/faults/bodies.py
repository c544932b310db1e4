"""Faults in response bodies: JSON that differs from the reference, URLs of other hosts, damaged pictures.

Where the sandbox's own answer is a refusal, it is sent unchanged.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from hotfolder.sandbox.faults.exchange import FAULT_MESSAGE, JSON_TYPE, Exchange, HttpAnswer, new_answer
from hotfolder.sandbox.faults.rules import JSON, Rule, fault
from hotfolder.sandbox.objects import RESULTS, result_name
from hotfolder.sandbox.schema import OPERATIONS

STATUS = ("group-get",)
# The reference's answer to a merge is `{}`: there is nothing to empty.
WITH_DATA = tuple(name for name in JSON if name != "enhance")


async def reply_changed(exchange: Exchange, spoil: Callable[[HttpAnswer], HttpAnswer]) -> None:
    """Process the request, and send its answer, changed by `spoil` unless it is a refusal."""
    answer = await exchange.process_request()
    await exchange.reply(spoil(answer) if answer.is_success else answer)


@fault("malformed", at=JSON)
async def malformed(exchange: Exchange, rule: Rule) -> None:
    """Truncated JSON, with the right Content-Length."""
    await reply_changed(exchange, lambda answer: answer.with_body(answer.body[:-1] + b', "'))


@fault("success-false", at=JSON, processed=True)
async def success_false(exchange: Exchange, rule: Rule) -> None:
    """A 200 that says `success: false`."""
    said = {"success": False, "error": FAULT_MESSAGE}
    if rule.processed:
        await reply_changed(exchange, lambda answer: answer.with_value(said))
    else:
        await exchange.read_request()
        await exchange.reply(new_answer(200, JSON_TYPE, b"").with_value(said))


@fault("empty-data", at=WITH_DATA)
async def empty_data(exchange: Exchange, rule: Rule) -> None:
    """Empty `data`; `{}` where the answer has no `data`."""

    def emptied(answer: HttpAnswer) -> HttpAnswer:
        value = answer.value()
        if "data" not in value:
            return answer.with_value({})
        return answer.with_value(value | {"data": type(value["data"])()})

    await reply_changed(exchange, emptied)


@fault("wrong-types", at=JSON)
async def wrong_types(exchange: Exchange, rule: Rule) -> None:
    """Each value has another type than in the reference; `[]` for an empty object."""
    await reply_changed(exchange, lambda answer: answer.with_value(mistyped(answer.value()) or []))


def mistyped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: mistyped(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return {str(place): mistyped(inner) for place, inner in enumerate(value)}
    return 7 if isinstance(value, str) else str(value)


CLAIMS = {
    "failed": {"status": "failed", "error": FAULT_MESSAGE},
    "never": {"status": "processing"},
    "completed-without-url": {"status": "completed"},
}


@fault(*CLAIMS, at=STATUS)
@fault("unknown-status", at=STATUS, text="weird")
async def claimed(exchange: Exchange, rule: Rule) -> None:
    """A false status of the merge: failed, processing, completed without a URL, or `text`."""
    said = CLAIMS.get(rule.fault, {"status": rule.text})
    await reply_changed(exchange, lambda answer: answer.with_value(said))


URL_FIELDS = ("imageUrl", "uploadUrl")
WITH_PICTURE = ("group-get", "image", *OPERATIONS)
WITH_URL = ("upload-url", *WITH_PICTURE)
# A name that can't exist, so that nothing is ever sent to a real host.
ELSEWHERE = "https://results.invalid"


@fault("url-other-host", at=WITH_URL, to=ELSEWHERE)
@fault("url-private", at=WITH_URL, to="http://169.254.169.254")
async def url_elsewhere(exchange: Exchange, rule: Rule) -> None:
    """The answer's URL leads to another host, or to a private address."""
    await reply_with_urls(exchange, lambda url: on_origin(url, rule.to))


@fault("url-redirecting", at=WITH_PICTURE, to=ELSEWHERE)
async def url_redirecting(exchange: Exchange, rule: Rule) -> None:
    """The answer's URL is the storage's own, but it redirects to another host."""

    def remembered(url: str) -> str:
        exchange.faults.redirects[urlsplit(url).query.encode()] = on_origin(url, rule.to)
        return url

    await reply_with_urls(exchange, remembered)


@fault("redirect", at=("result-get",), to=ELSEWHERE)
async def redirect(exchange: Exchange, rule: Rule) -> None:
    """302 to another host instead of the picture."""
    path = exchange.scope["path"] + "?" + exchange.scope["query_string"].decode("ascii")
    await reply_redirect(exchange, on_origin(path, rule.to))


async def reply_redirect(exchange: Exchange, url: str) -> None:
    """Answer with a redirect to `url`."""
    await exchange.reply(new_answer(302, "text/html", b"", {"location": url}))


def redirect_target(exchange: Exchange) -> str | None:
    """The redirect target of a URL changed by `url-redirecting`, None for an ordinary one."""
    if exchange.endpoint != "result-get":
        return None
    return exchange.faults.redirects.get(exchange.scope["query_string"])


def on_origin(url: str, origin: str) -> str:
    """`url` with the same path and query on another origin."""
    scheme, host = urlsplit(origin)[:2]
    return urlunsplit((scheme, host, *urlsplit(url)[2:]))


async def reply_with_urls(exchange: Exchange, change: Callable[[str], str]) -> None:
    """Process, and change each URL of the answer. A merge in progress is reported as completed."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        return {
            name: change(inner) if name in URL_FIELDS else changed(inner) for name, inner in value.items()
        }

    def spoil(answer: HttpAnswer) -> HttpAnswer:
        value = answer.value()
        if value.get("status") == "processing":
            group = exchange.scope["path"].rpartition("/")[2]
            url = exchange.faults.sandbox.download_url(RESULTS, result_name(group))
            value = {"status": "completed", "imageUrl": url}
        return answer.with_value(changed(value))

    await reply_changed(exchange, spoil)


RESULT = ("result-get",)
JPEG_START = b"\xff\xd8"
GZIP = 16 + zlib.MAX_WBITS
ZEROS = bytes(1024**2)
PAGE = b"<!doctype html><title>Sign in</title><p>Please sign in to the network to go on.</p>\n"


@fault("truncated", at=RESULT)
async def truncated(exchange: Exchange, rule: Rule) -> None:
    """Half of the picture under the whole one's Content-Length; then the connection is closed."""
    answer = await exchange.process_request()
    if not answer.is_success:
        await exchange.reply(answer)
        return
    await exchange.begin(answer.status, answer.headers)
    await exchange.write(answer.body[: len(answer.body) // 2])
    await exchange.hang_up()


@fault("cut", at=RESULT)
async def cut(exchange: Exchange, rule: Rule) -> None:
    """Half of the picture with the right Content-Length: valid HTTP."""
    await reply_changed(exchange, lambda answer: answer.with_body(answer.body[: len(answer.body) // 2]))


@fault("html", at=RESULT)
async def html(exchange: Exchange, rule: Rule) -> None:
    """200 with an HTML page, as from a captive portal."""
    await exchange.reply(new_answer(200, "text/html; charset=utf-8", PAGE))


@fault("empty", at=RESULT)
async def empty(exchange: Exchange, rule: Rule) -> None:
    """200 with the right type and no bytes."""
    await reply_changed(exchange, lambda answer: answer.with_body(b""))


@fault("huge", at=RESULT, size_bytes=300_000_000, announced=True)
async def huge(exchange: Exchange, rule: Rule) -> None:
    """`size_bytes` bytes, the first two of them a JPEG's, with or without a Content-Length."""
    headers = new_answer(200, "image/jpeg", b"").headers[:1]
    if rule.announced:
        headers.append((b"content-length", str(rule.size_bytes).encode()))
    await exchange.begin(200, headers)
    await exchange.write(JPEG_START)
    left = rule.size_bytes - len(JPEG_START)
    while left > 0 and not await exchange.closed_within(0):
        await exchange.write(ZEROS[:left])
        left -= len(ZEROS)
    await exchange.write(b"", last=True)


@fault("gzip-bomb", at=RESULT, size_bytes=300_000_000)
async def gzip_bomb_sent(exchange: Exchange, rule: Rule) -> None:
    """Content-Encoding gzip: a thousandth of `size_bytes` on the wire."""
    body = await asyncio.to_thread(gzip_bomb, rule.size_bytes)
    await exchange.reply(new_answer(200, "image/jpeg", body, {"content-encoding": "gzip"}))


@fault("pixel-bomb", at=RESULT, side_pixels=32_000)
async def pixel_bomb_sent(exchange: Exchange, rule: Rule) -> None:
    """A small, valid, square PNG of a billion pixels."""
    body = await asyncio.to_thread(pixel_bomb, rule.side_pixels)
    await exchange.reply(new_answer(200, "image/png", body))


def deflate_zeros(start: bytes, size_bytes: int, window: int) -> bytes:
    """`start` and then zeros, `size_bytes` in all, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    pieces = [packer.compress(start)]
    left = size_bytes - len(start)
    while left > 0:
        pieces.append(packer.compress(ZEROS[:left]))
        left -= len(ZEROS)
    return b"".join([*pieces, packer.flush()])


@lru_cache(maxsize=4)
def gzip_bomb(size_bytes: int) -> bytes:
    """A gzip stream that decompresses to `size_bytes` bytes."""
    return deflate_zeros(JPEG_START, size_bytes, GZIP)


@lru_cache(maxsize=4)
def pixel_bomb(side_pixels: int) -> bytes:
    """A square PNG with sides of `side_pixels`, black, one bit a pixel."""
    header = struct.pack(">IIBBBBB", side_pixels, side_pixels, 1, 0, 0, 0, 0)
    row_bytes = 1 + (side_pixels + 7) // 8
    pixels = deflate_zeros(b"", row_bytes * side_pixels, zlib.MAX_WBITS)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", pixels)
        + png_chunk(b"IEND", b"")
    )


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
