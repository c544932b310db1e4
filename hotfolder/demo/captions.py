"""The words on a contact sheet: exposures, and text cut and respelt to fit."""

import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from math import log2
from pathlib import Path

from PIL import ExifTags, Image, ImageFont

KEPT = "·…"
RESPELT = {**dict.fromkeys("‐‑‒–—−", "-"), "ß": "ss", "æ": "ae", "ø": "o", "ł": "l"}


def labels(photos: Sequence[Path]) -> list[str]:
    """What stands below each photo: its distance from the middle exposure in EV, or else its number."""
    seconds = [exposure(path) for path in photos]
    known = [s for s in seconds if s is not None]
    if len(known) < len(photos):
        return [f"photo {k}" for k in range(1, len(photos) + 1)]
    middle = sorted(light for light, _ in known)[len(known) // 2]
    return [f"{signed(log2(light / middle))} EV · {shutter(time)}" for light, time in known]


def exposure(path: Path) -> tuple[float, float] | None:
    """How much light a photo got (seconds × ISO / N²) and its shutter time; None where that isn't known."""
    try:
        with Image.open(path) as picture:
            details = picture.getexif().get_ifd(ExifTags.IFD.Exif)
        time = float(details[ExifTags.Base.ExposureTime])
        aperture = float(details.get(ExifTags.Base.FNumber, 1.0)) or 1.0
        iso = float(details.get(ExifTags.Base.ISOSpeedRatings, 100)) or 100.0
    except (KeyError, TypeError, ValueError, OSError, SyntaxError, ZeroDivisionError):
        return None
    light = time * iso / aperture**2
    return (light, time) if 0 < light < float("inf") else None


def signed(ev: float) -> str:
    """An exposure step to a third, as -4, 0 or +0.7."""
    step = round(ev * 3) / 3
    if abs(step) < 0.1:
        return "0"
    number = f"{abs(step):.1f}".removesuffix(".0")
    return f"{'+' if step > 0 else '-'}{number}"


def shutter(seconds: float) -> str:
    if seconds >= 0.3:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    return f"1/{round(1 / Fraction(seconds).limit_denominator(10000))} s"


def shortened(text: str, font: ImageFont.FreeTypeFont, room: int) -> str:
    """The text as the font can set it, cut with an ellipsis where it is longer than `room` pixels."""
    text = legible(text)
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + "…") > room:
        text = text[:-1]
    return text.rstrip() + "…"


def legible(text: str) -> str:
    """The text in the few characters that Pillow's own font has: accents dropped, dashes as hyphens."""
    return "".join(c if c in KEPT else respelt(c) for c in text)


def respelt(character: str) -> str:
    """A character in ASCII, as near as it comes: é as e, ½ as 1/2, what can't be respelt as ?."""
    plain = unicodedata.normalize("NFKD", RESPELT.get(character, character)).replace("\u2044", "/")
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return letters if letters.isascii() else "?"
