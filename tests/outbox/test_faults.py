"""Disks that are full, read-only, mounted twice or without hard links: real ones, in a mount namespace."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hotfolder.errors import LocalTrouble
from hotfolder.newfiles import TEMPORARY_PREFIX
from hotfolder.outbox.faults import TROUBLES, local_trouble

WithMounts = Callable[[str, str], str]

COMMON = """
import os
from functools import partial
from pathlib import Path
from hotfolder.errors import LocalTrouble
from hotfolder.outbox import linking
from hotfolder.outbox.names import numbered_names
from hotfolder.outbox.placing import move, place_as
from hotfolder.outbox.files import Sharing
shared = Sharing()
def trouble(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except LocalTrouble as error:
        print(error.message, '|', error.hint)
    else:
        print('no trouble')
"""


def test_a_read_only_disk_is_trouble(with_mounts: WithMounts) -> None:
    """The message has the path and advice."""
    out = with_mounts(
        "mkdir -p disk; mount -t tmpfs -o ro none disk",
        COMMON + "trouble(place_as, lambda: [b'x'], Path('disk/done'), 'room.jpg', shared=shared)",
    )
    assert out.startswith("disk/done: the disk is read-only | Mount it for writing")


def test_a_disk_without_room_for_a_file_is_named_not_the_file_in_the_making(with_mounts: WithMounts) -> None:
    """That file has another name at each try, and stands on whichever disk."""
    out = with_mounts(
        "mkdir -p disk; mount -t tmpfs -o nr_inodes=2 none disk; mkdir disk/done",
        COMMON
        + """
from hotfolder.control.local import folder
trouble(place_as, lambda: [b'x'], Path('disk/done'), 'room.jpg', shared=shared)
for found in folder('done', Path('disk/done'), new=False):
    print(found.text, '|', found.hint)
""",
    )
    hint = "Make room on that disk; the work continues by itself."
    assert out.splitlines() == [
        f"disk/done: the disk is full | {hint}",
        f"disk/done can't be written: the disk is full | {hint}",
    ]


def test_a_folder_on_a_disk_that_becomes_read_only_has_trouble_until_it_is_mounted_for_writing(
    with_mounts: WithMounts,
) -> None:
    """This is what status, pages and readiness tell of the folder as a whole."""
    out = with_mounts(
        "mkdir -p disk; mount -t tmpfs none disk",
        COMMON
        + """
from hotfolder.outbox.outputs import OutputFolder, OutputFolders
done = OutputFolder(Path('disk/done'), None, Sharing)
for way in ('rw', 'ro', 'rw'):
    os.system(f'mount -o remount,{way} disk')
    OutputFolders([('done', done)]).check(30)
    print([done.trouble])
""",
    )
    told = [line for line in out.splitlines() if line.startswith("['")]
    assert told == ["['']", "['disk/done: the disk is read-only']", "['']"]


def test_two_mounts_of_one_disk_move_by_copy(with_mounts: WithMounts) -> None:
    """They have the same st_dev, and yet the kernel refuses renames and links between them."""
    out = with_mounts(
        "mkdir -p disk in out; mount -t tmpfs none disk; mkdir disk/in disk/out;"
        "mount --bind disk/in in; mount --bind disk/out out",
        COMMON
        + """
source, target = Path('in/a.jpg'), Path('out/originals/a.jpg')
source.write_bytes(b'photo')
os.utime(source, ns=(10**18, 10**18))
print(source.stat().st_dev == Path('out').stat().st_dev)
for way in linking.WAYS:
    try:
        way(source, Path('out/a.jpg'))
    except (OSError, linking.Unsupported) as error:
        print(type(error).__name__, sorted(os.listdir('out')))
move(source, target, expected=None, shared=shared)
print(source.exists(), target.read_bytes(), target.stat().st_mtime_ns, os.listdir('out/originals'))
""",
    )
    assert out.splitlines() == [
        "True",
        "OSError []",
        "OSError []",
        "OSError []",
        "False b'photo' 1000000000000000000 ['a.jpg']",
    ]


@pytest.mark.skipif(shutil.which("mount.exfat-fuse") is None, reason="needs exfat-fuse and exfatprogs")
def test_a_disk_without_hard_links_keeps_every_promise(with_mounts: WithMounts) -> None:
    """A real exFAT disk: no links, no groups, case-insensitive; names are still never replaced."""
    out = with_mounts(
        "truncate -s 8M disk.img; mkfs.exfat -q disk.img >/dev/null; mkdir -p disk;"
        "loop=$(losetup -f --show disk.img); mount.exfat-fuse $loop disk >/dev/null; losetup -d $loop",
        COMMON
        + """
from concurrent.futures import ThreadPoolExecutor
disk = Path('disk')
Path('disk/a').write_bytes(b'a')
try:
    linking.link_and_unlink(Path('disk/a'), disk / 'b')
except linking.Unsupported:
    print('no links')
Path('disk/a').unlink()
with ThreadPoolExecutor(8) as pool:
    put = lambda n, name: place_as(lambda: [b'%d' % n], disk / 'done', name, shared=shared)
    names = lambda n: numbered_names('rR'[n % 2] + 'oom', '.jpg')
    one = lambda n: next(filter(None, (put(n, name) for name in names(n)))).path
    paths = list(pool.map(one, range(40)))
print([int(p.read_bytes()) for p in paths] == list(range(40)), len(os.listdir('disk/done')))
Path('a.jpg').write_bytes(b'photo')
Path('disk/b.jpg').write_bytes(b'other')
for source in ('a.jpg', 'disk/b.jpg'):
    for _ in range(2):
        move(Path(source), disk / 'originals' / Path(source).name, expected=None, shared=shared)
Path('a.jpg').write_bytes(b'another')
trouble(move, Path('a.jpg'), disk / 'originals' / 'A.jpg', expected=None, shared=shared)
print({p.name: p.read_bytes() for p in sorted((disk / 'originals').iterdir())})
os.system('umount disk')
""",
    )
    lines = out.splitlines()
    assert lines[:2] == ["no links", "True 40"]
    assert "is another file" in lines[2]
    assert lines[3] == "{'a.jpg': b'photo', 'b.jpg': b'other'}"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to own a file that another user moves")
def test_a_file_that_may_not_be_linked_is_moved_all_the_same(tmp_path: Path) -> None:
    """The kernel forbids links to other people's files (protected_hardlinks), and NFS has no other exclusive
    rename."""
    if Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "1":
        pytest.skip("needs fs.protected_hardlinks")
    from hotfolder.outbox import linking

    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "a.jpg").write_bytes(b"root's")
    (folder / "a.jpg").chmod(0o644)
    child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            os.setuid(65534)
            try:
                linking.link_and_unlink(Path("a.jpg"), Path("b.jpg"))
            except linking.Unsupported:
                linking.WAYS = (linking.link_and_unlink, linking.reserve_and_rename)
                linking.move_exclusively(Path("a.jpg"), Path("b.jpg"))
                os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"b.jpg": b"root's"}


@pytest.mark.parametrize("number", sorted(TROUBLES), ids=errno.errorcode.get)
def test_the_world_s_errors_are_named_with_path_and_advice(number: int) -> None:
    """Errors that pause the queue say where and what to do."""
    with pytest.raises(LocalTrouble, match="done/room") as caught, local_trouble(Path("done/room")):
        raise OSError(number, os.strerror(number))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("IMG_1.jpg", "/in/elm/hall (IMG_1.jpg)"),
        ("elm", "/in/elm/hall"),
        (f"{TEMPORARY_PREFIX}1", "/in/elm/hall"),
    ],
)
def test_a_file_in_a_folder_that_was_opened_before_is_named_beside_the_folder(name: str, place: str) -> None:
    """The system tells its name alone: the folder alone would send people to the wrong permissions."""
    with pytest.raises(LocalTrouble) as caught, local_trouble(Path("/in/elm/hall")):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
    assert caught.value.message == f"{place}: no permission"


def test_a_mistake_of_ours_is_not_hidden_as_trouble() -> None:
    """A missing source is a bug to be seen, not a pause without end."""
    with pytest.raises(FileNotFoundError), local_trouble(Path("x")):
        raise FileNotFoundError(errno.ENOENT, "no such file")
