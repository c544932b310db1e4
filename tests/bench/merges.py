"""The sandbox's merge against OpenCV's own AlignMTB and Mertens: `python -m tests.bench.merges`."""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import cv2
import numpy

from hotfolder.sandbox.imaging import engine
from hotfolder.sandbox.settings import SandboxSettings
from tests.bench import photos


def read(path: Path) -> numpy.ndarray:
    frame = cv2.imread(str(path))
    assert frame is not None
    return frame


def peer(paths: list[Path], long_edge: int | None) -> float:
    """Read, align and fuse; seconds. `long_edge` in pixels, None for the size they have."""
    began = time.perf_counter()
    frames = [read(path) for path in paths]
    if long_edge is not None:
        scale = long_edge / max(frames[0].shape[:2])
        frames = [
            cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for frame in frames
        ]
    cv2.createAlignMTB().process(frames, frames)
    fused = cv2.createMergeMertens().process(frames)
    cv2.imwrite(str(paths[0].with_name("peer.jpg")), numpy.clip(fused * 255, 0, 255).astype(numpy.uint8))
    return time.perf_counter() - began


def ours(paths: list[Path], long_edge: int, extras: bool) -> float:
    """Merge with the engine; seconds. `extras` asks for everything that the API does besides."""
    began = time.perf_counter()
    engine.merge(
        photos=paths,
        target=paths[0].with_name("ours.jpg"),
        lens_correction=extras,
        perspective_correction=extras,
        photographer_removal=extras,
        long_edge=long_edge,
    )
    return time.perf_counter() - began


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--full", action="store_true", help="the peer at full size too, which takes 4 GB")
    given = asked.parse_args()
    long_edge = SandboxSettings(data=Path()).long_edge
    with tempfile.TemporaryDirectory(prefix="hotfolder-bench-") as folder:
        photos.write_set(Path(folder) / "set", "set", 5, 4_000_000, 24.0)
        paths = sorted((Path(folder) / "set").glob("IMG*"))
        cv2.setNumThreads(2)
        ours(paths, long_edge, False)
        mine = [ours(paths, long_edge, False) for _ in range(2)]
        everything = [ours(paths, long_edge, True) for _ in range(2)]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        other = [peer(paths, long_edge) for _ in range(2)]
        print(
            f"two merges at {long_edge} px: {sum(mine):.2f} s, with every correction {sum(everything):.2f} s,"
            f" {memory:.0f} MB; AlignMTB and Mertens {sum(other):.2f} s: {sum(mine) / sum(other):.2f} ×,"
            f" {sum(everything) / sum(other):.2f} × (goal 1.30); load {os.getloadavg()[0]:.1f}"
        )
        if given.full:
            full = [peer(paths, None) for _ in range(2)]
            print(f"the peer at full size: {sum(full):.2f} s: {sum(everything) / sum(full):.2f} ×")


if __name__ == "__main__":
    main()
