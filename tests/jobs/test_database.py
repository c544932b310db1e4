"""Opening the store: what it refuses, and that it leaves what it refuses as it was."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable
from sqlmodel import SQLModel

from hotfolder.errors import LocalTrouble, StoreError
from hotfolder.jobs.database import FILE_NAME, open_store, read_store, refuse_network_folder
from hotfolder.jobs.journal import FILE_NAME as LEDGER_FILE
from hotfolder.jobs.journal import Journal
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.model import NewJob, Picture, Purchase
from hotfolder.jobs.store import Store


def state_with(tmp_path: Path, content: bytes) -> Path:
    state = tmp_path / "state"
    state.mkdir()
    (state / FILE_NAME).write_bytes(content)
    return state


@pytest.mark.parametrize("content", [b"this is no database" * 300, b"SQLite format 3\0" + b"\x07" * 5000])
def test_a_corrupt_store_is_refused_and_left_untouched(tmp_path: Path, content: bytes) -> None:
    state = state_with(tmp_path, content)
    with pytest.raises(StoreError, match="can't be read") as refused:
        open_store(state)
    assert "backup" in refused.value.hint
    assert (state / FILE_NAME).read_bytes() == content


@pytest.mark.parametrize("most_bytes", [0, 4096, 65536])
def test_a_disk_that_is_full_at_the_start_is_trouble_and_no_damage(
    tmp_path: Path, small_files: Callable[[int], None], most_bytes: int
) -> None:
    """A service that ended with "restore it from a backup" would not be started again by systemd."""
    small_files(most_bytes)
    with pytest.raises(LocalTrouble, match="can't be written"):
        open_store(tmp_path / "state")
    small_files(10**9)
    open_store(tmp_path / "state").dispose()


def test_a_store_that_is_damaged_in_the_middle_is_refused_and_left_untouched(
    tmp_path: Path, new_job: Callable[..., NewJob], at: datetime
) -> None:
    state = tmp_path / "state"
    database = open_store(state)
    for _ in range(50):
        Store(database).create(new_job(), "origin", at)
    database.dispose()
    content = bytearray((state / FILE_NAME).read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    (state / FILE_NAME).write_bytes(content)
    with pytest.raises(StoreError, match="can't be read"):
        open_store(state)
    assert (state / FILE_NAME).read_bytes() == content


def test_a_store_of_an_older_version_is_brought_up_to_date_and_a_copy_of_it_kept(
    tmp_path: Path, new_job: Callable[..., NewJob], at: datetime
) -> None:
    state = tmp_path / "state"
    database = open_store(state)
    job = Store(database).create(new_job(), "origin", at)
    database.dispose()
    with closing(sqlite3.connect(state / FILE_NAME)) as connection:
        columns = (
            "jobfile.let_go_at",
            "picture.rendition",
            "picture.variant",
            "job.receipt",
            "job.receipt_sha256",
            "job.cancelled_by",
            "job.priority",
            "jobfile.develop",
            "call.photos",
            "call.job_let_go_at",
            "jobfile.shot",
            "generation.let_go_at",
        )
        for table, column in (name.split(".") for name in columns):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    with pytest.raises(StoreError, match="older hotfolder"):
        read_store(state)
    database = open_store(state)
    store = Store(database)
    store.add_pictures([Picture(job_id=job.id, path="a.jpg", sha256="b", width=1, height=1, rendition="web")])
    assert [(one.rendition, one.variant) for one in store.pictures(job.id)] == [("web", "")]
    assert store.change(job.id, receipt="elm/receipts/kitchen.json").receipt_sha256 == ""
    assert [file.let_go_at for file in store.files(job.id)] == [None] * 4
    found = store.job(job.id)
    assert found is not None and (found.cancelled_by, found.priority) == ("", 1)
    database.dispose()
    with closing(sqlite3.connect(state / f"{FILE_NAME}.format-1")) as copy:
        assert copy.execute("SELECT count(*) FROM job").fetchone() == (1,)


def test_paid_calls_that_were_let_go_of_become_lean_with_their_store(tmp_path: Path, at: datetime) -> None:
    """As those that are let go of now, and in the ledger's file as well."""
    state = tmp_path / "state"
    database = open_store(state)
    ledger = Ledger(database, Journal(state / LEDGER_FILE))
    for operation in ("merge", "sky"):
        call = Purchase(key=operation, job_id=operation, operation=operation, parameters="{}", photos="a b")
        number = ledger.begin(call, at)
        ledger.answer(number, "the answer", at)
        ledger.keep(number, [])
    with closing(sqlite3.connect(state / FILE_NAME)) as connection:
        connection.execute("UPDATE call SET job_let_go_at = '2026-06-01'")
        connection.execute("ALTER TABLE generation DROP COLUMN let_go_at")
        connection.execute("PRAGMA user_version = 8")
        connection.commit()
    database.dispose()
    database = open_store(state)
    ledger = Ledger(database, Journal(state / LEDGER_FILE))
    assert ledger.restore() == 0
    database.dispose()
    assert ledger.file is not None
    lean = [(one.call.get("answer"), one.call.get("photos")) for one in ledger.file.read()]
    assert lean == [(None, None), ("the answer", None)]


def test_a_store_of_a_newer_version_is_refused_and_left_untouched(tmp_path: Path) -> None:
    state = tmp_path / "state"
    open_store(state).dispose()
    with sqlite3.connect(state / FILE_NAME) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    content = (state / FILE_NAME).read_bytes()
    with pytest.raises(StoreError, match="newer hotfolder"):
        open_store(state)
    assert (state / FILE_NAME).read_bytes() == content


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
//nas/photos {root}/share cifs rw 0 0
nas:/more {root}/with\\040space nfs4 rw 0 0
/dev/sdb1 {root}/share/local xfs rw 0 0
"""


@pytest.mark.parametrize("place", ["share/state", "share/deep/er/state", "with space/state"])
def test_a_state_folder_on_a_share_is_refused(tmp_path: Path, place: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS.format(root=tmp_path))
    with pytest.raises(StoreError, match="network file system"):
        refuse_network_folder(tmp_path / place, mounts)


@pytest.mark.parametrize("place", ["state", "share/local/state", "sharestate"])
def test_a_state_folder_on_a_local_disk_is_taken(tmp_path: Path, place: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS.format(root=tmp_path))
    refuse_network_folder(tmp_path / place, mounts)
    refuse_network_folder(tmp_path / place, tmp_path / "no mounts here")


def test_reading_makes_no_store_and_writes_nothing(tmp_path: Path) -> None:
    assert read_store(tmp_path / "state") is None
    assert not (tmp_path / "state").exists()
    open_store(tmp_path / "state").dispose()
    database = read_store(tmp_path / "state")
    assert database is not None
    with pytest.raises(Exception, match="readonly"):
        Store(database).post("daemon", {}, datetime.now().astimezone())
    database.dispose()


def test_reading_takes_a_file_that_is_just_being_filled_for_no_store_yet(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").touch()
    assert read_store(tmp_path) is None
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database, whatever it may be" * 100)
    with pytest.raises(StoreError, match="can't be read"):
        read_store(tmp_path)


def test_writers_from_several_processes_wait_for_each_other(
    tmp_path: Path, new_job: Callable[..., NewJob], at: datetime
) -> None:
    """Connections of their own, as processes have."""
    state = tmp_path / "state"
    open_store(state).dispose()
    problems: list[Exception] = []

    def write() -> None:
        database = open_store(state)
        try:
            for _ in range(10):
                Store(database).create(new_job(again=True), "origin", at)
        except Exception as problem:
            problems.append(problem)
        finally:
            database.dispose()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    database = open_store(state)
    jobs = Store(database).active()
    database.dispose()
    assert len(jobs) == 40


def test_file_sizes_times_and_inodes_have_64_bits_in_every_database() -> None:
    """PostgreSQL's INTEGER has 32, and takes no time in nanoseconds."""
    made = str(CreateTable(SQLModel.metadata.tables["jobfile"]).compile(dialect=postgresql.dialect()))
    wide = re.findall(r"(\w+) BIGINT", made)
    assert wide == ["size_bytes", "mtime_ns", "ctime_ns", "inode"]
    made = str(CreateTable(SQLModel.metadata.tables["result"]).compile(dialect=postgresql.dialect()))
    assert re.findall(r"(\w+) BIGINT", made) == ["size_bytes"]
