"""`hotfolder logs JOB`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path

from hotfolder.config.load import state_location
from hotfolder.display import say as print
from hotfolder.errors import UsageError
from hotfolder.jobs.database import read_store
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.store import Store
from hotfolder.rules.names import printable
from hotfolder.telemetry.history import Story, history
from hotfolder.telemetry.overview import WORDS, with_hint


def logs(job_id: str, config: Path, *, as_json: bool) -> int:
    """Print the whole history of one job. Only reads; the daemon may be running or not. Raises UsageError."""
    place = state_location(config, os.environ)
    database = read_store(place.state)
    if database is None:
        if place.error is not None:
            raise place.error
        raise UsageError(
            f"nothing has run with {config} yet", hint="There is no store in its `state` folder."
        )
    try:
        told = history(Store(database), Ledger(database), job_id)
    finally:
        database.dispose()
    print(json.dumps(told.as_dict(), indent=2) if as_json else "\n".join(lines(told)))
    return 0


def lines(told: Story, zone: tzinfo | None = None) -> Iterator[str]:
    """For people: local times, one day's heading before what happened that day. `zone` is the machine's."""
    job = told.job
    yield printable(f"{job.project} / {job.room} (job {job.id}): {WORDS.get(job.state, job.state)}")
    route = f'route "{job.route}"' if job.route else "no route, by the defaults"
    number = "1 photo" if len(told.photos) == 1 else f"{len(told.photos)} photos"
    yield printable(f"{number} from {job.inbox}/{job.project}/{job.folder}; {route}")
    day = ""
    for entry in told.entries:
        at = datetime.fromisoformat(entry.at).astimezone(zone)
        if f"{at:%A %Y-%m-%d}" != day:
            day = f"{at:%A %Y-%m-%d}"
            yield f"\n{day}, {at:%Z}"
        yield printable(f"  {at:%H:%M:%S}  {entry.paid.upper():<11}  {entry.text}")
    yield ""
    if job.reason:
        yield printable(f"Why: {with_hint(job.reason, job.hint)}")
    if job.charged:
        yield printable(job.charged)
    for picture in told.pictures:
        yield printable(f"In done: {picture.path}")
