"""Records of finished projects are removed after a while; purchases never are."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace
from typing import Any

import pytest

from hotfolder.control.opening import opened
from hotfolder.daemon.folders import apply_retention
from hotfolder.jobs.database import StoreThread
from hotfolder.jobs.model import Job
from hotfolder.jobs.retention import Expired
from hotfolder.jobs.states import PurchaseState, State
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.delivery import Keep
from hotfolder.stager.client import Probe
from tests.jobs.test_retention import LATER, Spoil, clean, done_set
from tests.support.pictures import bracket
from tests.support.rolls import shoot
from tests.support.studio import ELM, Shop, Studio

pytestmark = pytest.mark.long

MONTH = 30
ALL = Keep(originals_days=MONTH, receipts_days=MONTH, results_days=MONTH, records_days=MONTH)
RECORDS = Keep(results_days=None, records_days=MONTH)


def records(found: list[Expired]) -> dict[str, str]:
    """By project, the reason why its records stay."""
    return {due.path.name: due.kept_because for due in found if due.kind == "record"}


def remembered(studio: Studio) -> tuple[list[Job], set[str]]:
    """The jobs of the store, and the states of its purchases."""
    with studio.store() as store:
        return store.of_project(ELM), {call.state for call in store.ledger.all_purchases()}


async def test_what_was_paid_for_outlives_the_record_of_its_set(studio: Studio, shop: Shop) -> None:
    files = await done_set(studio, shop)
    shop.mark()
    assert records(await clean(studio, ALL)) == {ELM: ""}
    assert remembered(studio) == ([], {PurchaseState.SUCCEEDED})
    assert studio.say("verify").exit_code == 0
    await studio.drop_and_run(ELM, "again", files)
    assert (shop.bought(), (studio.done / ELM / "again.jpg").exists()) == (0, True)


async def test_photos_of_a_set_whose_record_went_are_not_taken_for_those_of_a_lost_store(
    studio: Studio, shop: Shop
) -> None:
    """A part of a set that a lost store had paid for is held; here no store was lost."""
    files = await done_set(studio, shop)
    await clean(studio, ALL)
    name, content = next(iter(files.items()))
    await studio.drop_and_run(ELM, "alone", {name: content})
    assert studio.states() == ["done"]


async def test_a_daemon_writes_into_the_journal_which_records_went(studio: Studio, shop: Shop) -> None:
    """Else, with the database lost before the next start, its purchases are those of a lost store."""
    await done_set(studio, shop)

    async def probe() -> Probe:
        return Probe(200, LATER, 0.0, is_web_page=False)

    async def sleep(_: float) -> None:
        raise asyncio.CancelledError

    decoder, store_thread = Decoder(), StoreThread()
    with opened(studio.config) as installation:
        for path in installation.places.results.iterdir():
            os.utime(path, (0, 0))
        context: Any = SimpleNamespace(
            store=installation.store,
            places=installation.places,
            store_thread=store_thread,
            decoder=decoder,
            settings=SimpleNamespace(result_limits=PictureLimits()),
            clock=SimpleNamespace(now=lambda: LATER, sleep=sleep),
            client=SimpleNamespace(probe=probe),
        )
        live: Any = SimpleNamespace(settings=SimpleNamespace(keep=ALL))
        with pytest.raises(asyncio.CancelledError):
            await apply_retention(context, live, lambda: True)
        journal = installation.store.journal
        assert journal is not None
        assert remembered(studio)[0] == []
        assert {let_go for _, let_go in journal.states().values()} == {True}
    await decoder.close()
    store_thread.close()


async def test_records_go_at_once_where_files_are_kept_for_ever(studio: Studio, shop: Shop) -> None:
    await done_set(studio, shop)
    assert records(await clean(studio, RECORDS)) == {ELM: ""}
    assert (studio.done / ELM / "originals" / "kitchen").is_dir()
    assert remembered(studio)[0] == []


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda done: (done / "kitchen.jpg").write_bytes(b"edited"), "originals of kitchen"),
        (lambda done: (done / "receipts" / "kitchen.json").write_text("{}"), "originals of kitchen"),
        (lambda done: done.rename(done.parent / "elsewhere"), "originals of kitchen"),
    ],
)
async def test_a_record_that_something_else_needs_stays(
    studio: Studio, shop: Shop, spoil: Spoil, why: str
) -> None:
    await done_set(studio, shop)
    spoil(studio.done / ELM)
    [told] = records(await clean(studio, ALL)).values()
    assert why in told
    assert len(remembered(studio)[0]) == 1


@pytest.mark.parametrize(
    ("keep", "why"),
    [
        (Keep(receipts_days=MONTH, records_days=MONTH, results_days=None), "the receipt of kitchen"),
        (Keep(results_days=MONTH, records_days=MONTH), "what was bought for kitchen"),
    ],
)
async def test_a_record_that_tells_what_may_go_later_stays(
    studio: Studio, shop: Shop, keep: Keep, why: str
) -> None:
    await done_set(studio, shop)
    (studio.done / ELM / "kitchen.jpg").write_bytes(b"edited")
    receipt = studio.done / ELM / "receipts" / "kitchen.json"
    receipt.write_text(receipt.read_text() + " ")
    [told] = records(await clean(studio, keep)).values()
    assert why in told


@pytest.mark.parametrize(
    "removed", ["originals/kitchen/DSC0001.jpg", "originals/kitchen", "originals", "receipts"]
)
async def test_a_record_whose_originals_or_receipt_somebody_removed_goes(
    studio: Studio, shop: Shop, removed: str
) -> None:
    """While their pictures are there as delivered: else it may be the disk that is gone. Originals never go
    without their receipt, so without it those have to be removed, too."""
    await done_set(studio, shop)
    (studio.done / ELM / removed).rename(studio.root / "elsewhere")
    if removed == "receipts":
        [told] = records(await clean(studio, ALL)).values()
        assert "originals of kitchen" in told
        (studio.done / ELM / "originals").rename(studio.root / "originals")
    assert records(await clean(studio, ALL)) == {ELM: ""}
    assert remembered(studio) == ([], {PurchaseState.SUCCEEDED})


async def test_a_project_with_a_set_that_failed_keeps_its_records(studio: Studio, shop: Shop) -> None:
    await done_set(studio, shop)
    await studio.drop_and_run(ELM, "hall__no-such-tag", bracket(1))
    assert sorted(studio.states()) == ["done", "failed"]
    assert records(await clean(studio, RECORDS)) == {}


async def test_a_project_with_photos_in_the_inbox_keeps_its_records(studio: Studio, shop: Shop) -> None:
    """A held late photo would otherwise become a set of its own, and be paid for."""
    files, sets, _ = shoot(rooms=1)
    await studio.drop_and_run(ELM, "", {name: files[name] for name in sets[0][:4]})
    late = studio.drop(ELM, "", {sets[0][4]: files[sets[0][4]]}) / sets[0][4]
    [told] = records(await clean(studio, RECORDS)).values()
    assert "in the inbox" in told
    await studio.until_idle()
    assert (shop.bought(), late.exists()) == (1, True)
    late.unlink()
    assert records(await clean(studio, RECORDS)) == {ELM: ""}


async def test_no_records_go_while_an_inbox_is_out_of_reach(studio: Studio, shop: Shop) -> None:
    await done_set(studio, shop)
    away = studio.inbox.rename(studio.root / "elsewhere")
    studio.inbox.mkdir()
    [told] = records(await clean(studio, RECORDS)).values()
    assert "inbox" in told
    studio.inbox.rmdir()
    away.rename(studio.inbox)
    assert records(await clean(studio, RECORDS)) == {ELM: ""}


async def test_a_project_that_got_another_set_meanwhile_keeps_its_records(studio: Studio, shop: Shop) -> None:
    await done_set(studio, shop)
    jobs, _ = remembered(studio)
    await done_set(studio, shop, "hall")
    with studio.store() as store:
        assert store.delete_records(jobs, LATER) is None
        assert len(store.in_states([State.DONE])) == 2
