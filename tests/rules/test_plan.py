"""Recipes from names and photos, their variants, and when a set may start while its photos still arrive."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfolder.errors import RuleRefused
from hotfolder.rules.delivery import Delivery
from hotfolder.rules.drops import ChosenSet, why_made_otherwise
from hotfolder.rules.explain import Sent, delivered_names, explain
from hotfolder.rules.kinds import operation_word
from hotfolder.rules.recipes import Recipe, Variant
from hotfolder.rules.routes import Match, PhotoRange, Route
from hotfolder.rules.routing import Defaults, Plan, Rulebook, SettleRule, plan, settle_rule
from hotfolder.rules.sets import MOST_PHOTOS
from hotfolder.rules.tags import TagTable
from hotfolder.stager.operations import HdrOptions, Lawn, Operation, RoomType, Sky, Stage

BLUE = Sky(sky_type="blue")
TWILIGHT = Sky(sky_type="twilight")
LIGHT = Lawn(lawn_type="light")
STRONG = Lawn(lawn_type="strong")
MODERN = Stage(room_style="modern")
EMPTY = Rulebook()


def book(*routes: Route, **defaults: object) -> Rulebook:
    return Rulebook(routes=routes, defaults=Defaults.model_validate(defaults))


def always(*operations: Operation, **rest: object) -> Route:
    return Route.model_validate({"name": "always", "operations": operations, **rest})


def test_without_routes_and_tags_the_defaults_merge() -> None:
    """Dropping a folder is enough to get a merge with all corrections."""
    made = plan(EMPTY, "12 Elm Road", "kitchen", 5)
    assert (made.project_title, made.room, made.tags, made.route) == ("12 Elm Road", "kitchen", (), None)
    assert made.recipe.merge
    assert made.recipe.hdr == HdrOptions()
    assert made.recipe.operations == ()
    assert len(made.recipe.paid_kinds()) == 1
    assert not made.again


def test_a_project_tag_holds_for_its_rooms_and_the_rooms_own_tag_wins() -> None:
    assert plan(EMPTY, "12 Elm Road__sky-blue", "front", 3).recipe.operations == (BLUE,)
    made = plan(EMPTY, "12 Elm Road__sky-blue__lawn-light", "front__sky-twilight", 3)
    assert made.recipe.operations == (LIGHT, TWILIGHT)
    assert made.project_title == "12 Elm Road"
    assert made.tags == ("sky-twilight", "sky-blue", "lawn-light")


def test_the_folders_own_tags_win_over_its_routes_and_the_rest_of_the_route_stays() -> None:
    """The order is the route's remaining operations, then the project's, then the room's."""
    rules = book(always(BLUE, LIGHT, MODERN))
    made = plan(rules, "p__lawn-strong", "kitchen__sky-twilight", 3)
    staged = MODERN.model_copy(update={"room_type": "KITCHEN"})
    assert made.recipe.operations == (staged, STRONG, TWILIGHT)


def test_the_first_matching_route_wins_and_the_earlier_ones_say_why_not() -> None:
    """`explain` shows why earlier routes didn't match."""
    rules = book(
        Route(name="outside", match=Match(room=("exterior*", "front"))),
        Route(name="elm", match=Match(project=("* elm *",), photos=PhotoRange(min=5, max=7))),
        Route(name="pair", match=Match(photos=PhotoRange(min=2, max=2))),
        Route(name="tagged", match=Match(tag=("stage-*",))),
        Route(name="rest", match=Match(room=("kit*",), project=("12*",))),
        Route(name="never", match=Match()),
    )
    made = plan(rules, "12 Elm Road__sky-blue", "kitchen", 3)
    assert made.route == "rest"
    assert [(one.route, one.matched, one.reason) for one in made.verdicts] == [
        ("outside", False, 'room "kitchen" does not match "exterior*" or "front"'),
        ("elm", False, "3 photos, not 5 to 7"),
        ("pair", False, "3 photos, not 2"),
        ("tagged", False, 'tags "sky-blue"; wanted "stage-*"'),
        ("rest", True, 'project "12 Elm Road" matches "12*" and room "kitchen" matches "kit*"'),
    ]
    assert plan(rules, "x", "y", 3).verdicts[-1].reason == "it matches every set"


@pytest.mark.parametrize(
    ("pattern", "room", "matches"),
    [
        ("exterior*", "Exterior 1", True),
        ("living room", "living-room", True),
        ("living-room*", "Living Room 2", True),
        ("bed?oom", "bedroom", True),
        ("[a-c]*", "bath", True),
        ("[a-c]*", "den", False),
        ("kitchen", "kitchenette", False),
        ("KÜCHE", "küche", True),
        ("Ku\u0308che*", "Küche 2", True),
        ("front [[]old]", "front [old]", True),
    ],
)
def test_patterns_are_blind_to_case_and_separators(pattern: str, room: str, matches: bool) -> None:
    """A manager and a photographer needn't agree on hyphens."""
    made = plan(book(Route(name="r", match=Match(room=(pattern,)))), "p", room, 3)
    assert (made.route == "r") is matches


@pytest.mark.parametrize("pattern", ["sky-twilight", "SkyTwilight", "sky*", "sky-*", "*light"])
def test_a_route_can_look_at_tags_in_any_spelling(pattern: str) -> None:
    """By name or by pattern, on the room or on the project."""
    rules = book(Route(name="r", match=Match(tag=(pattern,))))
    assert plan(rules, "p", "a__Sky_Twilight", 3).route == "r"
    assert plan(rules, "p__skytwilight", "a", 3).route == "r"
    assert plan(rules, "p", "a__lawn-medium", 3).route is None


def test_a_route_sets_what_the_merge_corrects() -> None:
    """Options that the route doesn't name keep their general value."""
    rules = Rulebook(
        routes=(Route(name="r", hdr=HdrOptions(photographer_removal=False)),),
        defaults=Defaults(hdr=HdrOptions(lens_correction=False)),
    )
    assert plan(rules, "p", "a", 3).recipe.hdr == HdrOptions(
        lens_correction=False, photographer_removal=False
    )


def test_staging_takes_the_room_type_from_tag_then_name_then_route() -> None:
    """The most specific source wins."""
    rules = book(always(room_type="GARAGE"))

    def room_type(folder: str) -> RoomType | None:
        [operation] = plan(rules, "p", folder, 3).recipe.operations
        assert isinstance(operation, Stage)
        return operation.room_type

    assert room_type("kitchen__stage-modern-bedroom") == "BEDROOM"
    assert room_type("kitchen__stage-modern") == "KITCHEN"
    assert room_type("IMG_4711__stage-modern") == "GARAGE"


def test_staging_without_any_room_type_is_refused_with_what_to_type() -> None:
    """It is refused before anything is sent; the hint keeps the folder's other tags."""
    with pytest.raises(RuleRefused) as caught:
        plan(EMPTY, "p", "IMG_4711__sky-blue__stage-modern", 3)
    assert caught.value.message == (
        'Staging needs to know what kind of room "IMG_4711" is, and its name doesn\'t say.'
    )
    assert '"living-room IMG_4711__sky-blue__stage-modern"' in caught.value.hint
    assert "kids-room" in caught.value.hint


def test_an_own_staging_tag_is_kept_in_the_advice() -> None:
    """Its furniture and colours would be lost if it were replaced by a built-in tag."""
    rules = Rulebook(tags=TagTable({"our-style": (MODERN,)}))
    with pytest.raises(RuleRefused) as caught:
        plan(rules, "p", "IMG_4711__our-style", 3)
    assert '"living-room IMG_4711__our-style"' in caught.value.hint
    assert plan(rules, "p", "living-room IMG_4711__our-style", 3).recipe.operations


def test_one_photo_without_operations_is_merged_alone_or_refused() -> None:
    """The setting `single_photo` decides, in general and per route."""
    assert plan(EMPTY, "p", "front", 1).recipe.merge
    with pytest.raises(RuleRefused, match="one photo without any tag"):
        plan(book(single_photo="refuse"), "p", "front", 1)
    assert plan(book(always(single_photo="merge"), single_photo="refuse"), "p", "front", 1).recipe.merge
    assert plan(book(single_photo="refuse"), "p", "front__sky-blue", 1).recipe.operations == (BLUE,)
    assert plan(book(single_photo="refuse"), "p", "front", 2).recipe.merge


def test_more_than_seven_photos_are_refused() -> None:
    """No photo is dropped silently."""
    assert plan(EMPTY, "p", "a", 7).recipe.merge
    with pytest.raises(RuleRefused, match="The folder holds 8 photos, and at most 7 can become one picture"):
        plan(EMPTY, "p", "a", 8)


def test_again_counts_on_the_room_and_is_refused_on_the_project() -> None:
    """Buying a whole project twice takes more than one word."""
    made = plan(EMPTY, "p", "front__sky-blue__again", 3)
    assert made.again
    assert made.recipe.operations == (BLUE,)
    with pytest.raises(RuleRefused, match="would pay for every room again"):
        plan(EMPTY, "p__again", "front", 3)


@pytest.mark.parametrize(
    "project", ["__again", "__sky-blue__Again", "p__agian", "p__sky-blue_again", "p__again, sky-blue"]
)
def test_no_name_with_again_is_suggested_for_a_project(project: str) -> None:
    """It would be refused next."""
    with pytest.raises(RuleRefused) as caught:
        plan(EMPTY, project, "front", 3)
    assert "again" not in caught.value.hint.lower()


PIECES = ["kitchen", "__", "sky-blue", "again", " copy", " (2)", "\udcff", "\u202e", "stage-modern", "*", "["]
NAMES = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=st.characters(codec=None), max_size=20),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
)


@given(NAMES, NAMES, st.integers(min_value=1, max_value=9))
def test_no_name_raises_anything_but_a_refusal(project: str, folder: str, photo_count: int) -> None:
    """Any name gives a plan or a sentence; the settle rule never fails."""
    rules = Rulebook(
        tags=TagTable({"look": (BLUE, LIGHT)}),
        routes=(
            Route(name="a", match=Match(room=("[kitchen*",), tag=("sky*",)), operations=(MODERN,)),
            Route(name="b", match=Match(project=("*[!a-z]?",), photos=PhotoRange(min=2, max=3)), brackets=3),
        ),
    )
    settle_rule(rules, project, folder, photo_count)
    try:
        made: Plan | None = plan(rules, project, folder, photo_count)
    except RuleRefused as refused:
        assert refused.hint
        (refused.message + refused.hint).encode()
    else:
        assert made is not None
        lines = explain(made, {f"{number}.jpg": Sent() for number in range(photo_count)}).lines()
        "\n".join(lines).encode()


def rule(photo_count: int, *routes: Route, quiet_seconds: float = 15.0) -> SettleRule:
    return settle_rule(book(*routes, quiet_seconds=quiet_seconds), "p", "kitchen__sky-twilght", photo_count)


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


DAY, DUSK = Variant(name="day", operations=(BLUE,)), Variant(name="dusk", operations=(TWILIGHT,))


def planned(
    folder: str, *variants: Variant, operations: tuple[Operation, ...] = (), photos: int = 3, **rest: object
) -> Plan:
    route = Route.model_validate(
        {"name": "always", "operations": operations, "variants": variants or (DAY, DUSK), **rest}
    )
    return plan(Rulebook(routes=(route,)), "12 Elm Road", folder, photos)


def words(recipe: Recipe) -> dict[str, list[str]]:
    return {one.name: [operation_word(each) for each in one.operations] for one in recipe.altered_pictures()}


def test_each_variant_is_made_of_the_one_merge() -> None:
    recipe = planned("front").recipe
    assert words(recipe) == {"day": ["sky-blue"], "dusk": ["sky-twilight"]}
    assert (recipe.merge, recipe.operations, len(recipe.paid_kinds())) == (True, (), 3)


def test_what_they_have_in_common_comes_first_and_is_bought_once() -> None:
    """The route's operations and the folder's tags apply to every variant."""
    recipe = planned("front__lawn-strong", operations=(LIGHT, BLUE)).recipe
    assert words(recipe) == {"day": ["lawn-strong", "sky-blue"], "dusk": ["lawn-strong", "sky-twilight"]}
    assert len(recipe.paid_kinds()) == 4


BEDROOM, KITCHEN = (
    Stage(room_style="modern", room_type="BEDROOM"),
    Stage(room_style="modern", room_type="KITCHEN"),
)


@pytest.mark.parametrize(
    "route",
    [
        {"operations": (BEDROOM,)},
        {"operations": (KITCHEN.model_copy(update={"remove_furniture": True}),)},
        {"operations": (KITCHEN,), "hdr": {"lensCorrection": False}},
    ],
    ids=["room type", "furniture", "merge"],
)
def test_a_set_whose_calls_have_the_same_words_is_not_what_was_shown(route: dict[str, Any]) -> None:
    then = Route(name="then", operations=(KITCHEN,))
    asked = plan(Rulebook(routes=(then,)), "12 Elm Road", "front", 3).recipe
    chosen = ChosenSet("front", dict.fromkeys("abc", ""), asked.exact_calls())
    now = Rulebook(routes=(Route.model_validate({"name": "now", **route}),))
    assert "merge + stage-modern of it, otherwise" in why_made_otherwise(now, "12 Elm Road", "front", chosen)


def test_operations_on_one_picture_are_not_those_of_two() -> None:
    one = planned("front", Variant(name="both", operations=(LIGHT, BLUE))).recipe
    two = planned("front", Variant(name="lawn", operations=(LIGHT,)), DAY).recipe
    assert one.words() == two.words() and one.exact_calls() != two.exact_calls()


def test_a_tag_wins_over_a_variants_operation_of_the_same_kind() -> None:
    """Of equal variants the first remains; a single remaining one is no variant any more."""
    grass = Variant(name="grass", operations=(BLUE, STRONG))
    recipe = planned("front__sky-twilight", DAY, DUSK, grass).recipe
    assert words(recipe) == {"day": ["sky-twilight"], "grass": ["sky-twilight", "lawn-strong"]}
    alone = planned("front__sky-twilight").recipe
    assert (alone.variants, alone.operations, len(alone.paid_kinds())) == ((), (TWILIGHT,), 2)


def test_a_variant_that_goes_on_from_another_pays_for_what_is_new_alone() -> None:
    both = Variant(name="both", operations=(BLUE, LIGHT))
    assert len(planned("front", DAY, both).recipe.paid_kinds()) == 3


def test_one_photo_alone_is_altered_without_a_merge() -> None:
    recipe = planned("front", photos=1).recipe
    assert (recipe.merge, len(recipe.paid_kinds())) == (False, 2)
    assert delivered_names(planned("front", photos=1)) == [
        "front__sky-blue.<jpg or png>",
        "front__sky-twilight.<jpg or png>",
    ]


def test_every_call_is_explained_with_the_variants_it_is_for() -> None:
    made = explain(planned("front__lawn-light"), {f"{n}.jpg": Sent() for n in range(3)})
    paid = [(call.path.rpartition("/")[2], call.note) for call in made.calls if call.paid]
    assert paid == [
        ("hdr-enhance", ""),
        ("lawn-replace", "for day and dusk"),
        ("sky-replace", "for day"),
        ("sky-replace", "for dusk"),
    ]
    sources = [call.body for call in made.calls if call.path == "/api/image"]
    assert sources == [
        "(multipart: the merged picture)",
        "(multipart: the result of lawn-light)",
        "(multipart: the result of lawn-light)",
    ]
    assert made.paid_calls == len(made.plan.recipe.paid_kinds()) == 4


def test_names_hold_the_variant_or_the_tags_but_never_those_of_the_unaltered_picture() -> None:
    named = planned("front", deliver={"name": "{room} {variant}"})
    assert delivered_names(named) == [f"{name}.<jpg or png>" for name in ("front", "front day", "front dusk")]
    plain = plan(Rulebook(), "p", "front__sky-blue", 3)
    recipe = plain.recipe.model_copy(update={"delivery": Delivery(name="{room} {variant}")})
    assert recipe.delivery.template(altered=True) == "{room} {variant}__{tags}"
    assert delivered_names(planned("front"))[1:] == [
        "front__sky-blue.<jpg or png>",
        "front__sky-twilight.<jpg or png>",
    ]
