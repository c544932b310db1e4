"""Bracket sets: the photos that become one picture."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from hotfolder.capture import Capture

MOST_PHOTOS = 7  # "Max 7 photos per group structure", the API's reference, section 2.3


def sent_name(number: int, format: str) -> str:
    """The name under which the API gets a set's photo `number` (from 1): ours, never the user's."""
    return f"{number:02d}.{'png' if format == 'PNG' else 'jpg'}"


def sharing_stem(names: Iterable[str], photos: Iterable[str]) -> list[str]:
    """Those of `names` that travel with one of `photos`: `a.xmp` and `a.jpg.xmp` with `a.jpg`."""
    stems = {stem.casefold() for photo in photos for stem in (photo, PurePath(photo).stem)}
    return [name for name in names if PurePath(name).stem.casefold() in stems]


COARSEST_NS = 1000
"""To so much some shares round a time of modification: SMB knows tenths of a microsecond."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """A file's inode and state. Equal ones mean that the file was not changed in between."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, facts: os.stat_result) -> FileIdentity:
        """That of the file that an lstat or fstat was of. Numbers that no database takes, such as the inodes
        of some shares, are folded into 64 bits with a sign."""
        return cls(facts.st_size, signed(facts.st_mtime_ns), signed(facts.st_ctime_ns), signed(facts.st_ino))

    def same(self, other: FileIdentity) -> bool:
        """Whether it is the file that `other` was of, unchanged, which may have got another name since: that
        changes the time of its last change."""
        return replace(self, ctime_ns=other.ctime_ns) == other

    def alike(self, other: FileIdentity) -> bool:
        """Whether another machine may see the same file as `other`: with an inode and a time of change of its
        own, and a time of modification that its share rounds."""
        coarse = (other.size_bytes, other.mtime_ns // COARSEST_NS)
        return (self.size_bytes, self.mtime_ns // COARSEST_NS) == coarse


def signed(number: int) -> int:
    """The number as a signed integer of 64 bits, which is what a database takes."""
    return (number + 2**63) % 2**64 - 2**63


@dataclass(frozen=True, slots=True)
class Photo:
    """One exposure, whole and readable when it was looked at.

    `folder` is absolute; it is empty, and so is `format`, where the store alone remembers the photo. `name`
    and `folder` are raw. `width`, `height`, `brightness`, `orientation`, `capture`, `signature` and `develop`
    are as in `PictureFacts`.
    """

    name: str
    identity: FileIdentity
    sha256: str
    width: int
    height: int
    brightness: float | None
    folder: Path = Path()
    format: str = ""
    orientation: int = 1
    capture: Capture | None = None
    signature: str = ""
    develop: str = ""

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def size_bytes(self) -> int:
        return self.identity.size_bytes

    @property
    def shape(self) -> tuple[int, int]:
        """Width and height as displayed."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)

    @property
    def luma(self) -> float:
        """The brightness, a middle one where nobody looked."""
        return 0.5 if self.brightness is None else self.brightness

    @property
    def exposure_value(self) -> float | None:
        """EV100, higher is darker. None where EXIF doesn't tell."""
        return self.capture.exposure_value if self.capture is not None else None


@dataclass(frozen=True, slots=True)
class BracketSet:
    """A settled folder: its photos by name, and the other files that travel with them.

    `project` and `folder` are the raw folder names; `folder` still has its tags, and is "" for the photos
    that lie in the project's folder itself: a whole shoot, not grouped yet. `approved`: a person has said
    since that they may be made as they are.
    """

    inbox: Path
    project: str
    folder: str
    photos: tuple[Photo, ...]
    companions: tuple[Path, ...] = ()
    approved: bool = False

    @property
    def path(self) -> Path:
        return self.inbox / self.project / self.folder


def middle_of(photos: Sequence[Photo]) -> Photo:
    """The middle exposure, whose metadata stands for the set: by exposure value, else by brightness, else by
    name."""
    if all(photo.exposure_value is not None for photo in photos):
        ordered = sorted(photos, key=lambda photo: (-(photo.exposure_value or 0.0), photo.name))
    else:
        ordered = sorted(photos, key=lambda photo: (photo.brightness or 0.0, photo.name))
    return ordered[len(ordered) // 2]


def from_middle(value: float | None, middle: float | None) -> float | None:
    """By how many EV an exposure is brighter than the middle one, by their EV100."""
    return None if value is None or middle is None else middle - value


def shot_as_text(photo: Photo) -> str:
    """What the camera recorded and what is to be seen, as JSON."""
    told: dict[str, Any] = {
        "size": [photo.width, photo.height, photo.orientation],
        "brightness": round(photo.luma, 4),
        "signature": photo.signature,
    }
    if photo.capture is not None:
        told["capture"] = {name: value for name, value in asdict(photo.capture).items() if value is not None}
    return json.dumps(told, separators=(",", ":"))


def photo_from(name: str, identity: FileIdentity, sha256: str, text: str) -> Photo:
    """The photo with what `shot_as_text` wrote of it; without a text, as from before such were kept, only its
    content is known."""
    told: dict[str, Any] = {"size": [0, 0, 1], "brightness": 0.5, "signature": ""}
    told |= json.loads(text) if text else {}
    width, height, orientation = told["size"]
    return Photo(
        name,
        identity,
        sha256,
        width,
        height,
        told["brightness"],
        orientation=orientation,
        signature=told["signature"],
        capture=Capture(**told["capture"]) if "capture" in told else None,
    )
