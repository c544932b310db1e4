"""Pictures to be looked at, by the opaque ids of `ids`: found in the store's rows or in an inbox, and opened
beneath their folder without following a link at any step.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from hotfolder.config.settings import Settings
from hotfolder.control.lookup import PhotoPlace, arriving_id, job_of, photo_id, picture_id
from hotfolder.control.opening import reading
from hotfolder.daemon.folders import places_of
from hotfolder.errors import LocalTrouble
from hotfolder.inbox.scan import listed
from hotfolder.jobs.context import Places
from hotfolder.jobs.model import FileRole
from hotfolder.jobs.store import Store
from hotfolder.newfiles import open_beneath
from hotfolder.pictures.formats import HEAD_BYTES, JPEG_HEAD, PNG_HEAD

LONGEST_ID = 100
MOST_HASHES = 10_000
SHOWN = {"image/jpeg": JPEG_HEAD, "image/png": PNG_HEAD}
"""What browsers show, by how such a file begins."""


@dataclass(frozen=True, slots=True)
class PicturePlace:
    """A picture's `name`, and the paths at which it may lie, each beneath one of the folders `roots`."""

    name: str
    paths: tuple[Path, ...]
    roots: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class OpenPicture:
    """A picture's file, opened for reading; whoever gets it closes the `descriptor`. It lies beneath one of
    the folders `roots`. `kind` is its media type where browsers show it, else empty; `version` is another one
    whenever the file is."""

    name: str
    path: Path
    roots: tuple[Path, ...]
    descriptor: int
    size_bytes: int
    kind: str
    version: str


def find_picture(settings: Settings, known: str) -> PicturePlace | None:
    """Where the delivered picture, the original or the arriving photo of that id lies; None where there is
    none of it any more. Raises StoreError, LocalTrouble."""
    if len(known) > LONGEST_ID:
        return None
    places = places_of(settings)
    with reading(settings) as records:
        found = _of_job(records.store, places, known) if records is not None else None
    return found or _arriving(settings, places, known)


def _of_job(store: Store, places: Places, known: str) -> PicturePlace | None:
    job = store.job(job_of(known))
    if job is None:
        return None
    for picture in store.pictures(job.id):
        if picture_id(job.id, picture.path) == known:
            path = places.done / picture.path
            return PicturePlace(path.name, (path,), (places.done,))
    for file in store.files(job.id):
        if file.role == FileRole.PHOTO and photo_id(job.id, file.name) == known:
            with suppress(LocalTrouble):  # its inbox is not in the settings any more
                return PicturePlace(file.name, tuple(places.of_original(job, file)), _roots(places))
    return None


def _arriving(settings: Settings, places: Places, known: str) -> PicturePlace | None:
    """A photo that lies in an inbox, in no job yet."""
    wanted = job_of(known)
    for place in every_place(settings):
        if place.id == wanted:
            seen = place.seen()
            for photo in seen.photos if seen is not None else ():
                if arriving_id(place.inbox.title, place.project, place.folder, photo.name) == known:
                    return PicturePlace(photo.name, (place.path / photo.name,), _roots(places))
    return None


def every_place(settings: Settings) -> Iterator[PhotoPlace]:
    """Every project's folder in the inboxes that can be read, and every room's."""
    for inbox in settings.all_inboxes():
        root = settings.inbox_folder(inbox)
        for project in _names_in(root):
            yield PhotoPlace(inbox, root, project, "")
            yield from (PhotoPlace(inbox, root, project, folder) for folder in _names_in(root, project))


def inboxes_away(settings: Settings) -> list[str]:
    """The inboxes whose folder is not there now, by their names."""
    return [one.title for one in settings.all_inboxes() if not settings.inbox_folder(one).is_dir()]


def folder_choices(settings: Settings) -> list[PhotoPlace]:
    """The folders that can be explained now, by project. Raises LocalTrouble."""
    found = [place for place in every_place(settings) if place.seen() is not None]
    return sorted(found, key=lambda one: (one.inbox.title, one.project, one.folder))


def _names_in(root: Path, *names: str) -> list[str]:
    """Of the folders in a folder of an inbox; none where it can't be read."""
    try:
        with listed(root, *names) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _roots(places: Places) -> tuple[Path, ...]:
    archive = (places.archive,) if places.archive is not None else ()
    return (*places.inboxes.values(), places.done, places.failed, *archive)


def open_picture(place: PicturePlace) -> OpenPicture | None:
    """The file at the first of its paths where there is one; None where there is none, or what lies there is
    no plain file, or is reached through a link."""
    for path in place.paths:
        root = next((one for one in place.roots if path.is_relative_to(one)), None)
        if root is None or ".." in path.relative_to(root).parts:
            continue
        # ValueError: a NUL in its name.
        with suppress(OSError, ValueError):
            descriptor, opened = open_beneath(root, path), None
            try:
                opened = _looked_at(place, path, descriptor)
            finally:  # a share's file that can't be read, too
                if opened is None:
                    os.close(descriptor)
            if opened is not None:
                return opened
    return None


def content_of(there: OpenPicture) -> str:
    """The SHA-256 of the file; empty where it can't be read. Each version is read once, since open pages ask
    again with every change."""
    known = _contents.get(there.version, "")
    if not known:
        with suppress(OSError), os.fdopen(there.descriptor, "rb", closefd=False) as stream:
            known = file_digest(stream, "sha256").hexdigest()
            if len(_contents) >= MOST_HASHES:
                _contents.clear()
            _contents[there.version] = known
    return known


_contents: dict[str, str] = {}


def _looked_at(place: PicturePlace, path: Path, descriptor: int) -> OpenPicture | None:
    """None for what is no plain file. Raises OSError."""
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        return None
    head = os.pread(descriptor, HEAD_BYTES, 0)
    kind = next((kind for kind, begins in SHOWN.items() if head.startswith(begins)), "")
    version = "-".join(f"{one:x}" for one in (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns))
    return OpenPicture(place.name, path, place.roots, descriptor, facts.st_size, kind, version)
