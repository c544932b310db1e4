"""Drops without capture data, and drops that are divided by number."""

from __future__ import annotations

import random
from dataclasses import replace

from hotfolder.rules.grouping.group import EXPORT_WITH_CAMERA_DATA, group
from hotfolder.rules.grouping.model import Grouping, GroupingOptions
from hotfolder.rules.sets import Photo
from tests.support.camera import CANON_ORDER, FILE, MIDDLE, Photographer


def found(by: Photographer, options: GroupingOptions) -> Grouping:
    return group(random.Random(1).sample(by.photos, len(by.photos)), options)


def names(grouping: Grouping) -> list[set[str]]:
    return [{photo.name for photo in each.photos} for each in grouping.sets]


def test_stripped_photos_are_grouped_by_what_they_show_and_the_setting_is_named(by: Photographer) -> None:
    by.rooms(4, (0, -2, 2))
    stripped = [replace(photo, capture=None) for photo in by.photos]
    grouping = group(stripped)
    assert sorted(map(sorted, names(grouping))) == sorted(map(sorted, by.truth))
    assert grouping.notices == (EXPORT_WITH_CAMERA_DATA,)


def test_stripped_photos_that_show_nothing_are_held() -> None:
    photos = [Photo(f"{number}.jpg", FILE, "", 60, 40, number / 9, signature="0-0") for number in range(1, 7)]
    grouping = group(photos)
    assert all(not each.sure for each in grouping.sets)


def test_stripped_photos_are_counted_off_where_the_route_says_how_many(by: Photographer) -> None:
    by.rooms(3)
    stripped = [replace(photo, capture=None, signature="") for photo in by.photos]
    grouping = group(stripped, GroupingOptions(brackets=5))
    assert names(grouping) == by.truth
    assert grouping.sure


def test_counting_off_is_held_where_a_photo_is_missing(by: Photographer) -> None:
    by.rooms(3)
    stripped = [replace(photo, capture=None, signature="") for photo in by.photos]
    grouping = group(stripped[:3] + stripped[4:], GroupingOptions(brackets=5))
    assert not grouping.sure
    assert "only 4 frames are left where 5 make a set" in grouping.sets[-1].doubts


def test_a_fixed_number_is_available_with_camera_data_too(by: Photographer) -> None:
    by.rooms(2, (0, -2, 2))
    grouping = found(by, GroupingOptions(brackets=3))
    assert names(grouping) == by.truth and grouping.sure
    crossing = found(by, GroupingOptions(brackets=2))
    assert not crossing.sure


def test_some_stripped_photos_among_others_make_the_whole_doubtful(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    photos = [replace(by.photos[0], capture=None), *by.photos[1:]]
    grouping = group(photos)
    assert grouping.doubts == ("1 of 5 photos lack camera data and may belong to sets of the others",)
