"""What is remembered of a photo once its set is made: enough to know it, or its set's other frames, again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from hotfolder.capture import Capture
from hotfolder.rules.grouping.model import GroupingPhoto
from hotfolder.rules.sets import Photo


def as_grouped(photo: Photo) -> GroupingPhoto:
    """The photo as grouping sees it."""
    return GroupingPhoto(
        name=photo.path.name,
        width=photo.width,
        height=photo.height,
        brightness=0.5 if photo.brightness is None else photo.brightness,
        sha256=photo.sha256,
        orientation=photo.orientation,
        signature=photo.signature,
        capture=photo.capture,
        modified_seconds=photo.identity.mtime_ns / 1e9,
    )


def shot_as_text(photo: Photo) -> str:
    """What the camera recorded and what is to be seen, as JSON."""
    seen = as_grouped(photo)
    told: dict[str, Any] = {
        "size": [seen.width, seen.height, seen.orientation],
        "brightness": round(seen.brightness, 4),
        "signature": seen.signature,
    }
    if seen.capture is not None:
        told["capture"] = {name: value for name, value in asdict(seen.capture).items() if value is not None}
    return json.dumps(told, separators=(",", ":"))


def shot_from(name: str, sha256: str, mtime_ns: int, text: str) -> GroupingPhoto:
    """The photo as grouping saw it; without a text, as from before such were kept, only its content is
    known."""
    told: dict[str, Any] = {"size": [0, 0, 1], "brightness": 0.5, "signature": ""}
    told |= json.loads(text) if text else {}
    width, height, orientation = told["size"]
    return GroupingPhoto(
        name=name,
        width=width,
        height=height,
        brightness=told["brightness"],
        sha256=sha256,
        orientation=orientation,
        signature=told["signature"],
        capture=Capture(**told["capture"]) if "capture" in told else None,
        modified_seconds=mtime_ns / 1e9,
    )
