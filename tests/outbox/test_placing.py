"""Placing results: never replacing, never losing, never twice."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from hotfolder import newfiles
from hotfolder.newfiles import own_prefix, set_temporaries_owner
from hotfolder.outbox import linking
from hotfolder.outbox.files import Sharing, delete_stale_temporaries, file_pieces, temporary_file
from hotfolder.outbox.names import numbered_names
from hotfolder.outbox.placing import find_placed, name_keys_in, place_as
from tests.outbox.conftest import Killed, lines_that_matter


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def put(data: bytes, folder: Path, name: str, shared: Sharing) -> Path | None:
    placed = place_as(lambda: [data], folder, name, shared=shared)
    return placed.path if placed is not None else None


def test_what_was_placed_before_is_found_under_whichever_number_it_lies(tmp_path: Path) -> None:
    (tmp_path / "room.jpg").write_bytes(b"somebody else's")
    (tmp_path / "room (2).jpg").write_bytes(b"ours")
    found, taken = find_placed(lambda: [b"ours"], tmp_path, "room", ".jpg")
    assert found is not None and found.path == tmp_path / "room (2).jpg"
    assert taken == {"room.jpg", "room (2).jpg"}


def test_editing_the_picture_does_not_edit_its_source(tmp_path: Path, shared: Sharing) -> None:
    """done/ belongs to the studio; a kept result in state/ must not change with it."""
    source = tmp_path / "source"
    source.write_bytes(b"paid for")
    placed = place_as(partial(file_pieces, source), tmp_path / "done", "room.jpg", shared=shared)
    assert placed is not None
    with placed.path.open("r+b") as stream:
        stream.write(b"RETOUCH")
    assert source.read_bytes() == b"paid for"


def test_names_that_another_computer_confuses_links_and_folders_are_names_taken(tmp_path: Path) -> None:
    """A Mac or a Windows machine on the share must see two files where there are two. Nothing is written
    through a link, and a folder is not a picture."""
    (tmp_path / "elsewhere").write_bytes(b"ours")
    (tmp_path / "ROOM.JPG").symlink_to("elsewhere")
    (tmp_path / "room (2).jpg").mkdir()
    (tmp_path / "cafe\u0301.jpg").write_bytes(b"theirs")
    for stem, names in (("Room", {"room.jpg", "room (2).jpg"}), ("CAFÉ", {"café.jpg"})):
        assert find_placed(lambda: [b"ours"], tmp_path, stem, ".jpg") == (None, frozenset(names))


def test_of_a_hundred_threads_one_gets_the_name(tmp_path: Path, shared: Sharing, way: linking.Way) -> None:
    """All of them try at once."""
    pictures = [f"picture {number}".encode() * 100 for number in range(100)]
    with ThreadPoolExecutor(100) as pool:
        paths = list(pool.map(lambda data: put(data, tmp_path / "done", "room.jpg", shared), pictures))
    [winner] = [data for data, path in zip(pictures, paths, strict=True) if path is not None]
    assert contents(tmp_path / "done") == {"room.jpg": winner}


def test_processes_that_share_a_folder_lose_nothing(memory: Path, shared: Sharing, way: linking.Way) -> None:
    """Two daemons on one share have no lock in common, only the file system's guarantees."""
    children = []
    for process in range(6):
        child = os.fork()
        if child == 0:
            try:
                set_temporaries_owner(f"daemon {process}", f"store {process}")
                for number in range(25):
                    data = b"%d %d" % (process, number)
                    names = numbered_names("room", ".jpg")
                    next(filter(None, (put(data, memory / "done", name, shared) for name in names)))
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    expected = {b"%d %d" % (process, number) for process in range(6) for number in range(25)}
    assert len(contents(memory / "done")) == 150
    assert set(contents(memory / "done").values()) == expected


def test_no_way_of_renaming_replaces(tmp_path: Path, way: linking.Way) -> None:
    """The file in the way may come from anyone at any moment."""
    (tmp_path / "a").write_bytes(b"ours")
    (tmp_path / "b").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        linking.move_exclusively(tmp_path / "a", tmp_path / "b")
    (tmp_path / "c").write_bytes(b"")
    with pytest.raises(FileExistsError):
        linking.move_exclusively(tmp_path / "a", tmp_path / "c")
    assert contents(tmp_path) == {"a": b"ours", "b": b"theirs", "c": b""}


def test_threads_with_the_same_bytes_place_one_file(tmp_path: Path, shared: Sharing) -> None:
    """Two runs of one job give one picture."""
    with ThreadPoolExecutor(16) as pool:
        paths = set(pool.map(lambda _: put(b"same", tmp_path / "done", "room.jpg", shared), range(32)))
    assert paths == {tmp_path / "done" / "room.jpg"}
    assert contents(tmp_path / "done") == {"room.jpg": b"same"}


def test_killed_at_any_line_and_called_again(
    memory: Path, shared: Sharing, way: linking.Way, killed_at: Killed
) -> None:
    """Wherever the process dies, done/ holds no half picture, and the next call ends with exactly one."""
    source = memory / "source"
    source.write_bytes(b"x" * 100_000)

    def prepared(name: str) -> Callable[[], object]:
        folder = memory / name / "done" / "12 Elm Road"
        return lambda: place_as(partial(file_pieces, source), folder, "room.jpg", shared=shared)

    for line in lines_that_matter(prepared, memory):
        folder, call = memory / str(line) / "done" / "12 Elm Road", prepared(str(line))
        killed_at(line, call)
        visible = list(folder.glob("*.jpg")) if folder.exists() else []
        assert [path for path in visible if path.read_bytes() != source.read_bytes()] == []
        assert call() is not None
        delete_stale_temporaries(memory / str(line))
        assert contents(folder) == {"room.jpg": source.read_bytes()}
        assert folder.joinpath("room.jpg").stat().st_nlink == 1


def test_a_folder_renamed_under_a_temporary_file_keeps_none_of_it(tmp_path: Path) -> None:
    """An inbox is moved away, or mounted elsewhere, during a write into it."""
    folder, moved = tmp_path / "inbox", tmp_path / "moved"
    folder.mkdir()
    with (
        pytest.raises(FileNotFoundError),
        temporary_file(folder, [b"x"], Sharing().apply_to_file) as (path, _),
    ):
        folder.rename(moved)
        path.replace(folder / "STATUS.txt")
    assert list(moved.iterdir()) == []


def test_a_reservation_that_stayed_keeps_nobody_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share goes away in between: another process would clear the reservation, but this one may run for
    months."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"photo")

    def gone(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTCONN, "not connected")

    with monkeypatch.context() as away, pytest.raises(OSError, match="not connected"):
        away.setattr(os, "rename", gone)
        away.setattr(Path, "unlink", gone)
        linking.reserve_and_rename(source, target)
    assert contents(tmp_path).keys() > {"source"}
    linking.reserve_and_rename(source, target)
    assert contents(tmp_path) == {"target": b"photo"}
    assert not linking.NOT_REMOVED


def test_leftovers_are_cleared_only_if_older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary file from before this process is removed at any depth; one being written stays, whatever
    its mtime."""
    old, young = tmp_path / "a" / f"{own_prefix()}old", tmp_path / "a" / f"{own_prefix()}young"
    old.parent.mkdir()
    (tmp_path / "a" / "picture.jpg").write_bytes(b"")
    old.write_bytes(b"")
    time.sleep(0.03)
    monkeypatch.setattr(linking, "PROCESS_STARTED_NS", time.time_ns())
    time.sleep(0.03)
    young.write_bytes(b"")
    os.utime(young, ns=(0, 0))
    delete_stale_temporaries(tmp_path)
    assert set(contents(tmp_path / "a")) == {young.name, "picture.jpg"}
    delete_stale_temporaries(tmp_path / "not there")


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """`named(machine, store)`: sets the identity of this process until the test ends."""
    monkeypatch.setattr(newfiles, "_owner", "")
    monkeypatch.setattr(newfiles, "_store", "")
    return set_temporaries_owner


def reserved(folder: Path, name: str) -> Path:
    """Reserve `name` for good, as a process does that is killed before its rename."""
    (folder / "source").write_bytes(b"x")
    with pytest.MonkeyPatch.context() as killed, pytest.raises(ZeroDivisionError):
        killed.setattr(os, "rename", lambda *_: 1 / 0)
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        linking.reserve_and_rename(folder / "source", folder / name)
    [found] = folder.glob(f"{linking.RESERVATION_PREFIX}*")
    return found


@pytest.mark.parametrize("hours", [-1, 1])
def test_whose_a_reservation_is_tells_whether_it_is_in_use_and_no_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: Callable[[str, str], None], hours: int
) -> None:
    """A reservation of another machine with the same store belongs to the job that continues. Another store's
    daemon may be about to use the name, whatever the clocks say."""
    monkeypatch.setattr(linking, "PROCESS_STARTED_NS", time.time_ns() + hours * 3600 * 10**9)
    named("one", "store")
    reserved(tmp_path, "room.jpg")
    named("other", "another store")
    with pytest.raises(FileExistsError):
        linking.reserve_and_rename(tmp_path / "source", tmp_path / "room.jpg")
    named("two", "store")
    linking.reserve_and_rename(tmp_path / "source", tmp_path / "room.jpg")
    assert contents(tmp_path) == {"room.jpg": b"x"}


def test_only_ones_own_leftovers_and_those_of_machines_that_are_gone_are_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: Callable[[str, str], None]
) -> None:
    made: dict[str, list[Path]] = {}
    for machine in ("live", "gone", "own"):
        named(machine, "store")
        folder = tmp_path / machine
        folder.mkdir()
        (folder / f"{own_prefix()}0123456789abcdef").write_bytes(b"")
        made[machine] = [reserved(folder, "room.jpg"), *folder.glob(f"{own_prefix()}*")]
    of_command = tmp_path / f"{newfiles.prefix_of(newfiles.token('store'))}0123456789abcdef"
    of_command.write_bytes(b"")
    monkeypatch.setattr(linking, "PROCESS_STARTED_NS", time.time_ns() + 3600 * 10**9)
    delete_stale_temporaries(tmp_path, ["gone"])
    assert of_command.exists()
    left = {path for paths in made.values() for path in paths if path.exists()}
    assert left == set(made["live"]) and len(left) == 2
    monkeypatch.setattr(linking, "PROCESS_STARTED_NS", time.time_ns() + 25 * 3600 * 10**9)
    delete_stale_temporaries(tmp_path)
    assert [path.exists() for path in made["live"]] == [False, True]
    assert not of_command.exists()


def test_a_file_is_placed_under_exactly_the_name_that_was_taken_for_it(
    tmp_path: Path, shared: Sharing, way: linking.Way
) -> None:
    """A second call finds it placed; another file in the way stays as it is."""
    for _ in range(2):
        placed = place_as(lambda: [b"ours"], tmp_path / "done", "room (3).jpg", shared=shared)
        assert placed is not None and placed.path == tmp_path / "done" / "room (3).jpg"
    assert place_as(lambda: [b"others"], tmp_path / "done", "room (3).jpg", shared=shared) is None
    assert contents(tmp_path / "done") == {"room (3).jpg": b"ours"}


def test_names_are_compared_as_other_computers_do(tmp_path: Path) -> None:
    (tmp_path / "CAFE\u0301").mkdir()
    assert name_keys_in(tmp_path) == {"café"}
    assert name_keys_in(tmp_path / "not there") == frozenset()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to any group")
def test_what_we_make_belongs_to_the_inbox_s_group(tmp_path: Path) -> None:
    """Whoever may drop photos may also sort, rename and delete the results."""
    os.chown(tmp_path, -1, 4321)
    placed = put(b"x", tmp_path / "done" / "p", "room.jpg", Sharing.of(tmp_path))
    assert placed is not None
    for path, bits in ((placed, 0o060), (placed.parent, 0o2070), (placed.parent.parent, 0o2070)):
        assert path.stat().st_gid == 4321
        assert stat.S_IMODE(path.stat().st_mode) & bits == bits
