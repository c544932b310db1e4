"""Properties of the grouping of any drop."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from hotfolder.capture import Capture
from hotfolder.rules.grouping.group import group, group_room
from hotfolder.rules.grouping.model import GroupingOptions, OverSeven
from hotfolder.rules.sets import MOST_PHOTOS, FileIdentity, Photo

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
    GroupingOptions, brackets=st.integers(1, 9), over_seven=st.sampled_from(OverSeven)
) | st.builds(GroupingOptions, over_seven=st.sampled_from(OverSeven))


@settings(max_examples=80, deadline=None)
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
