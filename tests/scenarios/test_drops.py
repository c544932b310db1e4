"""Drops with any name: made, refused with a reason, or left alone with a notice."""

from __future__ import annotations

import asyncio
import os
import socket
import unicodedata
from pathlib import Path

import pytest

from hotfolder.crashpoints import CrashPoint
from tests.scenarios.bench import ROOM, Bench, MakeBench
from tests.support.crashing import at
from tests.support.pictures import bracket, jpeg
from tests.support.studio import ELM

pytestmark = pytest.mark.long

LONG = "r" * 240 + "__sky-blue"
AHEAD = {"/api/projects", "/api/hdr-image-group", "/api/hdr-upload-url", "/stager-uploads/{name}"}
"""Free requests that are sent while a set still arrives."""


def zero_filled(content: bytes) -> bytes:
    return content[: len(content) // 2] + bytes(len(content) - len(content) // 2)


async def test_sets_that_cannot_be_made_cost_nothing(make_bench: MakeBench) -> None:
    bench = make_bench(settle={"give_up_seconds": 20.0})
    bad: dict[str, tuple[dict[str, bytes], str]] = {
        "truncated": ({"DSC0002.jpg": jpeg(2)[:-700]}, "DSC0002.jpg"),
        "zero-filled": ({"DSC0002.jpg": zero_filled(jpeg(3))}, "DSC0002.jpg"),
        "too many": (bracket(8), "8 photos"),
        "misspelt__sky-twilihgt": ({}, "sky-twilight"),
        "unknown__lawn-huge": ({}, "lawn-strong"),
    }
    for folder, (spoil, _) in bad.items():
        bench.drop(folder, {**bracket(), **spoil})
    await bench.until_idle()
    audit = bench.check(*["failed"] * len(bad), paid=0)
    told = {job.folder: job.reason + job.hint for job in audit.jobs}
    for folder, (_, words) in bad.items():
        assert words in told[folder]
        assert "Nothing was charged." in bench.reason_page(folder)
    assert {entry.route for entry in bench.shop.page()} <= AHEAD


async def test_a_copy_that_stalls_at_three_of_five_pays_nothing_while_it_stalls(bench: Bench) -> None:
    photos = bracket(5)
    names = list(photos)
    bench.drop("kitchen", photos)
    folder = bench.path(ELM, "kitchen")
    for name in names[3:]:
        (folder / name).unlink()
    (folder / names[2]).write_bytes(photos[names[2]][:4000])
    async with bench.working():
        await asyncio.sleep(1.5)  # a minute of the daemon's time, a hundred times its quiet time
        assert bench.shop.bought() == 0
        await bench.studio.comes_to_say(lambda status: names[2] in status["jobs"][0]["reason"])
        assert bench.studio.states() == ["settling"] and bench.shop.bought() == 0
        for name in names[2:]:
            (folder / name).write_bytes(photos[name])
        await bench.studio.comes_to("done")
    bench.check("done", paid=1)
    assert bench.studio.filed("kitchen") == photos


async def test_a_photo_that_changes_during_the_upload_is_never_merged_as_it_was(bench: Bench) -> None:
    photos = dict(bracket())
    changed = {**photos, "DSC0001.jpg": jpeg()}
    bench.drop("kitchen", changed)
    folder = bench.path(ELM, "kitchen")
    (folder / "DSC0001.jpg").write_bytes(photos["DSC0001.jpg"])
    change = at(
        CrashPoint.PHOTO_UPLOADED, lambda: (folder / "DSC0001.jpg").write_bytes(changed["DSC0001.jpg"])
    )
    async with bench.working(crash_point=change):
        await bench.studio.comes_to("done")
    bench.check("done", "withdrawn", paid=1)


@pytest.mark.both_stores
async def test_a_late_bracket_is_held_and_explained_and_nothing_is_paid_for_it(bench: Bench) -> None:
    await bench.drop_and_run("kitchen")
    await bench.drop_and_run("kitchen", {"DSC0009.jpg": jpeg()})
    audit = bench.check("done", paid=1)
    [held] = [line for line in audit.seen.lines if line.state == "settling"]
    assert "after the set had been paid for" in held.reason
    assert bench.in_inbox("kitchen").keys() == {"DSC0009.jpg"}


async def test_the_same_content_again_is_delivered_from_what_is_remembered(bench: Bench) -> None:
    photos = await bench.drop_and_run()
    bench.drop("another room__sky-twilight", photos)
    await bench.drop_and_run(ROOM, photos, project="Oak House")
    bench.check("done", "done", "done", paid=2)
    assert bench.delivered("Oak House") == bench.delivered() - {
        "another room.jpg",
        "another room__sky-twilight.png",
    }


NAMES = {
    "a line break": "li\nving__sky-blue",
    "an escape sequence": "li\x1b[31mving__sky-blue",
    "a name of 255 bytes": LONG[:255],
    "composed": unicodedata.normalize("NFC", "Küche"),
    "decomposed": unicodedata.normalize("NFD", "Küche"),
    "upper case": "HALL",
    "lower case": "hall",
    "a reserved name": "CON",
    "leading dots and trailing spaces": "room. ",
    "bidi": "room\u202egpj",
    "quotes and slashes of other systems": 'a"b\\c:d*e',
}


@pytest.mark.both_stores
async def test_folders_of_any_name_become_pictures_or_are_refused_clearly(bench: Bench) -> None:
    for name in NAMES.values():
        bench.drop(name)
    outcome = await bench.until_idle()
    assert outcome.finished == len(NAMES), bench.text()
    skies = sum("__sky-blue" in name for name in NAMES.values())
    bench.check(*["done"] * len(NAMES), paid=len(NAMES) + skies)
    assert len(bench.delivered()) == len(NAMES) + skies
    delivered = [name for name in bench.delivered() if not name.isprintable() or len(name.encode()) > 255]
    assert delivered == []
    assert all(line.startswith("{") for line in bench.text().splitlines())
    assert "\x1b" not in bench.text() + (bench.studio.inbox / "STATUS.txt").read_text()


async def test_projects_of_any_name_are_made(bench: Bench) -> None:
    names = ("li\nne", "es\x1b[31mcape ", "del\x7f", "__ok", "READY.txt")
    for name in names:
        bench.drop("hall", project=name)
    await bench.until_idle()
    assert bench.studio.states().count("done") == 4, bench.text()
    [refused] = [job for job in bench.studio.status()["jobs"] if job["state"] == "failed"]
    assert refused["project"] == "__ok" and "no project name" in refused["reason"]


async def test_photos_of_any_name_go_up_and_come_back_under_their_own(bench: Bench) -> None:
    names = ("li\nne.jpg", "es\x1bc.jpg", "x" * 251 + ".jpg", "Ä.jpg", unicodedata.normalize("NFD", "ä.jpg"))
    photos = {name: jpeg() for name in names}
    await bench.drop_and_run("kitchen", photos)
    bench.check("done", paid=1)
    assert bench.studio.filed("kitchen") == photos


@pytest.mark.both_stores
async def test_names_that_are_no_utf8_are_left_alone_with_one_notice_each(bench: Bench) -> None:
    folder = os.fsencode(bench.path(ELM)) + b"/caf\xe9"
    Path(os.fsdecode(folder)).mkdir(parents=True)
    Path(os.fsdecode(folder + b"/DSC0001.jpg")).write_bytes(jpeg())
    bench.drop("kitchen")
    odd = Path(os.fsdecode(os.fsencode(bench.path(ELM, "bath")) + b"/caf\xe9.jpg"))
    odd.parent.mkdir()
    odd.write_bytes(jpeg())
    await bench.until_idle()
    # The room whose only photo has such a name waits for a person, and status says so.
    assert sorted(bench.studio.states()) == ["done", "settling"]
    assert bench.shop.bought() == 1
    assert len(bench.events("left_alone")) == 2
    assert odd.is_file() and Path(os.fsdecode(folder + b"/DSC0001.jpg")).is_file()


async def test_what_is_no_plain_file_is_never_read_and_holds_its_set_with_a_notice(
    bench: Bench, elsewhere: Path
) -> None:
    outside = elsewhere / "secret.jpg"
    outside.write_bytes(jpeg())
    kinds = ("symlink", "hard link", "pipe", "socket", "device")
    with socket.socket(socket.AF_UNIX) as listening:
        for kind in kinds:
            bench.drop(kind)
            odd = bench.path(ELM, kind, "DSC0009.jpg")
            if kind == "symlink":
                odd.symlink_to(outside)
            elif kind == "hard link":
                odd.hardlink_to(outside)
            elif kind == "pipe":
                os.mkfifo(odd)
            elif kind == "socket":
                os.chdir(odd.parent)
                listening.bind(odd.name)
                os.chdir(bench.studio.root)
            else:
                made_device(odd)
        await bench.until_idle()
    assert bench.shop.page() == []
    lines = {line["folder"]: line for line in bench.studio_lines()}
    for kind in kinds:
        assert (lines[kind]["state"], "DSC0009.jpg" in lines[kind]["reason"]) == ("settling", True), kind
    assert len(bench.events("left_alone")) == len(kinds)
    assert outside.stat().st_nlink == 2


def made_device(path: Path) -> None:
    """A device node where that is allowed, else another pipe."""
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        os.mkfifo(path)


async def test_two_sets_that_want_the_same_folder_at_once_get_one_each(bench: Bench) -> None:
    """The rooms differ only in the Unicode form of their accents, so both are filed under one name."""
    rooms = [unicodedata.normalize(form, f"Küche {number}") for number in range(6) for form in ("NFC", "NFD")]
    for room in rooms:
        bench.drop(room)
    await bench.until_idle()
    bench.check(*["done"] * 12, paid=12)
    filed = {path.name for path in (bench.studio.done / ELM / "originals").iterdir()}
    assert filed == {f"Küche {number}{end}" for number in range(6) for end in ("", " (2)")}
