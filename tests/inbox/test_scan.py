"""A scan sees all files, follows no link, opens nothing, and reports what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hotfolder.inbox.contents import SetFolder, is_junk, is_junk_folder, is_temporary
from hotfolder.inbox.scan import Snapshot, scan, scan_folders
from hotfolder.rules.sets import FileIdentity
from tests.support.listening import kind
from tests.support.pictures import jpeg

Drop = Callable[..., Path]
KEY = ("12 Elm Road", "kitchen")


def kinds(snapshot: Snapshot) -> list[str]:
    return [kind(notice) for notice in snapshot.notices]


def obstacles(seen: SetFolder) -> list[tuple[str, bool]]:
    return [(kind(obstacle.notice), obstacle.blocks) for obstacle in seen.obstacles]


def names(seen: SetFolder) -> tuple[list[str], list[str], list[str]]:
    return (
        [file.name for file in seen.photos],
        [file.name for file in seen.companions],
        [file.name for file in seen.temporaries],
    )


def test_files_are_sorted_into_their_kinds_in_natural_order(root: Path, drop: Drop) -> None:
    folder = drop("12 Elm Road/kitchen", 11)
    for name in ("IMG_2.xmp", "REASON.txt", ".DS_Store", "._IMG_1.jpg", "IMG_3.JPG.part", "a.CR2", ".ready"):
        (folder / name).write_text("x")
    seen = scan(root).folders[KEY]
    photos, companions, temporaries = names(seen)
    assert photos == ["a.CR2", *(f"IMG_{number}.jpg" for number in range(1, 12))]
    assert (companions, temporaries) == (["IMG_2.xmp", "REASON.txt"], ["IMG_3.JPG.part"])
    assert seen.ready is not None


def test_a_pass_over_named_sets_sees_the_same(root: Path, drop: Drop) -> None:
    drop("12 Elm Road/kitchen", 3)
    drop("12 Elm Road/bath", 2)
    whole, part = scan(root), scan_folders(root, [KEY, ("nobody", "there")])
    assert part.folders == {KEY: whole.folders[KEY]}
    assert part.scope == frozenset({KEY, ("nobody", "there")})


def test_files_of_the_inbox_itself_are_no_matter(root: Path) -> None:
    for name in ("STATUS.txt", ".hotfolder-root", "notes.pdf", ".DS_Store"):
        (root / name).write_text("x")
    assert scan(root) == Snapshot(folders={})


def test_photos_outside_a_set_are_left_with_a_notice(root: Path) -> None:
    (root / "12 Elm Road").mkdir()
    (root / "a.jpg").write_bytes(jpeg())
    for number in range(5):
        (root / f"b{number}.jpg").write_bytes(jpeg())
    snapshot = scan(root)
    assert kinds(snapshot) == ["outside a set"]
    assert snapshot.notices[0].text == (
        "Left alone in the inbox itself: a.jpg, b0.jpg, b1.jpg and 3 more. Put each room's photos in a "
        "folder of their own, such as 12 Elm Road/living-room, or a whole shoot's in its project's folder."
    )
    assert snapshot.folders == {}


def test_photos_deeper_than_a_set_are_left_with_a_notice_and_do_not_hold_it(root: Path, drop: Drop) -> None:
    drop("12 Elm Road/kitchen", 2)
    drop("12 Elm Road/kitchen/more/and more", 3)
    seen = scan(root).folders[KEY]
    assert obstacles(seen) == [("too deep", False)]
    assert "3 photos lie in 'more' inside the room 'kitchen'" in seen.obstacles[0].notice.text


def test_links_are_not_followed(root: Path, drop: Drop, tmp_path: Path) -> None:
    folder = drop("12 Elm Road/kitchen", 1)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"x")
    (folder / "link.jpg").symlink_to(outside / "secret.jpg")
    (folder / "notes.txt").symlink_to(outside / "nowhere")
    (root / "12 Elm Road" / "bath").symlink_to(outside)
    (root / "14 Elm Road").symlink_to(outside)
    snapshot = scan(root)
    assert obstacles(snapshot.folders[KEY]) == [("link", True), ("link", False)]
    assert kinds(snapshot) == ["link"] * 2
    assert list(snapshot.folders) == [KEY]
    assert scan_folders(root, [("12 Elm Road", "bath"), ("14 Elm Road", "x")]).folders == {}


def test_names_that_are_not_utf8_are_refused_in_a_form_that_can_be_printed(root: Path, drop: Drop) -> None:
    folder = drop("12 Elm Road/kitchen", 1)
    (folder / os.fsdecode(b"k\xfcche.jpg")).write_bytes(b"x")
    (root / os.fsdecode(b"stra\xdfe")).mkdir()
    snapshot = scan(root)
    obstacle = snapshot.folders[KEY].obstacles[0]
    assert obstacle.blocks
    assert "'k\\xfcche.jpg'" in obstacle.notice.text
    assert "'stra\\xdfe'" in snapshot.notices[0].text
    for notice in (obstacle.notice, *snapshot.notices):
        (str(notice.path) + notice.text).encode()
    (root / "12 Elm Road" / os.fsdecode(b"stra\xdfe")).mkdir()
    before = {one.text_in(root) for one in snapshot.notices}
    [new] = {one.text_in(root) for one in scan(root).notices} - before
    assert new.startswith("12 Elm Road: The folder 'stra\\xdfe'")  # there is one in many projects
    assert obstacle.notice.text_in(root).startswith("12 Elm Road / kitchen: The file")


def test_both_spellings_of_an_accent_and_both_cases_are_two_files(root: Path, drop: Drop) -> None:
    folder = drop("12 Elm Road/kitchen", 0)
    for name in (
        unicodedata.normalize("NFC", "é.jpg"),
        unicodedata.normalize("NFD", "é.jpg"),
        "A.jpg",
        "a.jpg",
    ):
        (folder / name).write_bytes(b"x")
    assert len(scan(root).folders[KEY].photos) == 4


def test_an_unfinished_rsync_keeps_its_files_in_a_folder_of_its_own(root: Path, drop: Drop) -> None:
    folder = drop("12 Elm Road/kitchen", 1)
    (folder / ".rsync-partial").mkdir()
    assert scan(root).folders[KEY].temporaries == ()
    (folder / ".rsync-partial" / "IMG_2.jpg").write_bytes(b"x")
    assert names(scan(root).folders[KEY])[2] == [".rsync-partial/IMG_2.jpg"]


@pytest.mark.parametrize("mode", [0o000, 0o444])
@pytest.mark.parametrize("where", ["12 Elm Road", "12 Elm Road/kitchen"])
def test_a_folder_that_may_not_be_read_is_a_notice_and_not_an_empty_folder(
    unprivileged: Callable[[], AbstractContextManager[Path]], mode: int, where: str
) -> None:
    with unprivileged() as root:
        (root / "12 Elm Road/kitchen").mkdir(parents=True)
        (root / "12 Elm Road/kitchen/a.jpg").touch()
        (root / where).chmod(mode)
        whole, part = scan(root), scan_folders(root, [KEY])
        (root / where).chmod(0o755)
    for snapshot in (whole, part):
        assert "unreadable" in kinds(snapshot)
        assert snapshot.leaves_open(KEY)


def test_photos_in_a_projects_folder_are_a_flat_drop_with_what_is_theirs(root: Path, drop: Drop) -> None:
    """Sidecars and RAW files of a photo belong to it; the project's other files don't."""
    folder = drop("12 Elm Road", 2)
    drop("12 Elm Road/kitchen", 1)
    for name in (
        "IMG_1.xmp",
        "img_2.ARW",
        "IMG_2.jpg.xmp",
        "lone.NEF",
        "notes.txt",
        "notes.txt~",
        ".DS_Store",
    ):
        (folder / name).write_text("x")
    (folder / "IMG_3.jpg.part").write_text("x")
    key = ("12 Elm Road", "")
    seen = scan(root).folders[key]
    assert names(seen) == (
        ["IMG_1.jpg", "IMG_2.jpg", "lone.NEF"],
        ["IMG_1.xmp", "img_2.ARW", "IMG_2.jpg.xmp"],
        ["IMG_3.jpg.part"],
    )
    assert scan_folders(root, [key]).folders == {key: seen}
    assert list(scan(root).folders) == [key, KEY]
    (notice,) = scan(root).notices
    assert "the same name: notes.txt. " in notice.text


def test_a_link_to_a_photo_blocks_a_flat_drop_and_one_to_a_room_does_not(root: Path, drop: Drop) -> None:
    folder = drop("12 Elm Road", 1)
    (folder / "b.jpg").symlink_to(folder / "IMG_1.jpg")
    (folder / "bath").symlink_to(root)
    snapshot = scan(root)
    assert obstacles(snapshot.folders[("12 Elm Road", "")]) == [("link", True)]
    assert kinds(snapshot) == ["link"]


def test_a_projects_other_files_are_no_flat_drop(root: Path) -> None:
    (root / "12 Elm Road").mkdir()
    for name in ("notes.txt", ".ready", "invoice.pdf.part", "a.txt~"):
        (root / "12 Elm Road" / name).write_text("x")
    snapshot = scan(root)
    assert snapshot.folders == {} and kinds(snapshot) == ["loose"]
    assert (
        "in the project's folder '12 Elm Road', since no photo there has the same name: notes.txt. "
        in snapshot.notices[0].text
    )


def test_the_inodes_of_any_share_fit_into_a_database() -> None:
    """Some shares use all 64 bits, and SQLite's integers are signed."""
    plain = Path("/").stat()
    seen = [
        FileIdentity.of(
            os.stat_result((plain.st_mode, inode, *plain[2:]), {"st_mtime_ns": 5, "st_ctime_ns": 5})
        )
        for inode in (7, 2**64 - 1)
    ]
    assert [one.inode for one in seen] == [7, -1]


def test_photos_in_folders_that_are_passed_over_are_said_but_not_a_nas_s_own(root: Path, drop: Drop) -> None:
    for room in ("12 Elm Road/@kitchen", "12 Elm Road/.x", "#recycle", "lost+found/kitchen"):
        drop(room, 1)
    drop("12 Elm Road/@eaDir/DSC0001.jpg", 1)
    (root / "12 Elm Road" / "@empty").mkdir()
    snapshot = scan(root)
    assert snapshot.folders == {} and kinds(snapshot) == ["passed over"] * 4
    told = " ".join(notice.text for notice in snapshot.notices)
    assert all(f"'{name}'" in told for name in ("@kitchen", ".x", "#recycle", "lost+found"))


@pytest.mark.parametrize("name", ["READY.txt", ".ready"])
@pytest.mark.parametrize("place", ["12 Elm Road", "12 Elm Road/kitchen"])
def test_a_folder_called_like_the_file_that_approves_approves_nothing(
    root: Path, drop: Drop, place: str, name: str
) -> None:
    drop("12 Elm Road/kitchen", 1)
    drop("12 Elm Road", 1)
    (root / place / name).mkdir()
    snapshot = scan(root)
    assert all(found.valid_ready() is None for found in snapshot.folders.values())


def test_archives_are_named_wherever_they_lie(root: Path, drop: Drop) -> None:
    drop("12 Elm Road", 1)
    for name in ("photos.zip", "12 Elm Road/more.RAR"):
        (root / name).write_bytes(b"PK")
    told = [notice.text for notice in scan(root).notices if kind(notice) == "archive"]
    assert ["photos.zip" in told[0], "more.RAR" in told[1], "unpack it" in told[0]] == [True] * 3


TRANSFERS = (
    *(".::TMPNAME:D:12345%1:IMG_1.jpg", ".IMG_1.jpg.a1B2c3", "IMG_1.jpg.tmp", "IMG_1.jpg.part"),
    *("IMG_1.JPG.PART", "IMG_1.jpg.crdownload", "IMG_1.jpg.filepart", "~IMG_1.jpg", ".IMG_1.jpg"),
    *(".in.IMG_1.jpg.", "IMG_1.jpg~", "~syncthing~IMG_1.jpg.tmp", ".syncthing.IMG_1.jpg.tmp"),
    *(".IMG_1.jpg.~1a2b3c4d", ".IMG_1.ARW.~9f"),
)
ORDINARY = ("IMG_1.jpg", "party.jpg", ".picasa.ini", ".hidden.config", "a.template", "part.jpg")
LITTER = ("._IMG_1.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "@eaDir", "~$notes.docx", ".~lock.a.odt#")


@pytest.mark.parametrize("name", [*TRANSFERS, *ORDINARY, *LITTER])
def test_a_transfer_under_way_is_known_by_its_name_and_litter_is_none(name: str) -> None:
    assert is_temporary(name) is (name in TRANSFERS)
    assert name not in LITTER or is_junk(name)


OF_SYSTEMS = ("@eaDir", ".stfolder", ".Trash-1000", "#recycle", "$RECYCLE.BIN", "lost+found")


@pytest.mark.parametrize("name", [*OF_SYSTEMS, "12 Elm Road", "kitchen__sky-blue", "Küche"])
def test_folders_of_the_system_are_no_projects(name: str) -> None:
    assert is_junk_folder(name) is (name in OF_SYSTEMS)


@pytest.mark.parametrize(
    ("files", "photos"),
    [
        (["a.jpg", "a.ARW", "b.jpg", "b.ARW"], ["a.jpg", "b.jpg"]),
        (["a.tif", "a.jpg", "a.NEF"], ["a.tif"]),
        (["a.ARW", "b.ARW"], ["a.ARW", "b.ARW"]),
        (["a.jpg", "a.png"], ["a.jpg", "a.png"]),
        (["A.TIF", "a.jpeg", "b.tiff"], ["A.TIF", "b.tiff"]),
    ],
)
def test_the_better_of_two_files_of_one_photo_is_taken(
    root: Path, drop: Drop, files: list[str], photos: list[str]
) -> None:
    folder = drop("12 Elm Road/kitchen", 0)
    for name in files:
        (folder / name).write_text("x")
    seen = scan(root).folders[KEY]
    assert [file.name for file in seen.photos] == photos
    assert {file.name for file in seen.companions} == set(files) - set(photos)


EXCHANGE = """
import os, sys
room, aside, elsewhere = sys.argv[1:]
while True:
    os.rename(room, aside)
    os.symlink(elsewhere, room)
    os.unlink(room)
    os.rename(aside, room)
"""


def test_a_room_that_is_exchanged_for_a_link_leads_no_look_elsewhere(root: Path, tmp_path: Path) -> None:
    """A room is exchanged for a link again and again while it is scanned."""
    room, aside, elsewhere = root / "elm" / "kitchen", root.with_name("aside"), tmp_path / "elsewhere"
    room.mkdir(parents=True)
    elsewhere.mkdir()
    (room / "own.jpg").write_bytes(b"own")
    (elsewhere / "private.jpg").write_bytes(b"private")
    exchanging = subprocess.Popen([sys.executable, "-c", EXCHANGE, str(room), str(aside), str(elsewhere)])
    seen: set[str] = set()
    try:
        end = time.monotonic() + 4
        while time.monotonic() < end:
            for found in (scan(root), *(scan_folders(root, [("elm", "kitchen")]) for _ in range(9))):
                seen |= {photo.name for folder in found.folders.values() for photo in folder.photos}
    finally:
        exchanging.kill()
        exchanging.wait()
    assert seen == {"own.jpg"}


@pytest.mark.parametrize(
    ("gathering", "way"),
    [
        ("w9xk4m2p", "run `hotfolder retry w9xk4m2p` again."),
        ("w9xk4m2p-again", "run `hotfolder retry w9xk4m2p --pay-again` again; or delete that folder"),
        ("w9xk4m2p-sky-blue", "ask for the tag sky-blue again; or delete that folder"),
    ],
)
def test_a_set_that_stopped_on_its_way_back_is_told_the_command_that_finishes_it(
    root: Path, gathering: str, way: str
) -> None:
    (root / "12 Elm Road" / f".hotfolder-back-{gathering}").mkdir(parents=True)
    [notice] = scan(root).notices
    assert f"To finish it, {way}" in notice.text
