"""What was paid for is forgotten only when the settings say so, and then as if it had never been."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from hotfolder.config.load import load
from hotfolder.daemon.following import keep_of
from hotfolder.jobs.compaction import TidyStep
from hotfolder.jobs.due import Due, Keep, Kind
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.ledgerfile import FILE_NAME, LedgerFile
from hotfolder.jobs.purchases import forget
from hotfolder.jobs.tables import ApiProject, Call, CallState, Generation, Job, Result, stamp
from tests.conftest import MakeStudio
from tests.jobs.test_retention import ELM, LATER, clean, done_set
from tests.support.audit import Audit
from tests.support.crashing import Crasher
from tests.support.studio import Shop, Studio

MONTH = timedelta(days=30)
ALL = Keep(MONTH, MONTH, MONTH, MONTH, MONTH)
NEXT_DAY = LATER + timedelta(days=1)
OTHERS = "Other Street"


def purchases(found: list[Due]) -> list[tuple[str, int, str]]:
    return [(due.path.name, due.number, due.kept_because) for due in found if due.kind is Kind.PURCHASE]


def calls(studio: Studio) -> Counter[str]:
    """How many paid calls of each project the store knows, others than the newest aside."""
    known = studio.reading(lambda store: Ledger(store.database).all_calls()) or []
    return Counter(call.project for call in known if call.project != OTHERS)


def written(studio: Studio) -> Counter[str]:
    """As `calls`, by the ledger's file."""
    told = LedgerFile(studio.state / FILE_NAME).read()
    return Counter(one.call["project"] for one in told if one.call["project"] != OTHERS)


def buy_others(studio: Studio) -> None:
    """The newest calls are never forgotten: have some of another project."""
    store = studio.store()
    ledger = Ledger(store.database, LedgerFile(studio.state / FILE_NAME))
    now, so_many = datetime.now(UTC), len(ledger.all_calls())
    for number in range(so_many, so_many + 3):
        job = f"other{number}"
        call = Call(key=job, job_id=job, project=OTHERS, operation="merge", parameters="{}", group_id=job)
        one = ledger.begin(call, now)
        ledger.answer(one, "{}", now)
        ledger.keep(one, [])
    store.database.dispose()


async def test_the_same_photos_are_not_paid_again_until_their_purchase_is_forgotten(
    studio: Studio, shop: Shop
) -> None:
    """And whoever looks is told before that they would be."""
    files = await done_set(studio, shop, "kitchen__sky-blue")
    buy_others(studio)
    await clean(studio, ALL)
    for call in studio.reading(lambda store: Ledger(store.database).all_calls()) or []:
        if call.project == ELM:
            assert (call.parameters, call.photos, call.job_let_go_at) == ("", "", stamp(LATER))
    assert studio.call("verify").returncode == 0
    # Neither record nor result is left: the merge's group, and the sky's answer, still say where they are.
    studio.drop(ELM, "again__sky-blue", files)
    await studio.until_idle(shop.access())
    assert shop.bought() == 2
    assert len(list((studio.done / ELM).glob("again*"))) == 2
    [told] = [(why, number) for _, number, why in purchases(await clean(studio, ALL, now=NEXT_DAY))]
    assert told == ("sets that are remembered use what was bought", 2)
    one_more = NEXT_DAY + timedelta(days=1)
    assert purchases(await clean(studio, ALL, now=one_more, dry_run=True)) == [(ELM, 2, "")]
    assert calls(studio)[ELM] == 2
    assert purchases(await clean(studio, ALL, now=one_more)) == [(ELM, 2, "")]
    studio.drop(ELM, "once more__sky-blue", files)
    await studio.until_idle(shop.access())
    assert shop.bought() == 4
    [receipt] = (studio.done / ELM / "receipts").glob("once*")
    assert [one["paid"] for one in json.loads(receipt.read_text())["calls"]] == [True, True]
    assert Audit(studio, ()).disagreements == []


async def test_nothing_is_forgotten_where_the_settings_do_not_say_so(studio: Studio, shop: Shop) -> None:
    await done_set(studio, shop)
    buy_others(studio)
    for_ever = Keep(MONTH, MONTH, MONTH, MONTH)
    for days in range(3):
        assert purchases(await clean(studio, for_ever, now=LATER + timedelta(days=days))) == []
    assert calls(studio)[ELM] == written(studio)[ELM] == 1


async def test_a_set_that_was_made_of_what_another_bought_keeps_that(studio: Studio, shop: Shop) -> None:
    """Whatever becomes of it, it must not pay for what it has had already."""
    files = await done_set(studio, shop, "kitchen__sky-blue")
    buy_others(studio)
    await clean(studio, ALL)
    studio.drop("Another", "hall__sky-blue", files)
    await studio.until_idle(shop.access())
    keep = Keep(None, None, MONTH, timedelta(days=300), MONTH)
    assert purchases(await clean(studio, keep, now=NEXT_DAY)) == [
        (ELM, 2, "sets that are remembered use what was bought")
    ]
    studio.drop("Another", "hall again__sky-blue", files)
    await studio.until_idle(shop.access())
    assert shop.bought() == 2


async def test_what_is_in_the_state_folder_or_dropped_just_now_is_not_forgotten(
    studio: Studio, shop: Shop
) -> None:
    files = await done_set(studio, shop)
    buy_others(studio)
    keep = Keep(None, None, None, MONTH, MONTH)
    await clean(studio, keep)
    assert purchases(await clean(studio, keep, now=NEXT_DAY)) == [
        (ELM, 1, "what was bought is in the state folder still")
    ]
    studio.drop(ELM, "again", files)
    assert purchases(await clean(studio, ALL, now=NEXT_DAY)) == [(ELM, 1, "photos of it lie in the inbox")]
    assert calls(studio)[ELM] == 1


async def test_a_project_that_is_forgotten_begins_anew_at_the_api_too(studio: Studio, shop: Shop) -> None:
    await done_set(studio, shop)
    names = studio.reading(lambda store: Session(store.database).exec(select(ApiProject.project)).all())
    assert names == [ELM]
    buy_others(studio)
    await clean(studio, ALL)
    names = studio.reading(lambda store: Session(store.database).exec(select(ApiProject.project)).all())
    assert names == [ELM]
    await clean(studio, ALL, now=NEXT_DAY)
    names = studio.reading(lambda store: Session(store.database).exec(select(ApiProject.project)).all())
    assert names == []


async def test_how_often_photos_were_bought_anew_is_forgotten_after_what_was_bought(
    studio: Studio, shop: Shop
) -> None:
    files = await done_set(studio, shop)
    studio.drop(ELM, "kitchen__again", files)
    await studio.until_idle(shop.access())
    assert shop.bought() == 2
    buy_others(studio)
    numbers = []
    for day in (0, 1, 20, 40):
        await clean(studio, ALL, now=LATER + timedelta(days=day))
        found = studio.reading(lambda store: Session(store.database).exec(select(Generation.number)).all())
        numbers.append((calls(studio)[ELM], found))
    assert numbers == [(2, [1]), (0, [1]), (0, [1]), (0, [])]


async def test_photos_that_are_to_be_bought_anew_are_while_what_was_bought_of_them_is_remembered(
    studio: Studio, shop: Shop
) -> None:
    """Were it forgotten that they had been before, what came of that would be taken for it."""
    files = await done_set(studio, shop)
    studio.drop(ELM, "kitchen__again", files)
    await studio.until_idle(shop.access())
    buy_others(studio)
    keep = Keep(None, None, None, MONTH, MONTH)
    for day in (0, 1, 40):
        await clean(studio, keep, now=LATER + timedelta(days=day))
    assert calls(studio)[ELM] == 2
    studio.drop(ELM, "kitchen__again", files)
    await studio.until_idle(shop.access())
    assert shop.bought() == 3


STEPS = [TidyStep.RECORD_LET_GO, TidyStep.CALLS_FORGOTTEN, TidyStep.FILE_REPLACED]


@pytest.fixture
def crasher() -> Iterator[Crasher]:
    one = Crasher()
    yield one
    one.close()


@pytest.mark.parametrize("step", STEPS)
async def test_a_kill_amid_forgetting_changes_nothing_of_what_is_paid(
    studio: Studio, shop: Shop, crasher: Crasher, step: TidyStep
) -> None:
    """What was begun is finished the next time, and until then what was paid for counts."""
    files = await done_set(studio, shop)
    buy_others(studio)
    request = {"config": str(studio.config), "log": str(studio.root / "log"), "kill_at": step, "nth": 1}
    if step is not TidyStep.CALLS_FORGOTTEN:
        assert crasher.run(**request, tidy_at=LATER.isoformat()) == -9
        await studio.until_idle(shop.access())
        assert Audit(studio, ()).disagreements == []
        assert calls(studio)[ELM] == written(studio)[ELM] == 1
        studio.drop("Another", "hall", files)
        await studio.until_idle(shop.access())
        assert shop.bought() == 1
        return
    await clean(studio, ALL)
    assert crasher.run(**request, tidy_at=NEXT_DAY.isoformat()) == -9
    assert (calls(studio)[ELM], written(studio)[ELM]) == (0, 1)
    await studio.until_idle(shop.access())
    assert calls(studio)[ELM] == written(studio)[ELM] == 1
    assert Audit(studio, ()).disagreements == []
    buy_others(studio)
    assert purchases(await clean(studio, ALL, now=NEXT_DAY)) == [(ELM, 1, "")]
    assert calls(studio)[ELM] == written(studio)[ELM] == 0


async def test_what_is_in_doubt_or_among_the_newest_is_never_forgotten(studio: Studio, shop: Shop) -> None:
    """The newest tell whether everything paid must be paused, and give new calls their numbers."""
    await done_set(studio, shop)
    store = studio.store()
    with Session(store.database) as session, session.begin():
        for number, state in enumerate([*CallState] * 2):
            call = Call(
                key=f"k{number}", job_id=f"job{number}", project="old", operation="merge", parameters="",
                state=state, started_at="2020-01-01", job_let_go_at="2021-01-01",
            )  # fmt: skip
            session.add(call)
    store.database.dispose()
    await clean(studio, ALL)
    store = studio.store()
    left = [call for call in Ledger(store.database).all_calls() if call.project == "old"]
    store.database.dispose()
    assert Counter(call.state for call in left) == {
        CallState.STARTED: 2,
        CallState.ANSWERED: 2,
        CallState.UNKNOWN: 2,
        CallState.SUCCEEDED: 1,
        CallState.NOT_EXECUTED: 1,
    }


async def test_a_set_that_came_meanwhile_is_looked_at_before_anything_is_forgotten(
    studio: Studio, shop: Shop
) -> None:
    files = await done_set(studio, shop)
    await clean(studio, ALL)
    studio.drop("Another", "hall", files)
    await studio.until_idle(shop.access())
    store = studio.store()
    [call] = Ledger(store.database).all_calls()
    assert [job.project for job in forget(store, ELM, [call.id], frozenset())] == ["Another"]
    with store.session() as session:
        jobs = frozenset(session.exec(select(Job.id)).all())
        assert len(session.exec(select(Result)).all()) == 1
    assert forget(store, ELM, [call.id], jobs) == []
    with store.session() as session:
        assert session.exec(select(Result)).all() == []
    store.database.dispose()


async def test_clean_says_what_forgetting_means(studio: Studio, shop: Shop) -> None:
    from hotfolder.cli.clean import as_dict, lines

    await done_set(studio, shop, "kitchen__sky-blue")
    buy_others(studio)
    await clean(studio, ALL)
    would = await clean(studio, ALL, now=NEXT_DAY, dry_run=True)
    assert list(lines(would, dry_run=True))[-2:] == [
        "Paid calls that would be forgotten; the same photos dropped again after that are bought, and paid"
        " for, anew:",
        f"    {ELM}: 2 paid calls",
    ]
    files = as_dict(would, dry_run=True)["files"]
    assert isinstance(files, list)
    assert [(one["kind"], one["number"]) for one in files] == [("purchase", 2)]
    gone = await clean(studio, ALL, now=NEXT_DAY)
    assert "Paid calls that are forgotten; the same photos" in "\n".join(lines(gone, dry_run=False))


async def test_a_purchase_that_was_forgotten_counts_as_a_new_one(studio: Studio, shop: Shop) -> None:
    """Out of a lost store as well: the file has forgotten it, too."""
    files = await done_set(studio, shop)
    buy_others(studio)
    await clean(studio, ALL)
    await clean(studio, ALL, now=NEXT_DAY)
    for path in studio.state.glob("jobs.sqlite*"):
        path.unlink()
    (studio.inbox / ".hotfolder-root").unlink()
    studio.drop(ELM, "kitchen", files)
    await studio.until_idle(shop.access())
    assert shop.bought() == 2


def test_the_settings_say_for_how_many_days_purchases_are_remembered(make_studio: MakeStudio) -> None:
    days = {"originals": 1, "receipts": 2, "results": 3, "records": 4, "purchases": 5}
    studio = make_studio(keep={f"{kind}_days": number for kind, number in days.items()})
    assert keep_of(load(studio.config, {})) == Keep(*(timedelta(days=number) for number in days.values()))
    assert keep_of(load(make_studio().config, {})) == Keep(None, None, MONTH, None, None)
