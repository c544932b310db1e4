"""Originals of a finished set: kept, archived, or deleted once the results are verified."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotfolder.config.load import load
from hotfolder.control.lookup import find_picture, open_picture, photo_id
from hotfolder.crashpoints import CrashPoint
from hotfolder.daemon import folders
from hotfolder.errors import UsageError
from hotfolder.jobs import breaker
from hotfolder.jobs.steps import filing
from hotfolder.outbox.outputs import confirm_archive
from tests.support.crashing import at, live
from tests.support.pictures import bracket, jpeg
from tests.support.studio import ELM, MakeStudio, Shop, Studio, files_below, files_into, until

pytestmark = pytest.mark.long

SIDECAR = {"DSC0001.xmp": b"<x:xmpmeta/>"}


@pytest.fixture
def archiving(make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A studio whose originals go to an archive. What waits is tried again by itself only after days."""
    monkeypatch.setattr(breaker, "FIRST_SECONDS", 1e6)
    monkeypatch.setattr(breaker, "LONGEST_SECONDS", 1e6)
    monkeypatch.setattr(folders, "LOOK_SECONDS", 0.1)
    return make_studio(archive="archive", deliver={"originals": "archive"})


def told(studio: Studio, name: str = "kitchen", *removed: str) -> Any:
    told = studio.receipt(name)["originals"]
    assert (told.pop("removed"), bool(told.pop("note"))) == ([*removed], bool(removed))
    return told


async def test_an_archive_that_is_missing_or_another_one_is_waited_for(archiving: Studio) -> None:
    """First the archive never existed; then its disk isn't mounted, and the bare folder must not be used.
    What waits is tried as soon as it is usable, however long its own trouble would have it wait."""
    studio = archiving
    photos = {**bracket(), **SIDECAR}
    studio.drop(ELM, "kitchen", photos)

    def waits(words: str) -> Callable[[dict[str, Any]], bool]:
        return lambda status: any(words in job["reason"] for job in status["jobs"])

    async with studio.working():
        await studio.comes_to_say(waits("archive is not there"))
        assert files_below(studio.inbox / ELM / "kitchen") == photos
        await asyncio.sleep(1)
        studio.archive.mkdir()
        await studio.comes_to("done")
        studio.archive.rename(studio.root / "unmounted")
        studio.archive.mkdir()
        studio.drop(ELM, "hall", photos)
        await studio.comes_to_say(waits("not the archive that was used before"))
        assert files_below(studio.inbox / ELM / "hall") == photos and not [*studio.archive.iterdir()]
        await asyncio.sleep(1)
        studio.archive.rmdir()
        (studio.root / "unmounted").rename(studio.archive)
        await studio.comes_to("done", "done")
    found = files_below(studio.archive)
    del found[".hotfolder-archive"]
    rooms = ("kitchen", "hall")
    assert found == {f"{ELM}/{room}/{name}": content for room in rooms for name, content in photos.items()}
    assert studio.filed() == {}
    assert studio.say("verify").stdout == "Store, ledger and folders agree.\n"


@pytest.mark.parametrize("now", ["second", None])
async def test_originals_in_a_former_archive_are_found_there(
    archiving: Studio, shop: Shop, now: str | None
) -> None:
    """The disk was full, and another one is named; or the originals of later sets are kept."""
    studio, photos = archiving, bracket()
    studio.archive.mkdir()
    await studio.drop_and_run(ELM, "kitchen", photos)
    (studio.root / "second").mkdir()
    studio.edit(archive=now, deliver={"originals": "archive" if now else "keep"})
    await studio.drop_and_run(ELM, "bath", bracket())
    assert studio.say("verify").stdout == "Store, ledger and folders agree.\n"
    anew = studio.say("retry", f"{ELM}/kitchen", "--pay-again")
    assert anew.exit_code == 0, anew.output
    assert files_below(studio.inbox / ELM / "kitchen") == photos
    [first] = [job["job"] for job in studio.status()["jobs"] if job["folder"] == "kitchen"]
    there = find_picture(load(studio.config, {}), photo_id(first, "DSC0001.jpg"))
    assert there is not None
    opened = open_picture(there)
    assert opened is not None
    os.close(opened.descriptor)
    assert opened.path == studio.archive / ELM / "kitchen" / "DSC0001.jpg"
    (studio.archive / ELM / "kitchen" / "DSC0001.jpg").unlink()
    assert "DSC0001.jpg is not where it was put" in studio.say("verify", columns=500).output


async def test_a_set_whose_archive_the_settings_name_no_more_says_so_and_waits(archiving: Studio) -> None:
    studio, photos = archiving, bracket()
    studio.drop(ELM, "kitchen", photos)
    async with studio.working():
        await studio.comes_to_say(lambda status: "not there" in str(status["jobs"]))
    studio.edit(archive=None, deliver={})
    async with studio.working():
        await studio.comes_to_say(lambda status: "no archive is known" in str(status["jobs"]))
    assert files_below(studio.inbox / ELM / "kitchen") == photos


async def test_a_folder_that_comes_and_goes_has_nothing_tried_all_the_time(
    archiving: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a disk that a set fills, and has room once that has failed."""
    studio, tries = archiving, list[Path]()

    def tried(folder: Path, *, met_before: bool) -> None:
        tries.append(folder)
        confirm_archive(folder, met_before=met_before)

    monkeypatch.setattr(filing, "confirm_archive", tried)
    studio.drop(ELM, "kitchen", bracket())
    async with studio.working():
        await until(lambda: tries)
        for number in range(1, 5):
            away = studio.failed.rename(studio.root / "away")
            studio.failed.write_text("in its place")
            await studio.comes_to_say(lambda status: status["folders"].get("failed", {}).get("degraded"))
            studio.failed.unlink()
            away.rename(studio.failed)
            await studio.comes_to_say(lambda status: not status["folders"].get("failed", {}).get("degraded"))
            if number == 1:
                await until(lambda: len(tries) == 2)
        await asyncio.sleep(1)
    assert len(tries) == 2


async def test_what_a_link_leads_to_is_not_deleted(make_studio: MakeStudio) -> None:
    """The room's folder was exchanged for a link to a backup with the same photos."""
    studio = make_studio(deliver={"originals": "delete"})
    photos = bracket()
    room, backup = studio.drop(ELM, "kitchen", photos), studio.root / "backup"

    def exchange() -> None:
        room.rename(backup)
        room.symlink_to(backup)

    async with studio.working(crash_point=at(CrashPoint.ANSWER_RECORDED, exchange)):
        await studio.comes_to("done")
    assert files_below(backup) == photos


async def test_photos_are_deleted_when_asked_and_what_travels_with_them_stays(
    make_studio: MakeStudio,
) -> None:
    """Sidecars stay, since nothing proves their content elsewhere. A failed set keeps everything."""
    routes = [{"name": "proofs", "match": {"room": "proof*"}, "deliver": {"originals": "delete"}}]
    studio = make_studio(routes=routes)
    photos = {**bracket(), **SIDECAR}
    for folder in ("proofs", "proofs__sky-blu", "kitchen"):
        studio.drop(ELM, folder, photos)
    await studio.until_idle()
    kept = {"proofs/DSC0001.xmp": SIDECAR["DSC0001.xmp"]}
    kept |= {f"kitchen/{name}": content for name, content in photos.items()}
    assert studio.filed() == kept
    assert files_below(studio.inbox / ELM) == {}
    failed = files_below(studio.failed / ELM / "proofs__sky-blu")
    assert failed.keys() - {"REASON.txt"} == photos.keys()
    assert told(studio, "proofs") == {
        "rule": "delete",
        "folder": f"{ELM}/originals/proofs",
        "deleted": sorted(bracket()),
        "kept_because": "",
    }
    assert studio.say("verify").stdout == "Store, ledger and folders agree.\n"


async def test_nothing_is_deleted_while_a_picture_is_missing_or_damaged(make_studio: MakeStudio) -> None:
    """The originals are kept instead, and status and receipt say why."""
    studio = make_studio(deliver={"originals": "delete"})
    photos = bracket()
    picture = studio.done / ELM / "kitchen.jpg"
    spoils: list[Callable[[], object]] = [
        picture.unlink,
        lambda: picture.write_bytes(picture.read_bytes()[:-9000]),
    ]
    for number, spoil in enumerate(spoils, start=1):
        studio.drop(ELM, "kitchen", {name: content + b" " * number for name, content in photos.items()})
        async with studio.working(crash_point=at(CrashPoint.RECEIPT_RECORDED, spoil)):
            status = await studio.comes_to(*["done"] * number)
        reason = status["jobs"][-1]["reason"]
        assert reason == (
            f"The originals were kept and not deleted: the picture {ELM}/kitchen.jpg can't be read where it"
            " was put."
        )
        assert len(studio.filed()) == number * len(photos)
        picture.unlink(missing_ok=True)
    assert told(studio)["kept_because"] == reason and told(studio)["deleted"] == []


async def test_a_photo_that_was_rewritten_in_the_meantime_is_not_deleted(make_studio: MakeStudio) -> None:
    studio = make_studio(deliver={"originals": "delete"})
    folder = studio.drop(ELM, "kitchen", bracket())
    newer = jpeg(seed=99)
    rewrite = at(CrashPoint.RESULTS_VERIFIED, lambda: (folder / "DSC0002.jpg").write_bytes(newer))
    async with studio.working(crash_point=rewrite):
        await studio.comes_to_say(lambda status: status["counts"].get("done"))
        assert files_below(folder) == {"DSC0002.jpg": newer}
    assert told(studio, "kitchen", "DSC0002.jpg")["deleted"] == ["DSC0001.jpg", "DSC0003.jpg"]


async def test_a_photo_whose_every_picture_is_altered_is_kept(make_studio: MakeStudio) -> None:
    """Nothing was merged, so only the photo shows the unaltered room; beside a merge it may be deleted. A
    small rendition doesn't count as a picture of the room."""
    studio = make_studio(deliver={"originals": "delete", "renditions": {"web": {"long_edge": 64}}})
    photo = {"DSC0001.jpg": jpeg()}
    studio.drop(ELM, "solo__sky-blue", photo)
    studio.drop(ELM, "kitchen__sky-blue", bracket())
    async with studio.working():
        status = await studio.comes_to("done", "done")
    assert studio.filed() == {f"solo__sky-blue/{name}": content for name, content in photo.items()}
    why = "kept and not deleted: every picture of the set is altered, and only the originals show the room"
    assert why in told(studio, "solo__sky-blue")["kept_because"]
    assert told(studio, "kitchen__sky-blue")["deleted"] == sorted(bracket())
    assert [why in job["reason"] for job in status["jobs"] if job["room"] == "solo"] == [True]


async def test_the_reason_of_a_failed_attempt_does_not_stay_among_the_originals(
    make_studio: MakeStudio, shop: Shop
) -> None:
    """Two attempts fail, and their pages travel along. A page that somebody has added to is theirs."""
    studio = make_studio(language="de")
    photos = {**bracket(), **SIDECAR}
    await studio.drop_and_run(ELM, "kitchen__sky-blu", photos)
    (studio.failed / ELM / "kitchen__sky-blu").rename(studio.inbox / ELM / "kitchen__sky-pin")
    studio.edit(language="en")
    await studio.until_idle()
    failed = studio.failed / ELM / "kitchen__sky-pin"
    pages = {name: data for name, data in files_below(failed).items() if name not in photos}
    assert pages.keys() == {"REASON.txt", "REASON (earlier).txt"}
    theirs = {
        "reason.txt.txt": pages["REASON.txt"],
        "REASON (mine).txt": pages["REASON.txt"] + b"Ask Ann.\r\n",
        "REASON (2).txt": b"The blinds are broken.",
        "REASON (3).txt": pages["REASON.txt"].replace(b"=\r\n", b"=\r\n" + b"Ann says: " * 7000, 1),
    }
    for name, data in theirs.items():
        (failed / name).write_bytes(data)
    failed.rename(studio.inbox / ELM / "kitchen")
    assert live(studio, shop, kill_at=CrashPoint.DELETION_RECORDED, nth=1) == -9
    await studio.until_idle()
    assert studio.filed("kitchen") == {**photos, **theirs}
    assert files_below(studio.inbox / ELM) == {}
    assert studio.receipt("kitchen")["originals"]["removed"] == []
    assert studio.say("verify").stdout == "Store, ledger and folders agree.\n"
    anew = studio.say("retry", f"{ELM}/kitchen", "--pay-again")
    assert anew.exit_code == 0, anew.output
    assert files_below(studio.inbox / ELM / "kitchen") == {**photos, **theirs}


@pytest.mark.parametrize(
    ("name", "folder", "point"),
    [
        ("archive", "kitchen", CrashPoint.ORIGINAL_MOVED),
        ("done", "kitchen", CrashPoint.PICTURE_PLACED),
        ("done", "kitchen", CrashPoint.RECEIPT_WRITTEN),
        ("failed", "kitchen__sky-blu", CrashPoint.ORIGINAL_MOVED),
        pytest.param("inbox", "kitchen", CrashPoint.ANSWER_RECORDED, marks=pytest.mark.sqlite_alone),
        pytest.param("inbox", "kitchen", CrashPoint.ORIGINAL_MOVED, marks=pytest.mark.sqlite_alone),
        ("root", "kitchen", CrashPoint.ORIGINAL_MOVED),
    ],
)
async def test_a_start_is_refused_while_files_of_an_unfinished_set_lie_in_a_former_folder(
    make_studio: MakeStudio, shop: Shop, name: str, folder: str, point: CrashPoint
) -> None:
    """Killed on the way, and another folder is named before the next start: there the originals would be
    taken for removed ones, and pictures be placed twice. The former names are good again."""
    studio = make_studio(archive="archive", deliver={"originals": "archive"})
    studio.archive.mkdir()
    photos = {**bracket(), **SIDECAR}
    studio.drop(ELM, folder, photos)
    assert live(studio, shop, kill_at=point, nth=1) == -9
    folders = (studio.inbox, studio.done, studio.failed, studio.archive)
    before = [files_below(one / ELM) for one in folders]
    another = studio.root / "another" / name
    another.mkdir(parents=True)
    former = studio.root if name == "root" else studio.root / name
    studio.edit(**{"state": str(studio.state), name: str(another)})
    with pytest.raises(UsageError, match="still has 1 ") as refused:
        async with studio.working():
            pass
    assert f"{former}" in refused.value.message and f"{another}" in refused.value.hint
    assert [files_below(one / ELM) for one in folders] == before
    studio.edit(**{"root": ".", name: name} if name != "root" else {"root": "."})
    await studio.until_idle()
    if name == "failed":
        assert files_below(studio.failed / ELM / folder).items() >= photos.items()
    else:
        assert files_below(studio.archive / ELM / folder) == photos
        assert told(studio)["folder"] == f"{ELM}/{folder}"
        assert len([*studio.done.rglob("*.jpg")]) == 1 and shop.bought() == 1
    assert files_below(studio.inbox / ELM) == {}
    assert studio.say("verify").stdout == "Store, ledger and folders agree.\n"


@pytest.mark.sqlite_alone
@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("point", [CrashPoint.ORIGINAL_MOVED, None])
async def test_a_start_is_refused_while_sets_wait_in_an_inbox_that_has_another_name(
    make_studio: MakeStudio, shop: Shop, point: CrashPoint | None, *, moved: bool
) -> None:
    """They are known by the inbox's name: what is left of a set on its way, and what waits since it came
    late, would be bought as a set of its own. The former name is good again, wherever the folder is."""
    studio = make_studio()
    photos = bracket()
    studio.drop(ELM, "kitchen", photos)
    assert live(studio, shop, kill_at=point, nth=1) == (-9 if point else 0)
    if point is None:
        studio.drop(ELM, "kitchen", late := {"LATE.jpg": jpeg()})
        await studio.until_idle()
    before = files_below(studio.inbox / ELM)
    path = studio.inbox.rename(studio.root / "letterbox") if moved else studio.inbox
    studio.edit(inboxes=[{"path": path.name, "name": "Anna"}])
    with pytest.raises(UsageError, match="was the inbox `inbox` before, and 1 set of it") as refused:
        async with studio.working():
            pass
    assert "`name: inbox`" in refused.value.hint
    assert files_below(path / ELM) == before
    studio.edit(inboxes=[{"path": path.name, "name": "inbox"}])
    await studio.until_idle()
    assert files_below(path / ELM) == ({} if point else {f"kitchen/{name}": late[name] for name in late})
    assert studio.filed("kitchen") == photos
    assert shop.bought() == 1


@pytest.mark.sqlite_alone
async def test_a_start_is_refused_while_what_an_unfinished_set_has_bought_lies_in_the_former_results(
    studio: Studio, shop: Shop
) -> None:
    """Else it would be fetched again, and where its address has expired, the set would need a person."""
    studio.drop(ELM, "front__sky-blue", bracket())
    assert live(studio, shop, kill_at=CrashPoint.RESULTS_RECORDED, nth=2) == -9
    (now := studio.root / "elsewhere").mkdir()
    studio.edit(results="elsewhere")
    for _ in range(2):
        with pytest.raises(UsageError, match="the folder that was `results` before, still has 1 ") as refused:
            async with studio.working():
                pass
        assert f"{studio.results} into {now}" in refused.value.hint
    for one in studio.kept_results():
        one.rename(now / one.name)
    await studio.until_idle()
    assert (studio.states(), shop.bought(), len([*now.iterdir()])) == (["done"], 2, 3)


@pytest.mark.sqlite_alone
async def test_a_start_is_refused_where_two_inboxes_were_exchanged_and_hold_photos_of_the_same_names(
    make_studio: MakeStudio, shop: Shop
) -> None:
    """The rest of the set would be taken for removed, and bought as another set of the other inbox."""
    studio = make_studio(inboxes=[{"path": "a", "name": "one"}, {"path": "b", "name": "two"}])
    first, second = (inbox / ELM / "kitchen" for inbox in studio.inboxes)
    files_into(first, bracket())
    assert live(studio, shop, kill_at=CrashPoint.ORIGINAL_MOVED, nth=1) == -9
    files_into(second, {name: jpeg(size=(80, 60)) for name in bracket()})
    before = [files_below(one) for one in (first, second)]
    studio.edit(inboxes=[{"path": "b", "name": "one"}, {"path": "a", "name": "two"}])
    with pytest.raises(UsageError, match="the folder that was `one` before, still has 1 unfinished"):
        async with studio.working():
            pass
    assert [files_below(one) for one in (first, second)] == before


@pytest.mark.sqlite_alone
async def test_an_inbox_in_which_nothing_waits_may_get_another_name(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "kitchen", bracket())
    studio.edit(inboxes=[{"path": "inbox", "name": "Anna"}])
    await studio.drop_and_run(ELM, "bath", bracket())
    assert studio.states() == ["done", "done"]
