"""Grouping of flat drops: each measured pattern by itself, with its evidence, and properties of any drop."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotfolder.capture import Capture
from hotfolder.rules.grouping.group import group, group_room, name_sets
from hotfolder.rules.grouping.results import Grouping, GroupingOptions, OverSeven
from hotfolder.rules.sets import MOST_PHOTOS, FileIdentity, Photo
from tests.support.camera import (
    CANON_ORDER,
    MIDDLE,
    PHONE,
    SHUTTER,
    SIX_SECONDS,
    SONY,
    Photographer,
    names_of,
)


def found(by: Photographer) -> Grouping:
    return group(random.Random(1).sample(by.photos, len(by.photos)))


def right(by: Photographer) -> Grouping:
    """The grouping, asserted to be the photographer's sets."""
    grouping = found(by)
    assert names_of(grouping) == by.truth
    return grouping


def blind(photos: Sequence[Photo]) -> list[Photo]:
    return [replace(photo, signature="") for photo in photos]


def test_a_manual_bracket_whose_bias_is_always_zero_is_told_by_its_exposures(by: Photographer) -> None:
    by.rooms(3, pause=(2, 3.5))
    grouping = right(by)
    assert grouping.sure
    assert grouping.sets[1].evidence == ("the exposure 1/30 s came back",)


def test_frames_lie_from_dark_to_bright_whatever_order_they_were_taken_in(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    (only,) = found(by).sets
    captures = [photo.capture for photo in only.photos if photo.capture]
    times = [capture.exposure_seconds for capture in captures if capture.exposure_seconds]
    assert times == sorted(times) and len(times) == 5
    assert name_sets([only], "first_file") == ("IMG_0001",)


def test_a_long_pause_next_to_a_burst_is_evidence_and_says_how_long(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    by.now += 9.2
    by.burst(by.room(), MIDDLE + 4, CANON_ORDER)
    grouping = right(by)
    assert grouping.sets[1].evidence == ("idle for 9.2 s, more than 4 s",)


def test_another_lens_focal_length_or_size_is_another_set(by: Photographer) -> None:
    scene = by.room()
    by.burst(scene, MIDDLE, (0, -2, 2))
    by.lens, by.focal_mm = "EF24-105mm f/4L IS USM", 35.0
    by.burst(scene, MIDDLE + 2, (0, -2, 2))
    by.body = replace(by.body, size=(4000, 6000))
    by.burst(scene, MIDDLE + 1, (0, -2, 2))
    grouping = right(by)
    assert "the lens changed to EF24-105mm f/4L IS USM" in grouping.sets[1].evidence
    assert "the focal length changed from 17 to 35 mm" in grouping.sets[1].evidence
    assert grouping.sets[2].evidence == ("the size changed from 6000x4000 to 4000x6000 pixels",)


def test_two_bodies_at_the_same_time_are_kept_apart(by: Photographer) -> None:
    for serial in ("1", "2"):
        by.now, by.body = 1_000_000.0, replace(by.body, serial=serial)
        by.burst(by.room(), MIDDLE, (0, -2, 2))
    grouping = found(by)
    assert sorted(map(sorted, names_of(grouping))) == sorted(map(sorted, by.truth))
    assert grouping.sure


@pytest.mark.parametrize("dark_frames", [False, True])
def test_a_six_second_exposure_does_not_break_a_set(by: Photographer, dark_frames: bool) -> None:
    for _ in range(2):
        by.bracket(by.room(), SIX_SECONDS - 12, (0, 4, -4, -2, 2), (0.21, 0.29), dark_frames=dark_frames)
        by.walk(8, 9)
    assert right(by).sure


def test_noise_reduction_after_thirty_seconds_is_no_pause(by: Photographer) -> None:
    by.bracket(by.room(), SHUTTER.index(6.0), (0, -2, 1), (0.21, 0.29), dark_frames=True)
    by.bracket(by.room(), SHUTTER.index(8.0), (0, 1, -2), (0.21, 0.29), dark_frames=True)
    right(by)


def test_sets_by_hand_with_long_pauses_are_told_by_exposure_and_picture(by: Photographer) -> None:
    for middle in (MIDDLE, MIDDLE + 1, MIDDLE - 4):
        by.bracket(by.room(), middle, (-2, 0, 2), (7, 27))
        by.walk(7, 27)
    grouping = right(by)
    assert grouping.sure
    assert "shows another picture" in grouping.sets[1].evidence[0]


def test_by_hand_with_nothing_to_see_is_sure_only_if_the_sets_are_alike(by: Photographer) -> None:
    """Without pictures, repeated steps convince after several times, not after one."""
    for middle in (MIDDLE, MIDDLE + 1, MIDDLE - 4, MIDDLE - 2):
        by.bracket(by.room(), middle, (-2, 0, 2), (7, 27))
        by.walk(7, 27)
    many, few = group(blind(by.photos)), group(blind(by.photos[:6]))
    assert names_of(many) == by.truth and many.sure
    assert not few.sure


def test_rooms_with_identical_settings_back_to_back_are_two(by: Photographer) -> None:
    for body in (by.body, SONY):
        by.body = body
        by.rooms(2, pause=(5, 6))
        by.walk(60, 61)
    for photos in (by.photos, blind(by.photos)):
        assert names_of(group(photos)) == by.truth
        assert group(photos).sure


def test_a_stopped_pair_is_a_set_of_its_own_and_held(by: Photographer) -> None:
    scene = by.room()
    by.burst(scene, MIDDLE, CANON_ORDER)
    by.walk(20, 21)
    by.burst(scene, MIDDLE, CANON_ORDER[:2])
    by.walk(5, 6)
    by.burst(scene, MIDDLE, CANON_ORDER)
    grouping = right(by)
    assert [each.sure for each in grouping.sets] == [True, False, True]
    assert "it has 2 frames where others have 5" in grouping.sets[1].doubts[0]


def test_a_frame_taken_again_by_hand_is_seen_to_even_without_pictures(by: Photographer) -> None:
    for middle in (MIDDLE, MIDDLE + 1, MIDDLE - 4, MIDDLE - 2):
        by.bracket(by.room(), middle, (-2, 0, 2), (7, 27))
        by.walk(10, 20)
    by.bracket(by.room(), MIDDLE, (-2, 0, 2, 2), (7, 27))
    grouping = group(blind(by.photos))
    held = {photo.name for each in grouping.sets if not each.sure for photo in each.photos}
    # Its beginning is unknown too, so the set before may have a frame of it.
    assert held == {*by.sets[-1], *by.sets[-2]}
    assert any("may be IMG_0015.jpg taken again" in doubt for doubt in grouping.sets[-1].doubts)


def test_a_phone_walking_from_room_to_room_makes_sets_of_one(by: Photographer) -> None:
    by.body = PHONE
    for middle in (MIDDLE, MIDDLE - 6, MIDDLE + 3, MIDDLE):
        by.single(by.room(), middle)
        by.walk(4, 12)
    for photos in (by.photos, blind(by.photos)):
        assert names_of(group(photos)) == by.truth
        assert group(photos).sure


def test_a_trial_shot_is_not_paid_for_without_asking(by: Photographer) -> None:
    scene = by.room()
    by.single(scene, MIDDLE, mode=1)
    by.walk(8, 9)
    by.burst(scene, MIDDLE, CANON_ORDER)
    grouping = found(by)
    assert [each.sure for each in grouping.sets] == [False, True]
    assert "or be a trial shot" in grouping.sets[0].doubts[0]


def test_a_frame_with_flash_is_kept_out_and_said_so(by: Photographer) -> None:
    scene = by.room()
    by.burst(scene, MIDDLE, CANON_ORDER)
    by.walk(3, 4)
    by.lit(scene, MIDDLE)
    by.walk(15, 16)
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    grouping = right(by)
    ((name, reason),) = grouping.kept_out.items()
    assert name == by.flash[0]
    assert reason.startswith(f"The flash fired for {by.flash[0]}: it is kept out of the merge with IMG_000")


def test_a_frame_lit_within_a_burst_makes_the_set_no_odder(by: Photographer) -> None:
    by.rooms(2)
    by.burst(by.room(), MIDDLE, CANON_ORDER[:4])
    by.walk(0.21, 0.29)
    by.lit(by.room(), MIDDLE + 6)
    assert right(by).sure


def test_a_frame_with_flash_and_no_company_is_a_set_of_one_and_held(by: Photographer) -> None:
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    by.walk(120, 121)
    by.lit(by.room(), MIDDLE)
    grouping = found(by)
    assert names_of(grouping) == [set(by.sets[0]), set(by.flash)]
    assert [each.sure for each in grouping.sets] == [True, False]


def test_one_burst_with_a_stranger_in_it_is_held(by: Photographer) -> None:
    """Should a clock be wrong, the pictures still disagree."""
    by.burst(by.room(), MIDDLE, (0, -2))
    by.walk(0.21, 0.29)
    by.burst(by.room(), MIDDLE, (2, 4))
    (only,) = found(by).sets
    assert "show different pictures" in only.doubts[0]


def test_a_clock_reset_by_travel_does_not_reorder_frames(by: Photographer) -> None:
    """With offsets recorded, times of two zones compare."""
    by.body = replace(by.body, offset_seconds=3600)
    by.burst(by.room(), MIDDLE, (0, -2, 2))
    moved = [
        replace(
            photo,
            capture=replace(
                photo.capture,
                offset_seconds=7200,
                started_seconds=(photo.capture.started_seconds or 0) + 3600,
            ),
        )
        for photo in by.photos[1:]
        if photo.capture
    ]
    assert names_of(group([by.photos[0], *moved])) == by.truth


def test_offsets_that_only_some_frames_have_tear_no_set_apart(by: Photographer) -> None:
    by.rooms(3, pause=(20, 30))
    some = [
        replace(photo, capture=replace(photo.capture, offset_seconds=7200))
        for photo in by.photos[1::2]
        if photo.capture
    ]
    grouping = group([*by.photos[::2], *some])
    assert names_of(grouping) == by.truth and grouping.sure


def test_two_bodies_that_pass_for_one_are_held(by: Photographer) -> None:
    """Without serial numbers, frames that two bodies of a model took at once look like those of one."""
    by.body = SONY
    by.burst(by.room(), MIDDLE, CANON_ORDER)
    other = Photographer(by.rng, SONY, focal_mm=35.0)
    other.burst(other.room(), MIDDLE, CANON_ORDER)
    theirs = [replace(photo, name=f"other_{photo.name}") for photo in other.photos]
    grouping = group([*by.photos, *theirs])
    assert all("perhaps by two cameras" in each.doubts[0] for each in grouping.sets)


maybe = st.none
captures = st.builds(
    Capture,
    started_seconds=maybe() | st.integers(0, 40).map(lambda tenths: 1e9 + tenths / 2),
    clock_step_seconds=st.sampled_from([0.01, 1.0]),
    offset_seconds=maybe() | st.sampled_from([0, 3600]),
    exposure_seconds=maybe() | st.sampled_from([1 / 500, 1 / 60, 1 / 15, 0.5, 6.0]),
    aperture=maybe() | st.sampled_from([4.0, 8.0]),
    iso=maybe() | st.sampled_from([100.0, 400.0]),
    bias_ev=maybe() | st.sampled_from([-2.0, 0.0, 2.0]),
    exposure_mode=maybe() | st.integers(0, 2),
    flash_fired=maybe() | st.booleans(),
    model=maybe() | st.sampled_from(["6D", "A7"]),
    body_serial=maybe() | st.just("1"),
    lens=maybe() | st.sampled_from(["wide", "long"]),
    focal_mm=maybe() | st.sampled_from([17.0, 35.0]),
)
signatures = st.sampled_from(
    ["", "0-0", f"{0:x}-{2**288 - 1:x}", f"{2**288 - 1:x}-{2**288 - 1:x}", "f0-ffffffffff"]
)
photos = st.builds(
    Photo,
    name=st.sampled_from(["a", "b", "B", "a-2", "a (2)", "é", "\udcff", "10", "9", "²"]).flatmap(
        lambda stem: st.sampled_from([".jpg", ".ARW", ".png", ""]).map(lambda suffix: stem + suffix)
    ),
    width=st.sampled_from([60, 40]),
    height=st.just(50),
    brightness=st.floats(0, 1),
    sha256=st.sampled_from(["", "x", "y", "z"]),
    orientation=st.integers(1, 8),
    signature=signatures,
    capture=maybe() | captures,
    identity=st.builds(FileIdentity, st.just(1), st.integers(0, 10), st.just(1), st.just(1)),
)
drops = st.lists(photos, max_size=24, unique_by=lambda photo: photo.name)
options = st.builds(
    GroupingOptions, brackets=st.integers(1, 9), over_seven=st.sampled_from(get_args(OverSeven))
) | st.builds(GroupingOptions, over_seven=st.sampled_from(get_args(OverSeven)))


@settings(max_examples=80)
@given(drops, options, st.booleans(), st.randoms(use_true_random=False))
def test_every_photo_is_in_one_set_or_named_and_their_order_is_of_no_account(
    drop: list[Photo], chosen: GroupingOptions, room: bool, chance: random.Random
) -> None:
    by = group_room if room else group
    found = by(drop, chosen)
    placed = [photo.name for each in found.sets for photo in each.photos]
    placed += [photo.name for each in found.refused for photo in each.photos]
    placed += found.kept_out
    assert sorted(placed) == sorted(photo.name for photo in drop)
    assert all(1 <= len(each.photos) <= MOST_PHOTOS for each in found.sets)
    assert all(name in reason for name, reason in found.kept_out.items())
    shuffled = list(drop)
    chance.shuffle(shuffled)
    assert by(shuffled, chosen) == found
