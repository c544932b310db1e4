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
    """The file name sent to the API for a set's photo `number` (from 1); never the user's name."""
    return f"{number:02d}.{'png' if format == 'PNG' else 'jpg'}"


def names_sharing_stem(names: Iterable[str], photos: Iterable[str]) -> list[str]:
    """The `names` that share a stem with one of `photos`, ignoring case: `a.xmp` and `a.jpg.xmp` for
    `a.jpg`."""
    stems = {stem.casefold() for photo in photos for stem in (photo, PurePath(photo).stem)}
    return [name for name in names if PurePath(name).stem.casefold() in stems]


COARSEST_NS = 1000
"""The coarsest rounding of mtime by a share; SMB's resolution is 100 ns."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """A file's inode, size and times. Equal identities mean that the file is unchanged."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, facts: os.stat_result) -> FileIdentity:
        """The identity from an lstat or fstat result. Numbers are wrapped into signed 64 bits, since some
        shares have larger inodes, which no database stores."""
        return cls(
            facts.st_size, as_int64(facts.st_mtime_ns), as_int64(facts.st_ctime_ns), as_int64(facts.st_ino)
        )

    def is_same_file(self, other: FileIdentity) -> bool:
        """Whether both are of the same unchanged file, which may have been renamed: the ctime, which a rename
        changes, is ignored."""
        return replace(self, ctime_ns=other.ctime_ns) == other

    def may_be_same_file(self, other: FileIdentity) -> bool:
        """Whether `other` may be the same file seen from another machine: inode and ctime are ignored, and
        mtime is compared in units of COARSEST_NS."""
        coarse = (other.size_bytes, other.mtime_ns // COARSEST_NS)
        return (self.size_bytes, self.mtime_ns // COARSEST_NS) == coarse


def as_int64(number: int) -> int:
    """The number wrapped into a signed 64-bit integer, the largest that databases store."""
    return (number + 2**63) % 2**64 - 2**63


@dataclass(frozen=True, slots=True)
class Photo:
    """One exposure, which was whole in the state `identity`.

    `folder` is absolute; `folder` and `format` are empty where the photo comes from the store. `name` and
    `folder` are raw names. `width`, `height`, `brightness`, `orientation`, `capture`, `signature` and
    `develop` are as in `PictureFacts`.
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
        """The brightness; 0.5 where it was not measured."""
        return 0.5 if self.brightness is None else self.brightness

    @property
    def exposure_value(self) -> float | None:
        """EV100, higher is darker. None where EXIF doesn't have it."""
        return self.capture.exposure_value if self.capture is not None else None


@dataclass(frozen=True, slots=True)
class BracketSet:
    """A settled folder: its photos in name order, and its companions (the other files).

    `project` and `folder` are the raw folder names; `folder` still has its tags, and is "" for a flat drop, a
    whole shoot in the project's own folder that is not grouped yet. `approved`: a person approved these
    photos after they were dropped.
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


def middle_exposure(photos: Sequence[Photo]) -> Photo:
    """The middle exposure, whose metadata represents the set: by exposure value if all photos have one, else
    by brightness; ties by name."""
    if all(photo.exposure_value is not None for photo in photos):
        ordered = sorted(photos, key=lambda photo: (-(photo.exposure_value or 0.0), photo.name))
    else:
        ordered = sorted(photos, key=lambda photo: (photo.brightness or 0.0, photo.name))
    return ordered[len(ordered) // 2]


def ev_above_middle(value: float | None, middle: float | None) -> float | None:
    """How many EV an exposure is brighter than the middle one, from their EV100; None if one is unknown."""
    return None if value is None or middle is None else middle - value


def photo_to_json(photo: Photo) -> str:
    """The photo's size, brightness, signature and capture data as JSON, for the store."""
    told: dict[str, Any] = {
        "size": [photo.width, photo.height, photo.orientation],
        "brightness": round(photo.luma, 4),
        "signature": photo.signature,
    }
    if photo.capture is not None:
        told["capture"] = {name: value for name, value in asdict(photo.capture).items() if value is not None}
    return json.dumps(told, separators=(",", ":"))


def photo_from_json(name: str, identity: FileIdentity, sha256: str, text: str) -> Photo:
    """The photo from the JSON of `photo_to_json`. An empty text, as from versions that stored none, gives
    default values: then only the content hash is known."""
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
