"""How soon it is there, and what it costs while nothing happens: `python -m tests.bench.startup`.

`help`, `status`: a process from start to end. `inbox`: until it watches, with so many files in the inbox.
`idle`: share of a core with so many set folders that are done with. `years`: until it watches, and its memory
with so many sets in the job store and the ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from statistics import median

from sqlmodel import Session

from hotfolder.jobs.database import open_store
from hotfolder.jobs.journal import FILE_NAME as LEDGER_FILE
from hotfolder.jobs.ledger import columns
from hotfolder.jobs.model import Call, CallState, FileRole, Job, JobFile, State
from hotfolder.rules.recipes import Recipe
from tests.bench.bound import World
from tests.bench.contenders import ours
from tests.bench.processes import environment, tree
from tests.bench.race import workspace
from tests.bench.shop import open_shop

SETTLED_SECONDS = 15.0
"""After the start, until nothing is left to do."""


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
        print(f"idle on {folders} folders: {used:.3%} of a core (goal 1 %), {memory / 1e6:.0f} MB")


def years(sets: int) -> None:
    """Each set with its two paid calls, as a daemon leaves them; `keep` has it go through all of them."""
    with workspace() as root, open_shop(World(), root, megapixels=0.1) as shop:
        fill(root / "state", sets)
        began = time.monotonic()
        keep = {"keep": {"originals_days": 30, "receipts_days": 30, "results_days": 30}}
        with ours(keep).start(root, shop.url, shop.storage, 2.0) as daemon:
            started = time.monotonic() - began
            time.sleep(SETTLED_SECONDS)
            cpu, memory = daemon.cpu_so_far(), daemon.peak_bytes
        print(
            f"{sets} sets on record: `started` after {started:.2f} s; CPU {cpu:.1f} s, {memory / 1e6:.0f} MB;"
            f" load {os.getloadavg()[0]:.1f}"
        )


def fill(state: Path, sets: int) -> None:
    database = open_store(state)
    lines = []
    with Session(database) as session, session.begin():
        for number in range(sets):
            at = f"2026-01-01T00:00:{number % 60:02}.{number % 1000:03}+00:00"
            job = f"job{number}"
            project = f"Shoot {number // 25}"
            hashes = [sha256(f"{number} {photo}".encode()).hexdigest() for photo in range(3)]
            session.add(
                Job(
                    id=job,
                    inbox="inbox",
                    project=project,
                    folder=f"room-{number}",
                    room=f"room-{number}",
                    title=project,
                    state=State.DONE,
                    recipe=Recipe().model_dump_json(),
                    filed_as=f"room-{number}",
                    created_at=at,
                    updated_at=at,
                    finished_at=at,
                )
            )
            for position, sha in enumerate(hashes):
                session.add(
                    JobFile(
                        job_id=job,
                        name=f"IMG_{position}.jpg",
                        role=FileRole.PHOTO,
                        position=position,
                        sha256=sha,
                        size_bytes=1,
                        mtime_ns=1,
                        ctime_ns=1,
                        inode=1,
                    )
                )
            for operation in ("merge", "sky"):
                call = Call(
                    uid=f"{operation}{number}",
                    key=sha256(f"{operation} {number}".encode()).hexdigest(),
                    job_id=job,
                    inbox="inbox",
                    project=project,
                    operation=operation,
                    parameters="{}",
                    photos=" ".join(hashes) if operation == "merge" else "",
                    answer='{"status": 200, "body": "{}"}',
                    started_at=at,
                    answered_at=at,
                )
                for call.state in (CallState.STARTED, CallState.ANSWERED, CallState.SUCCEEDED):
                    lines.append(json.dumps({"call": columns(call, without="id"), "results": []}) + "\n")
                session.add(call)
            if number % 1000 == 999:
                session.flush()
                session.expunge_all()
    database.dispose()
    (state / LEDGER_FILE).write_text("".join(lines))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("what", choices=("commands", "inbox", "idle", "years"))
    asked.add_argument("--files", type=int, default=100_000)
    asked.add_argument("--folders", type=int, default=2_000)
    asked.add_argument("--sets", type=int, default=36_500)
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--repeat", type=int, default=7)
    given = asked.parse_args()
    if given.what == "commands":
        commands(given.repeat)
    elif given.what == "inbox":
        inbox(given.files)
    elif given.what == "years":
        years(given.sets)
    else:
        idle(given.folders, given.seconds)


if __name__ == "__main__":
    main()
