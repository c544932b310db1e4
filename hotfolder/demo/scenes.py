"""The demo's rooms: which folders are dropped, with which exposures, and the frames in them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from hotfolder.demo.camera import expose, glare
from hotfolder.demo.exif import Shot, camera_exif
from hotfolder.demo.frontage import front
from hotfolder.demo.garden import garden
from hotfolder.demo.interior import living_room
from hotfolder.demo.render import Render
from hotfolder.demo.textures import Floats

JPEG_QUALITY = 92
PROJECT = "12 Elm Road"
FIVE = (
    (-4, Fraction(1, 250)),
    (-2, Fraction(1, 60)),
    (0, Fraction(1, 15)),
    (2, Fraction(1, 4)),
    (4, Fraction(1)),
)
THREE = ((-2, Fraction(1, 500)), (0, Fraction(1, 125)), (2, Fraction(1, 30)))
FIRST_FRAME = datetime(2026, 5, 12, 10, 31, 7, 340000)  # noqa: DTZ001 - cameras know no time zone


@dataclass(frozen=True)
class DemoScene:
    """A room to be rendered and bracketed. `render` takes the scale (1.0 is 1620 by 1080 pixels)."""

    project: str
    folder: str
    title: str
    render: Callable[[float], Render]
    exposures: tuple[tuple[int, Fraction], ...]
    """EV from the middle frame, and the shutter time that gives it."""
    middle_ev: float
    """How many stops the middle frame lies from the exposure at which radiance 1.0 saturates."""
    focal_mm: float
    first_number: int


@dataclass(frozen=True)
class DroppedScene:
    """A rendered room: its folder, ready to be moved into an inbox, and its frames from dark to bright."""

    scene: DemoScene
    folder: Path
    photos: tuple[Path, ...]


SCENES: tuple[DemoScene, ...] = (
    DemoScene(PROJECT, "living-room", "Living room", living_room, FIVE, -1.7, 21, 101),
    DemoScene(PROJECT, "front__sky-twilight", "Front of the house", front, THREE, 0.5, 22, 111),
    DemoScene(PROJECT, "garden__lawn-medium__sky-blue", "Garden", garden, THREE, 0.5, 20, 121),
)


def render_scenes(
    target: Path, *, scale: float = 1.0, progress: Callable[[str], None] | None = None
) -> list[DroppedScene]:
    """Render every scene into `target`/<project>/<folder>/IMG_….jpg, the same pixels every time.

    `target` should be a staging folder outside any inbox: frames appear one at a time.
    `progress` is told each scene's title as it begins. Raises OSError when a file can't be written.
    """
    dropped = []
    for scene in SCENES:
        if progress is not None:
            progress(scene.title)
        dropped.append(take(scene, target, scale))
    return dropped


def take(scene: DemoScene, target: Path, scale: float) -> DroppedScene:
    """Render one scene and write its bracket set."""
    folder = target / scene.project / scene.folder
    folder.mkdir(parents=True, exist_ok=True)
    radiance = glare(scene.render(scale).radiance)
    taken = FIRST_FRAME + timedelta(minutes=scene.first_number - 101)
    photos = []
    for number, (ev, seconds) in enumerate(scene.exposures):
        pixels = expose(nudged(radiance, number), scene.middle_ev + ev, seed=scene.first_number + number)
        shot = Shot(taken, seconds, 8.0, 100, scene.focal_mm)
        photo = folder / f"IMG_{scene.first_number + number:04d}.jpg"
        Image.fromarray(pixels).save(
            photo, quality=JPEG_QUALITY, subsampling=0, exif=camera_exif(shot), dpi=(72, 72)
        )
        photos.append(photo)
        taken += timedelta(seconds=float(seconds) + 0.23)
    return DroppedScene(scene, folder, tuple(photos))


def nudged(radiance: Floats, number: int) -> Floats:
    """The scene as a tripod on a wooden floor sees it: each frame a fraction of a pixel from the last."""
    height, width = radiance.shape[:2]
    dx, dy = 0.9 * np.sin(number * 2.1), 0.6 * np.sin(number * 1.3)
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return np.asarray(
        cv2.warpAffine(
            radiance, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        np.float32,
    )
