"""An unmounted or replaced inbox is degraded, and never treated as empty. Two daemons on one inbox: the
second is refused, and changes nothing of the first one's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hotfolder.errors import UsageError
from hotfolder.inbox.contents import LOCK_NAME, MARKER_NAME
from hotfolder.inbox.guard import Root
from hotfolder.inbox.inbox import Inbox
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


def standing_at(root: Path, store: str, lock: FolderLock | None = None) -> Root:
    return Root(root, store, first_start=True, lock=lock or FolderLock(LOCK_NAME))


def test_a_live_marker_is_never_taken_over(root: Path, open_inbox: Callable[..., Inbox]) -> None:
    first = standing_at(root, "store-1")
    assert first.check().degraded == ""
    second = standing_at(root, "store-2")
    found = second.check()
    assert f"process {os.getpid()} on " in found.degraded and found.holder in found.degraded
    assert (root / MARKER_NAME).read_text().strip() == "store-1"
    assert first.check().degraded == ""
    with pytest.raises(UsageError, match=f"process {os.getpid()} on "):
        open_inbox("store-2", lock=FolderLock(LOCK_NAME)).claim()


def test_the_next_one_comes_in_once_the_first_has_let_go(root: Path) -> None:
    lock = FolderLock(LOCK_NAME)
    first = standing_at(root, "store-1", lock)
    assert first.check().degraded == ""
    second = standing_at(root, "store-2")
    assert second.check().holder
    lock.close()
    assert second.check().degraded == ""
    assert first.check().degraded != ""


def test_a_deleted_lock_is_made_again_by_whoever_has_it(root: Path) -> None:
    first = standing_at(root, "store-1")
    first.check()
    (root / LOCK_NAME).unlink()
    assert first.check().degraded == ""
    assert standing_at(root, "store-2").check().holder


def test_an_inbox_that_was_not_mounted_at_first_is_locked_when_it_is(root: Path) -> None:
    Root(root, "store-1", first_start=True).check()
    mounted = root.with_name("mounted")
    root.rename(mounted)
    root.mkdir()
    first = Root(root, "store-1", first_start=False, lock=FolderLock(LOCK_NAME))
    assert "empty mount point" in first.check().degraded
    assert list(root.iterdir()) == []
    root.rmdir()
    mounted.rename(root)
    assert first.check().degraded == ""
    assert standing_at(root, "store-2").check().holder


LOOK = """
import sys
from pathlib import Path
from hotfolder.inbox.contents import LOCK_NAME
from hotfolder.inbox.guard import Root
from hotfolder.locks import FolderLock
root = Path(sys.argv[1])
for store in sys.argv[2:]:
    status = Root(root, store, first_start=True, lock=FolderLock(LOCK_NAME)).check()
    print(status.lockable, status.degraded)
"""


@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_said_and_a_foreign_marker_left_alone(root: Path, error: str) -> None:
    """The kernel answers so, as for some shares."""
    strace = f"strace -f -qq -o /dev/null -e trace=flock -e inject=flock:error={error}".split()
    try:
        done = subprocess.run(
            [*strace, sys.executable, "-c", LOOK, str(root), "store-1", "store-2"],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=300,
        )
    except FileNotFoundError:
        pytest.skip("strace isn't there")
    if "not permitted" in done.stderr:
        pytest.skip("strace may not trace here")
    ours, theirs = done.stdout.splitlines()
    assert ours == "False "
    assert "belongs to another hotfolder" in theirs
    assert (root / MARKER_NAME).read_text().strip() == "store-1"


async def test_a_standing_notice_says_that_nobody_guards_the_inbox(
    open_inbox: Callable[..., Inbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FolderLock, "hold", lambda *_: False)
    inbox = open_inbox(lock=FolderLock(LOCK_NAME))
    inbox.claim()
    await inbox.look()
    assert any("no file locks" in notice.text for notice in inbox.status().notices)


def test_a_lock_that_is_another_files_second_name_is_refused_and_left_alone(root: Path) -> None:
    victim = root.with_name("jobs.sqlite")
    victim.write_bytes(b"what was paid for")
    os.link(victim, root / LOCK_NAME)
    assert "remove it" in standing_at(root, "store-1").check().degraded
    assert victim.read_bytes() == b"what was paid for"
    (root / LOCK_NAME).unlink()
    assert standing_at(root, "store-1").check().degraded == ""
