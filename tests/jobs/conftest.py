from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hotfolder.jobs.database import open_store
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.model import FileRole, NewJob, Purchase, Result, job_file, photo_file
from hotfolder.jobs.store import Store
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity, Photo

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

MakeJob = Callable[..., NewJob]


def purchase(key: str = "k", job: str = "job1", **changes: Any) -> Purchase:
    """A merge that is about to be bought."""
    usual = {"inbox": "inbox", "project": "elm", "operation": "merge", "parameters": "{}", "started_at": AT}
    return Purchase(key=key, job_id=job, **{**usual, **changes})


def result(number: int, position: int = 0, sha256: str = "f") -> Result:
    """A picture that this purchase has brought."""
    found = partial(Result, file=f"{position}.jpg", sha256=sha256, size_bytes=1)
    return found(purchase_id=number, position=position, format="JPEG", width=4, height=3)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty store, once in each database."""
    if request.param == "postgresql":
        with request.getfixturevalue("postgres").store() as engine:
            yield engine
        return
    engine = open_store(tmp_path / "state")
    yield engine
    engine.dispose()


@pytest.fixture
def store(database: Engine) -> Store:
    return Store(database)


@pytest.fixture
def ledger(database: Engine) -> Ledger:
    return Store(database).ledger


@pytest.fixture
def new_job() -> MakeJob:
    """`new_job(hashes, **changes)`: creates a job with one photo for each hash, and one companion."""

    def make(hashes: str = "abc", **changes: object) -> NewJob:
        files = tuple(
            photo_file(Photo(f"{name}.jpg", FileIdentity(10, 1, 2, position), name, 4, 3, 0.5, format="JPEG"))
            for position, name in enumerate(hashes)
        )
        notes = job_file("notes.txt", FileIdentity(5, 1, 2, 99), FileRole.COMPANION)
        usual = {
            "inbox": "inbox",
            "project": "elm",
            "folder": "kitchen",
            "room": "kitchen",
            "title": "elm",
            "files": (*files, notes),
            "recipe": Recipe(),
        }
        return NewJob(**{**usual, **changes})  # type: ignore[arg-type]

    return make
