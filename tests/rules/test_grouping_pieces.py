"""Possible pieces of a set are not paid for unasked: a paused export, a frame of a bracket, a weak guess."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hotfolder.rules.grouping.group import group
from hotfolder.rules.grouping.results import Grouping
from tests.support.camera import MIDDLE, PHONE, SHUTTER, SONY, Photographer


def held(grouping: Grouping) -> list[set[str]]:
    return [{photo.name for photo in each.photos} for each in grouping.sets if not each.sure]


@pytest.mark.parametrize("there", [1, 2, 3, 4])
def test_the_last_set_of_a_paused_export_is_held_however_much_is_there(by: Photographer, there: int) -> None:
    photos = by.rooms(4).photos
    # Files exported at the same time come in any order.
    here = random.Random(there).sample(photos[-5:], there)
    grouping = group([*photos[:-5], *here])
    assert held(grouping) == [{photo.name for photo in here}]
    assert "may still be coming" in " ".join(grouping.sets[-1].doubts)


def test_a_lone_frame_at_the_end_is_held_even_behind_a_single_set(by: Photographer) -> None:
    photos = by.rooms(2).photos
    assert held(group(photos[:6])) == [{photos[5].name}]


def test_a_single_frame_between_sets_is_a_set_of_one(by: Photographer) -> None:
    by.rooms(2).single(by.room(), MIDDLE, mode=1)
    by.walk(40, 50)
    assert group(by.rooms(2).photos).sure


def test_a_single_frame_at_the_end_is_a_set_of_one_where_the_camera_says_so(by: Photographer) -> None:
    """It was taken in another mode than the sets."""
    by.rooms(3).single(by.room(), MIDDLE, mode=0)
    assert group(by.photos).sure


def test_where_single_frames_are_usual_the_last_is_one_like_the_others(by: Photographer) -> None:
    by.rooms(1)
    for _ in range(4):
        by.single(by.room(), MIDDLE, mode=1)
        by.walk(40, 50)
    assert group(by.photos).sure


def test_a_lone_frame_of_a_bracket_is_held_wherever_it_lies(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, (0, -2, 2), mode=2, bias=True)
    by.walk(40, 50)
    lone = len(by.photos)
    by.burst(by.room(), MIDDLE + 3, (0, -2, 2), mode=2, bias=True)
    by.walk(40, 50)
    by.burst(by.room(), MIDDLE, (0, -2, 2), mode=2, bias=True)
    photos = [*by.photos[: lone + 1], *by.photos[lone + 3 :]]
    grouping = group(photos)
    assert held(grouping) == [{by.photos[lone].name}]
    assert "lies there alone, and the camera was bracketing" in grouping.sets[1].doubts[0]


@pytest.mark.parametrize("pause", [1.5, 3.5])
def test_two_automatic_shots_of_one_picture_are_not_merged_unasked(by: Photographer, pause: float) -> None:
    """The phone's meter exposed them 2/3 of a stop apart: perhaps a bracket, perhaps a second try."""
    by.body, by.aperture, scene = PHONE, 2.2, by.room()
    by.single(scene, MIDDLE)
    by.now += pause
    by.single(scene, MIDDLE + 2, 0.7)
    grouping = group(by.photos)
    assert all(not each.sure for each in grouping.sets)
    assert "nothing says that they were bracketed" in " ".join(grouping.sets[0].doubts)


def test_what_was_bracketed_with_a_short_pause_is_merged() -> None:
    """The camera records it, or a person has changed the compensation or, in manual mode, the time."""
    for says in ({"mode": 2}, {"mode": 0, "bias": True}, {"mode": 1}):
        taken = Photographer(random.Random(5))
        taken.bracket(taken.room(), MIDDLE, (-2, 0, 2), (1.5, 2.5), **says)  # type: ignore[arg-type]
        assert group(taken.photos).sure and len(group(taken.photos).sets) == 1


@pytest.mark.parametrize("overlapping", [False, True])
def test_bursts_within_whole_seconds_are_sure_only_where_all_of_them_are_whole(
    by: Photographer, overlapping: bool
) -> None:
    """One second may hold the end of a set and the beginning of the next: then nobody can tell."""
    by.body, by.now = SONY, 1_778_580_000.05
    for _ in range(4):
        by.burst(by.room(), SHUTTER.index(1 / 500), (0, -2, 2), mode=2)
        by.now = int(by.now) + 30.05
    scene = by.room()
    by.burst(scene, SHUTTER.index(1 / 500), (0, -2, 2), mode=2)
    by.now = int(by.now) + (0.75 if overlapping else 1.05)
    by.burst(scene, SHUTTER.index(1 / 500), (0, -2, 2), mode=2)
    photos = random.Random(2).sample(by.photos, len(by.photos))
    grouping = group(photos)
    assert grouping.sure is not overlapping
    if overlapping:
        assert any("whole seconds only" in doubt for each in grouping.sets for doubt in each.doubts)
    else:
        assert [{photo.name for photo in each.photos} for each in grouping.sets] == by.truth


@pytest.mark.parametrize("stops", [(-2, 0, 0, 2), (-2, 0, 2, 2)])
def test_a_set_with_a_frame_taken_again_by_hand_is_held_as_one(
    by: Photographer, stops: Sequence[int]
) -> None:
    for each in ((-2, 0, 2), (-2, 0, 2), stops, (-2, 0, 2)):
        by.bracket(by.room(), MIDDLE, each, (7, 20))
        by.walk(31, 40)
    assert held(group(by.photos)) == [set(by.sets[2])]


def test_a_set_by_hand_of_which_a_frame_was_thrown_away_is_held_as_one(by: Photographer) -> None:
    for _ in range(4):
        by.bracket(by.room(), MIDDLE, (-4, -2, 0, 2, 4), (18, 20))
        by.walk(70, 80)
    gone = by.photos.pop(7)
    grouping = group(by.photos)
    assert held(grouping) == [set(by.sets[1]) - {gone.name}]
    assert "shows the same picture" in grouping.sets[1].doubts[0]


def test_a_whole_set_without_camera_data_is_sure_beside_one_that_shows_too_little(by: Photographer) -> None:
    """That photo may belong to any set that lacks one; these sets have all of theirs."""
    by.rooms(3)
    stripped = [replace(photo, capture=None) for photo in by.photos]
    # Of its signature, 24 bits are known, equal to the first set's photos.
    darker, _, known = stripped[0].signature.partition("-")
    bits = [bit for bit in range(288) if int(known, 16) >> bit & 1][:24]
    mask = sum(1 << bit for bit in bits)
    wrong = sum(1 << bit for bit in bits[:6])
    stripped[6] = replace(
        stripped[6], signature=f"{(int(darker, 16) ^ wrong) & mask:x}-{mask:x}", brightness=0.01
    )
    grouping = group(stripped)
    whole = {frozenset(by.sets[0]), frozenset(by.sets[2])}
    sure = {frozenset(photo.name for photo in each.photos) for each in grouping.sets if each.sure}
    assert sure == whole


@pytest.mark.parametrize(("stop", "enough"), [(1 / 3, False), (2 / 3, True)])
def test_a_burst_of_nearly_equal_exposures_is_held(by: Photographer, stop: float, enough: bool) -> None:
    """It may be a person's series of one view, of which one frame is wanted."""
    by.burst(by.room(), MIDDLE, (0, -stop, stop), mode=2, bias=True)
    [only] = group(by.photos).sets
    assert only.sure is enough
    assert enough or only.doubts == ("its exposures differ by less than half a stop",)
