"""The words on a contact sheet: exposures, and text in letters that a font has."""

import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import log2
from pathlib import Path

from PIL import ExifTags, Image, ImageFont

from hotfolder.display import signed
from hotfolder.errors import UsageError

# Asked for where Pillow's own font, which is little more than ASCII, doesn't do.
FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf")
OWN = frozenset(map(chr, range(32, 127))) | frozenset("·…‘’“”")
RESPELT = {
    **dict.fromkeys("‐‑‒–—−", "-"),
    **{"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"},
    **{"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "Æ": "Ae", "Ø": "O", "Ł": "L"},
}
PICTOGRAPHS = ("So", "Sk", "Cs", "Co", "Cf", "Cn", "Cc", "Mn", "Me")


def labels(photos: Sequence[Path]) -> list[str]:
    """What stands below each photo: its distance from the middle exposure in EV, or else its number."""
    seconds = [exposure(path) for path in photos]
    known = [s for s in seconds if s is not None]
    if len(known) < len(photos):
        return [f"photo {k}" for k in range(1, len(photos) + 1)]
    middle = sorted(light for light, _ in known)[len(known) // 2]
    return [f"{signed(log2(light / middle)).replace('−', '-')} EV · {shutter(time)}" for light, time in known]


def dark_to_bright(photos: Sequence[Path]) -> list[Path]:
    """The photos by exposure, where that is known of all of them, or else by name."""
    light = {path: exposure(path) for path in photos}
    if None in light.values():
        return sorted(photos)
    return sorted(photos, key=lambda path: (light[path] or (0.0, 0.0), path))


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


def shutter(seconds: float) -> str:
    if seconds >= 0.3:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    return f"1/{round(1 / Fraction(seconds).limit_denominator(10000))} s"


def typeset(text: str, size: float) -> tuple[str, ImageFont.FreeTypeFont]:
    """The text, and a font that has its letters. Pictographs are left out, and letters respelt if need be."""
    text = unicodedata.normalize("NFC", text)
    text = " ".join("".join(c for c in text if unicodedata.category(c) not in PICTOGRAPHS).split())
    if OWN.issuperset(text):
        return text, own_font(size)
    for name in FONTS:
        try:
            font = ImageFont.truetype(name, round(size))
        except OSError:
            continue
        if all(has(name, c) for c in text):
            return text, font
    return "".join(c if c in OWN else respelt(c) for c in text), own_font(size)


def own_font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise UsageError(
            "Pillow was built without FreeType, so the contact sheet's captions can't be set",
            hint="Install Pillow from its wheel: pip install --force-reinstall pillow",
        )
    return font


@lru_cache(maxsize=2048)
def has(name: str, character: str) -> bool:
    """Whether the font draws the character otherwise than one that doesn't exist."""
    font = ImageFont.truetype(name, 24)
    return character == " " or bytes(font.getmask(character)) != bytes(font.getmask("\uffff"))


def respelt(character: str) -> str:
    """A character in ASCII, as near as it comes: ü as ue, é as e, ½ as 1/2; `_` for what isn't Latin."""
    plain = unicodedata.normalize("NFKD", RESPELT.get(character, character)).replace("\u2044", "/")
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return letters if letters.isascii() else "_"


def lines(text: str, size: float, room: float, most: int = 1) -> tuple[list[str], ImageFont.FreeTypeFont]:
    """The text in at most so many lines of at most `room` pixels; an ellipsis where it is longer."""
    text, font = typeset(text, size)
    done: list[str] = []
    words = text.split(" ")
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
