"""The sandbox's merge beside enfuse's and OpenCV's: `python -m tests.bench.contest SHEET.jpg FOLDER...`.

Each folder holds the frames of one bracket set. All three get the same aligned frames and no corrections.
Prints what `measures` says of each, where all frames show the scene, and the CPU seconds that each took. The
sheet shows the darkest and the brightest frame, then the three merges. enfuse (`apt-get install enfuse`) is
run as a program, or left out.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from hotfolder.sandbox.imaging.align import Aligned, align
from hotfolder.sandbox.imaging.balance import balance_white
from hotfolder.sandbox.imaging.exposures import Exposures
from hotfolder.sandbox.imaging.fusion import fuse
from hotfolder.sandbox.imaging.ghosts import mask_ghosts
from hotfolder.sandbox.imaging.picturefiles import Picture, load, resize, shrink
from hotfolder.sandbox.imaging.tone import tone_map
from tests.bench import measures

COLUMNS = ("MEF", "wide %", "mid %", "median", "burnt %", "detail %", "cast", "CPU s")
CELL = 640


def aligned_frames(folder: Path, long_edge: int) -> tuple[Aligned, int]:
    """The folder's frames from dark to bright, aligned, and the index of the reference frame."""
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    frames = sorted((load(path, long_edge=long_edge).pixels for path in photos), key=np.mean)
    usable = [float(((frame > 20) & (frame < 235)).mean()) for frame in frames]
    reference = int(np.argmax(usable))
    return align(frames, reference), reference


def ours(aligned: Aligned, reference: int) -> Picture:
    frames = list(aligned.frames)
    usable = mask_ghosts(frames, aligned.coverage, reference)
    return balance_white(tone_map(fuse(frames, usable), Exposures.of(frames, usable)), frames, reference)


def mertens(frames: Sequence[Picture]) -> Picture:
    fused = np.asarray(cv2.createMergeMertens().process(list(frames)))
    return np.asarray(np.clip(fused * 255 + 0.5, 0, 255), np.uint8)


def enfuse(frames: Sequence[Picture]) -> Picture:
    with tempfile.TemporaryDirectory(prefix="hotfolder-bench-") as folder:
        names = [f"{folder}/{index}.tif" for index in range(len(frames))]
        for name, frame in zip(names, frames, strict=True):
            Image.fromarray(frame).save(name)
        command = ["enfuse", "-o", f"{folder}/out.tif", *names]
        subprocess.run(command, check=True, capture_output=True, timeout=600)
        return np.asarray(Image.open(f"{folder}/out.tif").convert("RGB"))


def timed(merge: Callable[[], Picture]) -> tuple[Picture, float]:
    """The merge, and the CPU seconds of this process and its children."""

    def spent() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    began = spent()
    return merge(), spent() - began


def covered(aligned: Aligned) -> tuple[slice, slice]:
    """The rows and columns of which all frames show at least half. Beyond, an aligned frame holds no picture
    to compare with, only its repeated edge."""
    shape = aligned.frames[0].shape[:2]
    covers = [resize(cover, shape) for cover in aligned.coverage if cover is not None]
    whole = np.min([np.ones(shape, np.float32), *covers], axis=0) > 0.99
    rows, columns = (np.flatnonzero(whole.mean(axis=axis) > 0.5) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def scores(frames: Sequence[Picture], picture: Picture) -> list[float]:
    window = measures.window_area(frames)
    return [
        measures.mef_ssim(frames, picture),
        100 * measures.reversed_share(frames, picture, measures.WIDE),
        100 * measures.reversed_share(frames, picture, measures.MID),
        float(np.median(measures.to_gray(picture))),
        100 * measures.clipped_share(picture, window),
        100 * measures.window_detail(frames, picture, window),
        measures.added_cast(frames, picture),
    ]


def cell(picture: Picture) -> Picture:
    small = shrink(picture, CELL)
    framed = np.zeros((CELL, CELL, 3), np.uint8)
    framed[: small.shape[0], : small.shape[1]] = small
    return framed


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("sheet", type=Path)
    asked.add_argument("folders", type=Path, nargs="+")
    asked.add_argument("--long-edge", type=int, default=1000)
    given = asked.parse_args()
    print(f"{'set':26} {'by':8}" + "".join(f"{column:>9}" for column in COLUMNS))
    rows, totals = [], dict[str, list[list[float]]]()
    for folder in given.folders:
        aligned, reference = aligned_frames(folder, given.long_edge)
        frames = aligned.frames
        rivals: dict[str, Callable[[], Picture]] = {
            "ours": partial(ours, aligned, reference),
            "mertens": partial(mertens, frames),
        }
        if shutil.which("enfuse"):
            rivals["enfuse"] = partial(enfuse, frames)
        row = [cell(frames[0]), cell(frames[-1])]
        area = covered(aligned)
        compared = [np.ascontiguousarray(frame[area]) for frame in frames]
        for name, merge in rivals.items():
            picture, seconds = timed(merge)
            line = [*scores(compared, np.ascontiguousarray(picture[area])), seconds]
            totals.setdefault(name, []).append(line)
            row.append(cell(picture))
            print(f"{folder.name[:26]:26} {name:8}" + "".join(f"{value:9.3f}" for value in line), flush=True)
        rows.append(np.hstack(row))
    for name, lines in totals.items():
        print(f"{'mean':26} {name:8}" + "".join(f"{value:9.3f}" for value in np.mean(lines, axis=0)))
    Image.fromarray(np.vstack(rows)).save(given.sheet, quality=92)


if __name__ == "__main__":
    main()
