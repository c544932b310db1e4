"""The storage client: uploads and downloads by signed URLs. It has no key, and contacts listed hosts only."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import httpx
from anyio import to_thread

from hotfolder.errors import HotfolderError, LocalTrouble, RequestRefused, Unreachable
from hotfolder.stager.addresses import AllowedHosts, SignedUrl
from hotfolder.stager.failures import (
    GOES_ON,
    ResultGone,
    UrlExpired,
    UrlRefused,
    temporary_error,
    unreachable,
)
from hotfolder.stager.streams import (
    LARGEST_PIECE_BYTES,
    PhotoCheck,
    Throttle,
    accept_any,
    open_photo_in_thread,
)
from hotfolder.stager.transport import (
    NoAnswer,
    Reply,
    Timeouts,
    decompressed_pieces,
    exchange,
    open_client,
    open_response,
    read_bounded,
    trusted_tls,
)

MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
UNKNOWN_TYPE = "application/octet-stream"
WITHOUT_TYPE = ""
NEW_ADDRESSES = (
    "Each attempt gets a new address. If no address is accepted, a proxy may change the requests, or the"
    " API's support has to look at it."
)
SIGNED_HEADERS = ("x-goog-signedheaders", "x-amz-signedheaders")
GENERATION_MATCH = "x-goog-if-generation-match"


@dataclass(frozen=True, slots=True)
class Download:
    """Hash and size of a downloaded file."""

    sha256: str
    size_bytes: int


class StorageClient:
    """Uploads photos to signed URLs and downloads results from them. The only retry is that of an upload with
    another content type, after a 403."""

    def __init__(
        self,
        allowed_hosts: Sequence[str],
        *,
        timeouts: Timeouts | None = None,
        throttle: Throttle | None = None,
        proxy: str | None = None,
    ) -> None:
        """`throttle` limits uploads; `proxy` is an http or https URL. Raises ConfigurationError for an entry
        that is not a host."""
        self._throttle = throttle
        self._hosts = AllowedHosts(allowed_hosts)
        self._timeouts = timeouts or Timeouts()
        self._client = open_client(trusted_tls(), proxy, self._timeouts.httpx_timeout())
        self._took: dict[str, int] = {}
        """By host: the index of the content type that it accepted last, which is tried first."""

    async def aclose(self) -> None:
        """Close the connections; the client can't be used afterwards."""
        await self._client.aclose()

    async def put(
        self, url: SignedUrl, photo: Path, *, size_bytes: int, extra_check: PhotoCheck = accept_any
    ) -> None:
        """Upload one photo of `size_bytes` bytes. May be repeated with the same URL. `extra_check` is called
        in a thread before the first byte is read and after the last one; it raises to prevent the upload.

        A signature can cover a content type that the API doesn't tell: after a 403 the usual ones are tried,
        and the one that the host accepts is tried first from then on.

        Raises UrlRefused (a redirect, or nothing was sent), UrlExpired, Unreachable, TooManyRequests,
        RequestRefused, LocalTrouble when the file can't be read, SetChanged when it isn't `size_bytes` long
        or changes meanwhile, and what `extra_check` raises."""
        target = self._hosts.check(url)
        headers = signed_headers(target)
        types = (WITHOUT_TYPE, MEDIA_TYPES.get(photo.suffix.lower(), UNKNOWN_TYPE), UNKNOWN_TYPE)
        choices = [1, 2] if "content-type" in headers else [0, 1, 2]
        for choice in sorted(choices, key=lambda one: one != self._took.get(target.host)):
            typed = {"content-type": types[choice]} if choice else {}
            reply = await self._put(target, photo, size_bytes, extra_check, {**headers, **typed})
            if reply.status != 403:
                self._took[target.host] = choice
                break
        if reply.status == 412 and GENERATION_MATCH in headers:
            return
        problem = put_error(target.host, reply)
        if problem is not None:
            raise problem

    async def _put(
        self,
        target: httpx.URL,
        photo: Path,
        size_bytes: int,
        extra_check: PhotoCheck,
        headers: dict[str, str],
    ) -> Reply:
        async with open_photo_in_thread(photo, size_bytes, extra_check) as opened:
            # Without the client's default headers, which the signature may not cover.
            request = httpx.Request(
                "PUT",
                target,
                headers={**headers, "content-length": str(size_bytes)},
                content=opened.pieces(self._throttle),
                extensions={"timeout": self._timeouts.httpx_timeout().as_dict()},
            )
            try:
                total_seconds = self._timeouts.upload_seconds(self._throttle, size_bytes)
                return await exchange(self._client, request, total_seconds)
            except NoAnswer as lost:
                raise unreachable(f"the storage {target.host}", "an upload", lost) from None

    async def download(self, url: SignedUrl, target: Path, *, most_bytes: int) -> Download:
        """Download a result into `target`, which must not exist. The file is fsynced on return, its folder
        isn't: most callers rename the file first. Only decoding can tell whether it is complete.

        Raises UrlRefused (another host, a redirect, a Content-Length above `most_bytes`), ResultGone (4xx, no
        content, or a body above `most_bytes`: request a fresh URL), Unreachable, TooManyRequests,
        LocalTrouble. After an error no partial file is left.
        """
        source = self._hosts.check(url)
        request = self._client.build_request("GET", source)
        try:
            async with open_response(
                self._client, request, self._timeouts.transfer_total_seconds
            ) as response:
                await raise_for_download(source.host, response, most_bytes)
                return await save_body(response, target, most_bytes)
        except NoAnswer as lost:
            raise unreachable(f"the storage {source.host}", "a download", lost) from None
        except OverflowError:
            raise ResultGone(
                f"the result on {source.host} is longer than {most_bytes:,} bytes, the most that is allowed"
            ) from None


def signed_headers(url: httpx.URL) -> dict[str, str]:
    """The headers that the URL's signature covers, with the values to send; "" for the content type. Raises
    UrlRefused for a header whose value can't be known."""
    named = next((value for name, value in url.params.multi_items() if name.lower() in SIGNED_HEADERS), "")
    known = {
        "content-type": WITHOUT_TYPE,
        GENERATION_MATCH: "0",
        "x-goog-content-sha256": "UNSIGNED-PAYLOAD",
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
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
    """The code in the storage's XML error, such as ExpiredToken, else "". Other parts can hold the URL."""
    found = re.search(rb"<Code>([A-Za-z0-9]{1,60})</Code>", reply.body or b"")
    return found[1].decode("ascii") if found else ""


def put_error(host: str, reply: Reply) -> HotfolderError | None:
    status, code = reply.status, storage_code(reply)
    said = f"the upload to {host} was answered {status}" + (f" ({code})" if code else "")
    if 200 <= status < 300 and reply.is_web_page:
        return Unreachable(f"{said}, with a web page in place of the storage's answer", hint=GOES_ON)
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return UrlRefused(f"{said}, a redirect, which is never followed")
    if status == 403 or (status == 400 and code == "ExpiredToken"):
        return UrlExpired(said, hint=NEW_ADDRESSES)
    if is_busy(status) or code == "RequestTimeout":
        return temporary_error("the storage", said, status, reply.headers)
    return RequestRefused(said, status=status)


def is_busy(status: int) -> bool:
    return status in (408, 429) or status >= 500


async def raise_for_download(host: str, response: httpx.Response, most_bytes: int) -> None:
    """Raise UrlRefused, ResultGone or a busy host's error unless the response carries a file."""
    status, headers = response.status_code, response.headers
    said = f"the download from {host} was answered {status}"
    if 300 <= status < 400:
        raise UrlRefused(f"{said}, a redirect, which is never followed")
    if is_busy(status):
        raise temporary_error("the storage", said, status, headers)
    if status >= 400:
        code = storage_code(Reply(status, headers, await read_bounded(response)))
        raise ResultGone(said + (f" ({code})" if code else ""))
    if not 200 <= status < 300 or status == 204:
        raise ResultGone(f"{said}, which brings no file")
    length = headers.get("content-length", "")
    if re.fullmatch(r"[0-9]{1,15}", length) and int(length) > most_bytes:
        raise UrlRefused(
            f"the result on {host} is {int(length):,} bytes long, and at most {most_bytes:,} are allowed",
            hint="If results may be that large, raise limits.result_bytes.",
        )


async def save_body(response: httpx.Response, target: Path, most_bytes: int) -> Download:
    file = create_private_file(target)
    digest, size_bytes = hashlib.sha256(), 0
    pieces: list[bytes] = []
    try:
        async for piece in decompressed_pieces(response, most_bytes):
            pieces.append(piece)
            size_bytes += len(piece)
            if sum(map(len, pieces)) >= LARGEST_PIECE_BYTES:
                await to_thread.run_sync(write_and_hash, file, pieces, digest)
                pieces = []
        await to_thread.run_sync(partial(write_and_hash, file, pieces, digest, last=True))
    except BaseException:
        with suppress(OSError):
            file.close()
        target.unlink(missing_ok=True)
        raise
    return Download(digest.hexdigest(), size_bytes)


def create_private_file(target: Path) -> BinaryIO:
    """A new file that only this user can read, whatever the umask. Raises LocalTrouble."""
    # Buffered, so that close() waits for a write that still runs in a thread after a cancelled download.
    try:
        return open(target, "xb", opener=partial(os.open, mode=0o600))
    except OSError as problem:
        raise LocalTrouble(f"{target} can't be written: {problem.strerror}") from None


def write_and_hash(
    file: BinaryIO, pieces: Sequence[bytes], digest: hashlib._Hash, *, last: bool = False
) -> None:
    """Write and hash `pieces`; with `last`, fsync and close the file. Raises LocalTrouble."""
    try:
        file.writelines(pieces)
        if last:
            file.flush()
            os.fsync(file.fileno())
            file.close()
    except OSError as problem:
        raise LocalTrouble(f"a result can't be written to disk: {problem.strerror}") from None
    for piece in pieces:
        digest.update(piece)
