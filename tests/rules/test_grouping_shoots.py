"""Whole shoots, shuffled and renamed, and as files with a camera's EXIF: nearly every set is right, and no
wrong one goes ahead unasked."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from hotfolder.inbox.tracker import photo_of
from hotfolder.pictures.facts import PictureLimits
from hotfolder.pictures.inspect import inspect
from hotfolder.rules.grouping.group import group
from hotfolder.rules.sets import FileIdentity, Photo
from tests.bench.grouping import outcomes
from tests.support.camera import CANON, SONY, Body, names_of
from tests.support.pictures import needs_brackets, real_brackets
from tests.support.rolls import shoot, stripped
from tests.support.shoots import KINDS, Shoot, shoots

SEED = 5
# Kinds that no rule can always solve: frames without order, taken twice, thrown away or alike.
HARD = {
    "Sony, fired again at once",
    "by hand, with retakes",
    "another view",
    "culled, by hand",
    "stripped, by picture",
}


@pytest.fixture(scope="module")
def drop() -> list[Shoot]:
    return shoots(SEED, rounds=2)


@pytest.fixture(scope="module")
def counted(drop: list[Shoot]) -> dict[str, Counter[str]]:
    kinds: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for one in drop:
        kinds[one.kind] += outcomes(one)
    return kinds


def test_the_shoots_are_many_and_of_five_to_sixty_sets(drop: list[Shoot]) -> None:
    assert len(drop) >= 40
    assert all(4 <= len(one.sets) <= 61 for one in drop)


def test_no_photo_goes_into_a_wrong_set_unasked(counted: dict[str, Counter[str]]) -> None:
    assert {kind: count["wrong"] for kind, count in counted.items() if count["wrong"]} == {}


def test_of_a_hundred_sets_ninety_nine_are_exactly_right(counted: dict[str, Counter[str]]) -> None:
    total = sum(counted.values(), Counter[str]())
    right = total["right"] + total["right, held"]
    assert right >= 0.99 * sum(total.values())
    easy = sum((count for kind, count in counted.items() if kind not in HARD), Counter[str]())
    assert easy["right"] + easy["right, held"] == sum(easy.values())


def test_few_sets_are_held(counted: dict[str, Counter[str]]) -> None:
    """Holding everything would be right, and useless."""
    easy = sum((count for kind, count in counted.items() if kind not in HARD), Counter[str]())
    assert easy["right"] >= 0.98 * sum(easy.values())
    total = sum(counted.values(), Counter[str]())
    assert total["right"] >= 0.97 * sum(total.values())


def test_without_pictures_hardly_a_photo_goes_astray(drop: list[Shoot]) -> None:
    total: Counter[str] = Counter()
    for one in drop:
        photos = tuple(replace(photo, signature="") for photo in one.photos)
        total += outcomes(replace(one, photos=photos))
    assert total["wrong"] <= 0.001 * sum(total.values())
    assert total["right"] + total["right, held"] >= 0.9 * sum(total.values())


def seen(path: Path) -> Photo:
    facts = inspect(path, limits=PictureLimits())
    return photo_of(path, FileIdentity.of(path.stat()), facts)


def in_any_order(folder: Path, files: dict[str, bytes]) -> list[Photo]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [seen(folder / name) for name in random.Random(3).sample(sorted(files), len(files))]


@pytest.mark.parametrize(("seed", "body"), [(2, CANON), (4, SONY)], ids=["Canon", "Sony without sub-seconds"])
def test_a_shoot_is_grouped_from_its_files(tmp_path: Path, seed: int, body: Body) -> None:
    files, sets, flash = shoot(seed=seed, body=body, flash=body is CANON)
    grouping = group(in_any_order(tmp_path, files))
    assert names_of(grouping) == list(map(set, sets))
    assert list(grouping.kept_out) == flash
    assert grouping.sure


def test_an_export_without_metadata_is_grouped_by_what_its_files_show(tmp_path: Path) -> None:
    files, sets, _ = shoot(seed=6)
    photos = in_any_order(tmp_path, {name: stripped(content) for name, content in files.items()})
    assert all(photo.capture is None for photo in photos)
    found = {frozenset(photo.name for photo in each.photos) for each in group(photos).sets}
    assert found == {frozenset(each) for each in sets}


@needs_brackets
def test_real_brackets_without_camera_data_are_never_mixed_unasked() -> None:
    """Sets that go ahead are one scene, complete; doubtful ones are held."""
    scenes = {
        name: [seen(path) for path in paths] for name, paths in real_brackets().items() if "flash" not in name
    }
    drop = [
        replace(photo, name=f"{scene} {photo.name}") for scene, photos in scenes.items() for photo in photos
    ]
    grouping = group(drop)
    for each in grouping.sets:
        assert len({photo.name.split(" ")[0] for photo in each.photos}) == 1
        if each.sure:
            assert len(each.photos) == len(scenes[each.photos[0].name.split(" ")[0]])
    assert max(len(each.photos) for each in grouping.sets) >= 4
