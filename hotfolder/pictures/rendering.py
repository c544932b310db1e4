"""Making a smaller or plainer JPEG of a picture, in the process that decodes."""

from __future__ import annotations

import hashlib
import io
import os
import struct
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

from hotfolder.pictures.facts import Developed, NeverUsable, PictureLimits, Rendered, Rendering
from hotfolder.pictures.formats import printable_name
from hotfolder.pictures.opening import pixel_limit

QUALITY_STEP = 5
PROFILE_DATE = slice(24, 36)
DAMAGED = (ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)
PLAIN_MODES = ("RGB", "L", "CMYK")


def render(source: Path, target: Path, wanted: Rendering, *, limits: PictureLimits) -> Rendered | None:
    """Write `source` to `target` as an upright sRGB JPEG; None, and no file, where no quality that is allowed
    makes it small enough. The same input gives the same bytes. Raises `NeverUsable`, and OSError where a file
    can't be read or written. Needs memory for all pixels; a JPEG that is made smaller, for fewer.
    """
    picture = upright(source, wanted.long_edge, limits)
    profile = srgb_profile()
    for quality in range(wanted.quality, wanted.least_quality - 1, -QUALITY_STEP):
        encoded = io.BytesIO()
        picture.save(encoded, "JPEG", quality=quality, optimize=True, icc_profile=profile)
        if wanted.max_bytes is None or encoded.tell() <= wanted.max_bytes:
            target.write_bytes(encoded.getbuffer())
            return Rendered(picture.width, picture.height, quality, encoded.tell())
    return None


def png_of_webp(source: Path, target: Path, *, limits: PictureLimits) -> Developed:
    """Write `target`: the WebP picture `source`, pixel for pixel, as a PNG with its colours and its EXIF.

    Raises `NeverUsable` where it can't be decoded to its end, and OSError where a file can't be read or
    written.
    """
    try:
        encoded = io.BytesIO()
        with pixel_limit(limits.pixels), Image.open(source, formats=("WEBP",)) as picture:
            kept = {name: picture.info[name] for name in ("icc_profile", "exif") if picture.info.get(name)}
            picture.save(encoded, "PNG", compress_level=4, **kept)
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise NeverUsable(f"{printable_name(source.name)} can't be decoded: {error}.", hint="") from None
    content = encoded.getvalue()
    with target.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Developed(len(content), hashlib.sha256(content).hexdigest())


def upright(source: Path, long_edge: int | None, limits: PictureLimits) -> Image.Image:
    """The picture as it is to be seen, in sRGB and not larger than asked."""
    try:
        with pixel_limit(limits.pixels), Image.open(source, formats=("JPEG", "PNG")) as opened:
            profile = opened.info.get("icc_profile")
            picture: Image.Image = opened if opened.mode in PLAIN_MODES else plain(opened)
            if long_edge is not None:
                # Of a JPEG no more is decoded than this needs.
                picture.thumbnail((long_edge, long_edge), Image.Resampling.LANCZOS)
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            return in_srgb(picture, profile)
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise NeverUsable(f"{printable_name(source.name)} can't be rendered: {error}.", hint="") from None


def plain(picture: Image.Image) -> Image.Image:
    """In 8 bits, without transparency, which becomes white."""
    if picture.mode.startswith("I"):
        return picture.point(lambda value: value * (1 / 256)).convert("L")
    layered = picture.convert("RGBA")
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(layered, mask=layered.getchannel("A"))
    flat.info = dict(picture.info)
    return flat


def in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The same colours in sRGB; what has no profile that fits is taken to be in it."""
    if profile is not None:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                picture,
                own,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def srgb_profile() -> bytes:
    """The profile that describes sRGB, the same at any time of day."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[PROFILE_DATE] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(made)
