"""Pictures as one ZIP: streamed in constant memory, and resumable, since the same pictures always make the
same bytes. They are stored as they are: a picture doesn't get smaller."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hotfolder.config.settings import Settings
from hotfolder.control.pictures import PicturePlace, open_picture
from hotfolder.control.rooms import chosen
from hotfolder.display import visible
from hotfolder.errors import LocalTrouble
from hotfolder.page.pictures import asked_of, saved_as

PIECE_BYTES = 256 * 1024
MOST_BYTES = 2**32 - 1
MOST_ENTRIES = 2**16 - 1
"""A ZIP of more needs another format, which not every program opens."""
HEADER, DESCRIPTOR, DIRECTORY, END = 30, 16, 46, 22
"""Bytes of what is around the contents, by the format's own description (APPNOTE 4.3), names aside."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry, so that nothing but the pictures decides the bytes."""


class TooMuchForZip(Exception):
    """It doesn't fit into one ZIP."""


@dataclass(frozen=True, slots=True)
class ZipEntry:
    name: str
    place: PicturePlace
    size_bytes: int
    version: str


@dataclass(frozen=True, slots=True)
class Zip:
    """A ZIP to be. `size_bytes` is known before a byte of it is made."""

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
    """The ZIP of the chosen pictures that can be read. Raises TooMuchForZip, UsageError, StoreError."""
    title, places = chosen(settings, project, picks, rendition)
    entries = []
    for name, place in places:
        there = open_picture(place)
        if there is not None:
            os.close(there.descriptor)
            entries.append(ZipEntry(visible(name), place, there.size_bytes, there.version))
    found = Zip(visible(title), tuple(entries))
    if found.size_bytes > MOST_BYTES or len(entries) > MOST_ENTRIES:
        raise TooMuchForZip
    return found


class _Sink:
    """Where zipfile writes to: it can't be read back nor moved in, so that nothing is written twice."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    close = flush

    def take(self) -> Iterator[bytes]:
        taken, self.pieces = self.pieces, []
        yield from taken


def zip_bytes(wanted: Zip) -> Iterator[bytes]:
    """All bytes of it, piece by piece. Raises LocalTrouble where a picture is another one by now."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for entry in wanted.entries:
            info = zipfile.ZipInfo(entry.name, EPOCH)
            info.flag_bits |= 0x800  # its name is UTF-8
            with archive.open(info, "w") as target:
                for piece in pieces_of(entry):
                    target.write(piece)
                    yield from sink.take()
            yield from sink.take()
    yield from sink.take()


def pieces_of(entry: ZipEntry) -> Iterator[bytes]:
    there = open_picture(entry.place)
    if there is None or there.version != entry.version:
        if there is not None:
            os.close(there.descriptor)
        raise LocalTrouble("A picture has changed while it was being downloaded.")
    with closing(os.fdopen(there.descriptor, "rb", buffering=0)) as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece


def from_byte(pieces: Iterator[bytes], part: range) -> Iterator[bytes]:
    """Of these bytes only the part, without keeping the others."""
    at = 0
    for piece in pieces:
        first, last = max(part.start - at, 0), min(part.stop - at, len(piece))
        at += len(piece)
        if first < last:
            yield piece[first:last]
        if at >= part.stop:
            return


def zip_response(request: Request, wanted: Zip) -> Response:
    """The ZIP, or the one part of it that is asked for."""
    headers = saved_as(f"{wanted.title}.zip")
    status, part = asked_of(request, wanted.version, wanted.size_bytes, headers)
    if status == 304:
        return Response(status_code=status, headers=headers)
    return StreamingResponse(from_byte(zip_bytes(wanted), part), status, headers, "application/zip")
