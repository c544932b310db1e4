"""What was bought of a recipe for a set, whichever job bought it."""

from __future__ import annotations

from datetime import datetime

import pytest

from hotfolder.jobs.ledger import Ledger, read_chain
from hotfolder.jobs.model import Purchase, Result, merge_key, operation_key
from hotfolder.rules.recipes import Recipe, Variant
from hotfolder.stager.operations import Lawn, LawnType, Sky, SkyType

LAWN = Lawn(lawn_type=LawnType.MEDIUM)
BLUE, TWILIGHT = Sky(sky_type=SkyType.BLUE), Sky(sky_type=SkyType.TWILIGHT)
RECIPES = [
    Recipe(),
    Recipe(operations=(LAWN, BLUE)),
    Recipe(merge=False, operations=(BLUE,)),
    Recipe(
        variants=(
            Variant(name="day", operations=(LAWN, BLUE)),
            Variant(name="dusk", operations=(LAWN, TWILIGHT)),
        )
    ),
]


def buy(ledger: Ledger, recipe: Recipe, photos: list[str], at: datetime, most: int) -> list[str]:
    """The keys of the first so many of its purchases, which are made."""
    keys = []
    sources = {} if recipe.merge else {(): photos[0]}
    for path in (*(((),) if recipe.merge else ()), *recipe.steps())[:most]:
        source = sources.get(path[:-1], "")
        key = operation_key("o", source, path[-1], 0) if path else merge_key("o", photos, recipe.hdr, 0)
        intent = Purchase(key=key, job_id="job", operation="some", parameters="", started_at=at)
        number = ledger.begin(intent, at)
        ledger.answer(number, "{}", at)
        sources[path] = f"picture {number}"
        pictures = [
            Result(
                purchase_id=number, position=position, file="", sha256=f"picture {number}" + "b" * position,
                size_bytes=1, format="JPEG", width=1, height=1,
            )
            for position in (1, 0)
        ]  # fmt: skip
        ledger.keep(number, pictures)
        keys.append(key)
    return keys


@pytest.mark.parametrize("most", range(5))
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_purchases_of_a_set_are_found_as_far_as_they_were_made(
    ledger: Ledger, at: datetime, recipe: Recipe, most: int
) -> None:
    bought = buy(ledger, recipe, ["a", "b"], at, most)
    buy(ledger, recipe, ["c", "d"], at, most)
    steps = read_chain(ledger, "o", ["a", "b"], recipe, 0)
    assert [step.purchase.key for step in steps] == bought
    assert ledger.held([*bought, "another"]) == set(bought)
