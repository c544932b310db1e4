"""Signatures, which tell whether pictures show the same scene whatever their exposure; and mean brightness.

Each cell of a coarse gray grid is compared with its neighbours: which one is brighter? Another exposure
changes the grays but not the answers, except where both cells are clipped or nearly equal: those count as
unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import ExifTags, Image, ImageOps, ImageStat

GRID_CELLS = 12
"""Cells along either side that are compared with their neighbours to the right and below."""

_LEAST_STEP = 3
_BLACK, _WHITE = 10, 245


def read_signature(image: Image.Image, orientation: int) -> str:
    """The signature of a loaded picture, rotated upright by EXIF's `orientation` (1 to 8)."""
    image = _greys(image)
    image.info = {}  # without its own EXIF, which may be damaged
    image.getexif()[ExifTags.Base.Orientation] = orientation
    image = ImageOps.exif_transpose(image)
    side = GRID_CELLS + 1
    return signature_of(image.resize((side, side), Image.Resampling.BOX).tobytes())


def signature_of(greys: Sequence[int]) -> str:
    """The signature of a square grid of grays (0 to 255), `GRID_CELLS` + 1 to a side, row by row.

    Two hexadecimal bit masks with a hyphen between: cell is darker than its neighbour; comparison is known.
    """
    side = GRID_CELLS + 1
    darker = known = 0
    for row in range(GRID_CELLS):
        for column in range(GRID_CELLS):
            here = greys[row * side + column]
            for there in (greys[row * side + column + 1], greys[(row + 1) * side + column]):
                darker = darker << 1 | (here < there)
                known = known << 1 | _comparable(here, there)
    return f"{darker:x}-{known:x}"


def read_brightness(image: Image.Image) -> float:
    """The mean luma of a loaded picture, 0 (black) to 1 (white)."""
    return float(ImageStat.Stat(_greys(image)).mean[0]) / 255


def _comparable(one: int, other: int) -> bool:
    clipped = max(one, other) < _BLACK or min(one, other) > _WHITE
    return abs(one - other) >= _LEAST_STEP and not clipped


def _greys(image: Image.Image) -> Image.Image:
    """A reduced copy in 8-bit gray."""
    factor = max(1, min(image.size) // 128)
    if image.mode.startswith("I"):  # 16 bits
        return image.convert("I").reduce(factor).point(lambda value: value / 257).convert("L")
    if image.mode in ("1", "P", "PA"):
        image = image.convert("RGB")
    return image.reduce(factor).convert("L")
