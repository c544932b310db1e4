"""Where a picture's metadata come from: the middle exposure, and the XMP file beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from hotfolder import __version__
from hotfolder.errors import UnusablePhoto
from hotfolder.jobs.tables import FileRole, Job, JobFile
from hotfolder.jobs.tools import Tools, recipe_of
from hotfolder.metadata.blocks import Level
from hotfolder.outbox.layout import originals_folder
from hotfolder.outbox.names import safe_name
from hotfolder.pictures.facts import Carrying
from hotfolder.rules.sets import sharing_stem

SOFTWARE = f"hotfolder {__version__}"


@dataclass(frozen=True, slots=True)
class Origin:
    """The middle exposure, its sidecar, and how much of what they say is carried."""

    photo: Path
    sidecar: Path | None
    level: Level


async def origin_of(tools: Tools, job: Job, photos: Sequence[JobFile]) -> Origin:
    """Where they lie, or lay: a picture whose photos are really gone is delivered. Raises LocalTrouble where
    they may only seem to be gone."""
    files = await tools.files(job)
    middle = next((photo for photo in photos if photo.is_middle), photos[0])
    origin = await asyncio.to_thread(found_origin, tools, job, middle, files)
    if not middle.develop or not await asyncio.to_thread(origin.photo.exists):
        return origin
    # The developed one says what the photo says, in a form that a picture can take over.
    with suppress(UnusablePhoto):
        return replace(origin, photo=await tools.darkroom.developed(origin.photo, middle.sha256, job.id))
    return origin


def found_origin(tools: Tools, job: Job, middle: JobFile, files: Sequence[JobFile]) -> Origin:
    photo = whereabouts(tools, job, middle)
    if not photo.exists():
        tools.confirm_inbox(tools.places.inbox(job))
    companions = {file.name: file for file in files if file.role == FileRole.COMPANION}
    beside = sharing_stem((name for name in companions if is_sidecar(name)), [middle.name])
    # `a.jpg.xmp` can only be about `a.jpg`; `a.xmp` may be about its RAW file.
    nearest = max(beside, key=len, default=None)
    sidecar = whereabouts(tools, job, companions[nearest]) if nearest is not None else None
    return Origin(photo, sidecar, recipe_of(job).delivery.metadata)


def is_sidecar(name: str) -> bool:
    return PurePath(name).suffix.lower() == ".xmp"


def whereabouts(tools: Tools, job: Job, file: JobFile) -> Path:
    """Where an original lies now: still in the inbox, or filed already."""
    dropped = tools.places.folder(job) / file.name
    if dropped.exists() or job.filed_as is None:
        return dropped
    return originals_folder(tools.places.done, safe_name(job.project), job.filed_as) / file.name


def carrying(origin: Origin, altered: tuple[str, ...]) -> Carrying:
    """What a picture is to get."""
    sidecar = str(origin.sidecar) if origin.sidecar is not None else None
    return Carrying(str(origin.photo), sidecar, origin.level, altered, SOFTWARE)
