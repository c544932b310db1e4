"""The texts on a contact sheet: exposure labels, and text wrapped into lines."""

import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from hotfolder.display import signed_ev
from hotfolder.errors import UnusablePhoto
from hotfolder.pictures.facts import PictureLimits
from hotfolder.pictures.inspect import inspect
from hotfolder.pictures.rendering import label_font

WEIGHT = 400
MISSING_CHARACTER = "\U0010ffff"
"""A character that no font has."""
PICTOGRAPHS = ("So", "Sk", "Cs", "Co", "Cf", "Cn", "Cc", "Mn", "Me")


def exposure_labels(photos: Sequence[Path]) -> list[str]:
    """The label of each photo: its difference from the middle exposure in EV, or its number if unknown."""
    known = [shot for path in photos if (shot := read_exposure(path)) is not None]
    if len(known) < len(photos):
        return [f"photo {k}" for k in range(1, len(photos) + 1)]
    middle = sorted((ev for ev, _ in known), reverse=True)[len(known) // 2]
    return [f"{signed_ev(middle - ev)} EV · {shutter_text(time)}" for ev, time in known]


def dark_to_bright(photos: Sequence[Path]) -> list[Path]:
    """The photos sorted by exposure, the darkest first; by name if one is unknown."""
    known = {path: shot[0] for path in photos if (shot := read_exposure(path)) is not None}
    if len(known) < len(photos):
        return sorted(photos)
    return sorted(photos, key=lambda path: (-known[path], path))


def read_exposure(path: Path) -> tuple[float, float] | None:
    """A photo's EV100 (higher is darker) and its shutter time in seconds; None where they are unknown."""
    try:
        capture = inspect(path, limits=PictureLimits(), closely=False).capture
    except (OSError, UnusablePhoto):
        return None
    if capture is None or capture.exposure_value is None or capture.exposure_seconds is None:
        return None
    return capture.exposure_value, capture.exposure_seconds


def shutter_text(seconds: float) -> str:
    if seconds >= 0.3:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    return f"1/{round(1 / Fraction(seconds).limit_denominator(10000))} s"


def drawable_text(text: str, otherwise: str = "") -> str:
    """The text without pictographs and letters that the font doesn't have; `otherwise` where no letter or
    digit is left."""
    text = unicodedata.normalize("NFC", text)
    kept = "".join(c for c in text if unicodedata.category(c) not in PICTOGRAPHS and font_has(c))
    return " ".join(kept.split()) if any(map(str.isalnum, kept)) or not otherwise else otherwise


@lru_cache(4096)
def font_has(sign: str) -> bool:
    """Whether the font has the character: those that it lacks are all drawn as the same box."""
    font = label_font(20, WEIGHT)
    return bytes(font.getmask(sign)) != bytes(font.getmask(MISSING_CHARACTER))


def wrap_text(text: str, size: float, room: float, most: int = 1) -> tuple[list[str], ImageFont.FreeTypeFont]:
    """The text in at most `most` lines of at most `room` pixels, cut with an ellipsis; and its font."""
    font = label_font(size, WEIGHT)
    done: list[str] = []
    words = drawable_text(text).split(" ")
    while words:
        line = words.pop(0)
        while words and font.getlength(f"{line} {words[0]}") <= room:
            line += " " + words.pop(0)
        if (words and len(done) == most - 1) or font.getlength(line) > room:
            line += "…"
            while len(line) > 1 and font.getlength(line) > room:
                line = line[:-2].rstrip() + "…"
        done.append(line)
        if len(done) == most:
            break
    return done, font
