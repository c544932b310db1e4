"""Small rendered scenes with known sky, lawn and verticals."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from hotfolder.sandbox.imaging import engine
from hotfolder.sandbox.imaging.picturefiles import Plane, Unsuitable
from hotfolder.sandbox.imaging.sky import find_sky

Picture = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.bool_]


def facade(width: int = 900, height: int = 600) -> Picture:
    """A wall with upright windows, seen straight on."""
    picture = np.full((height, width, 3), (176, 160, 140), np.uint8)
    random = np.random.default_rng(4)
    for column in range(60, width - 100, 120):
        for row in range(50, height - 120, 150):
            cv2.rectangle(picture, (column, row), (column + 64, row + 104), (236, 234, 230), -1)
            cv2.rectangle(picture, (column + 7, row + 7), (column + 57, row + 97), (52, 60, 72), -1)
            cv2.line(picture, (column + 32, row + 7), (column + 32, row + 97), (236, 234, 230), 4)
    noise = random.normal(0, 2.5, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def garden(sky_share: float = 0.4, lawn_share: float = 0.35) -> tuple[Picture, Bits, Bits]:
    """A house between a pale sky and a tired lawn, with the masks of sky and lawn."""
    height, width = 480, 720
    random = np.random.default_rng(9)
    picture = np.full((height, width, 3), (150, 92, 74), np.uint8).astype(np.float32)
    skyline, edge = round(sky_share * height), round((1 - lawn_share) * height)
    roof = np.array([[80, skyline + 60], [360, max(skyline - 40, 6)], [640, skyline + 60]], np.int32)
    sky = np.zeros((height, width), np.uint8)
    sky[:skyline] = 1
    cv2.fillConvexPoly(sky, roof, 0)
    lawn = np.zeros((height, width), np.uint8)
    lawn[edge:] = 1
    shade = np.linspace(224, 240, height)[:, None]
    picture = np.where(sky[:, :, None] > 0, np.stack([shade * 0.985, shade, shade * 1.01], -1), picture)
    house = (sky == 0) & (lawn == 0)
    picture[house & (np.arange(height)[:, None] < skyline + 60)] = (74, 70, 72)
    coarse = random.random((8, 12)).astype(np.float32)
    patches = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    green, straw = np.array([104, 128, 62]), np.array([168, 150, 88])
    turf = green + (straw - green) * np.clip(patches, 0, 1)[:, :, None]
    blades = random.normal(0, 14, (height, width))[:, :, None]
    picture = np.where(lawn[:, :, None] > 0, turf + blades, picture)
    picture += random.normal(0, 1.2, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8), sky > 0, lawn > 0


def overlap(mask: npt.NDArray[np.float32], truth: Bits) -> float:
    """Intersection over union."""
    found = mask > 0.5
    return float((found & truth).sum() / (found | truth).sum())


def exposed(picture: Picture, stops: float) -> Picture:
    """The picture exposed that many stops brighter."""
    linear = (picture / 255.0) ** 2.2 * 2.0**stops
    return np.asarray(np.clip(linear ** (1 / 2.2) * 255 + 0.5, 0, 255), np.uint8)


def room_radiance() -> tuple[npt.NDArray[np.float64], Bits]:
    """A dim room, a bright window and a glare on the table, as linear light; with the window's mask."""
    height, width = 480, 720
    random = np.random.default_rng(12)
    light = np.full((height, width, 3), (0.16, 0.14, 0.11)) * (1 + random.normal(0, 0.02, (height, width, 1)))
    light[360:] = (0.10, 0.07, 0.05)
    window = np.zeros((height, width), bool)
    window[70:290, 380:600] = True
    light[58:302, 368:612] = 0.32
    trees = cv2.resize(random.random((28, 28)).astype(np.float32), (220, 220), interpolation=cv2.INTER_CUBIC)
    view = np.array([1.2, 2.2, 0.9]) * (0.4 + np.clip(trees, 0, 1))[:, :, None]
    view[:70] = (4.2, 4.4, 4.7)
    light[window] = view.reshape(-1, 3)
    glare = np.zeros((height, width), np.uint8)
    cv2.ellipse(glare, (200, 420), (90, 32), 0, 0, 360, 1, -1)
    light[glare > 0] = 1.6
    return light, window


def photographed(light: npt.NDArray[np.float64], stops: float) -> Picture:
    """A photo of linear light."""
    return np.asarray(np.clip((light * 2.0**stops) ** (1 / 2.2), 0, 1) * 255 + 0.5, np.uint8)


def wall_beside_window() -> tuple[npt.NDArray[np.float64], Bits]:
    """The hardest scene for fusion, as linear light: a plain wall, evenly lit from the window beside it.

    The window is burnt out in all but the darkest of the exposures that suit the wall.
    """
    height, width = 400, 600
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    falloff = 1 / (1 + ((columns - 420) / 300) ** 2 + ((rows - 180) / 360) ** 2)
    light = np.stack([0.24 * (0.35 + falloff), 0.228 * (0.35 + falloff), 0.208 * (0.35 + falloff)], axis=-1)
    light[320:] *= (0.6, 0.45, 0.3)
    light[58:266, 364:536] = 0.5
    leaves = cv2.resize(random.random((24, 20)), (156, 192), interpolation=cv2.INTER_CUBIC)
    view = np.array([6.0, 9.0, 4.0]) * (0.45 + np.clip(leaves, 0, 1))[:, :, None]
    view[:66] = np.array([24, 26, 29]) * (0.8 + 0.2 * np.clip(leaves[:66], 0, 1))[:, :, None]
    light[66:258, 372:528] = view
    light[66:258, 447:453] = 0.5
    light[156:161, 372:528] = 0.5
    window = np.zeros((height, width), bool)
    window[66:258, 372:528] = True
    return light * (1 + 0.01 * random.standard_normal((height, width, 1))), window


def plain_room(wall: tuple[int, int, int]) -> Picture:
    """A room's corner: a smooth wall up to the top edge, darker below, a white door, a carpet."""
    height, width = 480, 720
    random = np.random.default_rng(5)
    fall = np.linspace(1.0, 0.9, height)[:, None, None]
    picture = np.ones((height, width, 3)) * wall * fall
    picture[350:] = (176, 150, 104)
    picture[350:] += random.normal(0, 5, (130, width, 1))
    picture[150:350, 500:620] = (246, 245, 241)
    picture[60:200, 90:240] = (250, 249, 246)
    picture[300:420, 120:380] = (70, 52, 40)
    return np.clip(picture + random.normal(0, 1, picture.shape), 0, 255).astype(np.uint8)


def clouded(picture: Picture, sky: Bits) -> Picture:
    """The picture with its sky blue, brighter towards the horizon, and white clouds and a bird in it."""
    height, width = sky.shape
    rows = np.linspace(0, 1, height)[:, None]
    blue = np.stack([70 + 150 * rows, 120 + 120 * rows, 195 + 60 * rows], axis=-1) * np.ones((1, width, 1))
    clouds = np.zeros((height, width), np.uint8)
    for x, y in ((150, 60), (240, 75), (560, 50)):
        cv2.ellipse(clouds, (x, y), (70, 22), 0, 0, 360, 255, -1)
    soft = cv2.GaussianBlur(clouds, (0, 0), 5)[:, :, None] / 255
    heaven = blue * (1 - soft) + 250 * soft
    heaven[40:43, 330:338] = 30
    return np.where(sky[:, :, None], np.clip(heaven, 0, 255), picture).astype(np.uint8)


def merged(
    photos: list[Path],
    target: Path,
    *,
    corrections: bool = False,
    photographer_removal: bool = True,
    long_edge: int = 3000,
) -> Picture:
    engine.merge(
        photos,
        target,
        lens_correction=corrections,
        perspective_correction=corrections,
        photographer_removal=photographer_removal,
        long_edge=long_edge,
    )
    return np.asarray(Image.open(target))


def view_of(room: Picture) -> Plane | None:
    """What is found to be outdoors in a room; None where its windows are refused."""
    try:
        outdoors = find_sky(room).outdoors
    except Unsuitable as refusal:
        assert "looked for windows whose glass can be told whole" in str(refusal)
        return None
    assert outdoors is not None
    return outdoors
