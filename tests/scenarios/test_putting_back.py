"""`retry` and `resolve`, killed at every crash point and repeated: a set comes back as a whole."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hotfolder.control import actions
from hotfolder.crashpoints import HandStep
from hotfolder.errors import LocalTrouble, UsageError
from tests.scenarios.bench import HURRIED, ROOM, Bench
from tests.support.audit import Audit
from tests.support.crashing import hooked
from tests.support.pictures import jpeg
from tests.support.studio import ELM, MERGE, SKY, Shop, Studio, files_below

pytestmark = pytest.mark.long

NOTES = {"notes.txt": b"the blinds are broken"}
# How often a set of three photos and its REASON.txt passes each crash point, with a neighbour in the room's
# folder.
PASSINGS = {
    HandStep.FILE_GATHERED: 4,
    HandStep.SOURCE_REMOVED: 1,
    HandStep.NEIGHBOUR_GATHERED: 1,
    HandStep.OUTCOME_RECORDED: 1,
    HandStep.SET_BACK: 1,
}
KILLS = [(step, nth) for step, most in PASSINGS.items() for nth in range(1, most + 1)]
RETRY: dict[str, Any] = {"pay_again": False}
PAY_AGAIN: dict[str, Any] = {"pay_again": True}
NOT_CHARGED: dict[str, Any] = {"paid_result": None}


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory, one_shop: Shop) -> Iterator[Bench]:
    """A studio with a set in failed/ whose sky may have been charged."""
    one_shop.mark()
    one_shop.goes_wrong({"endpoint": "sky", "fault": "reset-after"})
    bench = Bench(Studio(tmp_path_factory.mktemp("doubtful") / "studio", **HURRIED), one_shop)
    bench.drop()
    assert bench.live() == 0
    bench.check("needs_attention", paid=2)
    yield bench


@pytest.fixture
def bench(doubtful: Bench, shop: Shop, tmp_path: Path) -> Bench:
    """A copy of it; purchases count from here."""
    studio = Studio(tmp_path / "studio", **HURRIED)
    shutil.copytree(doubtful.studio.root, studio.root, dirs_exist_ok=True)
    bench = Bench(studio, shop)
    bench.originals.count.update(doubtful.originals.count)
    bench.originals.name.update(doubtful.originals.name)
    bench.sets += doubtful.sets
    return bench


def job_of(bench: Bench) -> str:
    return str(bench.studio.status()["jobs"][-1]["job"])


def leave_notes(bench: Bench) -> None:
    bench.originals.take(ELM, ROOM, NOTES)
    bench.studio.drop(ELM, ROOM, NOTES)


def test_the_table_knows_every_step_and_how_often_it_is_passed(bench: Bench) -> None:
    passed: Counter[HandStep] = Counter()
    leave_notes(bench)
    with hooked(lambda step: passed.update([step])):
        back = bench.studio.by_hand(actions.retry, job_of(bench), pay_again=False)
    assert back.files == 4
    assert passed == PASSINGS and PASSINGS.keys() == set(HandStep)
    assert bench.in_inbox().keys() == {"DSC0001.jpg", "DSC0002.jpg", "DSC0003.jpg", "REASON.txt", "notes.txt"}
    assert not files_below(bench.studio.failed)


Way = tuple[str, dict[str, Any], dict[str, int], tuple[HandStep, int]]


def ways() -> Iterator[Way]:
    """For each command: its arguments, what is bought at the end, and its kills."""
    for kill in KILLS:
        yield "retry", RETRY, {}, kill
        if kill[0] is not HandStep.FILE_GATHERED:
            yield "resolve", NOT_CHARGED, {SKY: 1}, kill
    yield "retry", PAY_AGAIN, {MERGE: 1, SKY: 1}, (HandStep.OUTCOME_RECORDED, 1)


@pytest.mark.parametrize(
    ("action", "told", "after", "kill"),
    list(ways()),
    ids=[f"{way[0]}-{'again-' if way[1] is PAY_AGAIN else ''}{way[3][0]}-{way[3][1]}" for way in ways()],
)
def test_killed_on_the_way_nothing_is_taken_for_a_set_and_saying_it_again_finishes_it(
    bench: Bench, action: str, told: dict[str, Any], after: dict[str, int], kill: tuple[HandStep, int]
) -> None:
    job = job_of(bench)
    if kill[0] is HandStep.NEIGHBOUR_GATHERED:
        leave_notes(bench)
    command = (action, {"job_id": job, **told})
    assert bench.live(action=command, kill_at=kill[0], nth=kill[1]) == -9
    back = kill[0] is HandStep.SET_BACK
    if not back:
        assert bench.live() == 0
        bench.check("needs_attention", paid=0)
    assert bench.live(action=command) == (2 if back else 0), bench.text()
    bench.live()
    bench.check("superseded", "done" if after else "needs_attention", paid=sum(after.values()), bound=2)
    assert {route: bench.shop.bought(route) for route in (MERGE, SKY) if bench.shop.bought(route)} == after


def test_a_photo_in_the_way_is_named_and_nothing_moves(bench: Bench) -> None:
    other = jpeg(seed=77)
    bench.studio.drop(ELM, ROOM, {"DSC0003.jpg": other})
    before = files_below(bench.studio.failed)
    with pytest.raises(UsageError, match=r"DSC0003\.jpg"):
        bench.studio.by_hand(actions.retry, job_of(bench), pay_again=True)
    assert files_below(bench.studio.failed) == before
    assert bench.in_inbox() == {"DSC0003.jpg": other}
    (bench.path(ELM, ROOM) / "DSC0003.jpg").unlink()
    bench.studio.by_hand(actions.retry, job_of(bench), pay_again=False)
    assert len(bench.in_inbox()) == 4


def test_nothing_is_put_into_an_inbox_that_is_not_there(bench: Bench, elsewhere: Path) -> None:
    before = files_below(bench.studio.failed)
    job = job_of(bench)
    bench.studio.inbox.rename(elsewhere / "inbox")
    bench.studio.inbox.mkdir()
    with pytest.raises(LocalTrouble, match="empty mount point"):
        bench.studio.by_hand(actions.retry, job, pay_again=False)
    assert files_below(bench.studio.failed) == before and not files_below(bench.studio.inbox)


def test_a_set_on_its_way_arrives_though_its_job_was_replaced_meanwhile(bench: Bench) -> None:
    job = job_of(bench)
    command = ("retry", {"job_id": job, **RETRY})
    assert bench.live(action=command, kill_at=HandStep.SOURCE_REMOVED, nth=1) == -9
    with bench.studio.store() as store:
        store.set_columns(job, state="superseded")
    assert bench.live(action=command) == 0
    assert Audit(bench.studio, ()).disagreements == []
    assert len(bench.in_inbox()) == 4


def test_a_set_in_doubt_is_not_called_finished_where_it_is_to_be_cancelled_or_preferred(bench: Bench) -> None:
    for words in (("cancel", job_of(bench)), ("priority", f"{ELM}/living-room", "high")):
        refused = bench.studio.say(*words, columns=200)
        assert refused.exit_code == 2 and "has ended: needs a person." in refused.output


def test_an_inbox_that_there_is_not_is_named_where_a_project_is_sought_in_it(bench: Bench) -> None:
    refused = bench.studio.say("cancel", ELM, "--inbox", "Anna")
    assert refused.exit_code == 2 and f"Nothing is known of {ELM} in an inbox Anna." in refused.output


def test_the_reason_of_an_earlier_pause_is_not_replaced_in_silence(bench: Bench) -> None:
    assert "before" not in bench.studio.say("pause", "--reason", "the boss is away").output
    told = " ".join(bench.studio.say("pause", "--reason", "it is Sunday").output.split())
    assert "the reason of then stays: the boss is away." in told
