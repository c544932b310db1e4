"""Routes for whole shoots, and the names of their sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotfolder.rules.grouping.results import Grouping
from hotfolder.rules.holds import why_name_held
from hotfolder.rules.routes import Match, Route
from hotfolder.rules.routing import Rulebook, settle_rule
from hotfolder.rules.sets import Photo, names_sharing_stem
from hotfolder.rules.shoots import HeldSet, group_shoot, shoot_rule
from tests.support.camera import CANON_ORDER, FILE, MIDDLE, Photographer
from tests.support.studio import ELM


def book(*routes: Route) -> Rulebook:
    return Rulebook(routes=routes)


def photo(name: str) -> Photo:
    return Photo(name, FILE, name, 60, 40, 0.5, Path("/inbox") / ELM)


def test_each_setting_comes_from_the_first_route_that_fits_the_project_and_has_it() -> None:
    """A route for certain rooms doesn't apply to a shoot, whose rooms are unknown yet."""
    rule = shoot_rule(
        book(
            Route(name="front", match=Match(room=("front*",)), group="auto", brackets=1),
            Route(name="other", match=Match(project=("* Lane",)), over_seven="split"),
            Route(name="elm", match=Match(project=("* Road",)), group="review"),
            Route(name="all", group="auto", brackets=5, name_sets="first_file"),
        ),
        ELM,
    )
    assert rule.review
    assert rule.options.brackets == 5
    assert (rule.options.over_seven, rule.names) == ("refuse", "first_file")


@pytest.mark.parametrize(("folder", "held"), [("living__stage-modern", True), ("living__sky-blue", False)])
def test_a_review_that_a_route_for_tags_asks_for_holds_the_rooms_that_have_them(
    folder: str, held: bool
) -> None:
    rules = book(
        Route(name="staged", match=Match(tag=("stage-*",)), group="review"),
        Route(name="all", match=Match(project=("* Road",)), group="review"),
    )
    assert bool(why_name_held(rules, ELM, folder, [3], known=True)) is held
    assert not shoot_rule(book(rules.routes[0]), ELM).review


@pytest.mark.parametrize(("photos", "held"), [([3], True), ([5], False), ([5, 3], True), ([None], True)])
def test_a_route_for_other_numbers_of_photos_says_nothing_of_a_review(
    photos: list[int | None], held: bool
) -> None:
    """Neither that there is none, nor that there is one."""
    fives, front = Match.model_validate({"room": "front*", "photos": 5}), Match(room=("front*",))
    careful = book(
        Route(name="fives", match=fives, group="auto"), Route(name="a", match=front, group="review")
    )
    assert bool(why_name_held(careful, ELM, "front", photos, known=True)) is held
    other = book(Route(name="fives", match=fives, group="review"))
    assert bool(why_name_held(other, ELM, "front", photos, known=True)) is (photos != [3])


def test_a_count_that_its_route_never_takes_counts_nothing_off() -> None:
    wrong = Route(name="odd", match=Match.model_validate({"photos": 3}), brackets=5)
    assert shoot_rule(book(wrong), ELM).options.brackets is None


def test_a_shoot_waits_for_quiet_alone_and_for_the_longest() -> None:
    """No number of photos makes a shoot complete."""
    rules = book(Route(name="quick", brackets=1, quiet_seconds=2), Route(name="slow", quiet_seconds=60))
    rule = settle_rule(rules, ELM, "", 1)
    assert (rule.quiet_seconds, rule.expected_photos) == (60, None)


def test_sets_are_numbered_after_those_made_before_and_bear_no_tags() -> None:
    rules = book(Route(name="all", brackets=1))
    given = {f"{ELM}-07", f"{ELM}-x", "kitchen-99"}
    found = group_shoot(rules, f"{ELM}__sky-blue", [photo("a.jpg"), photo("b.jpg")], given)
    assert [each.name for each in found.sets] == [f"{ELM}-08", f"{ELM}-09"]


def test_a_first_files_name_never_becomes_a_tag_nor_an_earlier_sets_name() -> None:
    rules = book(Route(name="all", brackets=1, name_sets="first_file"))
    found = group_shoot(rules, ELM, [photo("a__b.jpg"), photo("c.jpg")], {"C"})
    assert [each.name for each in found.sets] == ["a_b", "c-2"]


def held_of(found: Grouping) -> list[HeldSet]:
    """The held sets as they are stored while the others are made."""
    waiting = [each for each in found.sets if each.name in found.held]
    return [
        HeldSet(each.name, {photo.name: photo.identity for photo in each.photos}, found.why_waits(each))
        for each in waiting
    ]


def test_held_sets_keep_their_doubts_and_get_none_from_each_other(by: Photographer) -> None:
    for frames in (5, 3, 5, 5, 2):
        by.burst(by.room(), MIDDLE, CANON_ORDER[:frames])
        by.walk(40, 50)
    found = group_shoot(book(), ELM, by.photos)
    held = held_of(found)
    left = [photo for photo in by.photos if any(photo.name in one.photos for one in held)]
    assert len(held) > 1 and len(left) < len(by.photos)
    again = group_shoot(book(), ELM, left, held_before=held)
    assert [each.doubts for each in again.sets] == [one.doubts for one in held]


def test_a_review_that_no_route_asks_for_any_more_holds_nothing(by: Photographer) -> None:
    review = book(Route(name="all", group="review"))
    by.rooms(3)
    held = held_of(group_shoot(review, ELM, by.photos))[1:]
    left = [photo for photo in by.photos if any(photo.name in one.photos for one in held)]
    assert len(group_shoot(review, ELM, left, held_before=held).held) == 2
    assert group_shoot(book(), ELM, left, held_before=held).held == frozenset()


def test_what_travels_with_a_photo_has_its_stem_or_its_whole_name() -> None:
    names = ["a.xmp", "A.jpg.xmp", "ab.xmp", "b.xmp", "a"]
    assert names_sharing_stem(names, ["a.jpg", "c.jpg"]) == ["a.xmp", "A.jpg.xmp", "a"]
