"""A project's gallery: making it, and what the disclosure of its altered pictures lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from hotfolder.control.opening import Installation
from hotfolder.daemon.galleries import remake
from hotfolder.daemon.service import result_limits
from hotfolder.display import visible
from hotfolder.errors import UsageError
from hotfolder.jobs.gallery import Delivered, delivered, with_receipts
from hotfolder.jobs.gallery import undisclosed as lacking
from hotfolder.outbox.gallery import MadeGallery
from hotfolder.pictures.decoder import Decoder


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
            hint="Give its folder in done, or the name of it; `hotfolder status` lists what is finished.",
        )
    return jobs
