"""Grouping of real JPEG files with a camera's EXIF."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from hotfolder.inbox.tracker import photo_of
from hotfolder.pictures.facts import PictureLimits
from hotfolder.pictures.formats import is_photo_name
from hotfolder.pictures.inspect import inspect
from hotfolder.rules.grouping.group import group
from hotfolder.rules.sets import FileIdentity, Photo
from tests.support.camera import SONY
from tests.support.rolls import shoot, stripped


def seen(path: Path) -> Photo:
    facts = inspect(path, limits=PictureLimits())
    return photo_of(path, FileIdentity.of(path.stat()), facts)


def in_any_order(folder: Path, files: dict[str, bytes]) -> list[Photo]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [seen(folder / name) for name in random.Random(3).sample(sorted(files), len(files))]


def test_a_canon_shoot_is_grouped_from_its_files(tmp_path: Path) -> None:
    files, sets, flash = shoot(flash=True)
    grouping = group(in_any_order(tmp_path, files))
    assert [{photo.name for photo in each.photos} for each in grouping.sets] == list(map(set, sets))
    assert list(grouping.kept_out) == flash
    assert grouping.sure


def test_a_sony_shoot_without_sub_seconds_is_grouped_from_its_files(tmp_path: Path) -> None:
    files, sets, _ = shoot(seed=4, body=SONY)
    grouping = group(in_any_order(tmp_path, files))
    assert [{photo.name for photo in each.photos} for each in grouping.sets] == list(map(set, sets))
    assert grouping.sure


def test_an_export_without_metadata_is_grouped_by_what_its_files_show(tmp_path: Path) -> None:
    files, sets, _ = shoot(seed=6)
    photos = in_any_order(tmp_path, {name: stripped(content) for name, content in files.items()})
    assert all(photo.capture is None for photo in photos)
    found = {frozenset(photo.name for photo in each.photos) for each in group(photos).sets}
    assert found == {frozenset(each) for each in sets}


@pytest.mark.skipif(
    "HOTFOLDER_BRACKETS" not in os.environ, reason="HOTFOLDER_BRACKETS names no folder of photos"
)
def test_real_brackets_without_camera_data_are_never_mixed_unasked() -> None:
    """Sets that go ahead are one scene, complete; doubtful ones are held."""
    folders = [folder for folder in Path(os.environ["HOTFOLDER_BRACKETS"]).iterdir() if folder.is_dir()]
    scenes = {
        folder.name: [seen(path) for path in sorted(folder.iterdir()) if is_photo_name(path.name)]
        for folder in folders
        if "flash" not in folder.name
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
