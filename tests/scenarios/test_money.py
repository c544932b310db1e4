"""Budgets, pauses, unknown outcomes, and stores that have lost purchases."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hotfolder.control import actions
from hotfolder.control.opening import opened
from hotfolder.crashpoints import CrashPoint
from hotfolder.errors import UsageError
from hotfolder.stager.answers import Answer
from tests.scenarios.bench import HURRIED, ROOM, Bench, MakeBench
from tests.support.audit import Audit
from tests.support.crashing import at
from tests.support.pictures import bracket
from tests.support.sandboxledger import charges
from tests.support.studio import ELM, MERGE, SKY, MakeStudio, until

pytestmark = pytest.mark.long

LOST_SKY = {"endpoint": "sky", "fault": "reset-after"}


async def waits_for(bench: Bench, words: str) -> None:
    """Wait until an active set has a reason with these words."""
    await bench.studio.comes_to_say(lambda status: any(words in job["reason"] for job in status["jobs"]))


@pytest.mark.sqlite_alone
async def test_the_budget_of_a_day_is_kept_and_the_next_day_goes_on_by_itself(make_bench: MakeBench) -> None:
    bench = make_bench(limits={"paid_calls_per_day": 3})
    # At noon, so that no test crosses midnight by accident.
    local = datetime.now(UTC).astimezone()
    bench.clock.jump(local.replace(hour=12, minute=0) - local)
    for room in ("hall", "bath"):
        bench.drop(f"{room}__sky-blue")
    async with bench.working():
        await waits_for(bench, "budget of paid calls for today is used up (3 of 3)")
        assert bench.shop.bought() == 3
        bench.clock.jump(timedelta(days=1))
        await bench.studio.comes_to("done", "done")
    bench.check("done", "done", paid=4)


@pytest.mark.sqlite_alone
@pytest.mark.parametrize("days", [-1, -365])
async def test_a_clock_that_is_set_back_opens_no_budget_anew(make_bench: MakeBench, days: int) -> None:
    bench = make_bench(limits={"paid_calls_per_day": 2})
    local = datetime.now(UTC).astimezone()
    bench.clock.jump(local.replace(hour=12, minute=0) - local)
    await bench.drop_and_run("hall")
    bench.clock.jump(timedelta(days=days))
    await bench.drop_and_run("bath")
    bench.drop("kitchen")
    async with bench.working():
        await waits_for(bench, "the budget of paid calls for today is used up (2 of 2)")
    bench.check("done", "done", "merging", paid=2)


@pytest.mark.sqlite_alone
async def test_what_a_clock_that_was_ahead_dated_counts_until_a_person_resumes(make_bench: MakeBench) -> None:
    """Nobody but a person knows whether the clock is right now; else nothing would be paid for until that
    day."""
    bench = make_bench(limits={"paid_calls_per_day": 1})
    bench.clock.jump(timedelta(days=365))
    await bench.drop_and_run("hall")
    bench.clock.jump(timedelta(days=-365))
    bench.drop("bath")
    async with bench.working():
        await waits_for(bench, "the budget of paid calls for today is used up (1 of 1)")
        assert bench.shop.bought() == 1
        bench.studio.by_hand(actions.pause, "the clock was ahead")
        assert bench.studio.by_hand(actions.resume)
        await bench.studio.comes_to("done", "done")
    bench.drop("kitchen")
    async with bench.working():
        await waits_for(bench, "the budget of paid calls for today is used up (1 of 1)")
    bench.check("done", "done", "merging", paid=2)


async def test_metrics_count_what_may_be_charged_and_nothing_that_was_refused(bench: Bench) -> None:
    bench.shop.goes_wrong({"endpoint": "enhance", "fault": 402, "when": {"to": 3}}, LOST_SKY)
    bench.drop()
    async with bench.working() as daemon:
        await bench.studio.comes_to("needs_attention")
        told = daemon.telemetry.metrics.page().decode()
    assert bench.shop.asked(MERGE) == 4
    bench.check("needs_attention", paid=2)
    for kind in ("merge", "sky"):
        assert f'hotfolder_paid_calls_total{{operation="{kind}"}} 1.0' in told, told
        assert f'hotfolder_project_paid_calls_total{{operation="{kind}",project="{ELM}"}} 1.0' in told


async def test_a_run_until_idle_ends_though_a_budget_holds_a_set_and_a_raised_one_lets_it_go_on(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(limits={"paid_calls_per_project": 1})
    bench.drop()
    outcome = await bench.until_idle()
    assert (outcome.needing_person, outcome.world_bad) == (0, False)
    audit = bench.check("editing", paid=1)
    assert "limits.paid_calls_per_project" in audit.jobs[0].hint
    text = bench.studio.config.read_text()
    bench.studio.config.write_text(text.replace("paid_calls_per_project: 1", "paid_calls_per_project: 2"))
    said: list[str] = []

    def look() -> None:
        said.extend(f"{job.reason}{job.hint}" for job in Audit(bench.studio, []).jobs)

    async with bench.working(crash_point=at(CrashPoint.INTENT_RECORDED, look)):
        await bench.studio.comes_to("done")
    assert said == [""], "the budget doesn't hold it any more"
    bench.check("done", paid=2)


async def test_the_budget_of_one_set_holds_that_set_alone(make_bench: MakeBench) -> None:
    bench = make_bench(limits={"paid_calls_per_job": 1})
    bench.drop()
    await bench.drop_and_run("kitchen")
    bench.check("done", "editing", paid=2)


@pytest.mark.both_stores
async def test_the_budget_of_one_project_holds_up_no_other_project(make_bench: MakeBench) -> None:
    """This holds even where only one set is worked on at once; and a waiting set uploads nothing again."""
    bench = make_bench(limits={"paid_calls_per_project": 1})
    async with bench.working() as daemon:
        daemon.worker.most_jobs = 1
        for room in ("hall__sky-blue", "bath__sky-blue"):
            bench.drop(room)
        await waits_for(bench, f"the project {ELM} is used up")
        bench.drop("kitchen", project="14 Oak Lane")
        await bench.studio.comes_to_say(lambda status: "done" in [job["state"] for job in status["jobs"]])
        await asyncio.sleep(0.5)  # twenty seconds of the daemon's time
    assert bench.shop.asked("/api/image") == 0
    bench.check("done", "editing", "merging", paid=2)


@pytest.mark.both_stores
async def test_three_unknown_outcomes_pause_everything_paid_until_a_person_resumes(bench: Bench) -> None:
    rooms = {f"room-{number}": bench.drop(f"room-{number}") for number in range(3)}
    await bench.until_idle()  # so that no merge is bought between the skies
    bench.shop.goes_wrong(LOST_SKY)
    for room, photos in rooms.items():
        bench.drop(f"{room}__sky-blue", photos)
    await bench.until_idle()
    await bench.drop_and_run("kitchen")
    over = ["done"] * 3 + ["needs_attention"] * 3
    audit = bench.check(*over, "merging", paid=6)
    assert "three paid calls" in audit.seen.paused
    bench.shop.goes_wrong()
    bench.studio.by_hand(actions.resume)
    await bench.until_idle()
    bench.check(*over, "done", paid=7)
    # Purchases resolved by a person don't count towards the next pause.
    bench.shop.goes_wrong(LOST_SKY)
    await bench.drop_and_run("attic__sky-blue")
    assert not bench.check(*over, "needs_attention", "done", paid=9).seen.paused


async def test_what_our_own_end_made_unknown_pauses_nothing(bench: Bench) -> None:
    bench.shop.goes_wrong({"endpoint": "sky", "fault": "hang", "processed": False})
    for number in range(3):
        bench.drop(f"room-{number}__sky-blue")
    assert bench.live(kill_at="intent_recorded", nth=6) == -signal.SIGKILL
    bench.shop.goes_wrong()
    await bench.drop_and_run("kitchen")
    audit = bench.check(*["needs_attention"] * 3, "done", paid=4, bound=7)
    assert not audit.seen.paused
    assert "hotfolder was stopped before the answer arrived" in bench.reason_page("room-0__sky-blue")


@pytest.mark.both_stores
async def test_killed_before_the_merge_was_asked_for_it_is_asked_for_within_a_minute(
    make_bench: MakeBench,
) -> None:
    """The group's status proves it, long before `merge_timeout_seconds` have passed."""
    bench = make_bench(api={"merge_timeout_seconds": 36_000.0, "read_timeout_seconds": 5.0})
    bench.drop("kitchen")
    assert bench.live(kill_at="intent_recorded", nth=1) == -signal.SIGKILL
    assert bench.live() == 0
    bench.check("done", paid=1)
    assert len(bench.events("merge_never_asked_for")) == 1


async def test_killed_once_the_merge_was_asked_for_it_is_not_asked_for_again(make_bench: MakeBench) -> None:
    bench = make_bench(api={"merge_timeout_seconds": 36_000.0, "read_timeout_seconds": 5.0})
    bench.drop("kitchen")
    assert bench.live(kill_at="answer_received", nth=1) == -signal.SIGKILL
    assert bench.live() == 0
    bench.check("done", paid=1)
    assert bench.events("merge_never_asked_for") == []


async def test_what_a_person_pauses_waits_and_free_work_goes_on(bench: Bench) -> None:
    await bench.until_idle()  # creates the store
    bench.studio.by_hand(actions.pause, reason="the boss wants to look first")
    photos = await bench.drop_and_run()
    audit = bench.check("merging", paid=0)
    assert "the boss wants to look first" in audit.jobs[0].reason
    assert bench.in_inbox() == photos
    bench.studio.by_hand(actions.resume)
    await bench.until_idle()
    bench.check("done", paid=2)


async def sky_in_doubt(bench: Bench) -> str:
    """Lose the sky's answer; the id of the job that needs a person."""
    bench.shop.goes_wrong(LOST_SKY)
    await bench.drop_and_run()
    bench.shop.goes_wrong()
    [job] = bench.check("needs_attention", paid=2).jobs
    return job.id


@pytest.mark.both_stores
async def test_a_person_who_knows_the_result_has_it_delivered_without_paying_again(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(api={**HURRIED["api"], "storage_hosts": ["127.0.0.2"]})
    job = await sky_in_doubt(bench)
    [sky] = charges(bench.shop.data, SKY)[-1:]
    bench.studio.by_hand(actions.resolve, job, paid_result=bench.shop.result_address(sky.ids["image"]))
    await bench.until_idle()
    assert bench.delivered() == {"living-room.jpg", f"{ROOM}.png"}
    bench.check("done", "superseded", paid=2)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("the one with the red sky", "is not an address"),
        ("https://example.com/picture.jpg", "not among the storage hosts"),
    ],
)
async def test_an_address_that_is_never_followed_is_not_taken_for_an_answer(
    bench: Bench, told: str, why: str
) -> None:
    job = await sky_in_doubt(bench)
    with pytest.raises(UsageError, match=why):
        bench.studio.by_hand(actions.resolve, job, paid_result=told)
    assert set(bench.in_inbox()) == set()
    bench.check("needs_attention", paid=2)


async def test_what_the_api_has_answered_can_not_be_called_not_charged(bench: Bench) -> None:
    bench.shop.goes_wrong({"endpoint": "result-get", "fault": 404, "when": {"from": 2}})
    await bench.drop_and_run()
    [job] = bench.check("needs_attention", paid=2).jobs
    with pytest.raises(UsageError, match="only its picture is missing"):
        bench.studio.by_hand(actions.resolve, job.id, paid_result=None)
    bench.check("needs_attention", paid=2)


async def test_a_wrong_address_that_a_person_named_is_not_said_to_be_the_apis_answer(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(api={**HURRIED["api"], "storage_hosts": ["127.0.0.2"]})
    job = await sky_in_doubt(bench)
    [sky] = charges(bench.shop.data, SKY)[-1:]
    wrong = bench.shop.result_address(sky.ids["image"]).replace("?", "x?", 1)
    bench.studio.by_hand(actions.resolve, job, paid_result=wrong)
    await bench.until_idle()
    [_, again] = bench.check("needs_attention", "superseded", paid=2).jobs
    with pytest.raises(UsageError, match="Somebody has said") as refused:
        bench.studio.by_hand(actions.resolve, again.id, paid_result=None)
    assert "--paid-result names another address" in refused.value.hint


@pytest.mark.both_stores
async def test_of_two_people_who_speak_of_one_call_at_once_the_second_changes_nothing(bench: Bench) -> None:
    job = await sky_in_doubt(bench)
    address = bench.shop.result_address(charges(bench.shop.data, SKY)[-1].ids["image"])
    with opened(bench.studio.config) as slower:
        ledger = slower.store.ledger
        [read] = [call for call in ledger.of_job(job) if call.operation == "sky"]
        bench.studio.by_hand(actions.resolve, job, paid_result=None)
        await bench.until_idle()
        assert not actions.record_word(ledger, read, address)
        assert [call.state for call in ledger.of_job(job) if call.id == read.id] == ["not_executed"]
    assert bench.studio.states() == ["done"] and Audit(bench.studio, ()).disagreements == []


@pytest.mark.parametrize("missing", [0, 1])
async def test_of_two_pictures_in_one_answer_the_one_that_can_be_had_is_delivered_and_the_other_told(
    bench: Bench, missing: int
) -> None:
    job = await sky_in_doubt(bench)
    [sky] = charges(bench.shop.data, SKY)[-1:]
    address = bench.shop.result_address(sky.ids["image"])
    images = [{"id": name, "imageUrl": address, "width": 9, "height": 9} for name in "ab"]
    images[missing]["imageUrl"] = address.replace(".png", "-gone.png")
    with opened(bench.studio.config) as installation:
        [call] = [call for call in installation.store.ledger.of_job(job) if call.operation == "sky"]
        assert call.id is not None
        answer = Answer(200, json.dumps({"success": True, "data": images})).as_json()
        installation.store.ledger.resolve(call, answer, "as the API may answer", datetime.now(UTC))
    bench.studio.by_hand(actions.retry, job, pay_again=False)
    await bench.until_idle()
    audit = bench.check("needs_attention", "superseded", paid=2)
    assert "its picture could not be downloaded" in audit.jobs[-1].reason
    assert bench.delivered() == {"living-room.jpg", f"{ROOM}.png"}
    bench.shop.goes_wrong()


@pytest.mark.both_stores
async def test_a_person_who_knows_that_it_was_not_charged_lets_it_be_bought(bench: Bench) -> None:
    job = await sky_in_doubt(bench)
    bench.studio.by_hand(actions.resolve, job, paid_result=None)
    await bench.until_idle()
    # The sandbox did charge: a person's error costs money, and nothing else can cause that.
    assert (bench.shop.bought(MERGE), bench.shop.bought(SKY)) == (1, 2)
    assert bench.studio.states() == ["done"]
    assert Audit(bench.studio, ()).disagreements == []


@pytest.mark.both_stores
async def test_what_is_just_being_bought_for_another_set_of_the_same_photos_can_not_be_resolved(
    make_bench: MakeBench,
) -> None:
    """What the person knows is of the call before. Its key would be free while the call is in flight, and
    with its answer lost the other set would buy it again."""
    bench = make_bench(api={"paid_timeout_seconds": 3.0})
    bench.shop.goes_wrong(LOST_SKY)
    photos = await bench.drop_and_run("front__sky-blue")
    await bench.drop_and_run("back__sky-blue", photos)
    bench.shop.goes_wrong({"endpoint": "sky", "fault": "hang", "when": 1})
    jobs = {job["room"]: job["job"] for job in bench.studio.status()["jobs"]}
    async with bench.working():
        bench.studio.by_hand(actions.resolve, jobs["front"], paid_result=None)
        await until(lambda: bench.shop.bought(SKY) == 2)
        for told in (None, "https://127.0.0.2/picture.png"):
            with pytest.raises(UsageError, match="just being made for another set") as refused:
                bench.studio.by_hand(actions.resolve, jobs["back"], paid_result=told)
            assert "`hotfolder retry` waits for it" in refused.value.hint
        await bench.studio.comes_to("needs_attention", "needs_attention")
    await bench.until_idle()
    assert (bench.shop.bought(MERGE), bench.shop.bought(SKY)) == (1, 2)  # the first, as the person has said
    assert Audit(bench.studio, ()).disagreements == []


async def test_a_person_who_gives_up_has_a_failed_set_with_everything_in_its_place(bench: Bench) -> None:
    job = await sky_in_doubt(bench)
    bench.studio.by_hand(actions.give_up, job)
    await bench.until_idle()
    assert bench.studio.states() == ["failed"]
    assert "living-room.jpg" in bench.delivered()
    assert Audit(bench.studio, ()).disagreements == []
    assert bench.shop.bought() == 2


async def test_dragged_back_a_doubtful_set_is_not_bought_again_by_itself(bench: Bench) -> None:
    await sky_in_doubt(bench)
    (bench.studio.failed / ELM / ROOM).rename(bench.studio.inbox / ELM / ROOM)
    await bench.until_idle()
    bench.check("needs_attention", "superseded", paid=2)


@pytest.mark.both_stores
async def test_pay_again_is_the_way_to_buy_the_same_thing_twice(bench: Bench) -> None:
    job = await sky_in_doubt(bench)
    bench.studio.by_hand(actions.retry, job, pay_again=True)
    await bench.until_idle()
    assert (bench.shop.bought(MERGE), bench.shop.bought(SKY)) == (2, 2)
    bench.check("done", "superseded", paid=4)


@pytest.mark.sqlite_alone
async def test_a_store_that_was_restored_from_yesterday_pays_nothing_again(bench: Bench) -> None:
    photos = await bench.drop_and_run("hall")
    yesterday = bench.studio.root / "yesterday.sqlite"
    shutil.copy(bench.studio.state / "jobs.sqlite", yesterday)
    photos = dict(bench.drop())
    await bench.until_idle()
    shutil.copy(yesterday, bench.studio.state / "jobs.sqlite")
    # Yesterday's store doesn't know what today's job delivered; the photos are dropped once more.
    await bench.drop_and_run(ROOM, photos)
    assert bench.shop.bought() == 3
    assert bench.events("ledger_restored_from_file")[0]["calls"] == 2
    assert bench.studio.states() == ["done", "done"]
    assert Audit(bench.studio, ()).disagreements == []
    assert len(list((bench.studio.done / ELM / "originals").glob("living-room*"))) == 2


@pytest.mark.sqlite_alone
async def test_a_store_that_an_older_copy_replaces_while_it_runs_buys_nothing_until_the_restart(
    bench: Bench,
) -> None:
    store, yesterday = bench.studio.state / "jobs.sqlite", bench.studio.root / "yesterday.sqlite"

    def copied(source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
            read.backup(written)

    async with bench.working():
        bench.drop("hall")
        await bench.studio.comes_to("done")
        copied(store, yesterday)
        photos = dict(bench.drop())
        await bench.studio.comes_to("done", "done")
        copied(yesterday, store)
        bench.drop(ROOM, photos)
        why = "an older copy may have taken its place"
        await bench.studio.comes_to_say(lambda status: any(why in job["reason"] for job in status["jobs"]))
    assert not bench.events("job_crashed")
    await bench.until_idle()
    assert bench.shop.bought() == 3 and bench.studio.states() == ["done", "done"]
    assert Audit(bench.studio, ()).disagreements == []


@pytest.mark.sqlite_alone
async def test_a_store_that_was_lost_pays_nothing_again(bench: Bench) -> None:
    photos = await bench.drop_and_run()
    (bench.studio.state / "jobs.sqlite").unlink()
    told = await asyncio.to_thread(bench.studio.call, "status")
    assert told.returncode == 2 and "jobs.sqlite is gone" in told.stderr and "the journal" in told.stderr
    await bench.drop_and_run(ROOM, dict(photos))
    assert bench.shop.bought() == 2
    assert bench.studio.states() == ["done"]


@pytest.mark.sqlite_alone
@pytest.mark.parametrize("ahead", [timedelta(), timedelta(days=365)], ids=["", "the clock was ahead once"])
async def test_a_whole_state_restored_from_before_a_purchase_pays_nothing_again(
    bench: Bench, ahead: timedelta
) -> None:
    """Purchases in the receipts of done/ are downloaded again, or reported as delivered."""
    bench.clock.jump(ahead)
    await bench.drop_and_run("attic")
    bench.clock.jump(-ahead)
    await bench.drop_and_run("hall")
    yesterday = bench.studio.root / "yesterday"
    shutil.copytree(bench.studio.state, yesterday)
    photos, kitchen = dict(bench.drop()), bench.drop("kitchen")
    await bench.drop_and_run("kitchen__again", kitchen)
    paid = bench.shop.bought()
    shutil.rmtree(bench.studio.state)
    yesterday.rename(bench.studio.state)
    for path in bench.studio.inbox.glob("*/*"):
        path.rmdir()
    assert "is in the receipt" in " ".join(Audit(bench.studio, ()).disagreements)
    bench.clock.jump(timedelta(days=3))
    bench.drop(ROOM, photos)
    await bench.drop_and_run("kitchen", kitchen)
    assert bench.shop.bought() == paid
    [sky] = [job for job in bench.studio.status()["jobs"] if job["state"] == "needs_attention"]
    assert f"receipts/{ROOM}.json in the done folder says" in sky["reason"]
    history = " ".join(bench.studio.say("logs", sky["job"]).stdout.split())
    assert f"receipts/{ROOM}.json says." in history and "The sky replacement was bought" in history
    assert Audit(bench.studio, ()).disagreements == []


@pytest.mark.sqlite_alone
async def test_a_state_that_was_lost_with_its_disk_pays_nothing_again(bench: Bench) -> None:
    """The new store takes over the purchases in the lost one's receipts."""
    photos = await bench.drop_and_run("kitchen")
    shutil.rmtree(bench.studio.state)
    bench.path(ELM, "kitchen").rmdir()
    assert "is in the receipt" in " ".join(Audit(bench.studio, ()).disagreements)
    await bench.drop_and_run("kitchen", photos)
    assert (bench.studio.states(), bench.shop.bought()) == (["done"], 1)
    assert "this one has none of its records" in bench.studio.status_page()
    assert Audit(bench.studio, ()).disagreements == []


@pytest.mark.both_stores
async def test_what_another_store_bought_today_is_not_paid_again_and_uses_up_no_budget_of_this_one(
    bench: Bench, make_studio: MakeStudio
) -> None:
    """Two daemons share one done/: the second's first start reads the receipts of the first."""
    photos = bench.drop("kitchen")
    await bench.drop_and_run("hall")
    second = make_studio(done=str(bench.studio.done), limits={"paid_calls_per_day": 1})
    second.drop(ELM, "kitchen", photos)
    second.drop(ELM, "attic", bracket())
    await second.until_idle(bench.shop.access())
    assert (second.states(), bench.shop.bought()) == (["done", "done"], 3)


async def test_a_receipt_that_can_t_be_read_is_named(bench: Bench) -> None:
    """Its purchases would be missing silently, should the state be lost."""
    await bench.drop_and_run("kitchen")
    receipt = bench.studio.done / ELM / "receipts" / "kitchen.json"
    receipt.write_bytes(receipt.read_bytes()[:300])
    answer = bench.studio.say("verify")
    assert answer.exit_code == 1 and "kitchen.json can't be read" in answer.stdout + answer.stderr


async def test_a_journal_that_cant_be_written_before_a_merge_is_waited_for_and_verify_agrees(
    bench: Bench,
) -> None:
    journal = bench.studio.state / "paid-calls.jsonl"
    bench.drop("kitchen")
    async with bench.working():
        await bench.studio.comes_to("done")
        journal.rename(journal.with_suffix(".away"))
        journal.mkdir()
        bench.drop("hall")
        await waits_for(bench, "journal of paid calls can't be written")
        journal.rmdir()
        journal.with_suffix(".away").rename(journal)
        await bench.studio.comes_to("done", "done")
    bench.check("done", "done", paid=2)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("a defect")], ids=["memory", "defect"])
async def test_what_fails_before_a_paid_request_has_left_needs_no_person(
    bench: Bench, error: Exception
) -> None:
    """Where memory is short the call is made a little later, and after a defect at the next start."""

    def fail() -> None:
        raise error

    bench.drop("front__sky-blue")
    async with bench.working(crash_point=at(CrashPoint.INTENT_RECORDED, fail, nth=2)) as daemon:
        if isinstance(error, MemoryError):
            await bench.studio.comes_to("done")
        else:
            await waits_for(bench, "hotfolder met an error of its own")
            assert bench.shop.bought(SKY) == 0 and daemon.worker.crashed
    await bench.until_idle()
    bench.check("done", paid=2)


@pytest.mark.sqlite_alone
async def test_a_store_that_was_lost_while_originals_were_filed_pays_nothing_for_the_rest(
    bench: Bench,
) -> None:
    photos = dict(bench.drop())
    await bench.until_idle()
    (bench.studio.state / "jobs.sqlite").unlink()
    originals = bench.studio.done / ELM / "originals" / ROOM
    left = bench.studio.inbox / ELM / ROOM
    names = sorted(photos)[1:]
    for name in names:
        (originals / name).rename(left / name)
    async with bench.working():
        await bench.studio.comes_to_say(
            lambda status: any("paid for together with others" in job["reason"] for job in status["jobs"])
        )
        assert set(bench.in_inbox()) == set(names)
        for path in originals.iterdir():
            path.rename(left / path.name)
        await bench.studio.comes_to("done")
    assert bench.shop.bought() == 2
    assert Audit(bench.studio, ()).disagreements == []


@pytest.mark.both_stores
async def test_a_ledger_file_that_lacks_its_end_or_is_lost_is_written_again_from_the_store(
    bench: Bench,
) -> None:
    await bench.drop_and_run()
    ledger = bench.studio.state / "paid-calls.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    for left in (b"".join(lines[:-1]) + lines[-1][:40], b""):
        ledger.write_bytes(left)
        assert Audit(bench.studio, ()).disagreements != []
        await bench.until_idle()
        bench.check("done", paid=2)


@pytest.mark.both_stores
async def test_the_wall_clock_may_jump_a_day_either_way(bench: Bench) -> None:
    for jump in (timedelta(days=1), timedelta(days=-2)):
        bench.drop(f"room {jump.days}__sky-blue")

        async with bench.working(crash_point=lambda _: bench.clock.jump(jump / 20)):  # noqa: B023
            await bench.studio.comes_to_say(
                lambda status: any(
                    job["state"] == "done" and str(jump.days) in job["room"]  # noqa: B023
                    for job in status["jobs"]
                )
            )
    bench.check("done", "done", paid=4)


async def test_a_name_that_is_taken_in_done_is_left_alone(bench: Bench) -> None:
    taken = bench.studio.done / ELM / "living-room.jpg"
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"a picture of somebody else's")
    await bench.drop_and_run()
    assert taken.read_bytes() == b"a picture of somebody else's"
    assert bench.delivered() == {"living-room.jpg", "living-room (2).jpg", f"{ROOM}.png"}
    taken.unlink()
    bench.check("done", paid=2)
