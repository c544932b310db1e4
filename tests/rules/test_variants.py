"""Variants of one merge: what each is made of, what is paid, and what a folder's own tags do to them."""

from __future__ import annotations

from hotfolder.rules.delivery import Delivery
from hotfolder.rules.explain import Sent, delivered_names, explain
from hotfolder.rules.kinds import operation_word
from hotfolder.rules.recipes import Recipe, Variant
from hotfolder.rules.routes import Route
from hotfolder.rules.routing import Plan, Rulebook, plan
from hotfolder.stager.operations import Lawn, Operation, Sky

BLUE, TWILIGHT = Sky(sky_type="blue"), Sky(sky_type="twilight")
LIGHT, STRONG = Lawn(lawn_type="light"), Lawn(lawn_type="strong")
DAY, DUSK = Variant(name="day", operations=(BLUE,)), Variant(name="dusk", operations=(TWILIGHT,))


def planned(
    folder: str, *variants: Variant, operations: tuple[Operation, ...] = (), photos: int = 3, **rest: object
) -> Plan:
    route = Route.model_validate(
        {"name": "always", "operations": operations, "variants": variants or (DAY, DUSK), **rest}
    )
    return plan(Rulebook(routes=(route,)), "12 Elm Road", folder, photos)


def words(recipe: Recipe) -> dict[str, list[str]]:
    return {one.name: [operation_word(each) for each in one.operations] for one in recipe.altered()}


def test_each_variant_is_made_of_the_one_merge() -> None:
    recipe = planned("front").recipe
    assert words(recipe) == {"day": ["sky-blue"], "dusk": ["sky-twilight"]}
    assert (recipe.merge, recipe.operations, len(recipe.paid_kinds())) == (True, (), 3)


def test_what_they_have_in_common_comes_first_and_is_bought_once() -> None:
    """The route's operations and the folder's tags apply to every variant."""
    recipe = planned("front__lawn-strong", operations=(LIGHT, BLUE)).recipe
    assert words(recipe) == {"day": ["lawn-strong", "sky-blue"], "dusk": ["lawn-strong", "sky-twilight"]}
    assert len(recipe.paid_kinds()) == 4


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
