"""What a job begins with."""

from __future__ import annotations

from dataclasses import dataclass

from hotfolder.jobs.keys import scope_key
from hotfolder.jobs.tables import FileRole, JobFile
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.remembered import shot_as_text
from hotfolder.rules.sets import FileIdentity, Photo


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that belongs to a job to be. `photo` is None for a companion or a photo that can't be read."""

    name: str
    identity: FileIdentity
    role: FileRole
    photo: Photo | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """What the store needs to know of a job. A `reason` makes it a refused one from the start; `notes` are
    told in its story."""

    inbox: str
    project: str
    folder: str
    room: str
    title: str
    files: tuple[NewFile, ...]
    recipe: Recipe
    route: str | None = None
    again: bool = False
    middle: str = ""
    reason: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()


def scope_of(new: NewJob, origin: str) -> str:
    """What generations of these photos are counted by; empty where none could be read."""
    hashes = [file.photo.sha256 for file in new.files if file.photo is not None]
    return scope_key(origin, hashes) if hashes else ""


def file_row(job_id: str, position: int, file: NewFile, middle: str) -> JobFile:
    photo = file.photo
    return JobFile(
        job_id=job_id,
        name=file.name,
        role=file.role,
        position=position,
        sha256=photo.sha256 if photo else "",
        size_bytes=file.identity.size_bytes,
        mtime_ns=file.identity.mtime_ns,
        ctime_ns=file.identity.ctime_ns,
        inode=file.identity.inode,
        format=photo.format if photo else "",
        exposure_value=photo.exposure_value if photo else None,
        is_middle=file.name == middle,
        develop=photo.develop if photo else "",
        shot=shot_as_text(photo) if photo else "",
    )
