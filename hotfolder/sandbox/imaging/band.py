"""The band that labels what the sandbox did not do."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hotfolder.sandbox.imaging.picturefiles import Picture

BACKGROUND = (20, 22, 26)
LETTERS = (255, 214, 10)


def add_band(pixels: Picture, text: str) -> Picture:
    """The picture with `text` on a band across its bottom; above the band no pixel changes."""
    height, width = pixels.shape[:2]
    band_height = max(16, round(height * 0.07))
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height - band_height, width, height), fill=BACKGROUND)
    size = band_height * 0.55
    font = ImageFont.load_default(size)
    while size > 6 and draw.textlength(text, font=font) > 0.94 * width:
        size *= 0.9
        font = ImageFont.load_default(size)
    draw.text((width / 2, height - band_height / 2), text, fill=LETTERS, font=font, anchor="mm")
    return np.asarray(image)
