"""Purchase keys: equal for the same purchase, different for any other."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from hotfolder.jobs.model import merge_key, operation_key, scope_key
from hotfolder.stager.operations import OPERATIONS, HdrOptions, Lawn, Operation, Sky, Stage

HOME, SANDBOX = "https://api.stagerai.com", "sandbox"

# A value other than the default for every field of every operation.
OTHER: dict[type[Any], dict[str, Any]] = {
    HdrOptions: {"lens_correction": False, "perspective_correction": False, "photographer_removal": False},
    Sky: {"sky_type": "blue", "sky_sub_type": "dramatic", "resolution": "low"},
    Lawn: {"lawn_type": "strong", "resolution": "superHigh", "extra_instructions": "Keep the path"},
    Stage: {
        "room_type": "KITCHEN",
        "room_style": "luxury",
        "action_type": "autoStaging",
        "resolution": "low",
        "color_types": ("beige",),
        "remove_furniture": True,
        "extra_instructions": "Add a sofa",
    },
}
USUAL: dict[type[Any], dict[str, Any]] = {
    HdrOptions: {},
    Sky: {"sky_type": "twilight"},
    Lawn: {"lawn_type": "light"},
    Stage: {"room_type": "BEDROOM", "room_style": "modern"},
}


def key_of(made: HdrOptions | Operation) -> str:
    if isinstance(made, HdrOptions):
        return merge_key(HOME, ["a", "b"], made, 0)
    return operation_key(HOME, "a", made, 0)


def test_the_order_of_the_photos_does_not_matter() -> None:
    keys = {merge_key(HOME, order, HdrOptions(), 0) for order in (["a", "b", "c"], ["c", "a", "b"])}
    assert len(keys) == 1
    assert scope_key(HOME, ["a", "b"]) == scope_key(HOME, ["b", "a"])


@pytest.mark.parametrize("photos", [["a"], ["a", "b", "b"], ["a", "c"], ["ab"]])
def test_other_photos_are_another_purchase(photos: list[str]) -> None:
    assert merge_key(HOME, photos, HdrOptions(), 0) != merge_key(HOME, ["a", "b"], HdrOptions(), 0)


def test_every_kind_of_paid_call_is_tried() -> None:
    assert OTHER.keys() == USUAL.keys() == {HdrOptions, *OPERATIONS}


@pytest.mark.parametrize("kind", OTHER)
def test_every_parameter_is_tried(kind: type[Any]) -> None:
    assert OTHER[kind].keys() == kind.model_fields.keys() - {"kind"}


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in OTHER for field in OTHER[kind]])
def test_every_parameter_makes_another_purchase(kind: type[Any], field: str) -> None:
    usual = kind.model_validate(USUAL[kind])
    other = kind.model_validate({**USUAL[kind], field: OTHER[kind][field]})
    assert key_of(usual) != key_of(other)


def test_kinds_origins_and_generations_are_apart() -> None:
    sky = Sky.model_validate(USUAL[Sky])
    keys = [
        merge_key(HOME, ["a"], HdrOptions(), 0),
        merge_key(HOME, ["a"], HdrOptions(), 1),
        merge_key(SANDBOX, ["a"], HdrOptions(), 0),
        operation_key(HOME, "a", sky, 0),
        operation_key(HOME, "a", sky, 1),
        operation_key(SANDBOX, "a", sky, 0),
        operation_key(HOME, "a", Lawn.model_validate(USUAL[Lawn]), 0),
        scope_key(HOME, ["a"]),
        scope_key(SANDBOX, ["a"]),
    ]
    assert all(one != other for one, other in combinations(keys, 2))


def test_keys_stay_what_they_were_or_everything_bought_so_far_is_bought_again() -> None:
    sky = Sky.model_validate(USUAL[Sky])
    assert merge_key(HOME, ["a", "b"], HdrOptions(), 0).startswith("43d369a36ca7df60")
    assert operation_key(HOME, "a", sky, 0).startswith("2b0a35410c984170")
