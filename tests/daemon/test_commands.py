"""Commands to a running daemon: cancel and priority."""

from __future__ import annotations

import asyncio
import shutil
import unicodedata

import pytest

from hotfolder.control import actions
from hotfolder.crashpoints import CrashPoint, HandStep
from hotfolder.errors import UsageError
from hotfolder.jobs.model import Purchase
from tests.support import crashing
from tests.support.clocks import JumpingClock
from tests.support.crashing import hooked
from tests.support.pictures import bracket, jpeg
from tests.support.rolls import exported_anew, shoot
from tests.support.studio import ELM, MERGE, SKY, MakeStudio, Shop, Studio, files_below, files_into, until

pytestmark = pytest.mark.long

ROOM = "front__sky-twilight"
STAGE = "/api/images/{imageId}/stage"
MERGING = {"endpoint": "group-get", "fault": "never"}
"""No merge ends until the fault is removed."""
STAGING = {"endpoint": "stage", "fault": "hang", "seconds": 4}


async def ask(studio: Studio, *words: str) -> str:
    result = await asyncio.to_thread(studio.say, *words)
    assert result.exit_code == 0, result.output
    return result.output


def originals(studio: Studio, room: str = ROOM) -> dict[str, bytes]:
    found = files_below(studio.failed / ELM / room)
    found.pop("REASON.txt")
    return found


@pytest.mark.both_stores
async def test_what_waits_for_its_first_paid_call_is_cancelled_at_once_and_costs_nothing(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        studio.drop(ELM, ROOM, photos)
        await studio.comes_to_say(lambda status: "boss" in str(status["jobs"]))
        studio.drop(ELM, "hall", {"IMG_1.jpg.part": b""})
        await studio.comes_to_say(lambda status: "under way" in str(status["jobs"]))
        said = await ask(studio, "cancel", ELM, "--by", "anna")
        await studio.comes_to("failed", "settling")
        assert daemon.outcome.needing_person == 0
    assert "Cancelled: 12 Elm Road / front" in said and "within a second" in said
    assert "Not cancelled, since it has not begun: 12 Elm Road / hall." in said
    assert originals(studio) == photos and shop.bought() == 0
    assert "Cancelled by anna" in studio.reason_page(ROOM) and "was cancelled" in studio.reason_page(ROOM)
    assert "Nothing was charged." in studio.reason_page(ROOM)


@pytest.mark.parametrize("names", [["DSC0002.jpg"], ["DSC0004.jpg"], list(bracket())])
async def test_what_was_changed_or_added_while_a_cancelled_set_waited_is_not_paid_for(
    studio: Studio, shop: Shop, names: list[str]
) -> None:
    """It is held; the folder that is dragged back onto it is a set with it, unless that has all its names."""
    photos, others = bracket(), {name: jpeg() for name in names}
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        studio.drop(ELM, ROOM, photos)
        await studio.comes_to_say(lambda status: "boss" in str(status["jobs"]))
        studio.drop(ELM, ROOM, others)
        studio.by_hand(actions.cancel, ELM, by="ann")  # before the daemon, in this loop, can see the change
        await studio.comes_to_say(lambda status: "when the set was cancelled" in str(status["jobs"]))
        daemon.store.resume()
        await studio.comes_to("failed", "settling")
        assert shop.bought() == 0
        for name, content in originals(studio).items():
            (studio.inbox / ELM / ROOM / name).write_bytes(content)
        shutil.rmtree(studio.failed / ELM / ROOM)
        if others.keys() != photos.keys():
            await studio.comes_to("done")
    assert shop.bought(MERGE) == (others.keys() != photos.keys())


@pytest.mark.parametrize("folder", ["", ROOM])
async def test_what_a_cancel_left_behind_stays_held_where_only_its_inode_and_ctime_are_new(
    studio: Studio, shop: Shop, folder: str
) -> None:
    files, sets, _ = shoot(rooms=1)
    left = exported_anew(files[sets[0][0]])
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        where = studio.drop(ELM, folder, files)
        await studio.comes_to_say(lambda status: "boss" in str(status["jobs"]))
        photo = studio.drop(ELM, folder, {sets[0][0]: left}) / sets[0][0]
        studio.by_hand(actions.cancel, ELM, by="ann")
        await studio.comes_to_say(lambda status: "when the set was cancelled" in str(status["jobs"]))
        daemon.store.resume()
    shutil.copy2(photo, where / ".copy")
    (where / ".copy").replace(photo)
    await studio.until_idle()
    assert shop.bought() == 0 and sorted(studio.states()) == ["failed", "settling"]


async def test_a_set_of_a_cancelled_shoot_that_was_exported_anew_before_is_not_paid_for(
    studio: Studio, shop: Shop
) -> None:
    """Nor when another set is dropped beside it, which is; nor later."""
    files, sets, _ = shoot(rooms=3)
    another = {name: files.pop(name) for name in sets[2]}
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        studio.drop(ELM, "", files)
        await studio.comes_to_say(lambda status: str(status["jobs"]).count("boss") == 2)
        studio.drop(ELM, "", {name: exported_anew(files[name]) for name in sets[0]})
        studio.by_hand(actions.cancel, ELM, by="ann")
        await studio.comes_to_say(lambda status: "when the set was cancelled" in str(status["jobs"]))
        daemon.store.resume()
        await studio.comes_to("failed", "failed", "settling")
        assert shop.bought() == 0
        studio.drop(ELM, "", another)
        await studio.comes_to_say(lambda status: "done" in [one["state"] for one in status["jobs"]])
    await studio.until_idle()
    assert "when the set was cancelled" in str(studio.status()["jobs"])
    assert shop.bought() == 1


@pytest.mark.parametrize("changed", [1, 5])
async def test_what_just_arrives_when_its_project_is_cancelled_is_told_and_a_changed_set_is_held(
    make_studio: MakeStudio, shop: Shop, changed: int
) -> None:
    """It was withdrawn since it changed, and has no job that could be cancelled."""
    studio = make_studio(settle={"quiet_seconds": 20})
    files, sets, _ = shoot(rooms=2)
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        studio.drop(ELM, "", files)
        (studio.inbox / ELM / ".ready").touch()
        await studio.comes_to_say(lambda status: str(status["jobs"]).count("boss") == 2)
        studio.drop(ELM, "", {name: exported_anew(files[name]) for name in sets[0][:changed]})
        await until(lambda: [one["state"] for one in studio.status()["jobs"]] == ["settling", "merging"])
        said = studio.by_hand(actions.cancel, ELM, by="ann")  # before it settles
        assert (len(said.taken), said.arriving) == (1, ["(the whole shoot)"])
        await studio.comes_to_say(lambda status: "when the set was cancelled" in str(status["jobs"]))
        daemon.store.resume()
    await studio.until_idle()
    assert sorted(studio.states()) == ["failed", "settling"] and shop.bought() == 0
    told = studio.say("approve", ELM)
    assert told.exit_code == 0, told.output
    await studio.until_idle()
    assert sorted(studio.states()) == ["done", "failed"] and shop.bought() == 1


async def test_a_cancelled_set_that_comes_back_frees_no_other_that_lay_beside_it(
    studio: Studio, shop: Shop
) -> None:
    files, sets, _ = shoot(rooms=2)
    rest = {name: files[name] for name in (sets[0][4], *sets[1])}
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        studio.drop(ELM, "", {name: files[name] for name in sets[0][:4]})
        await studio.comes_to_say(lambda status: "boss" in str(status["jobs"]))
        studio.drop(ELM, "", rest)
        studio.by_hand(actions.cancel, ELM, by="ann")
        await studio.comes_to("failed", "settling", "settling")
        daemon.store.resume()
        [back] = (studio.failed / ELM).iterdir()
        for name in sets[0][:4]:
            (back / name).rename(studio.inbox / ELM / name)
        shutil.rmtree(back)
        await studio.comes_to("done", "settling")
    await studio.until_idle()
    assert "when the set was cancelled" in str(studio.status()["jobs"])
    assert shop.bought() == 1 and files_below(studio.inbox / ELM).keys() == {*sets[1]}


async def test_other_sets_that_come_while_one_of_a_shoot_is_cancelled_are_made(
    studio: Studio, shop: Shop
) -> None:
    files, sets, _ = shoot(rooms=3)
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        studio.drop(ELM, "", {name: files[name] for name in sets[0] + sets[1]})
        status = await studio.comes_to_say(lambda status: str(status["jobs"]).count("boss") == 2)
        studio.drop(ELM, "", {name: files[name] for name in sets[2]})
        studio.by_hand(actions.cancel, status["jobs"][0]["job"], by="ann")
        daemon.store.resume()
        await studio.comes_to("failed", "done", "done")
    assert shop.bought() == 2


async def test_a_folder_that_lay_ready_is_made_in_place_of_a_cancelled_one(
    studio: Studio, shop: Shop
) -> None:
    """Its photos are older than the cancelling."""
    ready = studio.root / "ready"
    files_into(ready, bracket())
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        studio.drop(ELM, ROOM, bracket())
        await studio.comes_to_say(lambda status: "boss" in str(status["jobs"]))
        await ask(studio, "cancel", ELM)
        await studio.comes_to("failed")
        daemon.store.resume()
        if (there := studio.inbox / ELM / ROOM).exists():
            there.rmdir()
        there.parent.mkdir(exist_ok=True)
        ready.rename(there)
        await studio.comes_to("done", "failed")
    assert shop.bought(MERGE) == 1


async def test_a_set_that_waits_for_an_api_out_of_reach_is_cancelled_too(studio: Studio, shop: Shop) -> None:
    photos = bracket()
    studio.drop(ELM, ROOM, photos)
    access = shop.access()
    away = type(access)(access.origin, "http://127.0.0.1:9", access.storage_hosts, access.key)
    async with studio.working(away):
        await studio.comes_to("uploading")
        await ask(studio, "cancel", studio.status()["jobs"][0]["job"])
        await studio.comes_to("failed")
    assert originals(studio) == photos


@pytest.mark.both_stores
async def test_a_merge_in_flight_is_awaited_and_published_and_no_sky_is_bought(
    studio: Studio, shop: Shop
) -> None:
    shop.goes_wrong(MERGING)
    photos = bracket()
    studio.drop(ELM, ROOM, photos)
    async with studio.working():
        await until(lambda: shop.bought(MERGE))
        await ask(studio, "cancel", ELM)
        waiting = await studio.comes_to("merging")
        assert "being cancelled" in waiting["jobs"][0]["reason"]
        shop.goes_wrong()
        await studio.comes_to("failed")
    assert originals(studio) == photos
    assert (studio.done / ELM / "front.jpg").is_file()
    assert "Paid for: the HDR merge." in studio.reason_page(ROOM)
    assert shop.bought() == 1
    (studio.failed / ELM / ROOM).rename(studio.inbox / ELM / ROOM)
    await studio.until_idle()
    assert studio.states() == ["done"]
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)


async def test_an_operation_in_flight_is_kept_and_the_next_one_is_not_bought(
    studio: Studio, shop: Shop
) -> None:
    shop.goes_wrong(STAGING)
    room = "Bedroom__stage-modern__sky-blue"
    studio.drop(ELM, room, bracket())
    async with studio.working():
        await until(lambda: shop.bought(STAGE))
        await ask(studio, "cancel", ELM)
        await studio.comes_to("failed")
    assert shop.bought(SKY) == 0 and shop.bought() == 2
    assert "the staging" in studio.reason_page(room)
    assert [path.name for path in (studio.done / ELM).glob("Bedroom__stage*")]


async def test_it_is_too_late_for_what_is_done_and_unknown_names_are_refused(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "kitchen", bracket())
    for words in (
        ("cancel", studio.status()["jobs"][0]["job"]),
        ("cancel", ELM),
        ("cancel", "14 Elm Road"),
        ("priority", ELM, "urgent"),
    ):
        assert studio.say(*words).exit_code == 2, words


async def test_names_are_found_however_their_accents_are_spelt(studio: Studio) -> None:
    """Macs may send names with decomposed accents, and people type composed ones."""
    project, room = (
        "Caf\N{LATIN SMALL LETTER E}\N{COMBINING ACUTE ACCENT}",
        "Ku\N{COMBINING DIAERESIS}che__pool",
    )
    await studio.drop_and_run(project, room, bracket())
    typed = unicodedata.normalize("NFC", f"{project}/{room}")
    assert typed != f"{project}/{room}"
    for words in (("retry", typed), ("approve", typed), ("priority", typed.partition("/")[0], "high")):
        said = studio.say(*words)
        assert said.exit_code == 0, said.output
    assert (studio.inbox / project / room / ".ready").is_file()


async def test_a_held_shoot_is_found_however_its_accents_are_spelt(make_studio: MakeStudio) -> None:
    studio = make_studio(routes=[{"name": "all", "match": {"room": "*"}, "group": "review"}])
    project = unicodedata.normalize("NFD", "Café")
    await studio.drop_and_run(project, "", shoot(rooms=2)[0])
    typed = unicodedata.normalize("NFC", project)
    for words in (("priority", typed, "high"), ("approve", f"{typed}/{typed}-02")):
        said = studio.say(*words)
        assert said.exit_code == 0, said.output
    assert (studio.inbox / project / ".ready").is_file()


@pytest.mark.parametrize("step", [HandStep.FILE_GATHERED, HandStep.OUTCOME_RECORDED])
async def test_of_two_who_put_a_set_back_at_the_same_moment_one_is_told_so(
    studio: Studio, step: HandStep
) -> None:
    """As on the pages of two machines."""
    photos = bracket()
    await studio.drop_and_run(ELM, "front__sky-twilihgt", photos)
    [job] = studio.status()["jobs"]
    failed, back = (folder / ELM / "front__sky-twilihgt" for folder in (studio.failed, studio.inbox))

    def other(passed: object) -> None:
        if passed is step and not back.exists():
            gathering = back.with_name(f".hotfolder-back-{job['job']}")
            for path in failed.glob("*"):
                path.rename(gathering / path.name)
            gathering.rename(back)

    with hooked(other), pytest.raises(UsageError, match="has just moved the photos"):
        studio.by_hand(actions.retry, job["job"], pay_again=False)
    assert {name: content for name, content in files_below(back).items() if name in photos} == photos


async def test_a_set_that_somebody_has_put_back_already_is_not_said_to_be_dropped_anew(
    studio: Studio, shop: Shop
) -> None:
    shop.goes_wrong({"endpoint": "sky", "fault": "reset-after"})
    await studio.drop_and_run(ELM, ROOM, bracket())
    asked = studio.say("resolve", f"{ELM}/front")
    told = " ".join(asked.stderr.split())
    assert asked.exit_code == 2
    assert "whether the sky replacement was charged" in told and "--not-charged, to make" in told
    assert studio.say("resolve", f"{ELM}/front", "--not-charged").exit_code == 0
    for words in (("retry",), ("retry", "--pay-again"), ("resolve", "--not-charged")):
        said = studio.say(words[0], f"{ELM}/front", *words[1:])
        assert said.exit_code == 2
        assert "somebody has put its photos back into the inbox" in " ".join(said.stderr.split()), said.stderr


@pytest.mark.parametrize(
    ("first", "paid", "second"),
    [
        (CrashPoint.JOB_CREATED, 0, CrashPoint.ORIGINAL_MOVED),
        (CrashPoint.GROUP_COMPLETE, 0, CrashPoint.FOLDER_RESERVED),
        (CrashPoint.ANSWER_RECORDED, 1, CrashPoint.REASON_WRITTEN),
        (CrashPoint.RESULT_KEPT, 1, CrashPoint.ORIGINAL_MOVED),
    ],
)
def test_cancelled_while_it_lies_dead_and_killed_again_on_the_way(
    studio: Studio, shop: Shop, first: CrashPoint, second: CrashPoint, paid: int
) -> None:
    """The command is in the store, so any later start executes it, loses nothing and buys nothing."""
    photos = bracket()
    studio.drop(ELM, ROOM, photos)
    assert crashing.live(studio, shop, kill_at=first, nth=1) < 0
    assert "at the next start" in studio.say("cancel", ELM).output
    assert crashing.live(studio, shop, kill_at=second, nth=1) < 0
    assert crashing.live(studio, shop) == 0
    assert studio.states() == ["failed"]
    assert originals(studio) == photos and files_below(studio.inbox / ELM) == {}
    assert shop.bought() == paid
    assert (studio.done / ELM / "front.jpg").is_file() == bool(paid)
    assert "Cancelled by" in studio.reason_page(ROOM)


def test_an_unknown_room_is_not_taken_for_the_project_of_its_name(studio: Studio, shop: Shop) -> None:
    studio.drop(ELM, ROOM, bracket())
    assert crashing.live(studio, shop, kill_at=CrashPoint.JOB_CREATED, nth=1) < 0
    for words in (("cancel", f"14 Oak Road/{ELM}"), ("priority", f"14 Oak Road/{ELM}", "high")):
        said = studio.say(*words)
        assert said.exit_code == 2 and "Nothing is known of 14 Oak Road/" in said.output
    assert "at the next start" in studio.say("cancel", f"{studio.inbox / ELM}/").output


def calls(studio: Studio) -> list[Purchase]:
    with studio.store() as store:
        return store.ledger.all_purchases()


def polled(shop: Shop) -> int:
    """The number of requests for a merge's status."""
    return sum(one.route == "/api/hdr-image-group/{groupId}" for one in shop.page())


def rooms_by_age(studio: Studio) -> dict[str, str]:
    """The jobs' ids by room, oldest first."""
    jobs = sorted((job for job in studio.status()["jobs"] if job["job"]), key=lambda job: job["created_at"])
    return {job["room"]: job["job"] for job in jobs}


@pytest.mark.both_stores
async def test_who_has_a_high_priority_is_merged_before_older_sets(
    make_studio: MakeStudio, shop: Shop
) -> None:
    shop.goes_wrong(MERGING)
    studio: Studio = make_studio(limits={"merges": 1})
    async with studio.working(clock=JumpingClock(5)) as daemon:
        studio.drop(ELM, "first", bracket())
        await until(lambda: shop.bought(MERGE))
        for room in ("one", "two", "three"):
            studio.drop(ELM, room, bracket())
        await until(lambda: len(rooms_by_age(studio)) == 4)
        rooms = rooms_by_age(studio)
        first, oldest, middle, newest = rooms
        assert first == "first"
        await ask(studio, "priority", rooms[oldest], "low")
        await ask(studio, "priority", rooms[newest], "high", "--by", "anna")
        await studio.comes_to("merging", "merging", "merging", "merging")
        await until(lambda: len(daemon.context.limits.priorities) == 2)
        # Between its change of state and its place in the queue a job only reads, for less than three polls.
        polls = polled(shop)
        await until(lambda: polled(shop) >= polls + 3)
        shop.goes_wrong()
        await studio.comes_to("done", "done", "done", "done")
    names = {job: room for room, job in rooms.items()}
    assert [names[call.job_id] for call in calls(studio)] == ["first", newest, middle, oldest]
    told = {job["room"]: job["priority"] for job in studio.status()["jobs"]}
    assert (told[newest], told[middle], told[oldest]) == ("high", "normal", "low")


async def test_a_projects_priority_holds_for_what_is_still_to_come(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "kitchen", bracket())
    assert "that is still to come gets high priority" in await ask(studio, "priority", ELM, "high")
    studio.drop(ELM, "bath", bracket())
    await studio.drop_and_run("14 Elm Road", "bath", bracket())
    told = {(job["project"], job["room"]): job["priority"] for job in studio.status()["jobs"]}
    assert told == {(ELM, "kitchen"): "normal", (ELM, "bath"): "high", ("14 Elm Road", "bath"): "normal"}


async def test_a_room_in_two_inboxes_is_the_one_of_the_inbox_that_is_named(make_studio: MakeStudio) -> None:
    """A running one, one that is held and one that is still arriving, in one inbox or the other."""
    inboxes = [{"path": "one", "name": "one"}, {"path": "two", "name": "two"}]
    studio = make_studio(
        inboxes=inboxes, routes=[{"name": "look", "match": {"room": "hall"}, "group": "review"}]
    )
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        for name in ("one", "two"):
            files_into(studio.root / name / ELM / ROOM, bracket())
            await studio.comes_to(*["merging"] * (1 if name == "one" else 2))
        files_into(studio.root / "one" / ELM / "hall", bracket())
        await studio.comes_to_say(lambda status: any(job["held"] for job in status["jobs"]))
        for command in (["cancel"], ["priority", "high"]):
            said = studio.say(command[0], f"{ELM}/{ROOM}", *command[1:])
            assert said.exit_code == 2 and "Several inboxes have a room" in said.stderr, said.output
            assert "Add --inbox with one of: one, two." in said.stderr
            said = studio.say(command[0], f"{ELM}/hall", *command[1:], "--inbox", "two")
            assert said.exit_code == 2 and f"Nothing is known of {ELM}/hall in an inbox two" in said.stderr
            said = studio.say(command[0], f"{ELM}/hall", *command[1:], "--inbox", "one")
            assert said.exit_code == 2 and "its route asks for a review" in said.stderr
        await ask(studio, "cancel", f"{ELM}/{ROOM}", "--inbox", "one")
        await studio.comes_to_say(lambda status: status["counts"].get("failed"))
        [cancelled] = [job for job in studio.status()["jobs"] if job["state"] == "failed"]
        assert cancelled["inbox"] == "one"
        assert "(job " in await ask(studio, "cancel", f"{ELM}/{ROOM}")  # the only one that is left


async def test_a_room_s_name_means_the_look_that_needs_a_person_or_none_where_several_could_be_meant(
    studio: Studio, shop: Shop
) -> None:
    photos = bracket()
    await studio.drop_and_run(ELM, "front__lawn-light", photos)
    await studio.drop_and_run(ELM, "front__sky-blue", photos)
    assert sorted(studio.states()) == ["done", "failed"] and shop.bought() == 2
    anew = studio.say("retry", f"{ELM}/front", "--pay-again")
    assert anew.exit_code == 2 and "Several sets are called 12 Elm Road/front" in anew.stderr
    for job in studio.status()["jobs"]:
        assert f"{job['job']} (inbox/{ELM}/{job['folder']})" in " ".join(anew.stderr.split())
    assert studio.say("retry", f"{ELM}/front").exit_code == 0
    assert {f"front__lawn-light/{name}" for name in photos} <= set(files_below(studio.inbox / ELM))
    await studio.until_idle()
    assert shop.bought() == 2
    assert studio.say("retry", f"{ELM}/front__sky-blue", "--pay-again").exit_code == 0
    assert {name.split("/")[0] for name in files_below(studio.inbox / ELM)} == {"front__sky-blue"}


async def test_the_folder_of_two_sets_means_neither(studio: Studio, shop: Shop) -> None:
    await studio.drop_and_run(ELM, "hall", shoot(rooms=2)[0])
    assert shop.bought() == 2
    anew = studio.say("retry", f"{ELM}/hall", "--pay-again")
    assert anew.exit_code == 2 and "Several sets are called" in anew.stderr
