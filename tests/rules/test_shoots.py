"""Routes for whole shoots, and the names of their sets."""

from __future__ import annotations

from pathlib import Path

from hotfolder.rules.routes import Match, Route
from hotfolder.rules.routing import Rulebook, settle_rule
from hotfolder.rules.sets import Photo, sharing_stem
from hotfolder.rules.shoots import group_shoot, shoot_rule
from tests.support.camera import FILE
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


def test_what_travels_with_a_photo_has_its_stem_or_its_whole_name() -> None:
    names = ["a.xmp", "A.jpg.xmp", "ab.xmp", "b.xmp", "a"]
    assert sharing_stem(names, ["a.jpg", "c.jpg"]) == ["a.xmp", "A.jpg.xmp", "a"]
