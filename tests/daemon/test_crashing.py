"""The daemon is killed at every durable step and started again: nothing is lost, nothing paid twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from hotfolder.jobs.context import CrashPoint
from tests.support.pictures import bracket
from tests.support.studio import MERGE, SKY, Shop, Studio, files_below
from tests.support.wreck import PROJECT, Kill, Wreck

GOOD, BAD = "living-room__sky-twilight", "living-room__sky-twilihgt"
ARCHIVING, DELETING = "archived", "deleted"
ROUTES = [
    {"name": one, "match": {"room": one}, "deliver": {"originals": rule}}
    for one, rule in ((ARCHIVING, "archive"), (DELETING, "delete"))
]
AT_ONCE = 6
Order = tuple[str, tuple[Kill, ...]]
PHOTOS = 3

# How often a set of three photos with one sky passes each step.
GOOD_PASSINGS = {
    CrashPoint.JOB_CREATED: 1,
    CrashPoint.PROJECT_CREATED: 1,
    CrashPoint.PROJECT_REMEMBERED: 1,
    CrashPoint.GROUP_CREATED: 1,
    CrashPoint.PHOTO_UPLOADED: 3,
    CrashPoint.GROUP_COMPLETE: 1,
    CrashPoint.INTENT_RECORDED: 2,
    CrashPoint.ANSWER_RECEIVED: 2,
    CrashPoint.ANSWER_IN_JOURNAL: 2,
    CrashPoint.ANSWER_RECORDED: 2,
    CrashPoint.IMAGE_UPLOADED: 1,
    CrashPoint.RESULT_DOWNLOADED: 2,
    CrashPoint.RESULT_KEPT: 2,
    CrashPoint.RESULTS_RECORDED: 2,
    CrashPoint.NAME_TAKEN: 3,
    CrashPoint.PICTURE_PLACED: 2,
    CrashPoint.PICTURES_RECORDED: 1,
    CrashPoint.RECEIPT_WRITTEN: 1,
    CrashPoint.RECEIPT_RECORDED: 1,
    CrashPoint.FOLDER_RESERVED: 1,
    CrashPoint.ORIGINAL_MOVED: 3,
    CrashPoint.RECEIPT_COMPLETED: 1,
    CrashPoint.JOB_ENDED: 1,
}
BAD_PASSINGS = {
    CrashPoint.JOB_CREATED: 1,
    CrashPoint.FOLDER_RESERVED: 1,
    CrashPoint.ORIGINAL_MOVED: 3,
    CrashPoint.REASON_WRITTEN: 1,
    CrashPoint.JOB_ENDED: 1,
}
# What a merge passes at its end under the other rules for originals.
ARCHIVING_PASSINGS = {
    CrashPoint.FOLDER_RESERVED: 1,
    CrashPoint.ORIGINAL_MOVED: 3,
    CrashPoint.RECEIPT_COMPLETED: 1,
}
DELETING_PASSINGS = {
    CrashPoint.RESULTS_VERIFIED: 1,
    CrashPoint.DELETION_RECORDED: 3,
    CrashPoint.ORIGINAL_DELETED: 3,
    CrashPoint.RECEIPT_COMPLETED: 1,
}
UNKNOWABLE = {
    (CrashPoint.INTENT_RECORDED, 1),
    (CrashPoint.INTENT_RECORDED, 2),
    (CrashPoint.ANSWER_RECEIVED, 2),
}
"""Killed there, nobody can tell whether the call was executed: a person decides."""


class Yard:
    """Where wrecks are made, several at a time: those that the next tests ask for, too."""

    def __init__(self, root: Path, shop: Shop) -> None:
        self._root = root
        self._shop = shop
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self.wrecks: dict[Order, Future[Wreck]] = {}

    def wreck(self, folder: str, *kills: Kill) -> Wreck:
        at = ORDERS.index((folder, kills))
        for order in ORDERS[at : at + AT_ONCE]:
            if order not in self.wrecks:
                self.wrecks[order] = self._pool.submit(self._make, *order, len(self.wrecks))
        return self.wrecks[folder, kills].result(timeout=900)

    def _make(self, folder: str, kills: tuple[Kill, ...], number: int) -> Wreck:
        studio = studio_with_rules(self._root / str(number))
        wreck = Wreck(studio, self._shop, folder, bracket(PHOTOS), kills, deletes=folder == DELETING)
        wreck.live()
        return wreck

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def studio_with_rules(root: Path) -> Studio:
    studio = Studio(root, api={"merge_timeout_seconds": 5}, archive="archive", routes=ROUTES)
    studio.archive.mkdir()
    return studio


def each(passings: Mapping[CrashPoint, int]) -> list[Kill]:
    return [(checkpoint, nth) for checkpoint, most in passings.items() for nth in range(1, most + 1)]


def amid(passings: Mapping[CrashPoint, int]) -> list[Kill]:
    return [(checkpoint, (most + 1) // 2) for checkpoint, most in passings.items()]


def two_kills(number: int) -> list[tuple[Kill, Kill]]:
    """A sample of pairs, the same every time; the second may never be reached."""
    generator = Random(20)
    kills = each(GOOD_PASSINGS)
    return [(generator.choice(kills), generator.choice(kills)) for _ in range(number)]


PASSINGS = {
    GOOD: GOOD_PASSINGS,
    BAD: BAD_PASSINGS,
    ARCHIVING: ARCHIVING_PASSINGS,
    DELETING: DELETING_PASSINGS,
}
PAIRS = two_kills(5)
HALTED = [
    ((CrashPoint.INTENT_RECORDED, 2), second)
    for second in (
        (CrashPoint.PICTURE_PLACED, 1),
        (CrashPoint.RECEIPT_WRITTEN, 1),
        (CrashPoint.ORIGINAL_MOVED, 2),
        (CrashPoint.REASON_WRITTEN, 1),
    )
]


ORDERS: list[Order] = [
    *((GOOD, (kill,)) for kill in each(GOOD_PASSINGS)),
    *((BAD, (kill,)) for kill in each(BAD_PASSINGS)),
    *((ARCHIVING, (kill,)) for kill in amid(ARCHIVING_PASSINGS)),
    *((DELETING, (kill,)) for kill in amid(DELETING_PASSINGS)),
    *((GOOD, kills) for kills in (*HALTED, *PAIRS)),
]
"""As the tests ask for them."""


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    root = tmp_path_factory.mktemp("yard")
    with Shop(root / "shop") as shop:
        made = Yard(root, shop)
        yield made
        made.close()


async def test_the_table_knows_every_step_and_how_often_it_is_passed(tmp_path: Path, shop: Shop) -> None:
    for folder, expected in PASSINGS.items():
        passed: Counter[CrashPoint] = Counter()
        studio = studio_with_rules(tmp_path / folder)
        studio.drop(PROJECT, folder, bracket(PHOTOS))
        async with studio.working(shop.access(), crash_point=lambda one, passed=passed: passed.update([one])):
            await studio.comes_to("failed" if folder == BAD else "done")
        filing = {one: number for one, number in passed.items() if one in expected}
        assert (passed if folder in (GOOD, BAD) else filing) == expected
    assert set().union(*PASSINGS.values()) == set(CrashPoint)


@pytest.mark.parametrize("kill", each(GOOD_PASSINGS), ids=lambda kill: f"{kill[0]}-{kill[1]}")
def test_a_good_set_survives_a_kill(yard: Yard, kill: Kill) -> None:
    wreck = yard.wreck(GOOD, kill)
    assert wreck.exit_codes == [-9, 0]
    bought = wreck.shop.charged()
    wreck.assert_sound(bought)
    if kill in UNKNOWABLE:
        assert_needs_a_person(wreck, merged=kill != (CrashPoint.INTENT_RECORDED, 1))
    else:
        assert_done(wreck)
        assert wreck.charged(bought) == {MERGE: 1, SKY: 1}


@pytest.mark.parametrize("kill", each(BAD_PASSINGS), ids=lambda kill: f"{kill[0]}-{kill[1]}")
def test_a_refused_set_survives_a_kill(yard: Yard, kill: Kill) -> None:
    wreck = yard.wreck(BAD, kill)
    assert wreck.exit_codes == [-9, 0]
    wreck.assert_sound([])
    assert wreck.job()["state"] == "failed"
    found = files_below(wreck.studio.failed)
    reason = found.pop(f"{PROJECT}/{BAD}/REASON.txt").decode()
    assert "sky-twilihgt" in reason
    assert found == {f"{PROJECT}/{BAD}/{name}": content for name, content in wreck.photos.items()}
    assert files_below(wreck.studio.done) == {}


@pytest.mark.parametrize("kill", amid(ARCHIVING_PASSINGS), ids=lambda kill: f"{kill[0]}-{kill[1]}")
def test_originals_reach_the_archive_across_a_kill(yard: Yard, kill: Kill) -> None:
    wreck = yard.wreck(ARCHIVING, kill)
    assert wreck.exit_codes == [-9, 0]
    wreck.assert_sound(wreck.shop.charged())
    found = files_below(wreck.studio.archive)
    del found[".hotfolder-archive"]
    assert found == {f"{PROJECT}/{ARCHIVING}/{name}": content for name, content in wreck.photos.items()}
    assert originals_in_receipt(wreck) == {
        "rule": "archive",
        "folder": f"{PROJECT}/{ARCHIVING}",
        "deleted": [],
        "removed": [],
        "kept_because": "",
        "note": "",
    }


@pytest.mark.parametrize("kill", amid(DELETING_PASSINGS), ids=lambda kill: f"{kill[0]}-{kill[1]}")
def test_originals_are_deleted_across_a_kill_and_only_behind_their_picture(yard: Yard, kill: Kill) -> None:
    wreck = yard.wreck(DELETING, kill)
    assert wreck.exit_codes == [-9, 0]
    wreck.assert_sound(wreck.shop.charged())
    assert wreck.job()["state"] == "done" and not wreck.job()["reason"]
    assert wreck.delivered().keys() == {f"{DELETING}.jpg"}
    assert not (wreck.studio.done / PROJECT / "originals").exists()
    assert [*files_below(wreck.studio.inbox / PROJECT)] == []
    assert originals_in_receipt(wreck) == {
        "rule": "delete",
        "folder": "",
        "deleted": sorted(wreck.photos),
        "removed": [],
        "kept_because": "",
        "note": "",
    }


def originals_in_receipt(wreck: Wreck) -> object:
    [receipt] = files_below(wreck.studio.done / PROJECT / "receipts").values()
    return json.loads(receipt)["originals"]


@pytest.mark.parametrize("kills", HALTED, ids=lambda kills: f"{kills[1][0]}-{kills[1][1]}")
def test_a_set_that_needs_a_person_survives_another_kill_on_its_way_to_failed(
    yard: Yard, kills: tuple[Kill, Kill]
) -> None:
    wreck = yard.wreck(GOOD, *kills)
    assert wreck.exit_codes == [-9, -9, 0]
    wreck.assert_sound(wreck.shop.charged())
    assert_needs_a_person(wreck, merged=True)


@pytest.mark.parametrize("kills", PAIRS, ids=lambda kills: "-".join(f"{at}{nth}" for at, nth in kills))
def test_two_kills_lose_and_pay_no_more_than_one(yard: Yard, kills: tuple[Kill, Kill]) -> None:
    wreck = yard.wreck(GOOD, *kills)
    wreck.assert_sound(wreck.shop.charged())
    if wreck.job()["state"] == "done":
        assert_done(wreck)
    else:
        assert set(kills) & UNKNOWABLE or kills[1][0] in ("intent_recorded", "answer_received")
        assert_needs_a_person(wreck, merged=None)


def test_every_charge_is_known_to_the_daemon_that_caused_it(yard: Yard) -> None:
    yard.wreck(GOOD, *PAIRS[-1])
    wrecks = [future.result(timeout=900) for future in yard.wrecks.values()]
    bought = wrecks[0].shop.charged()
    known = sum(sum(wreck.charged(bought).values()) for wreck in wrecks if wreck.folder != BAD)
    assert known == len(bought) > 0


def assert_done(wreck: Wreck) -> None:
    assert wreck.job()["state"] == "done", wreck.job()
    assert wreck.delivered().keys() == {"living-room.jpg", f"{GOOD}.png"}
    assert files_below(wreck.studio.done / PROJECT / "originals") == {
        f"{GOOD}/{name}": content for name, content in wreck.photos.items()
    }
    assert files_below(wreck.studio.done / PROJECT / "receipts").keys() == {f"{GOOD}.json"}
    assert files_below(wreck.studio.failed) == {}


def assert_needs_a_person(wreck: Wreck, *, merged: bool | None) -> None:
    job = wreck.job()
    assert (job["state"], "charged" in job["reason"]) == ("needs_attention", True), job
    found = files_below(wreck.studio.failed / PROJECT / GOOD)
    reason = " ".join(found.pop("REASON.txt").decode().split())
    assert "May have been charged" in reason and "--pay-again" in reason
    assert found == dict(wreck.photos)
    if merged is not None:
        assert wreck.delivered().keys() == ({"living-room.jpg"} if merged else set())
