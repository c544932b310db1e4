"""The sandbox's picture engine: its version of each paid operation of the API, on files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from hotfolder.sandbox.imaging.align import align
from hotfolder.sandbox.imaging.balance import balance_white
from hotfolder.sandbox.imaging.band import add_band
from hotfolder.sandbox.imaging.exposures import Exposures
from hotfolder.sandbox.imaging.fusion import fuse
from hotfolder.sandbox.imaging.ghosts import mask_ghosts
from hotfolder.sandbox.imaging.lawn import freshen_lawn
from hotfolder.sandbox.imaging.lens import correct_lens
from hotfolder.sandbox.imaging.picturefiles import DecodedPhoto, Picture, Unsuitable, load, luma, save, shrink
from hotfolder.sandbox.imaging.skyswap import swap_sky
from hotfolder.sandbox.imaging.straighten import straighten
from hotfolder.sandbox.imaging.tone import tone_map

__all__ = ["Unsuitable", "merge", "replace_lawn", "replace_sky", "stage"]

MOST_PHOTOS = 7
RESOLUTION_EDGES = {"low": 1280}

# More threads gain little here, and the sandbox shares its machine with the daemon.
cv2.setNumThreads(min(4, cv2.getNumberOfCPUs()))


def merge(
    photos: Sequence[Path],
    target: Path,
    *,
    lens_correction: bool,
    perspective_correction: bool,
    photographer_removal: bool,
    long_edge: int,
) -> None:
    """Merge one to seven exposures of one scene into the JPEG `target` (quality 95, 4:4:4), upright.

    The picture's longer side is at most `long_edge` pixels. A correction that finds nothing to improve
    changes nothing. `photographer_removal` never changes anything, since removing a person can't be done
    honestly offline. Raises Unsuitable for unreadable files, for frames of different sizes and for a wrong
    number of them.
    """
    if not 1 <= len(photos) <= MOST_PHOTOS:
        raise Unsuitable(f"a merge takes 1 to {MOST_PHOTOS} photos, not {len(photos)}")
    frames = [load(path, long_edge=long_edge) for path in photos]
    require_same_size(frames)
    frames.sort(key=lambda frame: float(frame.pixels.mean()))
    reference = best_exposed(frames)
    exif, icc_profile = frames[reference].exif, frames[reference].icc_profile
    pixels = [frame.pixels for frame in frames]
    frames.clear()
    picture = pixels[0] if len(pixels) == 1 else blend(pixels, reference)
    if lens_correction:
        picture = correct_lens(picture, exif)
    if perspective_correction:
        picture = straighten(picture, exif)
    save(picture, target, icc_profile=icc_profile)


def blend(pixels: list[Picture], reference: int) -> Picture:
    """Merge frames of one scene, from dark to bright, into one picture of their size. Empties the list."""
    aligned = align(pixels, reference)
    pixels.clear()
    usable = mask_ghosts(aligned.frames, aligned.coverage, reference)
    finished = tone_map(fuse(aligned.frames, usable), Exposures.of(aligned.frames, usable))
    return balance_white(finished, aligned.frames, reference)


def require_same_size(frames: Sequence[DecodedPhoto]) -> None:
    if len({frame.size for frame in frames}) > 1:
        listing = ", ".join(f"{frame.name} {frame.size[0]}×{frame.size[1]}" for frame in frames)
        raise Unsuitable(f"the photos of one bracket must have one size, and these differ: {listing}")


def best_exposed(frames: Sequence[DecodedPhoto]) -> int:
    """The index of the frame with the most pixels that are neither too dark nor too bright."""

    def usable(frame: DecodedPhoto) -> float:
        gray = luma(shrink(frame.pixels, 512))
        return float(((gray > 0.08) & (gray < 0.92)).mean())

    return max(range(len(frames)), key=lambda index: usable(frames[index]))


def replace_sky(source: Path, target: Path, *, sky_type: str, sky_sub_type: str, resolution: str) -> None:
    """Write `source` with another sky into `target`, a PNG or JPEG by its suffix.

    `sky_type` is blue or twilight, `sky_sub_type` subtle, middle or dramatic. With `resolution` low the
    longer side is at most 1280 pixels; high and superHigh keep the size. Deterministic. In a room, the view
    through the windows changes. Raises Unsuitable when less than 3 % of the picture is sky or, in a room,
    less than 2 % such a view.
    """
    photo = load(source, long_edge=RESOLUTION_EDGES.get(resolution))
    save(swap_sky(photo.pixels, sky_type, sky_sub_type), target, icc_profile=photo.icc_profile)


def replace_lawn(
    source: Path, target: Path, *, lawn_type: str, resolution: str, extra_instructions: str | None
) -> None:
    """Write `source` with a fresh lawn into `target`, a PNG or JPEG by its suffix.

    `lawn_type` is light, medium or strong. `resolution` is as for `replace_sky`. `extra_instructions` are
    ignored. Raises Unsuitable when less than 3 % of the picture is lawn.
    """
    photo = load(source, long_edge=RESOLUTION_EDGES.get(resolution))
    save(freshen_lawn(photo.pixels, lawn_type), target, icc_profile=photo.icc_profile)


def stage(
    source: Path,
    target: Path,
    *,
    room_type: str,
    room_style: str,
    action_type: str,
    resolution: str,
    color_types: Sequence[str],
    remove_furniture: bool,
    extra_instructions: str | None,
) -> None:
    """Write `source` into `target` with a band across its bottom that says it is not staged.

    Furniture can't be invented honestly offline: of the options only room and style are used, in the band's
    text. `resolution` is as for `replace_sky`. Raises Unsuitable for an unreadable file.
    """
    photo = load(source, long_edge=RESOLUTION_EDGES.get(resolution))
    room = room_type.replace("_", " ").lower()
    style = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in room_style)
    save(
        add_band(photo.pixels, f"SANDBOX - not staged ({room}, {style})"),
        target,
        icc_profile=photo.icc_profile,
    )
