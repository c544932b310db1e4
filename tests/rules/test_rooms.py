"""Room names and their room types."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest

from hotfolder.rules.kinds import hyphened
from hotfolder.rules.roomtypes import SYNONYMS, RoomName, read_room, room_type_of, spellings
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
    """The words of photographers give the API's room types."""
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
    """Every word of the table is found."""
    seen: dict[str, RoomType] = {}
    for room_type, word in SYNONYMS:
        for spelling in spellings(word):
            assert seen.setdefault(spelling, room_type) is room_type, word
        assert room_type_of(word) is room_type, word


ABROAD = [
    ("Schlafzimmer", "BEDROOM"),
    ("02_Schlafzimmer-Eltern", "BEDROOM"),
    ("Elternschlafzimmer 1", "BEDROOM"),
    ("Gästezimmer", "BEDROOM"),
    ("Wohnzimmer", "LIVING_ROOM"),
    ("Wohn- und Esszimmer", "LIVING_ROOM"),
    ("Küche 2", "KITCHEN"),
    ("Wohnküche", "KITCHEN_LIVING_AREA"),
    ("Küche + Esszimmer", "KITCHEN_LIVING_AREA"),
    ("Kinderzimmer", "KIDS_ROOM"),
    ("Büro DG", "HOME_OFFICE"),
    ("Südbalkon", "BALCONY"),
    ("Dachterrasse", "TERRACE"),
    ("Gäste-WC", "BATHROOM"),
    ("Badezimmer_OG", "BATHROOM"),
    ("Außenansicht", "EXTERIOR"),
    ("Garten hinten", "EXTERIOR"),
    ("Doppelgarage", "GARAGE"),
    ("Hobbyraum", "GAME_ROOM"),
    ("chambre-parents", "BEDROOM"),
    ("Chambre d’amis", "BEDROOM"),
    ("chambre d'enfant 2", "KIDS_ROOM"),
    ("Séjour", "LIVING_ROOM"),
    ("SalleDeBains", "BATHROOM"),
    ("salle d'eau", "BATHROOM"),
    ("Salle à manger", "DINING_ROOM"),
    ("cuisine américaine", "KITCHEN_LIVING_AREA"),
    ("bibliothèque", "HOME_OFFICE"),
    ("salle de jeux", "GAME_ROOM"),
    ("façade rue", "EXTERIOR"),
    ("Salón", "LIVING_ROOM"),
    ("salón-comedor", "LIVING_ROOM"),
    ("Habitación principal", "BEDROOM"),
    ("dormitorio 3", "BEDROOM"),
    ("habitación de los niños", "KIDS_ROOM"),
    ("cuarto de baño", "BATHROOM"),
    ("Baño", "BATHROOM"),
    ("jardín", "EXTERIOR"),
    ("Balcón", "BALCONY"),
    ("garaje", "GARAGE"),
    ("woonkamer", "LIVING_ROOM"),
    ("ouderslaapkamer", "BEDROOM"),
    ("slaapkamer-2", "BEDROOM"),
    ("open keuken", "KITCHEN_LIVING_AREA"),
    ("kinderslaapkamer", "KIDS_ROOM"),
    ("werkkamer zolder", "HOME_OFFICE"),
    ("achtertuin", "EXTERIOR"),
    ("dakterras", "TERRACE"),
    ("badkamer", "BATHROOM"),
]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(("name", "room_type"), ABROAD)
def test_names_in_other_languages_are_understood_however_composed(
    name: str, room_type: str, form: Literal["NFC", "NFD"]
) -> None:
    """Finder writes NFD, others NFC; capitals don't matter either."""
    assert room_type_of(unicodedata.normalize(form, name)) == room_type
    assert room_type_of(unicodedata.normalize(form, name.lower())) == room_type


@pytest.mark.parametrize(("name", "room_type"), ABROAD)
def test_names_are_understood_without_their_accents(name: str, room_type: str) -> None:
    bare = "".join(one for one in unicodedata.normalize("NFD", name) if not unicodedata.combining(one))
    assert room_type_of(bare.replace("ß", "ss")) == room_type


@pytest.mark.parametrize(
    ("name", "room_type"),
    [
        ("Kueche", "KITCHEN"),
        ("Wohnkueche", "KITCHEN_LIVING_AREA"),
        ("Buero", "HOME_OFFICE"),
        ("Gaestebad", "BATHROOM"),
        ("Aussenansicht", "EXTERIOR"),
        ("GAESTEZIMMER", "BEDROOM"),
    ],
)
def test_umlauts_may_be_written_as_two_letters(name: str, room_type: str) -> None:
    assert room_type_of(name) == room_type


@pytest.mark.parametrize(
    "name", ["Flur", "Waschküche", "bijkeuken", "Kindergarten", "Schwimmbad", "Treppenhaus", "couloir", "hal"]
)
def test_what_only_ends_like_a_room_is_not_guessed(name: str) -> None:
    assert room_type_of(name) is None


def test_it_tells_the_words_of_the_name_by_which_it_was_read() -> None:
    assert read_room("01 Küche, hinten") == RoomName(RoomType.KITCHEN, "Küche")
    assert read_room("Eltern-Schlafzimmer 2") == RoomName(RoomType.BEDROOM, "Schlafzimmer")
    assert read_room("2. Gäste WC") == RoomName(RoomType.BATHROOM, "Gäste WC")
