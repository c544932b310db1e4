"""ZIPs of pictures, streamed in constant memory and resumable, since the same pictures always make the same
bytes.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hotfolder.config.settings import Settings
from hotfolder.control.lookup import PicturePlace, open_picture
from hotfolder.control.rooms import chosen_pictures
from hotfolder.display import visible
from hotfolder.errors import LocalTrouble, UsageError
from hotfolder.page.serving import conditional_range, download_header, read_range

MOST_BYTES = 2**32 - 1
MOST_ENTRIES = 2**16 - 1
"""A larger ZIP needs the ZIP64 format, which not every program opens."""
HEADER, DESCRIPTOR, DIRECTORY, END = 30, 16, 46, 22
"""Sizes in bytes of the records around the contents, without names (APPNOTE 4.3)."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry, so that the bytes depend on the pictures alone."""


class TooMuchForZip(Exception):
    """The pictures don't fit into one ZIP."""


@dataclass(frozen=True, slots=True)
class ZipEntry:
    name: str
    place: PicturePlace
    size_bytes: int
    version: str


@dataclass(frozen=True, slots=True)
class Zip:
    """A ZIP to create. `size_bytes` is known before its bytes are made."""

    title: str
    entries: tuple[ZipEntry, ...]

    @property
    def size_bytes(self) -> int:
        around = HEADER + DESCRIPTOR + DIRECTORY
        return END + sum(around + 2 * len(one.name.encode()) + one.size_bytes for one in self.entries)

    @property
    def version(self) -> str:
        told = repr([(one.name, one.version) for one in self.entries])
        return hashlib.sha256(told.encode()).hexdigest()[:32]


def zip_of(settings: Settings, project: str, picks: Sequence[str], rendition: str) -> Zip:
    """The ZIP of the chosen pictures. Raises TooMuchForZip, StoreError, and UsageError, also where one of
    them can't be read: whoever gets the ZIP would miss it without knowing."""
    title, places = chosen_pictures(settings, project, picks, rendition)
    entries, missing = [], []
    for name, place in places:
        there = open_picture(place)
        if there is None:
            missing.append(name)
        else:
            os.close(there.descriptor)
            entries.append(ZipEntry(visible(name), place, there.size_bytes, there.version))
    if missing:
        raise UsageError(
            f"{', '.join(missing)} can't be found in done.",
            hint="Choose the other pictures alone, or see whether done is in reach.",
        )
    found = Zip(visible(title), tuple(entries))
    if found.size_bytes > MOST_BYTES or len(entries) > MOST_ENTRIES:
        raise TooMuchForZip
    return found


class _Sink:
    """The output of zipfile. It isn't seekable, so that zipfile rewrites nothing."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is buffered."""

    close = flush

    def take(self) -> Iterator[bytes]:
        taken, self.pieces = self.pieces, []
        yield from taken


def zip_bytes(wanted: Zip) -> Iterator[bytes]:
    """All bytes of the ZIP, in pieces. Raises LocalTrouble where a picture has changed meanwhile."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for entry in wanted.entries:
            info = zipfile.ZipInfo(entry.name, EPOCH)
            info.flag_bits |= 0x800  # its name is UTF-8
            with archive.open(info, "w") as target:
                for piece in entry_bytes(entry):
                    target.write(piece)
                    yield from sink.take()
            yield from sink.take()
    yield from sink.take()


def entry_bytes(entry: ZipEntry) -> Iterator[bytes]:
    there = open_picture(entry.place)
    if there is None or there.version != entry.version:
        if there is not None:
            os.close(there.descriptor)
        raise LocalTrouble("A picture has changed while it was being downloaded.")
    yield from read_range(os.fdopen(there.descriptor, "rb", buffering=0), range(entry.size_bytes))


def byte_range(read_range: Iterator[bytes], part: range) -> Iterator[bytes]:
    """The range `part` of all these bytes, without storing the others."""
    at = 0
    for piece in read_range:
        first, last = max(part.start - at, 0), min(part.stop - at, len(piece))
        at += len(piece)
        if first < last:
            yield piece[first:last]
        if at >= part.stop:
            return


def zip_response(request: Request, wanted: Zip) -> Response:
    """The ZIP or the requested range of it."""
    headers = download_header(f"{wanted.title}.zip")
    status, part = conditional_range(request, wanted.version, wanted.size_bytes, headers)
    if status == 304:
        return Response(status_code=status, headers=headers)
    return StreamingResponse(byte_range(zip_bytes(wanted), part), status, headers, "application/zip")
