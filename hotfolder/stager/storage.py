"""The storage client. It knows no key and goes only where the settings allow."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from hotfolder.errors import (
    BadWorld,
    HotfolderError,
    LocalTrouble,
    RequestRefused,
    TooManyRequests,
    Unreachable,
)
from hotfolder.stager.addresses import AllowedHosts, SignedUrl
from hotfolder.stager.connections import Connections
from hotfolder.stager.refusals import ResultGone, UrlExpired, UrlRefused
from hotfolder.stager.streams import opened_photo
from hotfolder.stager.throttle import LARGEST_PIECE_BYTES, Throttle
from hotfolder.stager.transport import (
    Lost,
    Reply,
    Timeouts,
    exchange,
    raw,
    read_bounded,
    retry_after_seconds,
    translated,
)

__all__ = ["Download", "ResultGone", "StorageClient", "UrlExpired", "UrlRefused"]

MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
GENERATION_MATCH = "x-goog-if-generation-match"


@dataclass(frozen=True, slots=True)
class Download:
    """What was written. `media_type` is what the server says it is, in lower case, without parameters."""

    sha256: str
    size_bytes: int
    media_type: str


class StorageClient:
    """Puts photos to signed URLs and fetches results from them. Nothing is retried here."""

    def __init__(
        self,
        allowed_hosts: Sequence[str],
        *,
        timeouts: Timeouts | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        """`throttle` slows uploads down. Raises ConfigurationError for an entry that is no host."""
        self._throttle = throttle
        self._hosts = AllowedHosts(allowed_hosts)
        self._timeouts = timeouts or Timeouts()
        self._connections = Connections(httpx.create_ssl_context(trust_env=False))

    async def aclose(self) -> None:
        """Close idle connections; the client can't be used any more."""
        await self._connections.aclose()

    async def put(
        self, url: SignedUrl, photo: Path, *, size_bytes: int, still: Callable[[], None] = lambda: None
    ) -> None:
        """Upload one photo, `size_bytes` long. May be repeated under the same URL. `still` is called in a
        thread before the first byte is read and after the last one, and raises where it must not go up.

        Raises UrlRefused (nothing was sent), UrlExpired, Unreachable, TooManyRequests, RequestRefused, and
        SetChanged when the file isn't `size_bytes` long or changes on the way.
        """
        target = self._hosts.check(url)
        signed = signed_headers(target, photo)
        async with opened_photo(photo, size_bytes, still, self._throttle) as opened:
            request = httpx.Request(
                "PUT",
                target,
                headers={**signed, "content-length": str(size_bytes)},
                content=opened.pieces(self._throttle),
                extensions={"timeout": self._timeouts.extension()},
            )
            try:
                total_seconds = self._timeouts.upload_seconds(self._throttle, size_bytes)
                reply = await exchange(self._connections, request, total_seconds=total_seconds)
            except Lost as lost:
                raise Unreachable(f"the upload to {target.host} failed: {lost.why}") from None
        if reply.status == 412 and GENERATION_MATCH in signed:
            return
        problem = put_verdict(target.host, reply)
        if problem is not None:
            raise problem

    async def download(self, url: SignedUrl, target: Path, *, most_bytes: int) -> Download:
        """Fetch a result into `target`, which must not exist yet. Its bytes are on the disk when this
        returns; its name is the caller's to sync, who mostly gives it another one.

        Raises UrlRefused (another host, a redirect, more than `most_bytes`), ResultGone (4xx, or no whole
        plain file: ask for a fresh URL), Unreachable, TooManyRequests, LocalTrouble. Whatever is raised, no
        `target` is left behind.
        """
        source = self._hosts.check(url)
        request = httpx.Request(
            "GET",
            source,
            headers={"accept": "*/*", "accept-encoding": "identity", "user-agent": "hotfolder"},
            extensions={"timeout": self._timeouts.extension()},
        )
        try:
            async with translated(self._timeouts.transfer_total_seconds):
                response = await self._connections.handle_async_request(request)
                try:
                    await raise_for_download(source.host, response, most_bytes)
                    return await save(response, target)
                finally:
                    with suppress(Exception):
                        await response.aclose()
        except Lost as lost:
            raise Unreachable(f"the download from {source.host} failed: {lost.why}") from None


def signed_headers(url: httpx.URL, photo: Path) -> dict[str, str]:
    """The headers that the signature covers; others would break it, and so would one that is missing."""
    named = next(
        (value for name, value in url.params.multi_items() if name.lower() == "x-goog-signedheaders"), ""
    )
    known = {
        "content-type": MEDIA_TYPES.get(photo.suffix.lower(), "application/octet-stream"),
        GENERATION_MATCH: "0",
        "x-goog-content-sha256": "UNSIGNED-PAYLOAD",
    }
    wanted = [name for name in named.lower().split(";") if name not in ("", "host", "content-length")]
    missing = [name for name in wanted if name not in known]
    if missing:
        raise UrlRefused(
            f"the upload address on {url.host} wants a header that hotfolder can't know: "
            + ", ".join(re.sub(r"[^a-z0-9-]", "?", name)[:60] for name in missing[:5])
        )
    return {name: known[name] for name in wanted}


def storage_code(reply: Reply) -> str:
    """The code in the storage's XML error, such as ExpiredToken; its other parts can hold the URL."""
    found = re.search(rb"<Code>([A-Za-z0-9]{1,60})</Code>", reply.body or b"")
    return found[1].decode("ascii") if found else ""


def put_verdict(host: str, reply: Reply) -> HotfolderError | None:
    status, code = reply.status, storage_code(reply)
    if 200 <= status < 300:
        return None
    answered = f"the upload to {host} was answered {status}" + (f" ({code})" if code else "")
    if 300 <= status < 400:
        return UrlRefused(f"{answered}, a redirect, which is never followed")
    if status == 403 or (status == 400 and code == "ExpiredToken"):
        return UrlExpired(answered)
    return busy(answered, status, reply.headers) or RequestRefused(answered, status=status)


def busy(answered: str, status: int, headers: httpx.Headers) -> BadWorld | None:
    if status == 429:
        return TooManyRequests(answered, retry_after_seconds=retry_after_seconds(headers))
    if status == 408 or status >= 500:
        return Unreachable(answered, retry_after_seconds=retry_after_seconds(headers))
    return None


async def raise_for_download(host: str, response: httpx.Response, most_bytes: int) -> None:
    """Raises unless the answer is a picture's bytes, plain, of a known and bearable length."""
    status, headers = response.status_code, response.headers
    answered = f"the download from {host} was answered {status}"
    if 300 <= status < 400:
        raise UrlRefused(f"{answered}, a redirect, which is never followed")
    problem = busy(answered, status, headers)
    if problem is not None:
        raise problem
    if status >= 400:
        code = storage_code(Reply(status, headers, await read_bounded(response)))
        raise ResultGone(answered + (f" ({code})" if code else ""))
    if status != 200:
        raise ResultGone(f"{answered}, which is no whole file")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ResultGone(f"{answered} with a compressed file, which was not asked for")
    length = headers.get("content-length", "")
    if not re.fullmatch(r"[0-9]{1,15}", length):
        raise ResultGone(f"{answered} without a length, so that nobody could tell whether it is whole")
    if int(length) > most_bytes:
        raise UrlRefused(
            f"the result on {host} is {int(length):,} bytes long, and at most {most_bytes:,} are allowed"
        )


async def save(response: httpx.Response, target: Path) -> Download:
    declared_bytes = int(response.headers["content-length"])
    file = create(target)
    digest, size_bytes = hashlib.sha256(), 0
    try:
        pieces: list[bytes] = []
        async for piece in raw(response):
            pieces.append(piece)
            size_bytes += len(piece)
            if size_bytes > declared_bytes:
                raise Lost("more bytes came than were announced", sent=True)
            if sum(map(len, pieces)) >= LARGEST_PIECE_BYTES:
                await asyncio.to_thread(write, file, pieces, digest)
                pieces = []
        if size_bytes != declared_bytes:
            raise Lost("fewer bytes came than were announced", sent=True)
        await asyncio.to_thread(finish, file, pieces, digest)
    except BaseException:
        with suppress(OSError):
            file.close()
        target.unlink(missing_ok=True)
        raise
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    valid = re.fullmatch(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}", media_type)
    return Download(digest.hexdigest(), size_bytes, media_type if valid else "application/octet-stream")


def create(target: Path) -> BinaryIO:
    # Buffered: closing then waits for a write that a cancelled download left running in its thread.
    try:
        return target.open("xb")
    except OSError as problem:
        raise LocalTrouble(f"{target} can't be written: {problem.strerror}") from None


def write(file: BinaryIO, pieces: Sequence[bytes], digest: hashlib._Hash) -> None:
    try:
        file.writelines(pieces)
    except OSError as problem:
        raise LocalTrouble(f"a result can't be written to disk: {problem.strerror}") from None
    for piece in pieces:
        digest.update(piece)


def finish(file: BinaryIO, pieces: Sequence[bytes], digest: hashlib._Hash) -> None:
    """Write the last of it, and return once it is on the disk."""
    write(file, pieces, digest)
    try:
        file.flush()
        os.fsync(file.fileno())
        file.close()
    except OSError as problem:
        raise LocalTrouble(f"a result can't be written to disk: {problem.strerror}") from None
