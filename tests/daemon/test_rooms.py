"""Rooms' folders with more than one set, or with photos that can't be merged together."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.support.camera import MIDDLE, Photographer
from tests.support.pictures import bracket, jpeg
from tests.support.rolls import STOPS, jpeg_of, shoot, stripped
from tests.support.studio import ELM, MERGE, MakeStudio, Shop, Studio, files_below

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("rooms", "stops", "told_by_camera"), [(2, STOPS, True), (3, [0, -2, 2], True), (3, [0, -2, 2], False)]
)
async def test_a_room_that_holds_several_sets_is_as_many_pictures(
    studio: Studio, shop: Shop, rooms: int, stops: list[float], told_by_camera: bool
) -> None:
    files, sets, _ = shoot(rooms=rooms, stops=stops)
    photos = files if told_by_camera else {name: stripped(content) for name, content in files.items()}
    folder = studio.drop(ELM, "living-room", photos)
    explained = studio.say("explain", str(folder)).stdout
    assert "living-room: a room with more than one set" in explained
    assert f"{rooms} sets, {len(files)} photos, {rooms} paid" in explained
    await studio.until_idle()
    assert (studio.states(), shop.bought(MERGE)) == (["done"] * rooms, rooms)
    names = {f"living-room-0{number}.jpg" for number in range(1, rooms + 1)}
    assert names <= files_below(studio.done / ELM).keys()
    filed = [set(files_below(place)) for place in (studio.done / ELM / "originals").iterdir()]
    assert sorted(map(sorted, filed)) == sorted(map(sorted, sets))


async def test_a_room_s_frame_with_flash_is_kept_out_of_the_merge_and_filed_with_its_set(
    studio: Studio, shop: Shop
) -> None:
    files, sets, flash = shoot(rooms=2, flash=True)
    room = {name: files[name] for name in (*sets[1], *flash)}
    studio.drop(ELM, "kitchen", room)
    explained = studio.say("explain", str(studio.inbox / ELM / "kitchen")).stdout
    assert f"Photos   {len(sets[1])}" in explained and f"The flash fired for {flash[0]}" in explained
    await studio.until_idle()
    assert (studio.states(), shop.bought()) == (["done"], 1)
    assert studio.filed("kitchen") == room
    [job] = studio.status()["jobs"]
    assert f"The flash fired for {flash[0]}" in studio.say("logs", job["job"]).stdout


async def test_virtual_copies_of_one_capture_developed_as_a_bracket_are_all_merged(
    studio: Studio, shop: Shop
) -> None:
    by = Photographer(random.Random(2))
    by.single(scene := by.room(), MIDDLE)
    copies = {f"IMG_1-{stops}.jpg": jpeg_of(by.photos[0], scene, stops) for stops in (0, 2, 4)}
    folder = studio.drop(ELM, "hall", copies)
    assert "Photos   3" in studio.say("explain", str(folder)).stdout
    await studio.until_idle()
    assert (studio.states(), shop.bought(MERGE)) == (["done"], 1)
    assert {photo["name"] for photo in studio.receipt("hall")["photos"]} == copies.keys()


@pytest.mark.parametrize("copies", [("DSC0001", "DSC0002", "DSC0003"), ("DSC0002",)])
async def test_the_same_photos_twice_in_a_room_are_merged_once_each(
    studio: Studio, shop: Shop, copies: tuple[str, ...]
) -> None:
    photos = bracket()
    room = {**photos, **{f"{name}-2.jpg": photos[f"{name}.jpg"] for name in copies}}
    studio.drop(ELM, "kitchen", room)
    await studio.drop_and_run(ELM, "bath", photos)
    assert (studio.states(), shop.bought()) == (["done", "done"], 1)
    assert studio.filed("kitchen") == room


def are_held(status: dict[str, Any]) -> bool:
    return bool(status["jobs"]) and all(job["held"] for job in status["jobs"])


def pictures(studio: Studio) -> set[str]:
    return {path.name for path in (studio.done / ELM).iterdir() if path.is_file()}


async def test_two_folders_of_one_room_s_name_and_other_photos_are_told_apart(studio: Studio) -> None:
    """Every picture's name shows its merge; the room keeps its number when it is dropped again."""
    blue, twilight = bracket(), bracket()
    await studio.drop_and_run(ELM, "front__sky-blue", blue)
    folder = studio.drop(ELM, "front__sky-twilight", twilight)
    assert "front-2__sky-twilight." in studio.say("explain", str(folder)).stdout
    await studio.until_idle()
    expected = {"front.jpg", "front__sky-blue.png", "front-2.jpg", "front-2__sky-twilight.png"}
    assert pictures(studio) == expected
    for name in twilight:
        twilight[name] = jpeg()
    await studio.drop_and_run(ELM, "front__sky-twilight", twilight)
    assert pictures(studio) == expected | {"front-2 (2).jpg", "front-2__sky-twilight (2).png"}


async def test_explain_reads_a_name_with_ok_as_it_will_be_without(studio: Studio) -> None:
    folder = studio.drop(ELM, "den copy__ok", bracket())
    assert "den." in studio.say("explain", str(folder)).stdout
    await studio.until_idle()
    assert pictures(studio) == {"den.jpg"}


async def test_explain_says_that_a_room_is_held_whose_tag_is_unknown_too(studio: Studio) -> None:
    """It is held first, and refused once somebody lets it go ahead."""
    folder = studio.drop(ELM, "hall_sky-blue__sky-bleu", bracket())
    explained = studio.say("explain", str(folder)).stdout
    assert "HELD: Did you mean" in explained and "REFUSED before anything is sent" in explained
    async with studio.working():
        await studio.comes_to_say(are_held)
        studio.drop(ELM, "hall_sky-blue__sky-bleu", {"READY.txt": b""})
        await studio.comes_to("failed")


async def test_a_tag_with_one_underscore_is_asked_about_before_anything_is_paid(
    studio: Studio, shop: Shop
) -> None:
    """A room that really has such a name is made after approval, and from then on."""
    folder = studio.drop(ELM, "kitchen_sky-twilight", bracket())
    studio.drop(ELM, "hall –sky-blue", bracket())
    for where in (folder, folder.parent):
        explained = studio.say("explain", str(where)).stdout
        assert 'HELD: Did you mean "kitchen__sky-twilight"?' in explained
    async with studio.working():
        status = await studio.comes_to_say(lambda status: len(status["jobs"]) == 2 and are_held(status))
        told = " ".join(job["reason"] for job in status["jobs"])
        assert 'Did you mean "kitchen__sky-twilight"?' in told and 'Did you mean "hall__sky-blue"?' in told
        assert shop.bought() == 0
        assert studio.say("approve", f"{ELM}/kitchen_sky-twilight").exit_code == 0
        (studio.inbox / ELM / "hall –sky-blue").rename(studio.inbox / ELM / "hall__sky-blue")
        await studio.comes_to("done", "done")
        studio.drop(ELM, "kitchen_sky-twilight", bracket())
        await studio.comes_to("done", "done", "done")
    assert {"kitchen_sky-twilight.jpg", "hall.jpg", "hall__sky-blue.png"} <= pictures(studio)
    assert files_below(folder) == {}


@pytest.mark.parametrize("other", [(120, 160), (80, 60)], ids=["upright among lying ones", "smaller"])
async def test_a_room_of_photos_of_two_sizes_is_asked_about_before_anything_is_paid(
    studio: Studio, shop: Shop, other: tuple[int, int]
) -> None:
    """They can't be merged together. One is approved as it is, the other exported once more."""
    photos = {"1.jpg": jpeg(), "2.jpg": jpeg(), "3.jpg": jpeg(size=other)}
    folder = studio.drop(ELM, "kitchen", photos)
    reason = f"1.jpg has 160x120 pixels and 3.jpg {other[0]}x{other[1]}: photos of different sizes can't be"
    reason += " merged into one picture"
    assert f"HELD: {reason}" in studio.say("explain", str(folder)).stdout
    async with studio.working():
        [held] = (await studio.comes_to_say(are_held))["jobs"]
        assert (held["reason"], shop.bought()) == (reason, 0)
        assert "Export them once more, all at one size" in held["hint"]
        if other == (80, 60):
            (folder / "3.jpg").write_bytes(jpeg())
        else:
            assert studio.say("approve", f"{ELM}/kitchen").exit_code == 0
        await studio.comes_to("done")


async def test_a_held_room_is_judged_again_once_what_is_wrong_with_it_was_moved_out(
    studio: Studio, shop: Shop
) -> None:
    await studio.drop_and_run(ELM, "bath", bracket())
    finished = (studio.done / ELM / "bath.jpg").read_bytes()
    kitchen = studio.drop(ELM, "kitchen", {**bracket(), "bath.jpg": finished})
    hall = studio.drop(ELM, "hall", {**bracket(), "x.jpg": jpeg(size=(80, 60)), "y.jpg": jpeg(size=(60, 80))})
    async with studio.working():
        await studio.comes_to_say(lambda status: [job["held"] for job in status["jobs"]].count(True) == 2)
        (kitchen / "bath.jpg").unlink()
        (hall / "x.jpg").unlink()
        await studio.comes_to("done", "done", "settling")
        await studio.comes_to_say(
            lambda status: "y.jpg 60x80" in str([job["reason"] for job in status["jobs"]])
        )
        assert shop.bought(MERGE) == 2
        (hall / "y.jpg").unlink()
        await studio.comes_to("done", "done", "done")


async def test_a_signal_that_is_older_than_a_held_photo_is_said_to_approve_nothing(
    make_studio: MakeStudio, shop: Shop
) -> None:
    studio = make_studio(routes=[{"name": "all", "match": {"room": "*"}, "group": "review"}])
    folder = studio.drop(ELM, "kitchen", {"READY.txt": b""})
    studio.drop(ELM, "kitchen", bracket())
    async with studio.working():
        await studio.comes_to_say(
            lambda status: "READY.txt is older than DSC" in str(status["notices"]) and are_held(status)
        )
        (folder / "READY.txt").touch()
        await studio.comes_to("done")
    assert shop.bought() == 1 and studio.status()["notices"] == []


async def test_a_room_that_is_misspelt_beside_a_good_one_is_shown_as_it_was_dropped(studio: Studio) -> None:
    await studio.drop_and_run(ELM, "kitchen", bracket())
    await studio.drop_and_run(ELM, "kitchen__sky-twiligt", bracket())
    assert {job["room"] for job in studio.status()["jobs"]} == {"kitchen", "kitchen__sky-twiligt"}
