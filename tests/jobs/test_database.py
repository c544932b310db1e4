"""Opening the store: what is refused, and that refusing changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy.exc import StatementError

from hotfolder.errors import LocalTrouble, StoreError
from hotfolder.jobs.database import open_store, read_store
from hotfolder.jobs.sqlite import FILE_NAME, refuse_network_folder
from hotfolder.jobs.store import Store
from tests.jobs.conftest import AT, MakeJob


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
    """Advice to restore a backup would end the service, and systemd would not start it again."""
    small_files(most_bytes)
    with pytest.raises(LocalTrouble, match="can't be written"):
        open_store(tmp_path / "state")
    small_files(10**9)
    open_store(tmp_path / "state").dispose()


def test_a_store_that_is_damaged_in_the_middle_is_refused_and_left_untouched(
    tmp_path: Path, new_job: MakeJob
) -> None:
    state = tmp_path / "state"
    database = open_store(state)
    for number in range(50):
        Store(database).create(new_job(room=str(number)), "origin", AT)
    database.dispose()
    content = bytearray((state / FILE_NAME).read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    (state / FILE_NAME).write_bytes(content)
    with pytest.raises(StoreError, match="can't be read"):
        open_store(state)
    assert (state / FILE_NAME).read_bytes() == content


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
//nas/photos {root}/share cifs rw 0 0
nas:/more {root}/with\\040space nfs4 rw 0 0
/dev/sdb1 {root}/share/local xfs rw 0 0
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    (path := tmp_path / "mounts").write_text(MOUNTS.format(root=tmp_path))
    return path


@pytest.mark.parametrize("place", ["share/state", "share/deep/er/state", "with space/state"])
def test_a_state_folder_on_a_share_is_refused(tmp_path: Path, mounts: Path, place: str) -> None:
    with pytest.raises(StoreError, match="network file system"):
        refuse_network_folder(tmp_path / place, mounts)


@pytest.mark.parametrize("place", ["state", "share/local/state", "sharestate"])
def test_a_state_folder_on_a_local_disk_is_taken(tmp_path: Path, mounts: Path, place: str) -> None:
    refuse_network_folder(tmp_path / place, mounts)
    refuse_network_folder(tmp_path / place, tmp_path / "no mounts here")


def test_reading_makes_no_store_and_writes_nothing(tmp_path: Path) -> None:
    assert read_store(tmp_path / "state") is None
    assert not (tmp_path / "state").exists()
    open_store(tmp_path / "state").dispose()
    database = read_store(tmp_path / "state")
    assert database is not None
    with pytest.raises(Exception, match="readonly"):
        Store(database).publish("daemon", {}, datetime.now().astimezone())
    database.dispose()


def test_the_path_of_a_store_may_have_any_character(tmp_path: Path) -> None:
    state = tmp_path / "50% off? #1 %20"
    open_store(state).dispose()
    database = read_store(state)
    assert database is not None and Store(database).identity()
    database.dispose()
    assert [path.name for path in tmp_path.iterdir()] == [state.name]


def test_reading_takes_a_file_that_is_just_being_filled_for_no_store_yet(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").touch()
    assert read_store(tmp_path) is None
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database, whatever it may be" * 100)
    with pytest.raises(StoreError, match="can't be read"):
        read_store(tmp_path)


def test_a_moment_comes_back_aware_and_the_same_in_every_database(store: Store, new_job: MakeJob) -> None:
    at = datetime(2026, 5, 4, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    job = store.create(new_job(), "origin", at)
    [known] = store.active()
    assert (known.created_at, known.created_at.utcoffset()) == (at, timedelta(0))
    with pytest.raises(StatementError, match="without a time zone"):
        store.change(job.id, finished_at=datetime(2026, 5, 4))  # noqa: DTZ001
