"""Moving originals: each exactly once, byte for byte."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hotfolder.errors import LocalTrouble, SetChanged
from hotfolder.outbox import linking
from hotfolder.outbox.files import Sharing, delete_stale_temporaries
from hotfolder.outbox.placing import move
from hotfolder.rules.sets import FileIdentity
from tests.outbox.conftest import Killed, lines_that_matter


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "inbox" / "room" / "a.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"photo" * 1000)
    os.utime(path, ns=(10**18, 10**18))
    return path


@pytest.mark.parametrize("far", [False, True], ids=["same disk", "other disk"])
def test_a_move_keeps_bytes_and_time(
    tmp_path: Path, shared: Sharing, photo: Path, way: linking.Way, far: bool, request: pytest.FixtureRequest
) -> None:
    """On one disk an original is renamed, not copied; a second call has nothing left to do."""
    before, data = FileIdentity.of(photo.stat()), photo.read_bytes()
    target = (request.getfixturevalue("other_disk") if far else tmp_path) / "originals" / "room" / "a.jpg"
    for _ in range(2):
        move(photo, target, expected=before, shared=shared)
        assert not photo.exists()
        assert target.read_bytes() == data
        assert (target.stat().st_mtime_ns, target.stat().st_nlink) == (10**18, 1)
        assert far or target.stat().st_ino == before.inode
    assert [path.name for path in target.parent.iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("far", [False, True], ids=["same disk", "other disk"])
def test_another_file_in_the_way_is_never_replaced(
    tmp_path: Path, shared: Sharing, photo: Path, way: linking.Way, far: bool, request: pytest.FixtureRequest
) -> None:
    """The move is refused in words, and both files are as they were."""
    data = photo.read_bytes()
    target = (request.getfixturevalue("other_disk") if far else tmp_path) / "a.jpg"
    for theirs in (b"theirs", b""):
        target.write_bytes(theirs)
        os.utime(target, ns=(0, 0))
        with pytest.raises(LocalTrouble, match="is another file"):
            move(photo, target, expected=None, shared=shared)
        assert (photo.read_bytes(), target.read_bytes()) == (data, theirs)


@pytest.mark.parametrize("change", ["size", "time", "inode", "link", "gone", "folder"])
def test_a_changed_photo_is_left_alone(tmp_path: Path, shared: Sharing, photo: Path, change: str) -> None:
    """A photo that differs from the settled and paid one is not filed."""
    before = FileIdentity.of(photo.stat())
    if change == "size":
        photo.write_bytes(b"photo")
    elif change == "time":
        os.utime(photo, ns=(10**18, 10**18 + 1))
    else:
        photo.rename(tmp_path / "aside")
        if change == "inode":
            photo.write_bytes(b"photo" * 1000)
            os.utime(photo, ns=(10**18, 10**18))
        elif change == "link":
            photo.symlink_to(tmp_path / "aside")
        elif change == "folder":
            photo.mkdir()
    with pytest.raises(SetChanged):
        move(photo, tmp_path / "done" / "a.jpg", expected=before, shared=shared)
    assert not (tmp_path / "done" / "a.jpg").exists()
    assert change == "gone" or os.path.lexists(photo)


def test_a_leftover_second_name_is_finished(tmp_path: Path, shared: Sharing, photo: Path) -> None:
    """A crash between link and unlink left the original under both names; ctime has moved on."""
    before = FileIdentity.of(photo.stat())
    target = tmp_path / "a.jpg"
    os.link(photo, target)
    move(photo, target, expected=before, shared=shared)
    assert not photo.exists()
    assert FileIdentity.of(target.stat()).inode == before.inode


def test_moving_a_file_onto_itself_does_not_delete_it(tmp_path: Path, shared: Sharing, photo: Path) -> None:
    """One file under two paths has only one name to lose."""
    (tmp_path / "alias").symlink_to(photo.parent)
    with pytest.raises(LocalTrouble):
        move(photo, tmp_path / "alias" / "a.jpg", expected=None, shared=shared)
    assert photo.exists()


@pytest.mark.parametrize(
    ("far", "size_bytes"), [(False, 0), (True, 200_000)], ids=["same disk", "other disk"]
)
def test_killed_at_any_line_and_called_again(
    tmp_path: Path,
    shared: Sharing,
    memory: Path,
    way: linking.Way,
    killed_at: Killed,
    far: bool,
    size_bytes: int,
) -> None:
    """At every moment a whole copy of the original exists; after the next call exactly one does."""
    if far and memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second writable file system")
    drop = tmp_path if far else memory
    data = b"y" * size_bytes

    def paths(name: str) -> tuple[Path, Path]:
        return drop / f"in{name}.jpg", memory / name / "originals" / "a.jpg"

    def prepared(name: str) -> Callable[[], None]:
        source, target = paths(name)
        source.write_bytes(data)
        os.utime(source, ns=(10**18, 10**18))
        before = FileIdentity.of(source.stat())
        return lambda: move(source, target, expected=before, shared=shared)

    for line in lines_that_matter(prepared, memory, tmp_path):
        call, (source, target) = prepared(str(line)), paths(str(line))
        killed_at(line, call)
        copies = [path for path in (source, target) if path.exists() and path.read_bytes() == data]
        assert copies, f"lost when killed at line {line}"
        call()
        delete_stale_temporaries(memory / str(line))
        assert not source.exists()
        assert [path.name for path in target.parent.iterdir()] == ["a.jpg"]
        assert target.read_bytes() == data
        assert target.stat().st_nlink == 1
        assert target.stat().st_mtime_ns == 10**18
