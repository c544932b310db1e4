"""Sets of a shoot as a person grouped them: made of exactly those photos."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from hotfolder.config.load import load
from hotfolder.config.settings import Settings
from hotfolder.control.explain import Explained, explain_place
from hotfolder.control.held import approve_sets
from hotfolder.control.lookup import PhotoPlace, place_named
from hotfolder.crashpoints import CrashPoint
from hotfolder.daemon.shoots import remove_signal
from hotfolder.errors import UsageError
from hotfolder.inbox.approvals import read_ready, write_ready
from hotfolder.rules.drops import ChosenSet
from tests.support import crashing
from tests.support.rolls import held_sets, shoot, stripped
from tests.support.studio import ELM, MakeStudio, Shop, Studio, files_below

pytestmark = pytest.mark.long

REVIEW = [{"name": "all", "group": "review"}]


@pytest.fixture
def studio(make_studio: MakeStudio) -> Studio:
    """A studio whose route holds every shoot for a review."""
    return make_studio(routes=REVIEW)


def shop_of(studio: Studio) -> tuple[Settings, PhotoPlace]:
    settings = load(studio.config, {})
    return settings, place_named(settings, ELM)


def explained(studio: Studio) -> Explained:
    return explain_place(*shop_of(studio))


def chosen(name: str, names: list[str], files: dict[str, bytes]) -> ChosenSet:
    return ChosenSet(name, {one: sha256(files[one]).hexdigest() for one in names})


def approve(studio: Studio, *sets: ChosenSet) -> None:
    approve_sets(*shop_of(studio), sets)


def merged(names: list[str], files: dict[str, bytes]) -> Counter[str]:
    return Counter(sha256(files[one]).hexdigest() for one in names)


async def test_one_set_is_made_after_a_frame_moved_and_the_rest_stays_held(
    studio: Studio, shop: Shop
) -> None:
    files, sets, _ = shoot()
    moved, torn = [*sets[0], sets[1][0]], sets[1][1:]
    await studio.drop_and_run(ELM, "", files)
    assert shop.bought() == 0
    approve(studio, chosen("Kitchen", moved, files))
    told = explained(studio)
    assert [each.name for each in told.sets if not each.waits] == ["Kitchen"]
    assert sum(len(each.bill.left) for each in told.sets if not each.waits) == 1
    await studio.until_idle()
    assert shop.bought() == 1 and not shop.ghosts(shop.charged(), [merged(moved, files)])
    assert studio.filed().keys() == {f"Kitchen/{name}" for name in moved}
    assert (studio.done / ELM / "Kitchen.jpg").exists()
    left = held_sets(studio.status())
    assert "in a set that a person put together" in left[f"{ELM}-02"] and f"{ELM}-03" in left
    assert files_below(studio.inbox / ELM).keys() == {*torn, *sets[2]}
    assert {each.name: len(each.explanation.photos) for each in explained(studio).sets} == {
        f"{ELM}-02": 4,
        f"{ELM}-03": 5,
    }
    assert studio.say("approve", ELM).exit_code == 0
    await studio.until_idle()
    assert shop.bought() == 3 and files_below(studio.inbox / ELM) == {}


async def test_sets_that_are_split_and_joined_are_made_each_as_it_is(studio: Studio, shop: Shop) -> None:
    """They are approved one after another while the daemon runs, and no approval overwrites another."""
    files, sets, _ = shoot(stops=[0.0, -2.0, 2.0])
    studio.drop(ELM, "", files)
    joined, one, two = [*sets[0], *sets[2]], sets[1][:1], sets[1][1:]
    expected = {"hall": joined, "view": one, "Küche 2": two}
    async with studio.working():
        await studio.comes_to_say(lambda status: any(job["held"] for job in status["jobs"]))
        for name, names in expected.items():
            approve(studio, chosen(name, names, files))
        await studio.comes_to("done", "done", "done")
    assert shop.bought() == 3
    assert not shop.ghosts(shop.charged(), [merged(names, files) for names in expected.values()])
    assert studio.filed().keys() == {f"{name}/{one}" for name, names in expected.items() for one in names}


async def test_one_set_of_a_shoot_that_is_held_as_a_whole_is_approved_by_its_name(
    studio: Studio, shop: Shop
) -> None:
    files, sets, _ = shoot()
    await studio.drop_and_run(ELM, "", files)
    told = studio.say("approve", f"{ELM}/{ELM}-02")
    assert told.exit_code == 0 and f"{ELM}-02, which was held" in told.stdout
    await studio.until_idle()
    assert shop.bought() == 1 and not shop.ghosts(shop.charged(), [merged(sets[1], files)])
    assert held_sets(studio.status()).keys() == {f"{ELM}-01", f"{ELM}-03"}


async def test_a_set_of_too_many_photos_waits_with_the_others_until_it_is_split(
    studio: Studio, shop: Shop
) -> None:
    """Approving the other sets changes nothing: it is not paid for, and its originals stay."""
    files, sets, _ = shoot(of_nine=(1,))
    await studio.drop_and_run(ELM, "", files)
    for name in (f"{ELM}-01", f"{ELM}-02"):
        assert studio.say("approve", f"{ELM}/{name}").exit_code == 0
        await studio.until_idle()
        await studio.until_idle()  # and after a restart
        assert files_below(studio.failed) == {}
        assert files_below(studio.inbox / ELM).keys() >= set(sets[1])
    left = held_sets(studio.status())
    assert shop.bought() == 2 and left.keys() == {f"{ELM}-03"} and "9 photos" in left[f"{ELM}-03"]
    refused = chosen(f"{ELM}-03", sets[1], files)
    with pytest.raises(UsageError):
        approve(studio, refused)
    approve(studio, chosen("hall", sets[1][:4], files), chosen("stairs", sets[1][4:], files))
    await studio.until_idle()
    assert shop.bought() == 4 and not held_sets(studio.status()) and files_below(studio.inbox / ELM) == {}
    every = {name.rpartition("/")[2]: content for name, content in studio.filed().items()}
    assert every == files


async def test_a_set_of_too_many_photos_fails_where_a_person_lets_all_be_made_as_it_is(
    studio: Studio, shop: Shop
) -> None:
    files, sets, _ = shoot(of_nine=(1,))
    await studio.drop_and_run(ELM, "", files)
    for what in (f"{ELM}/{ELM}-01", ELM):
        assert studio.say("approve", what).exit_code == 0
        await studio.until_idle()
    kept = {name.rpartition("/")[2] for name in files_below(studio.failed)}
    assert shop.bought() == 2 and kept == {*sets[1], "REASON.txt"}


async def test_a_grouping_of_other_photos_than_lie_there_now_is_held_with_a_sentence(
    studio: Studio, shop: Shop
) -> None:
    """A photo was exported anew just as its set was approved."""
    files, sets, _ = shoot()
    folder = studio.drop(ELM, "", files)
    await studio.until_idle()
    wanted = chosen("Kitchen", sets[0], files)
    (folder / sets[0][2]).write_bytes(stripped(files[sets[0][2]]))
    with pytest.raises(UsageError, match="has changed since"):
        approve(studio, wanted)
    write_ready(studio.inbox, (ELM,), [wanted, chosen("hall", sets[1], files)])
    for _ in range(2):
        await studio.until_idle()
        assert shop.bought() == 1 and "hall" in {name.split("/")[0] for name in studio.filed()}
        told = " ".join(held_sets(studio.status()).values())
        assert f'"Kitchen", as a person put it together, was not made: "{sets[0][2]}" has changed' in told


async def test_what_no_set_can_be_or_be_called_is_refused_before_anything_is_written(studio: Studio) -> None:
    files, sets, _ = shoot()
    folder = studio.drop(ELM, "", {name: files[name] for name in sets[0]})
    await studio.until_idle()
    approve(studio, chosen("Kitchen", sets[0], files))
    await studio.until_idle()
    studio.drop(ELM, "", {name: files[name] for name in (*sets[1], *sets[2])})
    studio.drop(ELM, "pantry__sky-blue", {})
    one, two = sets[1:]
    for wanted, why in (
        ({"kitchen": one}, "has a set"),
        ({"a__sky-blue": one}, "two underscores begin a tag"),
        ({"a/b": one}, "not every computer"),
        ({"../x": one}, "not every computer"),
        ({" ": one}, "has no name"),
        ({"hall": one, "HALL": two}, "has a set"),
        ({"pantry": one}, "has a set"),
        ({"hall": [*one, *two]}, "10 photos, and a picture is made of 1 to 7"),
        ({"hall": one, "view": one[:1]}, "is in another set too"),
    ):
        with pytest.raises(UsageError, match=why):
            approve(studio, *(chosen(name, names, files) for name, names in wanted.items()))
        assert not (folder / ".ready").exists()


async def test_a_frame_that_comes_later_does_not_change_what_a_person_put_together(
    studio: Studio, shop: Shop
) -> None:
    """Its capture data match that set, which is not paid for yet."""
    files, sets, _ = shoot(rooms=2)
    late, first = sets[0][-1], sets[0][:-1]
    folder = studio.drop(ELM, "", {name: content for name, content in files.items() if name != late})
    await studio.until_idle()
    approve(studio, chosen("Kitchen", first, files))
    assert studio.say("pause").exit_code == 0
    async with studio.working():
        await studio.comes_to_say(lambda status: any(job["room"] == "Kitchen" for job in status["jobs"]))
        (folder / late).write_bytes(files[late])
        await studio.comes_to_say(lambda status: late in json.dumps(status))
        assert studio.say("resume").exit_code == 0
        await studio.comes_to_say(lambda _: "done" in studio.states())
    assert shop.bought() == 1 and not shop.ghosts(shop.charged(), [merged(first, files)])
    assert late in files_below(folder)


async def test_what_is_doubtful_about_the_whole_holds_also_beside_a_set_that_was_held_before(
    make_studio: MakeStudio, shop: Shop
) -> None:
    studio = make_studio()
    files, sets, _ = shoot(rooms=7, by_hand=(3,))
    await studio.drop_and_run(ELM, "", files)
    assert shop.bought() == 6
    more, _, _ = shoot(rooms=2, seed=9, later_seconds=9000)
    studio.drop(ELM, "", {f"x{name}": stripped(content) for name, content in more.items()})
    await studio.until_idle()
    assert shop.bought() == 6 and files_below(studio.inbox / ELM).keys() >= {
        *sets[3],
        *map("x{}".format, more),
    }


def test_only_the_file_that_was_read_is_taken_away(tmp_path: Path) -> None:
    """Another set is approved while the first is made."""
    write_ready(tmp_path, (), [ChosenSet("hall", {"a.jpg": "00"})])
    read = read_ready(tmp_path, tmp_path / ".ready")
    assert read is not None and read.identity is not None
    write_ready(tmp_path, (), [ChosenSet("view", {"b.jpg": "00"})])
    remove_signal(tmp_path / ".ready", read.identity)
    left = read_ready(tmp_path, tmp_path / ".ready")
    assert left is not None and [one.name for one in left.sets] == ["view"]
    remove_signal(tmp_path / ".ready", left.identity)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["set nonsense", 'set {"name": "a", "photos": ["b"]}', 'set {"name": ""}'])
async def test_a_ready_file_that_nobody_can_read_lets_nothing_be_made(
    studio: Studio, shop: Shop, text: str
) -> None:
    folder = studio.drop(ELM, "", shoot()[0])
    (folder / ".ready").write_text(text + "\n")
    await studio.until_idle()
    assert shop.bought() == 0 and "begins with 'set' and is no set" in " ".join(
        held_sets(studio.status()).values()
    )


@pytest.mark.parametrize(
    "kill",
    [
        (CrashPoint.JOB_CREATED, 1),
        (CrashPoint.JOB_CREATED, 2),
        (CrashPoint.ANSWER_RECORDED, 1),
        (CrashPoint.ORIGINAL_MOVED, 3),
        (CrashPoint.JOB_ENDED, 1),
    ],
    ids=str,
)
def test_killed_at_any_step_the_sets_are_made_as_they_were_put_together_and_paid_once(
    studio: Studio, shop: Shop, kill: tuple[CrashPoint, int]
) -> None:
    files, sets, _ = shoot()
    studio.drop(ELM, "", files)
    expected = {"Kitchen": [*sets[0], sets[1][0]], "hall": sets[1][1:]}
    assert crashing.live(studio, shop) == 0
    approve(studio, *(chosen(name, names, files) for name, names in expected.items()))
    assert crashing.live(studio, shop, kill_at=kill[0], nth=kill[1]) < 0
    assert crashing.live(studio, shop) == 0
    assert shop.bought() == 2
    assert not shop.ghosts(shop.charged(), [merged(names, files) for names in expected.values()])
    assert studio.filed().keys() == {f"{name}/{one}" for name, names in expected.items() for one in names}
    assert held_sets(studio.status()).keys() == {f"{ELM}-03"}
    assert files_below(studio.inbox / ELM).keys() == set(sets[2])
