"""Two daemons on one inbox: the second is refused, and changes nothing of the first one's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hotfolder.errors import UsageError
from hotfolder.inbox.contents import LOCK_NAME, MARKER_NAME
from hotfolder.inbox.guard import Root
from hotfolder.inbox.inbox import Inbox
from hotfolder.locks import FolderLock


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
