"""A project's gallery: making it, what the disclosure of its altered pictures lacks, and links to it for
somebody without the password, which show that and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePath

from hotfolder.config.settings import Settings
from hotfolder.control.access import changing
from hotfolder.control.lookup import OpenPicture, PicturePlace, content_of, open_picture, picture_id
from hotfolder.control.opening import Installation, existing, now, reading
from hotfolder.control.rooms import known_project
from hotfolder.daemon.folders import places_of
from hotfolder.daemon.galleries import remake
from hotfolder.daemon.service import result_limits
from hotfolder.display import visible
from hotfolder.errors import CommandHint, Unknown, UsageError
from hotfolder.jobs import access
from hotfolder.jobs.gallery import Delivered, delivered, gallery_of, with_receipts
from hotfolder.jobs.gallery import undisclosed as lacking
from hotfolder.jobs.model import ShareLink
from hotfolder.jobs.store import Store
from hotfolder.outbox.gallery import MadeGallery
from hotfolder.outbox.gallerypage import SCRIPT, STYLE, Gallery, page_html, part
from hotfolder.pictures.decoder import Decoder
from hotfolder.words import LANGUAGES

DAYS = (7, 30, 90, 365)
MOST_PICTURES = 2000
SharedGallery = Gallery
"""The type, for faces, which import nothing below `control`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A picture that can be shared: its id, and what people call it."""

    id: str
    path: str
    room: str
    altered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProjectLinks:
    """What can be shared of a project, and every link to it. `open` are the ids of links that lead somewhere
    now."""

    id: str
    inbox: str
    project: str
    choices: tuple[Choice, ...]
    links: tuple[ShareLink, ...]
    open: frozenset[str]


async def gallery(installation: Installation, project: str) -> MadeGallery:
    """Make the gallery of a project, by its folder's name or path; nothing is done where it is there as it is
    to be. Raises UsageError where nothing of it was delivered, and LocalTrouble."""
    jobs = delivered_of(installation, project)
    decoder = Decoder()
    try:
        settings = installation.settings
        limits = result_limits(settings)
        return await remake(jobs, installation.places, settings.gallery, decoder, limits)
    finally:
        await decoder.close()


def undisclosed(installation: Installation, project: str) -> Iterator[str]:
    """What the altered pictures of a project lack of the disclosure that AB 723 asks for, a sentence each.
    Raises as `gallery` does."""
    jobs = delivered_of(installation, project)
    return lacking(jobs, installation.places, installation.settings.gallery.base_url)


def delivered_of(installation: Installation, project: str) -> list[Delivered]:
    name = PurePath(project.rstrip("/")).name
    jobs = with_receipts(delivered(installation.store, name), installation.places.done, name)
    if not jobs:
        raise UsageError(
            f"No picture of a project {visible(project)} has been delivered.",
            hint=CommandHint(
                "Give its folder in done, or the name of it; `hotfolder status` lists what is finished."
            ),
        )
    return jobs


def sharing(settings: Settings, known: str) -> ProjectLinks:
    """Of the project with that id. Raises Unknown, StoreError, LocalTrouble."""
    with existing(settings) as records:
        inbox, project = known_project(records, known)
        jobs = delivered_from(records.store, inbox, project)
        links = tuple(access.share_links(records.store, inbox, project))
    at = now()
    leading = frozenset(one.id for one in links if one.revoked_at is None and one.expires_at > at)
    return ProjectLinks(known, inbox, project, tuple(choices_in(jobs, settings)), links, leading)


def delivered_from(store: Store, inbox: str, project: str) -> list[Delivered]:
    return [one for one in delivered(store, project) if (one.job.inbox, one.job.project) == (inbox, project)]


def choices_in(jobs: Sequence[Delivered], settings: Settings) -> Iterator[Choice]:
    """The pictures in their newest versions, an altered one behind its unaltered one."""
    job_of = {picture.path: one.job.id for one in jobs for picture in one.pictures}
    for scene in gallery_of(jobs, places_of(settings)).scenes if jobs else ():
        for one in scene.pictures():
            if one.path in job_of and not scene.earlier:
                yield Choice(picture_id(job_of[one.path], one.path), one.path, scene.title, one.altered)


def share(settings: Settings, known: str, chosen: Sequence[str], days: int) -> str:
    """Make a link to the chosen pictures, by their ids; its token, which nobody can ask for again. Raises
    UsageError where none is chosen that there is."""
    if days not in DAYS:
        raise UsageError("A link is open for 7, 30, 90 or 365 days.")
    found, wanted, at = sharing(settings, known), set(chosen[:MOST_PICTURES]), now()
    paths = [one.path for one in found.choices if one.id in wanted]
    if not paths:
        raise UsageError("No picture is chosen.", hint="Choose one at the least.")
    with changing(settings) as store:
        return access.share(store, found.inbox, found.project, paths, at, at + timedelta(days=days))


def revoke(settings: Settings, known: str, link: str) -> None:
    """Let a link to that project lead nowhere from now on. Raises Unknown where there is none."""
    if link not in (one.id for one in sharing(settings, known).links):
        raise Unknown("There is no such link to this project.")
    with changing(settings) as store:
        access.revoke(store, link, now())


def shared_gallery(settings: Settings, token: str) -> Gallery | None:
    """What somebody with that token may see: the chosen pictures, and the unaltered one beside each that is
    altered. None where the token leads nowhere, or not any more."""
    with reading(settings) as records:
        link = access.shared_by(records.store, token, now()) if records is not None else None
        if records is None or link is None:
            return None
        jobs = delivered_from(records.store, link.inbox, link.project)
    if not jobs:
        return None
    gallery, chosen = gallery_of(jobs, places_of(settings)), set(link.pictures)
    beside = {
        scene.unaltered.path
        for scene in gallery.scenes
        if scene.unaltered is not None and any(one.path in chosen for one in scene.altered)
    }
    return gallery.only(chosen | beside, opaque=True)


def shared_page(shared: Gallery, language: str, base: str) -> str:
    """Its page in that language, below the address `base`."""
    return page_html(shared, language, {one: f"{base}?lang={one}" for one in LANGUAGES}, base, "/static/")


def page_parts() -> dict[str, bytes]:
    """The style and the script of that page, by name: what it looks for below /static/."""
    return {name: part(name) for name in (STYLE, SCRIPT)}


def shared_picture(settings: Settings, shared: Gallery, name: str) -> OpenPicture | None:
    """The picture that is called so on the page; None where there is none on it, or what lies there is not
    what was delivered."""
    found = next((one for one in shared.pictures().values() if name in (one.stem, one.full)), None)
    if found is None:
        return None
    done = places_of(settings).done
    there = open_picture(PicturePlace(Path(found.path).name, (done / found.path,), (done,)))
    if there is None:
        return None
    if content_of(there) == found.sha256:
        return there
    os.close(there.descriptor)
    return None
