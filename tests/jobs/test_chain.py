"""What was bought of a recipe, for one set and for many at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pytest

from hotfolder.jobs.ledger import Ledger, PurchasePlan, reached, read_chain
from hotfolder.jobs.model import Purchase, PurchaseState, Result
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


def buy(ledger: Ledger, wish: PurchasePlan, at: datetime, most: int) -> None:
    """The first so many of its calls."""
    sources = wish.sources()
    for path in wish.paths()[:most]:
        key = wish.key(path, sources)
        assert key is not None
        number = ledger.begin(Purchase(key=key, job_id="job", operation="some", parameters=""), at)
        ledger.answer(number, "{}", at)
        sources[path] = f"picture {number}"
        pictures = [
            Result(
                call_id=number, position=position, file="", sha256=f"picture {number}" + "b" * position,
                size_bytes=1, format="JPEG", width=1, height=1,
            )
            for position in (1, 0)
        ]  # fmt: skip
        ledger.keep(number, pictures)


@pytest.mark.parametrize("bought", range(5))
def test_many_at_once_reach_what_each_reaches_alone(ledger: Ledger, at: datetime, bought: int) -> None:
    wishes = [
        PurchasePlan("origin", [f"{number}a", f"{number}b"], one, 0) for number, one in enumerate(RECIPES)
    ]
    for wish in wishes:
        buy(ledger, wish, at, bought)
    ledger.begin(Purchase(key="of somebody else", job_id="job", operation="sky", parameters=""), at)
    alone: Mapping[int, list[str]] = {
        number: [
            link.purchase.key
            for link in read_chain(ledger, wish.origin, wish.photos, wish.recipe, wish.generation)
        ]
        for number, wish in enumerate(wishes)
    }
    assert [len(keys) for keys in alone.values()] == [min(bought, len(wish.paths())) for wish in wishes]
    assert reached(ledger, wishes) == {key for keys in alone.values() for key in keys}
    assert {call.state for call in ledger.all_calls()} <= {PurchaseState.SUCCEEDED, PurchaseState.STARTED}
