"""The plug-in's export: one room for each stack, complete or not at all."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from hotfolder.rules.kinds import FAMILIES
from tests.support.lightroom import Killed, Lightroom, installed, startable
from tests.support.pictures import jpeg

BEGIN = 700_000_000.0


@pytest.fixture
def lightroom(tmp_path: Path) -> Lightroom:
    made = Lightroom(tmp_path, installed(tmp_path, tags={"curb appeal": ["sky-blue", "lawn-medium"]}))
    (tmp_path / "inbox").mkdir()
    return made


def stack(
    lightroom: Lightroom, name: str, photos: int = 3, *, at: float = BEGIN, stops: int = 0, **facts: Any
) -> list[int]:
    """A stack of `frames` exposures, beginning with `stops`."""
    folder = lightroom.folder / "originals"
    folder.mkdir(exist_ok=True)
    numbers, at_random = [], random.Random(name)
    for number in range(photos):
        path = folder / f"{name}-{number}.jpg"
        path.write_bytes(jpeg(at_random.randrange(10**6), (32, 24)))
        usual = {
            "dateTimeOriginal": at + number,
            "shutterSpeed": 2.0 ** (number + stops) / 64,
            "aperture": 8.0,
            "stack": name,
        }
        numbers.append(lightroom.photo(path, **{**usual, "collections": ["12 Elm Road"], **facts}))
    return numbers


def exported(inbox: Path) -> dict[str, list[str]]:
    folders = [path for project in sorted(inbox.iterdir()) for path in sorted(project.iterdir())]
    return {f"{path.parent.name}/{path.name}": sorted(one.name for one in path.iterdir()) for path in folders}


def test_each_stack_becomes_a_room_of_the_collection_with_its_ready_file_last(lightroom: Lightroom) -> None:
    kitchen = stack(lightroom, "IMG_1", title="kitchen")
    hall = stack(lightroom, "IMG_2", 5, at=BEGIN + 60)
    lightroom.export([*hall, *kitchen])
    assert exported(lightroom.inbox) == {
        "12 Elm Road/IMG_2-0": [".ready", *(f"IMG_2-{number}.jpg" for number in range(5))],
        "12 Elm Road/kitchen": [".ready", *(f"IMG_1-{number}.jpg" for number in range(3))],
    }
    for room in lightroom.inbox.glob("*/*"):
        ready = (room / ".ready").stat().st_ctime_ns
        assert all(photo.stat().st_ctime_ns <= ready for photo in room.glob("*.jpg"))
    assert startable(lightroom.inbox) == {("12 Elm Road", "IMG_2-0"): 5, ("12 Elm Road", "kitchen"): 3}
    assert lightroom.said == []


def test_two_hundred_mixed_stacks_become_two_hundred_rooms(lightroom: Lightroom) -> None:
    """Stacks of one to seven frames, and sets without a stack, in any order; some names are equal."""
    rng, numbers, sizes = random.Random(5), [], []
    for number in range(200):
        facts: dict[str, Any] = {"title": rng.choice(["", "bath", "Bedroom 2", f"room {number}"])}
        if number % 3 == 0:
            facts["stack"] = None
        sizes.append(rng.randint(1, 7))
        numbers += stack(lightroom, f"DSC{number:04}", sizes[-1], at=BEGIN + 60 * number, **facts)
    rng.shuffle(numbers)
    lightroom.export(numbers)
    assert sorted(startable(lightroom.inbox).values()) == sorted(sizes)
    assert {project for project, _ in startable(lightroom.inbox)} == {"12 Elm Road"}


def test_photos_in_no_stack_are_parted_by_pauses_and_exposures_that_come_again(lightroom: Lightroom) -> None:
    first = stack(lightroom, "A", stack=None)
    at_once = stack(lightroom, "B", stack=None, at=BEGIN + 3)  # the same exposures again, without a pause
    later = stack(lightroom, "C", 2, stack=None, at=BEGIN + 30, stops=3)
    lightroom.export([*later, *at_once, *first])
    assert sorted(startable(lightroom.inbox).values()) == [2, 3, 3]


@pytest.mark.parametrize("stop_at", range(1, 9))
def test_an_export_that_is_cancelled_leaves_whole_rooms_alone(lightroom: Lightroom, stop_at: int) -> None:
    numbers = [
        *stack(lightroom, "A"),
        *stack(lightroom, "B", at=BEGIN + 60),
        *stack(lightroom, "C", at=BEGIN + 120),
    ]
    lightroom.export(numbers, stop_at=stop_at)
    whole = (stop_at - 1) // 3
    assert list(startable(lightroom.inbox).values()) == [3] * whole
    assert len(exported(lightroom.inbox)) == whole
    assert f"{3 - whole} of 3 rooms were not exported." in lightroom.said[-1]


@pytest.mark.parametrize(("stop_at", "stuck", "rooms"), [(None, "\0", 2), (5, "\0", 1), (None, "A-2.jpg", 1)])
def test_killed_before_any_change_of_the_disk_nothing_starts_incomplete(
    tmp_path: Path, stop_at: int | None, stuck: str, rooms: int
) -> None:
    """This includes taking back its files after a cancellation or an error."""
    plugin, steps = installed(tmp_path), 0
    while True:
        folder = tmp_path / f"killed-{steps}"
        folder.mkdir()
        lightroom = Lightroom(folder, plugin)
        lightroom.inbox.mkdir()
        lightroom.disk.dies_before, lightroom.disk.stuck = steps, stuck
        numbers = [*stack(lightroom, "A"), *stack(lightroom, "B", 2, at=BEGIN + 60)]
        try:
            lightroom.export(numbers, stop_at=stop_at)
        except Killed:
            found = startable(lightroom.inbox)
            assert set(found.items()) <= {(("12 Elm Road", "A-0"), 3), (("12 Elm Road", "B-0"), 2)}, steps
            steps += 1
            continue
        assert steps == lightroom.disk.changes
        assert len(startable(lightroom.inbox)) == rooms
        return


def test_a_rendition_that_fails_gives_its_room_up_and_no_other(lightroom: Lightroom) -> None:
    bad, good = stack(lightroom, "A"), stack(lightroom, "B", at=BEGIN + 60)
    context = lightroom.export([*bad, *good], broken=bad[1])
    assert startable(lightroom.inbox) == {("12 Elm Road", "B-0"): 3}
    assert list(exported(lightroom.inbox)) == ["12 Elm Road/B-0"]
    assert len(context.failed) == 2, "the broken one, and the one after it"
    assert "12 Elm Road/A-0: it can't be rendered" in lightroom.said[-1]


def test_where_the_rules_want_a_person_to_look_no_export_approves(tmp_path: Path) -> None:
    routes = [{"name": "trainees", "match": {"project": "* trainee"}, "group": "review"}]
    lightroom = Lightroom(tmp_path, installed(tmp_path, routes=routes))
    lightroom.inbox.mkdir()
    lightroom.export(stack(lightroom, "A"))
    assert exported(lightroom.inbox) == {"12 Elm Road/A-0": ["A-0.jpg", "A-1.jpg", "A-2.jpg"]}


def test_two_rooms_of_one_name_are_numbered_as_people_do(lightroom: Lightroom) -> None:
    numbers = [*stack(lightroom, "A", title="bath"), *stack(lightroom, "B", title="Bath", at=BEGIN + 60)]
    lightroom.export(numbers, lightroom.settings(lightroom.inbox, hotfolder_tag_1_sky="sky-blue"))
    assert list(exported(lightroom.inbox)) == ["12 Elm Road/Bath 2__sky-blue", "12 Elm Road/bath__sky-blue"]


def test_a_full_disk_is_told_and_leaves_nothing_behind(lightroom: Lightroom) -> None:
    lightroom.disk.full = "A-2.jpg"
    lightroom.export(stack(lightroom, "A"))
    assert exported(lightroom.inbox) == {}
    assert "12 Elm Road/A-0: the disk is full" in lightroom.said[-1]


def test_that_a_busy_catalogue_could_not_remember_an_export_is_told(lightroom: Lightroom) -> None:
    lightroom.catalog.busy = True
    lightroom.export(stack(lightroom, "A"))
    assert startable(lightroom.inbox) == {("12 Elm Road", "A-0"): 3}
    assert "Bring results home will not know them" in lightroom.said[-1]


def test_a_room_that_still_lies_there_from_an_earlier_export_is_left_alone(lightroom: Lightroom) -> None:
    numbers = stack(lightroom, "A", title="kitchen")
    lightroom.export(numbers)
    before = exported(lightroom.inbox)["12 Elm Road/kitchen"]
    lightroom.export(numbers[:2])
    assert exported(lightroom.inbox)["12 Elm Road/kitchen"] == before
    assert startable(lightroom.inbox)[("12 Elm Road", "kitchen (2)")] == 2


def test_tags_come_from_the_menu_and_from_keywords(lightroom: Lightroom) -> None:
    front = stack(lightroom, "A", title="front", keywords=["sky-twilight", "house"])
    garden = stack(lightroom, "B", title="garden", at=BEGIN + 60)
    both = lightroom.settings(lightroom.inbox, hotfolder_tag_1_lawn="lawn-light")
    lightroom.export([*front, *garden], both)
    assert list(exported(lightroom.inbox)) == [
        "12 Elm Road/front__lawn-light__sky-twilight",
        "12 Elm Road/garden__lawn-light",
    ]


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"offline": True}, "the original of A-0 is offline. Connect its disk."),
        ({"collections": []}, "it is in no collection. Choose another way."),
        ({"collections": ["a", "b"]}, "it is in 2 collections (a, b); open one of them. Choose another way."),
        (
            {"keywords": ["sky-blue", "sky-twilight"]},
            "the tags sky-blue and sky-twilight are both about the sky.",
        ),
    ],
)
def test_a_room_that_cant_be_exported_is_named_with_the_reason(
    lightroom: Lightroom, facts: dict[str, Any], sentence: str
) -> None:
    bad, good = stack(lightroom, "A", **facts), stack(lightroom, "B", at=BEGIN + 60)
    lightroom.export([*bad, *good])
    assert lightroom.said == [f"Export the other 1 rooms?\nA-0 to A-2: {sentence}"]
    assert list(exported(lightroom.inbox)) == ["12 Elm Road/B-0"]


def test_a_collapsed_stack_of_which_only_the_top_is_selected_is_named(lightroom: Lightroom) -> None:
    top = stack(lightroom, "A", collapsed=True)[0]
    lightroom.export([top])
    assert "A-0: 2 photos of its stack aren't selected. Expand it (Photo > Stacking >" in lightroom.said[-1]
    assert exported(lightroom.inbox) == {}


def test_the_photos_that_are_selected_of_an_expanded_stack_are_the_room(lightroom: Lightroom) -> None:
    lightroom.export(stack(lightroom, "A", 5)[1:4])
    assert list(startable(lightroom.inbox).values()) == [3]


def test_a_stack_of_eight_is_named_and_not_exported(lightroom: Lightroom) -> None:
    lightroom.export(stack(lightroom, "A", 8))
    assert "the stack of A-0 has 8 photos, and a room has 7 at most. Split the stack." in lightroom.said[-1]


def test_a_virtual_copy_is_a_photo_of_its_own_under_its_own_name(lightroom: Lightroom) -> None:
    one = stack(lightroom, "A", 1, title="hall")
    path = lightroom.folder / "originals" / "A-0.jpg"
    copy = lightroom.photo(
        path, stack="A", virtual=True, copyName="Copy 1", dateTimeOriginal=BEGIN, collections=["12 Elm Road"]
    )
    lightroom.export([*one, copy])
    assert exported(lightroom.inbox) == {"12 Elm Road/hall": [".ready", "A-0.jpg", "A-0_Copy 1.jpg"]}


def test_the_collection_that_is_shown_says_the_project(lightroom: Lightroom) -> None:
    lightroom.sources("3 Oak Lane")
    lightroom.export(stack(lightroom, "A", collections=["a", "b"]))
    assert list(exported(lightroom.inbox)) == ["3 Oak Lane/A-0"]


def test_a_token_that_there_isnt_is_named(lightroom: Lightroom) -> None:
    settings = lightroom.settings(lightroom.inbox, hotfolder_room="{rom}")
    lightroom.export(stack(lightroom, "A"), settings)
    assert "{rom} is none of the tokens collection, folder, title" in lightroom.said[-1]


def test_the_dialog_offers_each_inbox_with_its_tags_and_says_what_is_missing(lightroom: Lightroom) -> None:
    service = lightroom.service()
    settings = lightroom.settings(lightroom.folder / "nowhere")
    service.startDialog(settings)
    assert "isn't there" in settings.LR_cantExportBecause
    settings.hotfolder_folder_1 = str(lightroom.inbox)
    assert settings.LR_cantExportBecause is None
    settings.hotfolder_folder_1 = ""
    assert "Choose the inbox" in str(settings.LR_cantExportBecause)
    section = service.sectionsForTopOfDialog(lightroom.sdk.factory, settings)[1]
    rows = section[2].given[1].given
    titles = [row.given[1].given.title for key, row in rows.items() if isinstance(key, int)]
    assert titles == ["Its folder:", *(f"Tag, {family}:" for family in (*FAMILIES, "own"))]


def test_every_export_is_of_whole_pictures_whatever_the_last_one_was(lightroom: Lightroom) -> None:
    settings = lightroom.settings(lightroom.inbox, LR_size_doConstrain=True, LR_outputSharpeningOn=True)
    lightroom.service().updateExportSettings(settings)
    assert settings.LR_size_doConstrain is False
    assert settings.LR_outputSharpeningOn is False
    assert settings.LR_embeddedMetadataOption == "all"
