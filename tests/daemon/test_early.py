"""Early uploads: photos go up while their set still arrives, and exactly the settled set is merged."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections import Counter

import pytest

from hotfolder.daemon import intake
from tests.support.audit import sha256
from tests.support.pictures import bracket, jpeg
from tests.support.studio import ELM, MERGE, Fault, MakeStudio, Shop, Studio, until

pytestmark = pytest.mark.long

ROOM = "kitchen"
GROUP, SLOT, PUT = "/api/hdr-image-group", "/api/hdr-upload-url", "/stager-uploads/{name}"


@pytest.fixture
def patient(make_studio: MakeStudio) -> Studio:
    """A studio whose sets never settle by quiet time within a test."""
    return make_studio(settle={"quiet_seconds": 600})


def up(shop: Shop) -> int:
    return sum(one.route == PUT and one.event == "answered" and one.status == 200 for one in shop.page())


def merged_exactly(shop: Shop, photos: dict[str, bytes]) -> bool:
    """Whether exactly one merge was paid for, of exactly these photos."""
    paid = [one for one in shop.charged() if one.route == MERGE]
    return len(paid) == 1 and not shop.ghosts(paid, [Counter(map(sha256, photos.values()))])


async def test_photos_go_up_before_their_set_has_settled_and_only_once(patient: Studio, shop: Shop) -> None:
    photos = bracket(3)
    first = dict(list(photos.items())[:2])
    folder = patient.drop(ELM, ROOM, first)
    async with patient.working():
        await until(lambda: up(shop) == 2)
        await patient.comes_to("settling")
        patient.drop(ELM, ROOM, photos)  # this rewrites the first two, too: they are other files now
        await until(lambda: up(shop) == 5)
        assert shop.charged() == []
        (folder / ".ready").touch()
        await patient.comes_to("done")
    assert merged_exactly(shop, photos)
    assert (shop.asked(GROUP), up(shop)) == (2, 5)


async def test_one_more_photo_joins_the_group_that_is_open(patient: Studio, shop: Shop) -> None:
    photos = bracket(3)
    folder = patient.drop(ELM, ROOM, {})
    async with patient.working():
        for number, (name, content) in enumerate(photos.items(), start=1):
            (folder / name).write_bytes(content)
            await until(lambda: up(shop) == number)  # noqa: B023 - called at once
        (folder / ".ready").touch()
        await patient.comes_to("done")
    assert merged_exactly(shop, photos)
    assert (shop.asked(GROUP), shop.asked(SLOT)) == (1, 3)


async def test_a_photo_that_is_rewritten_or_removed_is_in_no_merge(patient: Studio, shop: Shop) -> None:
    photos = bracket(3)
    folder = patient.drop(ELM, ROOM, photos)
    async with patient.working():
        await until(lambda: up(shop) == 3)
        first, second, third = photos
        (folder / first).unlink()
        photos.pop(first)
        await until(lambda: up(shop) == 5)
        (folder / second).write_bytes(jpeg())
        await until(lambda: up(shop) >= 6)
        photos[second] = (folder / second).read_bytes()
        (folder / ".ready").touch()
        await patient.comes_to("done")
    assert merged_exactly(shop, photos)
    assert patient.filed(ROOM).keys() - {".ready"} == {second, third}


async def test_an_eighth_photo_ends_it_and_the_seven_that_remain_are_merged(
    patient: Studio, shop: Shop
) -> None:
    photos = bracket(7)
    folder = patient.drop(ELM, ROOM, photos)
    async with patient.working() as daemon:
        await until(lambda: up(shop) == 7)
        (folder / "eighth.jpg").write_bytes(jpeg())
        await until(lambda: not daemon.context.early_groups)
        (folder / "eighth.jpg").unlink()
        await until(lambda: up(shop) == 14)
        (folder / ".ready").touch()
        await patient.comes_to("done")
    assert merged_exactly(shop, photos)


async def test_nothing_goes_up_of_what_will_be_refused_held_or_not_merged(
    patient: Studio, shop: Shop
) -> None:
    """These are an unknown tag, a name in question, a single photo to be edited, a whole shoot, and eight
    photos."""
    patient.drop(ELM, "kitchen__sky-twilihgt", bracket())
    patient.drop(ELM, "bath_sky-twilight", bracket())
    patient.drop(ELM, "front__sky-twilight", bracket(1))
    patient.drop(ELM, "", bracket())
    patient.drop(ELM, "attic", bracket(8))
    patient.drop(ELM, "hall", bracket(2))
    async with patient.working():
        await until(lambda: up(shop) == 2)  # the hall's, which was dropped last
        await asyncio.sleep(0.5)
    assert (shop.asked(GROUP), up(shop), shop.charged()) == (1, 2, [])


async def test_a_set_that_is_taken_away_leaves_its_place_to_the_next(
    patient: Studio, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nothing would go up early any more, once as many were taken away as jobs may run at once."""
    monkeypatch.setattr(intake, "FORGET_SECONDS", 1)
    folder = patient.drop(ELM, ROOM, bracket(2))
    async with patient.working() as daemon:
        daemon.worker.most_jobs = 1
        await until(lambda: up(shop) == 2)
        shutil.rmtree(folder)
        patient.drop(ELM, "hall", bracket(2))
        await until(lambda: up(shop) == 4)


@pytest.mark.parametrize(
    "fault",
    [{"endpoint": "upload-url", "fault": 503, "when": 2}, {"endpoint": "put", "fault": "expired", "when": 2}],
    ids=["nobody knows whether an image is in the group", "an address that has expired"],
)
async def test_an_early_upload_that_fails_costs_a_group_and_nothing_else(
    patient: Studio, shop: Shop, fault: Fault
) -> None:
    shop.goes_wrong(fault)
    photos = bracket(3)
    folder = patient.drop(ELM, ROOM, photos)
    async with patient.working() as daemon:
        await until(lambda: any(group.failed for group in daemon.context.early_groups.values()))
        (folder / ".ready").touch()
        await patient.comes_to("done")
    assert merged_exactly(shop, photos)
    assert shop.asked(GROUP) == 2


async def test_a_photo_that_is_refused_is_not_sent_again_while_its_set_arrives(
    patient: Studio, shop: Shop
) -> None:
    """As one that is too large."""
    shop.goes_wrong({"endpoint": "put", "fault": 413})
    photos = bracket(3)
    folder = patient.drop(ELM, ROOM, photos)
    async with patient.working():
        await until(lambda: [one for one in shop.page() if one.route == PUT and one.status == 413])
        for number in range(6):  # each change is looked at
            (folder / f"note {number}.xmp").write_bytes(b"")
            await asyncio.sleep(0.4)
        assert shop.asked(GROUP) == 1
        (folder / ".ready").touch()
        [job] = (await patient.comes_to("failed"))["jobs"]
    told = re.fullmatch(r"The storage didn't take (\S+): the upload to \S+ was answered 413.*", job["reason"])
    assert told is not None and told[1] in photos
    assert "export it anew" in job["hint"]


async def test_a_daemon_that_is_started_again_opens_a_group_of_its_own(patient: Studio, shop: Shop) -> None:
    photos = bracket(3)
    folder = patient.drop(ELM, ROOM, photos)
    async with patient.working():
        await until(lambda: up(shop) == 3)
    async with patient.working():
        await until(lambda: up(shop) == 6)
        (folder / ".ready").touch()
        await patient.comes_to("done")
    assert merged_exactly(shop, photos)
