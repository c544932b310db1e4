"""Whole shoots, shuffled and renamed: nearly every set is right, and no wrong one goes ahead unasked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.bench.grouping import outcomes
from tests.support.shoots import KINDS, Shoot, shoots

SEED = 5
# Kinds that no rule can always solve: frames without order, taken twice, thrown away or alike.
HARD = {
    "Sony, fired again at once",
    "by hand, with retakes",
    "another view",
    "culled, by hand",
    "stripped, by picture",
}


@pytest.fixture(scope="module")
def drop() -> list[Shoot]:
    return shoots(SEED, rounds=2)


@pytest.fixture(scope="module")
def counted(drop: list[Shoot]) -> dict[str, Counter[str]]:
    kinds: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for shoot in drop:
        kinds[shoot.kind] += outcomes(shoot)
    return kinds


def test_the_shoots_are_many_and_of_five_to_sixty_sets(drop: list[Shoot]) -> None:
    assert len(drop) >= 40
    assert all(4 <= len(shoot.sets) <= 61 for shoot in drop)


def test_no_photo_goes_into_a_wrong_set_unasked(counted: dict[str, Counter[str]]) -> None:
    assert {kind: count["wrong"] for kind, count in counted.items() if count["wrong"]} == {}


def test_of_a_hundred_sets_ninety_nine_are_exactly_right(counted: dict[str, Counter[str]]) -> None:
    total = sum(counted.values(), Counter[str]())
    right = total["right"] + total["right, held"]
    assert right >= 0.99 * sum(total.values())
    easy = sum((count for kind, count in counted.items() if kind not in HARD), Counter[str]())
    assert easy["right"] + easy["right, held"] == sum(easy.values())


def test_few_sets_are_held(counted: dict[str, Counter[str]]) -> None:
    """Holding everything would be right, and useless."""
    easy = sum((count for kind, count in counted.items() if kind not in HARD), Counter[str]())
    assert easy["right"] >= 0.98 * sum(easy.values())
    total = sum(counted.values(), Counter[str]())
    assert total["right"] >= 0.97 * sum(total.values())


def test_without_pictures_hardly_a_photo_goes_astray(drop: list[Shoot]) -> None:
    total: Counter[str] = Counter()
    for shoot in drop:
        photos = tuple(replace(photo, signature="") for photo in shoot.photos)
        total += outcomes(replace(shoot, photos=photos))
    assert total["wrong"] <= 0.001 * sum(total.values())
    assert total["right"] + total["right, held"] >= 0.9 * sum(total.values())
