"""The settle rule: when a set may start while its photos still arrive."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hotfolder.rules.routes import Match, PhotoRange, Route
from hotfolder.rules.routing import Defaults, Rulebook, SettleRule, settle_rule
from hotfolder.rules.sets import MOST_PHOTOS


def rule(photo_count: int, *routes: Route, quiet_seconds: float = 15.0) -> SettleRule:
    rules = Rulebook(routes=routes, defaults=Defaults(quiet_seconds=quiet_seconds))
    return settle_rule(rules, "p", "kitchen__sky-twilght", photo_count)


def photos(fewest: int, most: int) -> Match:
    return Match(photos=PhotoRange(min=fewest, max=most))


def test_without_routes_the_default_holds_and_unknown_tags_are_no_hindrance() -> None:
    """The typo is refused later; until then the folder waits like any other."""
    assert rule(0) == SettleRule(None, None)
    assert rule(9) == SettleRule(None, None)


def test_a_route_brings_its_own_quiet_time_and_bracket_number() -> None:
    """They hold from the first photo on, while the number of photos is still open."""
    route = Route(name="r", match=Match(room=("kitchen",)), quiet_seconds=60, brackets=5)
    for count in range(6):
        assert rule(count, route) == SettleRule(60, 5)
    assert rule(6, route) == SettleRule(60, None), "a sixth of five: only quiet can tell now"
    assert rule(3, Route(name="r", match=Match(room=("bath",)), quiet_seconds=60)) == SettleRule(None, None)


def test_a_short_quiet_time_for_few_photos_waits_for_the_longer_one_that_may_come() -> None:
    """A set of two that may still become five doesn't start by the quiet time for two."""
    routes = (Route(name="two", match=photos(2, 2), quiet_seconds=1), Route(name="rest", quiet_seconds=90))
    assert rule(1, *routes).quiet_seconds == 90
    assert rule(2, *routes).quiet_seconds == 90
    assert rule(3, *routes).quiet_seconds == 90
    longer = (Route(name="two", match=photos(2, 2), quiet_seconds=90),)
    assert [rule(count, *longer).quiet_seconds for count in (1, 2, 3)] == [90, 90, None]


def test_brackets_of_a_later_route_do_not_start_what_an_earlier_one_may_still_take() -> None:
    """Three photos are complete for the second route, but four would be the first one's."""
    many = Route(name="many", match=photos(4, 7))
    three = Route(name="three", brackets=3)
    assert rule(3, many, three).expected_photos is None
    assert rule(3, three, many).expected_photos == 3
    five = Route(name="five", match=photos(5, 5), brackets=5)
    assert [rule(count, five, three).expected_photos for count in (1, 3, 5, 6)] == [5, 5, 5, None]


ROUTES = st.lists(
    st.builds(
        lambda low, span, quiet, brackets: Route(
            name="r", match=photos(low, min(7, low + span)), quiet_seconds=quiet, brackets=brackets
        ),
        st.integers(1, 7),
        st.integers(0, 6),
        st.none() | st.floats(1, 100),
        st.none() | st.integers(1, 7),
    ),
    max_size=5,
)


@given(ROUTES)
def test_waiting_never_becomes_longer_as_photos_arrive(routes: list[Route]) -> None:
    """The quiet time only shrinks, and the expected number is never below the present one."""
    found = [rule(count, *routes) for count in range(MOST_PHOTOS + 1)]
    quiet = [15.0 if one.quiet_seconds is None else one.quiet_seconds for one in found]
    assert quiet == sorted(quiet, reverse=True)
    for count, (earlier, later) in enumerate(pairwise(found)):
        assert earlier.expected_photos is None or earlier.expected_photos >= count
        if earlier.expected_photos is None or earlier.expected_photos > count:
            assert later.expected_photos == earlier.expected_photos
