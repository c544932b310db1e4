"""What must lie in done/ before anything that it was made of may go: one proof for everyone who deletes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hotfolder.errors import UnusablePhoto
from hotfolder.jobs.tables import Picture
from hotfolder.jobs.tools import Places
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits


async def doubt_of_pictures(
    pictures: Iterable[Picture], places: Places, decoder: Decoder, limits: PictureLimits
) -> str:
    """Why these pictures aren't as they were delivered; empty where each lies in done/ with the hash that was
    recorded, and decodes to its end."""
    for picture in pictures:
        try:
            facts = await decoder.inspect(places.done / picture.path, limits)
        except UnusablePhoto:
            return f"the picture {picture.path} can't be read where it was put"
        if facts.sha256 != picture.sha256:
            return f"the picture {picture.path} has changed since it was put there"
    return ""


async def doubt_of_originals(
    pictures: Sequence[Picture], places: Places, decoder: Decoder, limits: PictureLimits
) -> str:
    """Why these pictures of a set, all that are recorded, are no reason to let go of its originals; empty
    where they are. What shows the room as it was must never go with the last of them."""
    if not pictures:
        return "no picture of the set is recorded"
    if all(picture.altered or picture.rendition for picture in pictures):
        return "every picture of the set is altered, and only the originals show the room as it was"
    return await doubt_of_pictures(pictures, places, decoder, limits)
