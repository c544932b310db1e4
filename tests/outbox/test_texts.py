"""Receipts, REASON.txt and STATUS.txt."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hotfolder.errors import LocalTrouble
from hotfolder.outbox import linking, texts
from hotfolder.outbox.files import Sharing, delete_stale_temporaries
from hotfolder.outbox.placing import place_as
from hotfolder.outbox.receipts import (
    Receipt,
    ReceiptCall,
    ReceiptOriginals,
    ReceiptPhoto,
    ReceiptPicture,
    as_bytes,
    complete_receipt,
    find_equal_receipt,
    read_receipt,
)
from hotfolder.outbox.texts import WIDTH, as_file, reason_text, write_reason, write_status
from hotfolder.telemetry.overview import Line, Overview
from hotfolder.telemetry.statusfile import status_page, status_text
from tests.outbox.conftest import Killed, lines_that_matter

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
RECEIPT = Receipt(
    job_id="job-1",
    project="12 Elm Road",
    room="living-room",
    folder="living-room__sky-twilight",
    finished_at=NOON,
    api_origin="https://api.stagerai.com",
    api_project_id="p1",
    group_id="g1",
    photos=(ReceiptPhoto(name="a\udcff.jpg", sha256="00", size_bytes=1, exposure_value=8.5),),
    recipe={"merge": True},
    calls=(ReceiptCall(operation="merge", key="k", paid=True, remembered=False, at=NOON, answers=("r1",)),),
    pictures=(ReceiptPicture(file="x__sky-twilight.png", sha256="11", width=3, height=2, altered=("sky",)),),
    altered=("sky",),
    hotfolder_version="0.1.0",
)


def reason(**changes: object) -> str:
    arguments: dict[str, object] = {
        "project": "12 Elm Road",
        "folder": "living-room__sky-twilght",
        "title": "This room came back: its tag is not known",
        "reason": 'There is no tag "sky-twilght".',
        "hint": 'Rename the folder to "living-room__sky-twilight".',
        "charged": "",
        "files": ["a.jpg", "b.jpg"],
        "when": NOON,
        "job": "job-1",
    }
    return reason_text(**(arguments | changes))  # type: ignore[arg-type]


def test_a_receipt_can_be_read_back_and_is_written_once(tmp_path: Path, shared: Sharing) -> None:
    """A job that is finished again after a crash has one receipt."""
    assert find_equal_receipt(tmp_path / "receipts", "living-room", RECEIPT) is None
    placed = place_as(lambda: [as_bytes(RECEIPT)], tmp_path / "receipts", "living-room.json", shared=shared)
    assert placed is not None
    later = RECEIPT.model_copy(update={"finished_at": NOON + timedelta(minutes=1)})
    assert find_equal_receipt(tmp_path / "receipts", "living-room", later) == placed.path
    assert read_receipt(placed.path) == RECEIPT
    assert json.loads(placed.path.read_bytes())["altered"] == ["sky"]


@pytest.mark.parametrize("edited", [b"{}", as_bytes(RECEIPT.model_copy(update={"notes": ("for her",)}))])
def test_a_receipt_that_somebody_has_edited_is_not_written_over(
    tmp_path: Path, shared: Sharing, edited: bytes
) -> None:
    path = tmp_path / "living-room.json"
    path.write_bytes(edited)
    sha256 = hashlib.sha256(as_bytes(RECEIPT)).hexdigest()
    assert complete_receipt(path, ReceiptOriginals(rule="keep"), sha256=sha256, shared=shared) is None
    assert path.read_bytes() == edited


def test_another_jobs_receipt_of_the_room_is_not_taken_for_its_own(tmp_path: Path) -> None:
    """The same goes for files that are no receipts."""
    (tmp_path / "living-room.json").write_text("not a receipt")
    (tmp_path / "living-room (2).json").write_bytes(as_bytes(RECEIPT))
    other = RECEIPT.model_copy(update={"job_id": "job-2"})
    assert find_equal_receipt(tmp_path, "living-room", other) is None
    assert find_equal_receipt(tmp_path, "living-room", RECEIPT) == tmp_path / "living-room (2).json"


def test_the_reason_answers_a_photographer_s_questions() -> None:
    """It says what happened, what to do, what it cost, what is lost, and how to go on."""
    text = reason(charged="One merge may have been charged.")
    for expected in (
        "12 Elm Road",
        "2026-01-02 12:00 UTC",
        'There is no tag "sky-twilght".',
        'Rename the folder to "living-room__sky-twilight".',
        "One merge may have been charged.",
        "unchanged",
        "    b.jpg",
        "not paid a second time",
        "job-1",
    ):
        assert expected in " ".join(text.split()) or expected in text
    assert "Nothing was charged." in reason()


def test_names_can_not_forge_lines_of_the_reason() -> None:
    """Line ends and direction marks in names or answers stay within their line."""
    text = reason(folder="x\r\nWhat it cost\r\n  A million", files=["a\u202egpj.exe", "b\nc"])
    assert text.count("\nWhat it cost\n") == 1
    assert "\u202e" not in text
    assert "\r" not in text
    assert "    b c\n" in text


def test_the_present_reason_is_in_reason_txt(tmp_path: Path, shared: Sharing) -> None:
    """An older page, even with another spelling of its name, is kept beside it; the same page is written
    once."""
    (tmp_path / "Reason.TXT").write_text("from last week")
    (tmp_path / "REASON (earlier).txt").write_text("from last month")
    for _ in range(2):
        path = write_reason(tmp_path, reason(files=["ä\udcff.jpg"]), shared=shared)
    assert path.name == "REASON.txt"
    data = path.read_bytes()
    assert b"\r\n" in data
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert "ä\\xff.jpg" in data.decode()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "REASON (earlier) (2).TXT",
        "REASON (earlier).txt",
        "REASON.txt",
    ]


def test_a_reason_survives_being_killed_at_any_line(
    memory: Path, shared: Sharing, way: linking.Way, killed_at: Killed
) -> None:
    """Both the old page and the new one exist in the end, once each."""

    def prepared(name: str) -> Callable[[], Path]:
        folder = memory / name
        folder.mkdir()
        (folder / "REASON.txt").write_bytes(b"old")
        return lambda: write_reason(folder, "new", shared=shared)

    for line in lines_that_matter(prepared, memory):
        folder, call = memory / str(line), prepared(str(line))
        killed_at(line, call)
        call()
        delete_stale_temporaries(folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
            "REASON.txt": b"new\r\n",
            "REASON (earlier).txt": b"old",
        }


def test_the_status_page_names_what_needs_a_person_first() -> None:
    """Urgent lines are visible without scrolling."""
    kitchen = Line("", "", "12 Elm Road", "kitchen", "", "needs a decision", "Nobody knows.", "Ask.")
    hall = Line("", "", "12 Elm Road", "hall", "", "waiting for its photos")
    sections = {"status.attention": [kitchen], "status.waiting": [hall]}
    text = status_text(sections, notices=["Paused: no network."])
    assert text.index("Paused: no network.") < text.index("Needs a person: 1") < text.index("Waiting: 1")
    assert "12 Elm Road / kitchen: needs a decision\n      Nobody knows.\n      Ask.\n" in text
    assert "Nothing is waiting" in status_text({})
    several = status_text({}, notices=["The settings have an error: config.yaml:3:1: x\nconfig.yaml:4:1: y"])
    assert "! The settings have an error: config.yaml:3:1: x\n  config.yaml:4:1: y\n" in several
    stopped = status_text({}, at=NOON, stopped=True, notices=["Paused: no network. " * 8])
    assert max(map(len, stopped.splitlines())) <= WIDTH


def test_a_long_section_of_the_status_page_shows_the_latest_failures_and_says_how_many_more() -> None:
    lines = tuple(
        Line(str(number), "inbox", "Elm", f"room {number}", "", "failed", "Why.") for number in range(60)
    )
    seen = Overview(lines, {"failed": 60})
    text = status_page(seen, "inbox", {}, NOON)
    assert "Came back (see REASON.txt in failed): 60\n  Elm / room 59: failed" in text
    assert "room 10:" in text and "room 9:" not in text and "\n… and 10 more\n" in text
    assert "… und 10 weitere" in status_page(seen, "inbox", {}, NOON, language="de")


def test_of_many_notices_the_status_page_shows_some_and_says_how_many_more() -> None:
    """The sets stay in sight below them."""
    notices = tuple(f"'{number}.jpg' is a link and is not followed." for number in range(2000))
    text = status_page(Overview((), {}, notices_of={"inbox": notices}), "inbox", {}, NOON)
    assert "'49.jpg'" in text and "'50.jpg'" not in text and "\n… and 1950 more\n\nNothing is waiting" in text


def test_the_status_page_is_written_only_when_it_changes(tmp_path: Path) -> None:
    """Sync clients and our own watcher aren't woken for nothing."""
    page = tmp_path / "STATUS.txt"
    write_status(tmp_path, status_text({}))
    os.utime(page, ns=(1, 1))
    inode = page.stat().st_ino
    write_status(tmp_path, status_text({}))
    assert (page.stat().st_mtime_ns, page.stat().st_ino) == (1, inode)
    write_status(tmp_path, status_text({}, notices=["Paused."]))
    assert "Paused." in page.read_text()
    assert page.stat().st_mtime_ns > time.time_ns() - 60 * 10**9
    assert [path.name for path in tmp_path.iterdir()] == ["STATUS.txt"]


def test_the_status_page_is_written_over_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would go on saying that all is well. Only the file's own space is used, and never through
    a name that somebody else gave it."""
    page = tmp_path / "STATUS.txt"
    write_status(tmp_path, status_text({}, notices=["All is well. " * 30]))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(texts, "replace_file", full)
    write_status(tmp_path, told := status_text({}, notices=["The disk is full."]))
    assert page.read_bytes() == as_file(told)
    with pytest.raises(LocalTrouble, match="the disk is full"):
        write_status(tmp_path, status_text({}, notices=["A long story. " * 2000]))
    (tmp_path / "theirs").hardlink_to(page)
    with pytest.raises(LocalTrouble, match="the disk is full"):
        write_status(tmp_path, status_text({}))
    assert page.read_bytes() == as_file(told)


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_somebody_else_s_status_page_is_kept(tmp_path: Path, kind: str) -> None:
    """A studio may have a STATUS.txt of its own, and a link must not be written through."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    theirs = tmp_path / "theirs.txt"
    theirs.write_text("notes")
    if kind == "file":
        theirs.rename(inbox / "STATUS.txt")
    elif kind == "link":
        (inbox / "STATUS.txt").symlink_to(theirs)
    else:
        (inbox / "STATUS.txt").mkdir()
    write_status(inbox, status_text({}))
    kept = inbox / "STATUS (yours).txt"
    assert kept.is_dir() if kind == "folder" else kept.read_text() == "notes"
    assert "Nothing is waiting" in (inbox / "STATUS.txt").read_text()


def test_a_missing_inbox_is_not_made_for_the_status_page(tmp_path: Path) -> None:
    """An unmounted share must not get a folder in its place."""
    with pytest.raises(LocalTrouble, match="not there"):
        write_status(tmp_path / "gone", status_text({}))
    assert not (tmp_path / "gone").exists()
