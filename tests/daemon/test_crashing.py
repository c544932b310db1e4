"""The daemon is killed at every durable step and started again: nothing is lost, nothing paid twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from hotfolder.crashpoints import CrashPoint
from hotfolder.jobs.model import Purchase
from tests.support import crashing
from tests.support.audit import Audit, Originals, whole
from tests.support.pictures import bracket
from tests.support.sandboxledger import Entry
from tests.support.studio import ELM, MERGE, SKY, Shop, Studio, files_below

PICTURES = (".jpg", ".png")
Kill = tuple[str, int]


@dataclass
class Wreck:
    """One set in one studio. `kills` are crash points with the number of the pass that ends the process.
    `deletes`: its photos are deleted once its pictures are there."""

    studio: Studio
    shop: Shop
    folder: str
    photos: Mapping[str, bytes]
    kills: tuple[Kill, ...]
    exit_codes: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    deletes: bool = False

    def live(self) -> None:
        """Run the daemon once for each kill, then once more to the end."""
        self.studio.drop(ELM, self.folder, self.photos)
        for kill_at, nth in (*self.kills, (None, 0)):
            code = crashing.live(self.studio, self.shop, kill_at=kill_at, nth=nth)
            self.exit_codes.append(code)
            self.look(finished=kill_at is None)

    def look(self, *, finished: bool) -> None:
        """Record violations of what must hold at any moment."""
        studio = self.studio
        places = [studio.inbox, studio.failed, studio.archive, studio.done / ELM / "originals"]
        found = Counter(content for place in places for content in files_below(place).values())
        for name, content in self.photos.items():
            deleted = self.deletes and self.vouched_for()
            if (found[content] < 1 and not deleted) or (finished and found[content] > 1):
                self.faults.append(f"{name} is there {found[content]} times after {self.exit_codes}")
        for path, content in self.delivered().items():
            if not whole(content):
                self.faults.append(f"{path} is no whole picture after {self.exit_codes}")

    def vouched_for(self) -> bool:
        """Whether picture and receipt exist, so that photos may be gone."""
        return bool(self.delivered()) and any((self.studio.done / ELM / "receipts").glob("*.json"))

    def delivered(self) -> dict[str, bytes]:
        """The delivered pictures, by name."""
        return {
            name: content
            for name, content in files_below(self.studio.done / ELM).items()
            if "/" not in name and name.endswith(PICTURES) and not name.startswith(".")
        }

    def hidden(self) -> list[str]:
        """Temporary files in folders that people see."""
        places = (self.studio.done, self.studio.failed, self.studio.inbox / ELM)
        return [name for place in places for name in files_below(place) if Path(name).name.startswith(".")]

    def calls(self) -> list[Purchase]:
        with self.studio.store() as store:
            return store.ledger.of_job(self.job()["job"])

    def charged(self, charges: list[Entry]) -> Counter[str]:
        """What the sandbox charged for this studio's calls, by route."""
        known = self._ids()
        return Counter(entry.route for entry in charges if known & set(entry.ids.values()))

    def _ids(self) -> set[str]:
        return {value for call in self.calls() for value in (call.group_id, call.image_id) if value}

    def job(self) -> dict[str, str]:
        jobs = self.studio.status()["jobs"]
        assert len(jobs) == 1, jobs
        return dict(jobs[0])

    def assert_sound(self, charges: list[Entry]) -> None:
        """Assert what must hold wherever the daemon was killed."""
        text = (self.studio.root / "daemon.log").read_text()
        assert self.exit_codes[-1] == 0, text
        assert self.faults == [], text
        assert self.hidden() == []
        originals = Originals()
        if not self.deletes:
            originals.take(ELM, self.folder, self.photos)
        known = self._ids()
        own = [entry for entry in charges if known & set(entry.ids.values())]
        assert list(Audit(self.studio, own).faults(originals, bound=2)) == [], text
        charged = self.charged(charges)
        assert all(count == 1 for count in charged.values()), charged
        assert charged.keys() <= {MERGE, SKY}


GOOD, BAD = "living-room__sky-twilight", "living-room__sky-twilihgt"
ARCHIVING, DELETING = "archived", "deleted"
ROUTES = [
    {"name": one, "match": {"room": one}, "deliver": {"originals": rule}}
    for one, rule in ((ARCHIVING, "archive"), (DELETING, "delete"))
]
AT_ONCE = 6
Order = tuple[str, tuple[Kill, ...]]
PHOTOS = 3

# How often a set of three photos with one sky passes each crash point.
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
# The crash points that a merge passes at its end under the other rules for originals.
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
"""Kills after which nobody can tell whether the call was executed, so that a person decides."""


class Yard:
    """Makes wrecks several at a time, ahead of the tests that use them."""

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
        studio = studio_with_rules(self._root / str(number), self._shop)
        wreck = Wreck(studio, self._shop, folder, bracket(PHOTOS), kills, deletes=folder == DELETING)
        wreck.live()
        return wreck

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def studio_with_rules(root: Path, shop: Shop) -> Studio:
    studio = Studio(root, shop=shop, api={"merge_timeout_seconds": 5}, archive="archive", routes=ROUTES)
    studio.archive.mkdir()
    return studio


def each(passings: Mapping[CrashPoint, int]) -> list[Kill]:
    return [(point, nth) for point, most in passings.items() for nth in range(1, most + 1)]


def amid(passings: Mapping[CrashPoint, int]) -> list[Kill]:
    return [(point, (most + 1) // 2) for point, most in passings.items()]


def two_kills(number: int) -> list[tuple[Kill, Kill]]:
    """A fixed sample of pairs; the second kill may never be reached."""
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
"""In the order of the tests."""


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    root = tmp_path_factory.mktemp("yard")
    with Shop(root / "shop") as shop:
        made = Yard(root, shop)
        yield made
        made.close()


async def test_the_table_knows_every_step_and_how_often_it_is_passed(tmp_path: Path, shop: Shop) -> None:
    for folder, expected in PASSINGS.items():
        passings: list[CrashPoint] = []
        studio = studio_with_rules(tmp_path / folder, shop)
        studio.drop(ELM, folder, bracket(PHOTOS))
        async with studio.working(crash_point=passings.append):
            await studio.comes_to("failed" if folder == BAD else "done")
        passed = Counter(passings)
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
    reason = found.pop(f"{ELM}/{BAD}/REASON.txt").decode()
    assert "sky-twilihgt" in reason
    assert found == {f"{ELM}/{BAD}/{name}": content for name, content in wreck.photos.items()}
    assert files_below(wreck.studio.done) == {}


@pytest.mark.parametrize("kill", amid(ARCHIVING_PASSINGS), ids=lambda kill: f"{kill[0]}-{kill[1]}")
def test_originals_reach_the_archive_across_a_kill(yard: Yard, kill: Kill) -> None:
    wreck = yard.wreck(ARCHIVING, kill)
    assert wreck.exit_codes == [-9, 0]
    wreck.assert_sound(wreck.shop.charged())
    found = files_below(wreck.studio.archive)
    del found[".hotfolder-archive"]
    assert found == {f"{ELM}/{ARCHIVING}/{name}": content for name, content in wreck.photos.items()}
    assert originals_in_receipt(wreck) == {
        "rule": "archive",
        "folder": f"{ELM}/{ARCHIVING}",
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
    assert not (wreck.studio.done / ELM / "originals").exists()
    assert [*files_below(wreck.studio.inbox / ELM)] == []
    assert originals_in_receipt(wreck) == {
        "rule": "delete",
        "folder": "",
        "deleted": sorted(wreck.photos),
        "removed": [],
        "kept_because": "",
        "note": "",
    }


def originals_in_receipt(wreck: Wreck) -> object:
    [receipt] = files_below(wreck.studio.done / ELM / "receipts").values()
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
    assert wreck.studio.filed() == {f"{GOOD}/{name}": content for name, content in wreck.photos.items()}
    assert files_below(wreck.studio.done / ELM / "receipts").keys() == {f"{GOOD}.json"}
    assert files_below(wreck.studio.failed) == {}


def assert_needs_a_person(wreck: Wreck, *, merged: bool | None) -> None:
    job = wreck.job()
    assert (job["state"], "charged" in job["reason"]) == ("needs_attention", True), job
    found = files_below(wreck.studio.failed / ELM / GOOD)
    reason = " ".join(found.pop("REASON.txt").decode().split())
    assert "May have been charged" in reason and "--pay-again" in reason
    assert found == dict(wreck.photos)
    if merged is not None:
        assert wreck.delivered().keys() == ({"living-room.jpg"} if merged else set())


FOLDER = "hall__sky-blue"


@pytest.mark.parametrize("step", [CrashPoint.PICTURE_PLACED, CrashPoint.RECEIPT_WRITTEN])
def test_what_was_placed_before_an_upgrade_is_not_placed_once_more(
    tmp_path: Path, shop: Shop, step: CrashPoint
) -> None:
    """The daemon was killed between placing and recording: the existing file is recognised as the same."""
    studio = Studio(tmp_path / "studio", deliver={"renditions": {"web-1280": {}}})
    studio.drop(ELM, FOLDER, bracket(3))
    for version, dying in (("1.0.0", {"kill_at": step, "nth": 1}), ("1.1.0", {})):
        code = crashing.live(studio, shop, version=version, **dying)
        assert code == (-9 if dying else 0), (studio.root / "daemon.log").read_text()
    pictures = {"hall.jpg", "hall__sky-blue.png"}
    renditions = {"web-1280/hall.jpg", "web-1280/hall__sky-blue.jpg"}
    receipt = "receipts/hall__sky-blue.json"
    delivered = files_below(studio.done / ELM)
    assert {name for name in delivered if "originals" not in name} == pictures | renditions | {receipt}
    version = "1.0.0" if step is CrashPoint.RECEIPT_WRITTEN else "1.1.0"
    assert json.loads(delivered[receipt])["hotfolder_version"] == version
