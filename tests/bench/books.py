"""What the store costs: `python -m tests.bench.books transitions` and `… status`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from sqlalchemy import Engine, text
from sqlmodel import Session

from hotfolder.jobs.database import open_store, read_store
from hotfolder.jobs.model import Event, FileRole, Job, JobEvent, NewFile, NewJob, State
from hotfolder.jobs.store import Store
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity
from hotfolder.telemetry.overview import overview
from tests.bench.processes import environment, tree

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRANSITIONS = 20


def new_job(number: int) -> NewJob:
    files = tuple(
        NewFile(f"IMG_{one}.jpg", FileIdentity(4_000_000, 1, 1, one), FileRole.COMPANION) for one in range(5)
    )
    folder = f"room-{number}__sky-twilight"
    return NewJob("inbox", "12 Elm Road", folder, f"room-{number}", "12 Elm Road", files, Recipe())


def with_store(store: Store, job: str) -> None:
    """Twenty moves between two states, the way the engine makes them."""
    store.advance(job, Event.UPLOAD, NOW)
    for number in range(TRANSITIONS - 1):
        store.advance(job, Event.UPLOAD if number % 2 else Event.MERGE, NOW)


def with_plain_sqlmodel(database: Engine, job_id: str) -> None:
    """The same rows in as many commits, without anything of ours but the tables."""
    for number in range(TRANSITIONS):
        with Session(database) as session:
            job = session.get_one(Job, job_id)
            job.state = State.MERGING if number % 2 else State.UPLOADING
            job.updated_at = NOW.isoformat()
            session.add(job)
            session.add(JobEvent(job_id=job_id, at=NOW.isoformat(), state=job.state, text=""))
            session.commit()


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def transitions(jobs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="hotfolder-bench-") as folder:
        database = open_store(Path(folder))
        store = Store(database)
        mine, plain = [], []
        for number in range(jobs):
            one = store.create(new_job(2 * number), "origin", NOW).id
            other = store.create(new_job(2 * number + 1), "origin", NOW).id
            plain.append(timed(lambda: with_plain_sqlmodel(database, other)))  # noqa: B023 - called at once
            mine.append(timed(lambda: with_store(store, one)))  # noqa: B023
        database.dispose()
    ratio = median(mine) / median(plain)
    print(
        f"20 transitions: {median(mine) * 1000:.1f} ms, plain SQLModel {median(plain) * 1000:.1f} ms:"
        f" {ratio:.2f} × (goal 1.20); load {os.getloadavg()[0]:.1f}"
    )


INSERTS = (
    "INSERT INTO job (id, inbox, project, folder, room, title, state, reason, hint, charged, recipe, origin,"
    " generation, scope, receipt, receipt_sha256, cancelled_by, priority, created_at, updated_at,"
    " finished_at)"
    " SELECT printf('j%07d', n), 'inbox', 'p' || (n / 40), 'room-' || n, 'room-' || n, 'p', 'done',"
    " '', '', '', '{}', 'o', 0, 's' || n, '', '', '', 1,"
    " strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + n, 'unixepoch'), 'x', 'x' FROM numbers",
    "INSERT INTO jobfile (job_id, name, role, position, sha256, size_bytes, mtime_ns, ctime_ns, inode,"
    " format, is_middle, develop, shot) SELECT printf('j%07d', n), 'IMG_' || k, 'photo', k, 'abc', 4000000,"
    " 1, 1, n, 'JPEG', 0, '', '' FROM numbers, (SELECT n AS k FROM numbers LIMIT 5)",
    "INSERT INTO moment (job_id, at, state, text) SELECT printf('j%07d', n), 'x', 'done', ''"
    " FROM numbers, (SELECT n AS k FROM numbers LIMIT 7)",
)


def fill(database: Engine, jobs: int) -> None:
    """So many finished jobs, with their files and stories."""
    with database.begin() as connection:
        connection.execute(text("CREATE TEMP TABLE numbers (n INTEGER)"))
        connection.execute(
            text(
                "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < :most)"
                " INSERT INTO numbers SELECT n FROM c"
            ),
            {"most": jobs},
        )
        for statement in INSERTS:
            connection.execute(text(statement))


def status(jobs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="hotfolder-bench-") as folder:
        root = Path(folder)
        (root / "config.yaml").write_text(json.dumps({"root": "."}))
        database = open_store(root / "state")
        fill(database, jobs)
        database.dispose()
        reading = read_store(root / "state")
        assert reading is not None
        for most in (40, 1000):
            took = [
                timed(lambda: overview(Store(reading), pid=None, most_finished=most))  # noqa: B023
                for _ in range(5)
            ]
            print(f"overview of {jobs} finished jobs, {most} shown: {min(took) * 1000:.0f} ms (goal 300 ms)")
        reading.dispose()
        for options in ((), ("--json",)):
            command = [sys.executable, "-m", "hotfolder", "status", "--config", str(root / "config.yaml")]
            took = [timed(lambda: run([*command, *options])) for _ in range(5)]  # noqa: B023
            print(f"hotfolder status {' '.join(options)}: {min(took):.2f} s, median {median(took):.2f} s")


def run(command: list[str]) -> None:
    with suppress(FileNotFoundError):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment(), cwd=tree())


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("what", choices=("transitions", "status"))
    asked.add_argument("--jobs", type=int)
    given = asked.parse_args()
    if given.what == "transitions":
        transitions(given.jobs or 30)
    else:
        status(given.jobs or 100_000)


if __name__ == "__main__":
    main()
