"""Grouping of real JPEG files with a camera's EXIF."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from hotfolder.inbox.tracker import photo_of
from hotfolder.pictures.facts import PictureLimits
from hotfolder.pictures.formats import is_photo_name
from hotfolder.pictures.inspect import inspect
from hotfolder.rules.grouping.group import group
from hotfolder.rules.sets import FileIdentity, Photo
from tests.support.camera import MIDDLE, SONY, Photographer
from tests.support.exposures import written


def seen(path: Path) -> Photo:
    facts = inspect(path, limits=PictureLimits())
    return photo_of(path, FileIdentity.of(path.stat()), facts)


def shot_to_files(folder: Path, by: Photographer, *, flash: bool = False) -> list[Photo]:
    """Three rooms in five exposures, with identical settings, and a flash frame beside the second."""
    files = []
    for number in range(3):
        scene = by.room()
        stops: list[float] = [0, -4, -2, 2, 4]
        by.burst(scene, MIDDLE, stops)
        if flash and number == 1:
            by.walk(2, 3)
            by.lit(scene, MIDDLE)
            stops.append(0.5)
        files += [
            written(folder, photo, scene, stop)
            for photo, stop in zip(by.photos[-len(stops) :], stops, strict=True)
        ]
        by.walk(6, 9)
    return [seen(path) for path in random.Random(3).sample(files, len(files))]


def test_a_canon_shoot_is_grouped_from_its_files(tmp_path: Path) -> None:
    by = Photographer(random.Random(2))
    photos = shot_to_files(tmp_path, by, flash=True)
    grouping = group(photos)
    assert [{photo.name for photo in each.photos} for each in grouping.sets] == by.truth
    assert list(grouping.kept_out) == by.flash
    assert grouping.sure


def test_a_sony_shoot_without_sub_seconds_is_grouped_from_its_files(tmp_path: Path) -> None:
    by = Photographer(random.Random(4), body=SONY)
    grouping = group(shot_to_files(tmp_path, by))
    assert [{photo.name for photo in each.photos} for each in grouping.sets] == by.truth
    assert grouping.sure


def test_an_export_without_metadata_is_grouped_by_what_its_files_show(tmp_path: Path) -> None:
    by = Photographer(random.Random(6))
    photos = shot_to_files(tmp_path, by)
    for photo in photos:
        with Image.open(tmp_path / photo.name) as image:
            image.save(tmp_path / photo.name, quality=85, exif=b"")
    stripped = [seen(tmp_path / photo.name) for photo in photos]
    assert all(photo.capture is None for photo in stripped)
    found = {frozenset(photo.name for photo in each.photos) for each in group(stripped).sets}
    assert found == {frozenset(each) for each in by.sets}


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
