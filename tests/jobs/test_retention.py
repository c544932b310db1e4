"""Bought results are let go of when they are old enough, and not while a job works with them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hotfolder.jobs.database import open_store
from hotfolder.jobs.keys import merge_key
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.retention import expire_results
from hotfolder.jobs.states import Event
from hotfolder.jobs.store import NewFile, NewJob, Store
from hotfolder.jobs.tables import Call, FileRole, Result
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity, Photo

NOW = datetime(2026, 6, 1, tzinfo=UTC)
IDENTITY = FileIdentity(1, 2, 3, 4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(open_store(tmp_path / "state"))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    for name, days in (("old.jpg", 40), ("young.jpg", 20)):
        (folder / name).write_bytes(b"x")
        moment = (NOW - timedelta(days=days)).timestamp()
        os.utime(folder / name, (moment, moment))
    return folder


def expire(store: Store, results: Path) -> set[str]:
    expire_results(store, Ledger(store.database), results, keep=timedelta(days=30), now=NOW)
    return {path.name for path in results.iterdir()}


def test_only_what_is_older_than_the_limit_goes(store: Store, results: Path) -> None:
    assert expire(store, results) == {"young.jpg"}


def test_an_old_result_stays_while_a_job_works_with_it(store: Store, results: Path) -> None:
    """The same brackets were dropped again after 40 days, and are not delivered yet."""
    photo = Photo(Path("/inbox/p/r/1.jpg"), IDENTITY, "a" * 64, "JPEG", 8, 8, 0.5)
    files = (NewFile("1.jpg", IDENTITY, FileRole.PHOTO, photo),)
    new = NewJob("inbox", "p", "r", "r", "p", files, Recipe(), middle="1.jpg")
    job = store.create(new, "sandbox", NOW)
    ledger = Ledger(store.database)
    key = merge_key("sandbox", ["a" * 64], Recipe().hdr, 0)
    number = ledger.begin(Call(key=key, job_id="earlier", operation="merge", parameters="{}"), NOW)
    ledger.keep(
        number,
        [
            Result(
                call_id=number,
                position=0,
                file="old.jpg",
                sha256="b",
                size_bytes=1,
                format="JPEG",
                width=1,
                height=1,
            )
        ],
    )
    assert expire(store, results) == {"old.jpg", "young.jpg"}
    store.advance(job.id, Event.WITHDRAW, NOW)
    assert expire(store, results) == {"young.jpg"}
