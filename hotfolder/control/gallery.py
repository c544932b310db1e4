"""A project's gallery: making it, checking the disclosure of its altered pictures, and shared links, which
show visitors without the password the chosen pictures only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Literal

from hotfolder.config.settings import Settings
from hotfolder.control.access import changing
from hotfolder.control.lookup import OpenPicture, content_of, open_picture, picture_id, placed_in
from hotfolder.control.opening import Installation, now, overview_in, places_in_use, reading, reading_existing
from hotfolder.control.rooms import known_project
from hotfolder.daemon.galleries import remake
from hotfolder.daemon.service import result_limits
from hotfolder.display import visible
from hotfolder.errors import CommandHint, Unknown, UsageError
from hotfolder.jobs import access
from hotfolder.jobs.context import Places
from hotfolder.jobs.gallery import Delivered, delivered, gallery_of, with_receipts
from hotfolder.jobs.gallery import undisclosed as lacking
from hotfolder.jobs.model import ShareLink
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import local_trouble, path_text
from hotfolder.outbox.gallery import MadeGallery
from hotfolder.outbox.gallerypage import SCRIPT, STYLE, Gallery, GalleryPicture, page_html, template_file
from hotfolder.outbox.names import safe_name
from hotfolder.paths import is_file
from hotfolder.pictures.decoder import Decoder
from hotfolder.rules.foldernames import unicode_forms
from hotfolder.words import LANGUAGES

DAYS = (7, 30, 90, 365)
SharedGallery = Gallery
"""The type for faces, which may import nothing below `control`."""
EndedLink = Literal["nowhere", "withdrawn", "expired", "gone"]
"""Why a link shows nothing, as the page's texts are named: there is none with that token, it was revoked, it
has expired, or none of its pictures is left."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A picture that can be shared, by its `picture_id`; `told_apart` is as in its scene."""

    id: str
    path: str
    room: str
    altered: tuple[str, ...]
    told_apart: str


@dataclass(frozen=True, slots=True)
class ProjectLinks:
    """The pictures of a project that can be shared, and all links to it. `open` are the valid links' ids."""

    id: str
    inbox: str
    project: str
    choices: tuple[Choice, ...]
    links: tuple[ShareLink, ...]
    open: frozenset[str]


async def gallery(installation: Installation, project: str) -> MadeGallery:
    """Make the gallery of a project, given by its folder's name or path. Idempotent: an up-to-date one is
    left as it is. Raises UsageError where nothing of the project was delivered or all was taken away, and
    LocalTrouble."""
    jobs, settings = delivered_of(installation, project), installation.settings
    decoder = Decoder()
    try:
        limits = result_limits(settings)
        made = await remake(jobs, installation.places, settings.gallery, decoder, limits)
    finally:
        await decoder.close()
    if made is None:
        folder = installation.places.done / safe_name(jobs[0].job.project)
        raise UsageError(f"{path_text(folder)} is not there any more.", hint="Put its pictures back there.")
    return made


def undisclosed(installation: Installation, project: str) -> Iterator[str]:
    """What a project's altered pictures lack of the disclosure that AB 723 requires, a sentence each. Raises
    as `gallery`."""
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
    """Links and shareable pictures of the project with that id. Raises Unknown, StoreError, LocalTrouble."""
    with reading_existing(settings) as store:
        # A project whose sets all still wait has no job, but its page, which leads here.
        lines = overview_in(settings.state_folder, store).lines
        inbox, project = known_project(store, known, lines)
        jobs = delivered_from(store, inbox, project)
        links = tuple(access.share_links(store, inbox, project))
        places = places_in_use(settings, store)
    at = now()
    leading = frozenset(one.id for one in links if one.revoked_at is None and access.is_open(one, at))
    return ProjectLinks(known, inbox, project, tuple(choices_in(jobs, places)), links, leading)


def delivered_from(store: Store, inbox: str, project: str) -> list[Delivered]:
    named = unicode_forms(project)
    return [one for one in delivered(store, project) if one.job.inbox == inbox and one.job.project in named]


def choices_in(jobs: Sequence[Delivered], places: Places) -> Iterator[Choice]:
    """The newest pictures that can be shared and are in done as delivered, each altered one after its
    unaltered one. Raises LocalTrouble."""
    job_of = {picture.path: one.job.id for one in jobs for picture in one.pictures}
    for scene in gallery_of(jobs, places).scenes if jobs else ():
        for one in scene.pictures():
            if one.path in job_of and not scene.earlier and is_as_delivered(places, one):
                apart = scene.told_apart(one) if one.altered else ""
                yield Choice(
                    picture_id(job_of[one.path], one.path), one.path, scene.title, one.altered, apart
                )


def share(settings: Settings, known: str, chosen: Sequence[str], days: int) -> str:
    """Create a link to the chosen pictures (ids), valid for `days`; returns its token, which is not stored.
    Raises UsageError where no picture is chosen, one of them can't be shared any more, or `days` is none of
    DAYS; Unknown, StoreError."""
    if days not in DAYS:
        raise UsageError("A link is open for 7, 30, 90 or 365 days.")
    found, wanted, at = sharing(settings, known), set(chosen), now()
    paths = [one.path for one in found.choices if one.id in wanted]
    if len(paths) < len(wanted):
        raise UsageError(
            "Since you looked at these pictures, some were made anew or taken away.",
            hint="Open the page anew, and choose once more.",
        )
    if not paths:
        raise UsageError("No picture is chosen.", hint="Choose one at the least.")
    with changing(settings) as store:
        return access.share(store, found.inbox, found.project, paths, at, at + timedelta(days=days))


def revoke(settings: Settings, known: str, link: str) -> None:
    """Revoke a link to that project. Idempotent. Raises Unknown where there is no such link."""
    if link not in (one.id for one in sharing(settings, known).links):
        raise Unknown("There is no such link to this project.")
    with changing(settings) as store:
        access.revoke(store, link, now())


def shared_gallery(settings: Settings, token: str) -> Gallery | EndedLink:
    """The gallery behind a link's token: the chosen pictures, and the unaltered one of each altered one, as
    far as they are in done as delivered. Where there is nothing to see, why."""
    with reading(settings) as store:
        link = access.shared_by(store, token, now())
        if link is None:
            ended = access.link_with(store, token)
            return "nowhere" if ended is None else "withdrawn" if ended.revoked_at is not None else "expired"
        jobs = delivered_from(store, link.inbox, link.project)
        places = places_in_use(settings, store)
    if not jobs:
        return "gone"
    gallery, chosen = gallery_of(jobs, places), set(link.pictures)
    beside = {
        scene.unaltered.path
        for scene in gallery.scenes
        if scene.unaltered is not None and any(one.path in chosen for one in scene.altered)
    }
    wanted = [one for one in gallery.pictures().values() if one.path in chosen | beside]
    there = [one.path for one in wanted if is_as_delivered(places, one)]
    return gallery.only(there, opaque=True) if there else "gone"


def is_as_delivered(places: Places, picture: GalleryPicture) -> bool:
    """Whether the picture is in done, unchanged. Raises LocalTrouble."""
    with local_trouble(places.done):
        if not is_file(places.done / picture.path):
            return False
    there = opened_as_delivered(places, picture)
    if there is not None:
        os.close(there.descriptor)
    return there is not None


def shared_page(shared: Gallery, language: str, base: str) -> str:
    """The HTML page of a shared gallery in that language, with URLs below `base`."""
    return page_html(shared, language, {one: f"{base}?lang={one}" for one in LANGUAGES}, base, "/static/")


def page_parts() -> dict[str, bytes]:
    """The style sheet and the script of that page by name, as it requests them below /static/."""
    return {name: template_file(name) for name in (STYLE, SCRIPT)}


def shared_picture(settings: Settings, shared: Gallery, name: str) -> OpenPicture | None:
    """Open the picture of that name on the page; the caller closes it. None where the page has none, or its
    file isn't as delivered."""
    found = next((one for one in shared.pictures().values() if name in (one.stem, one.full)), None)
    if found is None:
        return None
    with reading(settings) as store:
        return opened_as_delivered(places_in_use(settings, store), found)


def opened_as_delivered(places: Places, picture: GalleryPicture) -> OpenPicture | None:
    """Open the picture in done; the caller closes it. None where it isn't there, or not as delivered."""
    there = open_picture(placed_in(places.done, picture.path))
    if there is None or content_of(there) == picture.sha256:
        return there
    os.close(there.descriptor)
    return None
