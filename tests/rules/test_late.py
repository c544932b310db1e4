"""Late photos: recognised by content, by capture, or by the set that they belong to."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hotfolder.rules.drops import Drop, group_drop
from hotfolder.rules.grouping.group import DEFAULT_OPTIONS, group
from hotfolder.rules.grouping.results import Grouping, GroupingOptions
from hotfolder.rules.late import (
    EarlierSet,
    EarlierState,
    LatestSet,
    MergedSet,
    PhotoRelations,
    relate_to_earlier,
    why_late_in_room,
    why_partial,
)
from hotfolder.rules.routing import Rulebook
from hotfolder.rules.sets import BracketSet, Photo
from tests.support.camera import CANON, FILE, SONY, Body, Photographer


def made(by: Photographer, standing: EarlierState = EarlierState.MADE) -> list[EarlierSet]:
    """The photographer's sets so far, as rooms 1, 2, ..."""
    photos = {photo.name: photo for photo in by.photos}
    return [
        EarlierSet(f"job {number}", f"room {number}", standing, tuple(photos[name] for name in names))
        for number, names in enumerate(by.sets, 1)
    ]


def exported(photos: Iterable[Photo], name: str = "{stem}-2.jpg") -> list[Photo]:
    return [
        replace(photo, name=name.format(stem=photo.name[:-4], number=number), sha256=f"anew {number}")
        for number, photo in enumerate(photos)
    ]


def told(found: PhotoRelations) -> str:
    return "; ".join(found.reasons)


@pytest.mark.parametrize("body", [CANON, SONY])
@pytest.mark.parametrize("name", ["{stem}-2.jpg", "elm-{number}.jpg"])
def test_a_set_that_is_exported_anew_keeps_its_room_whatever_its_files_are_called(
    by: Photographer, body: Body, name: str
) -> None:
    """This holds where the clock has whole seconds, and only the picture can tell."""
    by.body = body
    earlier = made(by.rooms(2))
    again = exported(earlier[0].photos, name)
    found = relate_to_earlier(again, earlier, DEFAULT_OPTIONS)
    assert found.rooms == {photo.name: "room 1" for photo in again}
    assert not found.waiting and "5 of its photos were exported anew" in found.notes["room 1"]


@pytest.mark.parametrize("edited", [{"shift": 3600.0}, {"step": 1.0}, {"stripped": True}])
def test_a_set_whose_capture_times_were_edited_is_known_by_its_names_exposures_and_pictures(
    by: Photographer, edited: dict[str, float]
) -> None:
    earlier = made(by.rooms(2))
    again = exported(earlier[0].photos, "{stem}.jpg")
    for number, photo in enumerate(again):
        taken = photo.capture
        assert taken is not None and taken.started_seconds is not None
        start = taken.started_seconds + edited.get("shift", 0.0)
        step = edited.get("step", taken.clock_step_seconds)
        whole = replace(taken, started_seconds=start // step * step, clock_step_seconds=step)
        again[number] = replace(photo, capture=None if "stripped" in edited else whole)
    found = relate_to_earlier(again, earlier, DEFAULT_OPTIONS)
    assert found.rooms == {photo.name: "room 1" for photo in again}
    assert not found.waiting and "5 of its photos were exported anew" in found.notes["room 1"]
    part = relate_to_earlier(again[:2], earlier, DEFAULT_OPTIONS)
    assert part.waiting == {photo.name for photo in again[:2]}


def test_names_that_a_camera_used_again_are_no_proof(by: Photographer) -> None:
    """Neither with another exposure of the same picture, nor with another picture."""
    earlier = made(by.rooms(2))
    taken = earlier[0].photos[0].capture
    assert taken is not None and taken.exposure_seconds is not None
    later = replace(taken, started_seconds=(taken.started_seconds or 0) + 90_000)
    brighter = replace(later, exposure_seconds=taken.exposure_seconds * 4)
    one, other = exported([earlier[0].photos[0], earlier[1].photos[0]], "{stem}.jpg")
    assert relate_to_earlier([replace(one, capture=brighter)], earlier, DEFAULT_OPTIONS) == PhotoRelations()
    assert (
        relate_to_earlier([replace(other, name=one.name, capture=later)], earlier, DEFAULT_OPTIONS)
        == PhotoRelations()
    )


def test_a_part_of_a_set_is_put_aside_and_another_set_is_not(by: Photographer) -> None:
    earlier = made(by.rooms(2))
    part = exported(earlier[1].photos[1:3])
    before = len(by.photos)
    new = by.rooms(1).photos[before:]
    found = relate_to_earlier([*part, *new], earlier, DEFAULT_OPTIONS)
    assert found.waiting == {photo.name for photo in part} and found.late
    assert "of room 2, which has been paid for (and 1 more like it)" in told(found)


def test_a_late_bracket_reopens_its_set_as_long_as_nothing_is_paid(by: Photographer) -> None:
    whole = made(by.rooms(2), EarlierState.CHANGEABLE)
    late = whole[1].photos[3]
    earlier = [whole[0], replace(whole[1], photos=tuple(p for p in whole[1].photos if p is not late))]
    assert relate_to_earlier([late], earlier, DEFAULT_OPTIONS).jobs_to_regroup == {"job 2": late.name}
    busy = [replace(one, state=EarlierState.BUSY) for one in earlier]
    found = relate_to_earlier([late], busy, DEFAULT_OPTIONS)
    assert found.waiting == {late.name} and not found.jobs_to_regroup and "is being worked on" in told(found)


def test_the_name_of_a_withdrawn_set_is_kept_and_its_photos_are_free(by: Photographer) -> None:
    earlier = made(by.rooms(2), EarlierState.WITHDRAWN)
    found = relate_to_earlier(earlier[0].photos, earlier, DEFAULT_OPTIONS)
    assert set(found.rooms.values()) == {"room 1"} and not found.waiting and not found.paid_for


def test_photos_without_camera_data_are_known_by_name_and_picture_together(by: Photographer) -> None:
    by.rooms(2)
    by.photos = [replace(photo, capture=None) for photo in by.photos]
    earlier = made(by)
    again = exported(earlier[0].photos)
    assert set(relate_to_earlier(again, earlier, DEFAULT_OPTIONS).rooms.values()) == {"room 1"}
    others = [replace(one, name=again[0].name) for one in exported(earlier[1].photos[:1])]
    renamed = exported(earlier[0].photos, "elm-{number}.jpg")
    assert relate_to_earlier([*others, *renamed], earlier, DEFAULT_OPTIONS) == PhotoRelations()


def test_a_set_is_never_torn_by_a_clock_that_began_again(by: Photographer) -> None:
    """A camera without a clock battery takes another shoot at the same seconds. A part of a set must not be
    paid for."""
    earlier = made(by.rooms(3))
    other = Photographer(random.Random(9), now=1_778_580_000.6)
    fresh = [replace(photo, name=f"b{photo.name}") for photo in other.rooms(3).photos]
    found = relate_to_earlier(fresh, earlier, DEFAULT_OPTIONS)
    for each in group(fresh).sets:
        assert len({photo.name in found.waiting for photo in each.photos}) == 1


def test_a_late_bracket_is_compared_with_the_sets_around_it_alone(
    by: Photographer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project that collects shoots for years has thousands of sets."""
    compared = []

    def counting(photos: Sequence[Photo], options: GroupingOptions) -> Grouping:
        compared.append(len(photos))
        return group(photos, options)

    for _ in range(40):
        by.rooms(1)
        by.walk(300, 900)
    earlier = made(by)
    late = earlier[20].photos[4]
    earlier[20] = replace(earlier[20], photos=earlier[20].photos[:4])
    monkeypatch.setattr("hotfolder.rules.late.group", counting)
    found = relate_to_earlier([late], earlier, DEFAULT_OPTIONS)
    assert f"{late.name} belongs, by what the camera recorded, to room 21" in told(found)
    assert max(compared) < 40


def a_room(*hashes: str, approved: bool = False) -> BracketSet:
    photos = tuple(
        Photo(f"{sha256}.jpg", FILE, sha256, 9, 9, None, Path("/inbox/elm/hall")) for sha256 in hashes
    )
    return BracketSet(Path("/inbox"), "elm", "hall", photos, approved=approved)


def test_some_photos_of_a_merged_set_and_not_all_are_a_part_of_it() -> None:
    """The whole set may come again, with more photos, even where a part of a larger set is a set itself."""
    merged = [MergedSet(frozenset("abc"), "kitchen"), MergedSet(frozenset("abcd"), "larder")]
    assert "a.jpg, e.jpg" not in (why := why_partial(a_room("a", "e"), merged).reason)
    assert why == "a.jpg is a part of larder, which has been paid for"
    assert why_partial(a_room("b", "d"), merged).reason.startswith("b.jpg, d.jpg are a part of larder")
    for whole in ("abc", "abcd", "abcde", "ef"):
        assert not why_partial(a_room(*whole), merged)
    assert not why_partial(a_room("a", approved=True), merged)
    assert (
        "the job store that knew of it is lost"
        in why_partial(a_room("a"), [MergedSet(frozenset("ab"))]).reason
    )


ENDED = datetime(2026, 5, 4, tzinfo=UTC)


def came(photos: Iterable[Photo], **after: float) -> list[Photo]:
    """The photos as they are when they come that long after ENDED."""
    ctime_ns = round((ENDED + timedelta(**after)).timestamp() * 1e9)
    return [replace(photo, identity=replace(photo.identity, ctime_ns=ctime_ns)) for photo in photos]


def test_a_late_photo_of_a_room_waits_also_once_another_comes_more_than_an_hour_later(
    by: Photographer,
) -> None:
    *made_before, first, second = by.rooms(1).photos
    latest = LatestSet(made_before, ENDED, paid_for=True, usual_size=len(made_before))
    late, new = came([first], minutes=5), came([second], hours=2)
    room = BracketSet(Path(), "12 Elm Road", "kitchen", (*late, *new))
    assert "came after the set had been paid for" in why_late_in_room(room, latest).reason
    assert not why_late_in_room(replace(room, photos=tuple(new)), latest)


def test_a_late_photo_of_a_shoot_waits_also_once_a_set_comes_more_than_an_hour_later(
    by: Photographer,
) -> None:
    """The set is made."""
    earlier = made(by.rooms(3))
    latest = LatestSet(earlier[0].photos, ENDED, paid_for=True, usual_size=5)
    late, new = came(earlier[1].photos[:1], minutes=5), came(earlier[2].photos, hours=2)
    found = BracketSet(Path(), "12 Elm Road", "", (*late, *new))
    shoot, _ = group_drop(Rulebook(), Drop(found, found.photos, latest=latest))
    assert shoot is not None and len(shoot.sets) == 2 and not shoot.held
    [waits] = [each for each in shoot.sets if each.name in shoot.late]
    assert waits.photos == tuple(late)
