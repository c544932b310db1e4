"""How soon it is there, and what it costs while nothing happens: `python -m tests.bench.startup`.

`help`, `status`: a process from start to end. `inbox`: until it watches, with so many files in the inbox.
`idle`: share of a core with so many set folders that are done with.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tests.bench.bound import World
from tests.bench.contenders import ours
from tests.bench.processes import environment, tree
from tests.bench.race import workspace
from tests.bench.shop import open_shop

SETTLED_SECONDS = 15.0
"""After the start, until its first looks at the whole inbox are over."""


def commands(repeat: int) -> None:
    with workspace() as root:
        config = root / "config.yaml"
        config.write_text(json.dumps({"root": "."}))
        for options, goal in ((["--help"], 0.3), (["status", "--config", str(config)], 0.6)):
            wall, cpu = [], []
            for _ in range(repeat):
                began, before = time.perf_counter(), os.times()
                subprocess.run(
                    [sys.executable, "-m", "hotfolder", *options],
                    check=True,
                    stdout=subprocess.DEVNULL,
                    env=environment(),
                    cwd=tree(),
                )
                after = os.times()
                wall.append(time.perf_counter() - began)
                cpu.append(
                    after.children_user
                    + after.children_system
                    - before.children_user
                    - before.children_system
                )
            print(
                f"hotfolder {options[0]}: {min(wall):.2f} s at best, median {median(wall):.2f} s,"
                f" CPU {min(cpu):.2f} s (goal {goal} s); load {os.getloadavg()[0]:.1f}"
            )


def inbox(files: int) -> None:
    """Files of no size in rooms of seven, so that nothing settles."""
    with workspace() as root, open_shop(World(), root, megapixels=0.1) as shop:
        for number in range(files // 7 + 1):
            folder = root / "inbox" / f"project-{number // 40}" / f"room-{number}"
            folder.mkdir(parents=True)
            for photo in range(7):
                (folder / f"{photo}.jpg").touch()
        began = time.monotonic()
        with ours().start(root, shop.url, shop.storage, 60.0) as daemon:
            started = time.monotonic() - began
            pages = Path(root / "inbox" / "STATUS.txt")
            while not pages.exists() and time.monotonic() - began < 120:
                time.sleep(0.05)
            looked = time.monotonic() - began
            cpu = daemon.cpu_so_far()
            memory = daemon.peak_bytes
        print(
            f"{files} files: `started` after {started:.2f} s, first page {looked:.2f} s; CPU {cpu:.2f} s,"
            f" {memory / 1e6:.0f} MB; load {os.getloadavg()[0]:.1f}"
        )


def idle(folders: int, seconds: float) -> None:
    with workspace() as root, open_shop(World(), root, megapixels=0.1) as shop:
        for number in range(folders):
            (root / "inbox" / f"project-{number // 40}" / f"room-{number}").mkdir(parents=True)
        with ours().start(root, shop.url, shop.storage, 2.0) as daemon:
            time.sleep(SETTLED_SECONDS)
            before = daemon.cpu_so_far()
            time.sleep(seconds)
            used = (daemon.cpu_so_far() - before) / seconds
            memory = daemon.peak_bytes
        print(f"idle on {folders} folders: {used:.3%} of a core (goal 0.1 %), {memory / 1e6:.0f} MB")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("what", choices=("commands", "inbox", "idle"))
    asked.add_argument("--files", type=int, default=100_000)
    asked.add_argument("--folders", type=int, default=2_000)
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--repeat", type=int, default=7)
    given = asked.parse_args()
    if given.what == "commands":
        commands(given.repeat)
    elif given.what == "inbox":
        inbox(given.files)
    else:
        idle(given.folders, given.seconds)


if __name__ == "__main__":
    main()
