"""An unmounted or replaced inbox is degraded, and never treated as empty."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hotfolder.inbox.contents import LOCK_NAME, MARKER_NAME
from hotfolder.inbox.guard import Root
from hotfolder.locks import FolderLock


def met(root: Path) -> Root:
    """An inbox that the store knows from an earlier run."""
    Root(root, "store-1", first_start=True).check()
    return Root(root, "store-1", first_start=False)


def test_the_first_start_makes_the_marker(root: Path) -> None:
    status = Root(root, "store-1", first_start=True).check()
    assert status.degraded == ""
    assert (root / MARKER_NAME).read_text().strip() == "store-1"
    assert [entry.name for entry in root.iterdir()] == [MARKER_NAME]


def test_a_later_start_without_the_marker_is_degraded_until_it_is_put_there(root: Path) -> None:
    checked = Root(root, "store-1", first_start=False)
    assert "looks like an empty mount point" in (doubt := checked.check().degraded)
    assert "write store-1 into" in doubt and list(root.iterdir()) == []
    (root / MARKER_NAME).write_text("store-1")
    assert checked.check().degraded == ""


@pytest.mark.parametrize("change", [Path.unlink, lambda marker: marker.write_text("")], ids=["gone", "empty"])
def test_a_marker_that_alone_was_deleted_or_emptied_is_made_again(
    root: Path, change: Callable[[Path], object]
) -> None:
    checked = met(root)
    checked.check()
    change(root / MARKER_NAME)
    assert checked.check().degraded == ""
    assert (root / MARKER_NAME).read_text().strip() == "store-1"


def test_a_marker_that_was_deleted_while_nobody_watched_is_made_again_in_the_known_place(root: Path) -> None:
    place = met(root).check().identity
    (root / MARKER_NAME).unlink()
    status = Root(root, "store-1", first_start=False, known_identity=place).check()
    assert status.degraded == ""
    assert (root / MARKER_NAME).read_text().strip() == "store-1"


def test_a_replaced_folder_is_degraded_until_the_right_one_is_back(root: Path) -> None:
    checked = met(root)
    place = checked.check().identity
    kept = root.with_name("kept")
    root.rename(kept)
    assert "is not there" in checked.check().degraded
    root.mkdir()
    assert "looks like an empty mount point" in checked.check().degraded
    root.rmdir()
    kept.rename(root)
    assert checked.check().identity == place


def test_a_copy_with_the_marker_is_the_inbox_in_another_place(root: Path) -> None:
    checked = met(root)
    place = checked.check().identity
    shutil.copytree(root, root.with_name("copy"))
    root.rename(root.with_name("old"))
    root.with_name("copy").rename(root)
    status = checked.check()
    assert status.degraded == ""
    assert status.identity != place


def test_another_stores_inbox_is_left_alone(root: Path) -> None:
    met(root)
    status = Root(root, "store-2", first_start=False).check()
    assert "belongs to another hotfolder" in status.degraded
    assert (root / MARKER_NAME).read_text().strip() == "store-1"


def test_a_new_store_takes_over_what_nobody_works_with_and_the_old_one_stops(root: Path) -> None:
    old = met(root)
    assert old.check().degraded == ""
    new = Root(root, "store-2", first_start=True, lock=FolderLock(LOCK_NAME))
    assert (status := new.check()).degraded == "" and status.taken_over
    assert not new.check().taken_over
    assert "belongs to another hotfolder" in old.check().degraded


def test_a_marker_that_is_a_pipe_or_a_link_does_not_hang_or_mislead(root: Path) -> None:
    checked = met(root)
    checked.check()
    (root / MARKER_NAME).unlink()
    os.mkfifo(root / MARKER_NAME)
    assert checked.check().degraded == ""
    assert (root / MARKER_NAME).is_file()
    (root / MARKER_NAME).unlink()
    (root / MARKER_NAME).symlink_to("/etc/hostname")
    assert "can't be used" in checked.check().degraded


def test_an_inbox_that_may_not_be_written_is_not_said_to_be_missing(
    unprivileged: Callable[[], AbstractContextManager[Path]],
) -> None:
    """The folder belongs to another user, as in containers: the advice is about its owner, not about
    mounts."""
    with unprivileged() as folder:
        inbox = folder / "inbox"
        inbox.mkdir(mode=0o500)
        checked = Root(inbox, "store-1", first_start=True, lock=FolderLock(LOCK_NAME))
        said = checked.check().degraded
        assert "can't be used: Permission denied" in said
        assert f"writable for user {os.geteuid()}" in said
        inbox.chmod(0o700)
        assert checked.check().degraded == ""


def test_making_the_marker_writes_through_nobodys_link(root: Path) -> None:
    """A guessable temporary name could be a link to the store's file."""
    victim = root.with_name("jobs.sqlite")
    victim.write_bytes(b"what was paid for")
    for name in (f"{MARKER_NAME}.{os.getpid()}.tmp", f".hotfolder-tmp-{os.getpid()}"):
        (root / name).symlink_to(victim)
    assert Root(root, "store-1", first_start=True, lock=FolderLock(LOCK_NAME)).check().degraded == ""
    assert victim.read_bytes() == b"what was paid for"
    assert (root / MARKER_NAME).read_text().strip() == "store-1"
