"""Folder names, taken apart, and the room types of room names."""

from __future__ import annotations

import unicodedata
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfolder.errors import RuleRefused
from hotfolder.rules.foldernames import FolderName, normal, project_name, quoted, room_name, split_name
from hotfolder.rules.kinds import hyphened
from hotfolder.rules.roomtypes import SYNONYMS, normalised_spellings, room_type_of
from hotfolder.stager.operations import RoomType


def each(rooms: dict[str, str]) -> list[tuple[str, str]]:
    """The names with their room types."""
    return [(name, room_type) for room_type, names in rooms.items() for name in names.split(", ")]


EVERYDAY = {
    "LIVING_ROOM": "living-room, LivingRoom, livingroom_2, Lounge 3, sitting room, Family Room, den,"
    " front room",
    "BEDROOM": "Master Bedroom 2, front bedroom, guest room, GAESTEZIMMER",
    "KITCHEN": "KITCHEN, Kueche",
    "KITCHEN_LIVING_AREA": "open kitchen, Kitchen-Living Area, Kitchen + Dining, Wohnkueche",
    "HOME_OFFICE": "office upstairs, Study, Buero",
    "TERRACE": "patio, Deck (rear)",
    "BALCONY": "balcony, view from balcony",
    "BATHROOM": "Master WC, ensuite, en-suite, WC, powder room, Bedroom 2 Bathroom, Master Bedroom Ensuite,"
    " Gaestebad",
    "EXTERIOR": "front, Garden 1, back-yard, Façade, Aussenansicht",
    "GAME_ROOM": "game room",
    "KIDS_ROOM": "nursery, playroom, Kid's room",
    "GARAGE": "Garage, carport",
}


@pytest.mark.parametrize(("name", "room_type"), each(EVERYDAY))
def test_everyday_names_are_understood(name: str, room_type: str) -> None:
    """The words of photographers give the API's room types. Umlauts may be written as two letters."""
    assert room_type_of(name) == room_type


NOTHING = "IMG_4711, hallway, Kellerraum, , 2, bedding, ☃"
ENDS_LIKE_A_ROOM = "Flur, Waschküche, bijkeuken, Kindergarten, Schwimmbad, Treppenhaus, couloir, hal"


@pytest.mark.parametrize("name", [*NOTHING.split(", "), *ENDS_LIKE_A_ROOM.split(", ")])
def test_a_name_that_says_nothing_is_not_guessed(name: str) -> None:
    """A wrong room type costs money; no room type costs a question."""
    assert room_type_of(name) is None


def test_every_room_type_is_reached_by_its_own_name() -> None:
    """In the API's spelling and as a folder name."""
    for room_type in get_args(RoomType):
        assert room_type_of(room_type) == room_type
        assert room_type_of(hyphened(room_type) + " 3") == room_type


def test_no_word_stands_for_two_room_types() -> None:
    """Every word of the table is found."""
    seen: dict[str, RoomType] = {}
    for room_type, word in SYNONYMS:
        assert room_type in get_args(RoomType)
        for spelling in normalised_spellings(word):
            assert seen.setdefault(spelling, room_type) == room_type, word
        assert room_type_of(word) == room_type, word


ABROAD = {
    "BEDROOM": "Schlafzimmer, 02_Schlafzimmer-Eltern, Elternschlafzimmer 1, Gästezimmer, chambre-parents,"
    " Chambre d’amis, Habitación principal, dormitorio 3, ouderslaapkamer, slaapkamer-2",
    "LIVING_ROOM": "Wohnzimmer, Wohn- und Esszimmer, Séjour, Salón, salón-comedor, woonkamer",
    "DINING_ROOM": "Salle à manger",
    "KITCHEN": "Küche 2",
    "KITCHEN_LIVING_AREA": "Wohnküche, Küche + Esszimmer, cuisine américaine, open keuken",
    "KIDS_ROOM": "Kinderzimmer, chambre d'enfant 2, habitación de los niños, kinderslaapkamer",
    "HOME_OFFICE": "Büro DG, bibliothèque, werkkamer zolder",
    "BALCONY": "Südbalkon, Balcón",
    "TERRACE": "Dachterrasse, dakterras",
    "BATHROOM": "Gäste-WC, Badezimmer_OG, SalleDeBains, salle d'eau, cuarto de baño, Baño, badkamer",
    "EXTERIOR": "Außenansicht, Garten hinten, façade rue, jardín, achtertuin",
    "GARAGE": "Doppelgarage, garaje",
    "GAME_ROOM": "Hobbyraum, salle de jeux",
}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(("name", "room_type"), each(ABROAD))
def test_names_in_other_languages_are_understood_however_composed(
    name: str, room_type: str, form: Literal["NFC", "NFD"]
) -> None:
    """Finder writes NFD, others NFC; capitals don't matter either."""
    assert room_type_of(unicodedata.normalize(form, name)) == room_type
    assert room_type_of(unicodedata.normalize(form, name.lower())) == room_type


@pytest.mark.parametrize(("name", "room_type"), each(ABROAD))
def test_names_are_understood_without_their_accents(name: str, room_type: str) -> None:
    bare = "".join(one for one in unicodedata.normalize("NFD", name) if not unicodedata.combining(one))
    assert room_type_of(bare.replace("ß", "ss")) == room_type


EMOJI_JOINER = "\u200d"


READ_AS = {
    "living-room__sky-twilight": ["living-room__sky-twilight"],
    "front__sky-blue__lawn-strong": ["front__sky-blue__lawn-strong"],
    "front__look-2": ["front__look-2"],
    "front__sky blue": [" front __ sky blue "],
    "front__sky-blue": [
        *("front___sky-blue", "front____sky-blue__", "front__sky-blue 2", "front__sky-blue (2)"),
        *("front__sky-blue copy", "front__sky-blue copy 2", "front__sky-blue (2) (3)"),
        *("front__sky-blue - Copy", "front__sky-blue - Copy (2)", "front__sky-blue - Copy - Copy"),
    ],
    "Bad__sky-blue": ["Bad__sky-blue Kopie 2", "Bad__sky-blue - Kopie (2)", "Bad__sky-blue – Kopie (2)"],
    "baño__sky-blue": ["baño__sky-blue copia"],
    "Master Bedroom 2__sky-blue": ["Master Bedroom 2__sky-blue 2"],
    unicodedata.normalize("NFC", "Küche__sky-blue"): [unicodedata.normalize("NFD", "Küche__sky-blue")],
    "kitchen": ["kitchen", "kitchen copy", "kitchen copy 3", "kitchen - Copy (2)", "kitchen (2)"],
    "Bad": ["Bad Kopie", "Bad – Kopie"],
    "bain": ["bain - Copie"],
    "Bedroom 2": ["Bedroom 2 copy"],
    "Master Bedroom 2": ["Master Bedroom 2", "Master Bedroom 2 (2)"],
    **{name: [name] for name in ("Kopie von Bad", "Fotokopie", "copy", "photocopy", "Copy room")},
    "front_door_1": ["front_door_1"],
}


@pytest.mark.parametrize(("meant", "raw"), [(meant, raw) for meant, raws in READ_AS.items() for raw in raws])
def test_a_name_is_split_and_freed_of_what_programs_appended(meant: str, raw: str) -> None:
    """Suffixes of Finder, Explorer and our own ` (2)` are removed, a room's own number stays."""
    name, *tags = meant.split("__")
    assert split_name(raw) == FolderName(name, tuple(tags))


@pytest.mark.parametrize("raw", ["__sky-blue", "", "   ", "__", " __x (2)"])
def test_a_name_with_nothing_before_its_tags_is_refused(raw: str) -> None:
    """The picture would have no name."""
    with pytest.raises(RuleRefused, match="has no room name before its tags"):
        room_name(raw)
    with pytest.raises(RuleRefused, match="has no project name before its tags"):
        project_name(raw)


@given(st.text(max_size=60))
def test_taking_apart_twice_changes_nothing(raw: str) -> None:
    once = split_name(raw)
    assert split_name(once.name).name == once.name


@given(st.text(max_size=30), st.sampled_from([" copy", " copy 2", " (2)", " - Copy", " - Copy (7)"]))
def test_a_copy_is_read_like_the_original(raw: str, added: str) -> None:
    """Copying a folder never changes what is asked for."""
    assert split_name(raw.strip() + "__sky-blue" + added) == split_name(raw.strip() + "__sky-blue")


@given(st.text(max_size=60))
def test_what_is_shown_cannot_steer_a_terminal(text: str) -> None:
    """Escapes and direction marks in a folder's name are kept out of messages."""
    kinds = {unicodedata.category(letter) for letter in quoted(text) if letter != EMOJI_JOINER}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert normal(normal(text)) == normal(text)
