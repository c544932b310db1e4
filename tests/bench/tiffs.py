"""Several sets of the largest TIFFs at once: `python -m tests.bench.tiffs`.

What the daemon's own process takes at its peak, what its decoding process takes, and how long it is until all
is done. The files (16 bits, 33 megapixels, 200 MB each) are generated in the temporary folder, which needs
room for them twice over: 3.3 GB by default.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pyvips

from tests.bench.processes import Measured
from tests.support.studio import Shop, Studio

SIZE = (7000, 4800)
MB = 1e6
MOST_MB = 200


def large_tiff(path: Path, compression: str) -> None:
    """A TIFF of noise, which can't be compressed."""
    channel = pyvips.Image.gaussnoise(*SIZE, mean=32000, sigma=9000)
    picture = channel.bandjoin([channel, channel]).cast("ushort").copy(interpretation="rgb16")
    picture.tiffsave(str(path), compression=compression, predictor="horizontal")


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sets", type=int, default=4)
    asked.add_argument("--photos", type=int, default=2, help="in each set")
    asked.add_argument("--compression", choices=("none", "lzw", "deflate"), default="none")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        large_tiff(root / "large.tif", given.compression)
        size_bytes = (root / "large.tif").stat().st_size
        with Shop(root / "shop") as shop:
            studio = Studio(root / "studio", shop=shop, settle={"quiet_seconds": 2, "scan_seconds": 1})
            for number in range(given.sets):
                room = studio.inbox / "Large" / f"room-{number}"
                room.mkdir(parents=True)
                for photo in range(given.photos):
                    shutil.copyfile(root / "large.tif", room / f"{photo}.tif")
                    with (room / f"{photo}.tif").open("ab") as file:
                        file.write(bytes((number, photo)))  # after the picture, so that all files differ
            command = [sys.executable, "-m", "hotfolder", "run", "--config", str(studio.config)]
            began = time.monotonic()
            daemon = Measured(command, root / "run.log", ready='"started"')
            while studio.states().count("done") < given.sets and time.monotonic() - began < 600:
                time.sleep(0.2)
            took = time.monotonic() - began
            states = studio.states()
            daemon.stop()
    peak, worker = daemon.peak_bytes / MB, daemon.children_peak_bytes / MB
    print(f"{given.sets} sets of {given.photos} TIFFs of {size_bytes / MB:.0f} MB ({given.compression})")
    print(f"all done after {took:.1f} s; states: {', '.join(states)}")
    print(f"peak of the daemon's process: {peak:.0f} MB (at most {MOST_MB})")
    print(f"peak of its decoding process: {worker:.0f} MB")
    return 0 if peak < MOST_MB and states == ["done"] * given.sets else 1


if __name__ == "__main__":
    sys.exit(main())
