"""Room names and what they mean."""

from __future__ import annotations

import pytest

from hotfolder.rules.rooms import SYNONYMS, room_type_of
from hotfolder.rules.tags import hyphened
from hotfolder.stager.operations import RoomType


@pytest.mark.parametrize(
    ("name", "room_type"),
    [
        ("living-room", "LIVING_ROOM"),
        ("LivingRoom", "LIVING_ROOM"),
        ("livingroom_2", "LIVING_ROOM"),
        ("Lounge 3", "LIVING_ROOM"),
        ("sitting room", "LIVING_ROOM"),
        ("Family Room", "LIVING_ROOM"),
        ("den", "LIVING_ROOM"),
        ("front room", "LIVING_ROOM"),
        ("Master Bedroom 2", "BEDROOM"),
        ("front bedroom", "BEDROOM"),
        ("guest room", "BEDROOM"),
        ("KITCHEN", "KITCHEN"),
        ("open kitchen", "KITCHEN_LIVING_AREA"),
        ("Kitchen-Living Area", "KITCHEN_LIVING_AREA"),
        ("Kitchen + Dining", "KITCHEN_LIVING_AREA"),
        ("office upstairs", "HOME_OFFICE"),
        ("Study", "HOME_OFFICE"),
        ("patio", "TERRACE"),
        ("Deck (rear)", "TERRACE"),
        ("balcony", "BALCONY"),
        ("Master WC", "BATHROOM"),
        ("view from balcony", "BALCONY"),
        ("ensuite", "BATHROOM"),
        ("en-suite", "BATHROOM"),
        ("WC", "BATHROOM"),
        ("powder room", "BATHROOM"),
        ("Bedroom 2 Bathroom", "BATHROOM"),
        ("Master Bedroom Ensuite", "BATHROOM"),
        ("front", "EXTERIOR"),
        ("Garden 1", "EXTERIOR"),
        ("back-yard", "EXTERIOR"),
        ("Façade", "EXTERIOR"),
        ("game room", "GAME_ROOM"),
        ("nursery", "KIDS_ROOM"),
        ("playroom", "KIDS_ROOM"),
        ("Kid's room", "KIDS_ROOM"),
        ("Garage", "GARAGE"),
        ("carport", "GARAGE"),
    ],
)
def test_everyday_names_are_understood(name: str, room_type: str) -> None:
    """What photographers write is what the API is told."""
    assert room_type_of(name) == room_type


@pytest.mark.parametrize("name", ["IMG_4711", "hallway", "Kellerraum", "", "2", "bedding", "☃"])
def test_a_name_that_says_nothing_is_not_guessed(name: str) -> None:
    """A wrong room type costs money; no room type costs a question."""
    assert room_type_of(name) is None


def test_every_room_type_is_reached_by_its_own_name() -> None:
    """In the API's spelling and as a folder name."""
    for room_type in RoomType:
        assert room_type_of(room_type) is room_type
        assert room_type_of(hyphened(room_type) + " 3") is room_type


def test_no_word_stands_for_two_room_types() -> None:
    """The table has one answer for each word, and every word of it is found."""
    seen: dict[str, RoomType] = {}
    for room_type, words in SYNONYMS.items():
        for word in words.split(", "):
            assert seen.setdefault("".join(word.split()), room_type) is room_type, word
            assert room_type_of(word) is room_type, word
