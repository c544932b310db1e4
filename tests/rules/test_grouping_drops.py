"""Other content of a drop: copies, sets beyond seven, no capture data; room folders; and names of sets."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hotfolder.rules.grouping.group import EXPORT_WITH_CAMERA_DATA, group, group_room, name_sets
from hotfolder.rules.grouping.results import Grouping, GroupingOptions
from hotfolder.rules.sets import Photo
from tests.support.camera import CANON_ORDER, FILE, MIDDLE, SONY, Photographer, names_of

NINE = (0, -1, 1, -2, 2, -3, 3, -4, 4)


def found(by: Photographer, options: GroupingOptions) -> Grouping:
    return group(random.Random(1).sample(by.photos, len(by.photos)), options)


def newer(photo: Photo, name: str) -> Photo:
    """The same capture, exported later under another name."""
    return replace(photo, name=name, sha256=f"{name} anew", identity=replace(FILE, mtime_ns=9))


def kept(grouping: Grouping) -> set[str]:
    return {photo.name for each in grouping.sets for photo in each.photos}


@pytest.mark.parametrize("body", [None, SONY])
@pytest.mark.parametrize(
    "name",
    [
        *(f"IMG_0002{added}.jpg" for added in ("-2", " 2", " (2)", " copy 2", " - Copy (2)", " – Kopie")),
        *(f"{added} IMG_0002.jpg" for added in ("Copy of", "Kopie von", "Copie de")),
        "IMG_0002 (Studio's conflicted copy 2024-05-01).jpg",
        "IMG_0002 (In Konflikt stehende Kopie von Studio 2024-05-01).jpg",
    ],
)
def test_of_two_exports_of_one_capture_the_newer_is_used_and_said_so(
    by: Photographer, body: object, name: str
) -> None:
    by.body = SONY if body else by.body
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    grouping = group([*by.photos, newer(by.photos[1], name)])
    assert name in kept(grouping) and len(kept(grouping)) == 5
    (reason,) = grouping.kept_out.values()
    assert reason == f"IMG_0002.jpg is an earlier export of {name}, which is used."
    assert grouping.sure


def test_the_same_content_under_two_names_is_one_photo(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    stripped = [replace(photo, capture=None) for photo in by.photos]
    grouping = group([*stripped, replace(stripped[0], name="copy of it.jpg")])
    assert len(kept(grouping)) == 5
    assert "has the same content as" in next(iter(grouping.kept_out.values()))


def test_virtual_copies_developed_as_a_bracket_are_all_merged(by: Photographer) -> None:
    by.single(by.room(), MIDDLE)
    copies = [
        replace(by.photos[0], name=f"IMG_0001-{number}.jpg", sha256=f"copy {number}", brightness=bright)
        for number, bright in enumerate((0.2, 0.45, 0.7))
    ]
    assert names_of(group_room(copies)) == [{photo.name for photo in copies}]
    assert not group_room(copies).kept_out
    shoot = group(copies)
    assert not shoot.kept_out and not shoot.sure


def test_a_set_exported_anew_much_brighter_is_no_bracket_of_two(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    brighter = [
        replace(newer(photo, f"{photo.name[:-4]}-2.jpg"), brightness=min(1.0, photo.luma + 0.2))
        for photo in by.photos
    ]
    assert names_of(group_room([*by.photos, *brighter])) == [{photo.name for photo in brighter}]


@pytest.mark.parametrize("body", [None, SONY])
@pytest.mark.parametrize("name", ["IMG_0002-HDR.jpg", "IMG_0002-hdr-2.jpg"])
def test_a_merge_that_lightroom_made_is_no_frame_of_its_set(
    by: Photographer, body: object, name: str
) -> None:
    by.body = SONY if body else by.body
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    theirs = newer(by.photos[1], name)
    for grouping in (group([*by.photos, theirs]), group_room([*by.photos, theirs])):
        assert kept(grouping) == set(by.sets[0])
        (reason,) = grouping.kept_out.values()
        assert (
            reason == f"{name} is, by its name, made of IMG_0002.jpg and others: it is kept out of the merge."
        )
        assert grouping.sure
    assert kept(group([theirs])) == {name}


def test_two_frames_of_one_second_with_one_exposure_are_copies_by_their_names_alone(by: Photographer) -> None:
    by.body = SONY
    by.single(by.room(), MIDDLE)
    by.now = int(by.now)
    photos = [by.photos[0], replace(by.photos[0], name="IMG_0009.jpg", sha256="other")]
    assert kept(group(photos)) == {"IMG_0001.jpg", "IMG_0009.jpg"}


def test_photos_of_different_things_are_no_copies_whatever_their_clock_says(by: Photographer) -> None:
    """A camera that lost its clock starts every day at the same moment."""
    for _ in range(2):
        by.now = 1_000_000.0
        by.single(by.room(), MIDDLE)
    assert kept(group(by.photos)) == {"IMG_0001.jpg", "IMG_0002.jpg"}


def test_more_than_seven_are_refused_whole_by_default(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, NINE)
    grouping = group(by.photos)
    assert grouping.sets == ()
    assert {photo.name for photo in grouping.refused[0].photos} == set(by.sets[0])
    assert grouping.refused[0].reason.startswith("9 photos belong to one set, from IMG_0001.jpg to IMG_0009")
    assert name_sets(grouping.refused, "first_file") == ("IMG_0001",)


def test_more_than_seven_can_be_split_each_part_from_dark_to_bright(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, NINE)
    grouping = group(by.photos, GroupingOptions(over_seven="split"))
    assert [len(each.photos) for each in grouping.sets] == [5, 4]
    assert kept(grouping) == set(by.sets[0])
    assert grouping.sets[1].evidence[-1] == "part 2 of 2 of a set of 9"


def test_more_than_seven_can_be_spread_and_what_is_left_out_is_named(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, NINE)
    grouping = group(by.photos, GroupingOptions(over_seven="spread"))
    (only,) = grouping.sets
    assert len(only.photos) == 7
    times = {photo.name: photo.capture.exposure_seconds or 0 for photo in by.photos if photo.capture}
    assert times[only.photos[0].name] == min(times.values())
    assert times[only.photos[-1].name] == max(times.values())
    assert grouping.kept_out.keys() == set(by.sets[0]) - kept(grouping)
    assert all(name in reason for name, reason in grouping.kept_out.items())


def test_a_room_is_one_set_whatever_the_pauses(by: Photographer) -> None:
    """An interrupted bracket stays together: time that passed proves nothing."""
    scene = by.room()
    by.burst(scene, MIDDLE, (0, -2))
    by.walk(100, 101)
    by.burst(scene, MIDDLE, (2, 4))
    grouping = group_room(by.photos)
    assert len(grouping.sets) == 1 and grouping.sure


def test_a_room_with_two_whole_brackets_is_two(by: Photographer) -> None:
    by.rooms(2)
    grouping = group_room(by.photos)
    assert names_of(grouping) == by.truth
    assert "the exposure 1/30 s came back" in grouping.sets[1].evidence


@pytest.mark.parametrize("pause", [(3, 4), (100, 101)])
def test_a_room_with_one_exposure_twice_is_still_one(by: Photographer, pause: tuple[float, float]) -> None:
    scene = by.room()
    by.burst(scene, MIDDLE, (0, -2, 2))
    by.walk(*pause)
    by.single(scene, MIDDLE)
    assert len(group_room(by.photos).sets) == 1


def test_a_room_keeps_flash_out_unless_all_of_it_is_lit(by: Photographer) -> None:
    scene = by.room()
    by.burst(scene, MIDDLE, (0, -2, 2))
    by.lit(scene, MIDDLE)
    grouping = group_room(by.photos)
    assert kept(grouping) == set(by.sets[0]) and len(grouping.kept_out) == 1
    assert kept(group_room(by.photos[3:])) == {by.photos[3].name}


def test_a_stripped_room_is_one_set(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    grouping = group_room([replace(photo, capture=None) for photo in by.photos])
    assert len(grouping.sets) == 1 and grouping.sure


def test_sets_are_numbered_or_called_by_the_photo_taken_first(by: Photographer) -> None:
    by.rooms(2, (0, -2, 2))
    grouping = group(by.photos)
    assert name_sets(grouping.sets, "numbered", "elm-road") == ("elm-road-01", "elm-road-02")
    assert name_sets(grouping.sets, "first_file") == ("IMG_0001", "IMG_0004")


def test_names_differ_even_where_case_does_not_count(by: Photographer) -> None:
    for name in ("Hall.jpg", "hall.png"):
        by.single(by.room(), MIDDLE)
        by.photos[-1] = replace(by.photos[-1], name=name)
        by.walk(40, 41)
    assert name_sets(group(by.photos).sets, "first_file") == ("Hall", "hall-2")


def test_stripped_photos_are_grouped_by_what_they_show_and_the_setting_is_named(by: Photographer) -> None:
    by.rooms(4, (0, -2, 2))
    stripped = [replace(photo, capture=None) for photo in by.photos]
    grouping = group(stripped)
    assert sorted(map(sorted, names_of(grouping))) == sorted(map(sorted, by.truth))
    assert grouping.notices == (EXPORT_WITH_CAMERA_DATA,)


def test_a_frame_with_flash_and_no_time_is_kept_out_too(by: Photographer) -> None:
    for _ in range(2):
        scene = by.room()
        by.burst(scene, MIDDLE, (0, -2, 2))
        by.lit(scene, MIDDLE)
        by.walk(40, 50)
    undated = [
        replace(photo, capture=replace(photo.capture, started_seconds=None)) if photo.capture else photo
        for photo in by.photos
    ]
    grouping = group(undated)
    assert grouping.kept_out.keys() == set(by.flash)
    assert sorted(map(sorted, names_of(grouping))) == sorted(map(sorted, by.truth))


def test_stripped_photos_that_show_nothing_are_held() -> None:
    photos = [Photo(f"{number}.jpg", FILE, "", 60, 40, number / 9, signature="0-0") for number in range(1, 7)]
    grouping = group(photos)
    assert all(not each.sure for each in grouping.sets)


def test_stripped_photos_are_counted_off_where_the_route_says_how_many(by: Photographer) -> None:
    by.rooms(3)
    stripped = [replace(photo, capture=None, signature="") for photo in by.photos]
    grouping = group(stripped, GroupingOptions(brackets=5))
    assert names_of(grouping) == by.truth
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
    assert names_of(grouping) == by.truth and grouping.sure
    crossing = found(by, GroupingOptions(brackets=2))
    assert not crossing.sure


def test_some_stripped_photos_among_others_make_the_whole_doubtful(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    photos = [replace(by.photos[0], capture=None), *by.photos[1:]]
    grouping = group(photos)
    assert grouping.doubts == ("1 of 5 photos lack camera data and may belong to sets of the others",)
