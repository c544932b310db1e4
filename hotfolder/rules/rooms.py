"""Which of the API's room types a room's name means: one table of everyday words."""

from __future__ import annotations

import re
import unicodedata

from hotfolder.stager.operations import RoomType

SYNONYMS: dict[RoomType, str] = {
    RoomType.LIVING_ROOM: (
        "living room, living, living area, lounge, lounge room, sitting room, sitting area, family room, "
        "great room, front room, drawing room, parlor, parlour, den, snug, reception room, sunroom, sun "
        "room, conservatory"
    ),
    RoomType.DINING_ROOM: "dining room, dining, dining area, dinette, breakfast room, breakfast nook",
    RoomType.BEDROOM: (
        "bedroom, bed room, bedrooms, master, master bedroom, master suite, main bedroom, primary "
        "bedroom, primary suite, guest room, guest bedroom, guest suite, spare room, spare bedroom, "
        "sleeping room, br"
    ),
    RoomType.KITCHEN: "kitchen, kitchens, kitchenette, galley, pantry, scullery",
    RoomType.KITCHEN_LIVING_AREA: (
        "kitchen living area, kitchen living, kitchen living room, living kitchen, living room kitchen, "
        "open kitchen, open plan kitchen, open plan, open plan living, open concept, kitchen dining, "
        "kitchen dining room, kitchen diner, kitchen family room, eat in kitchen"
    ),
    RoomType.HOME_OFFICE: "home office, office, study, study room, workroom, work room, library",
    RoomType.TERRACE: "terrace, roof terrace, rooftop, patio, deck, decking, veranda, verandah, lanai",
    RoomType.BALCONY: "balcony, balconies, juliet balcony, loggia",
    RoomType.BATHROOM: (
        "bathroom, bath room, bath, bathrooms, master bath, master bathroom, main bathroom, primary bath, "
        "primary bathroom, guest bath, guest bathroom, bedroom bath, bedroom bathroom, master bedroom "
        "bath, master bedroom bathroom, half bath, ensuite, en suite, ensuite bathroom, master ensuite, "
        "master en suite, bedroom ensuite, bedroom en suite, master bedroom ensuite, master bedroom en "
        "suite, wc, guest wc, toilet, guest toilet, powder room, powder, shower room, shower, washroom, "
        "restroom, cloakroom"
    ),
    RoomType.EXTERIOR: (
        "exterior, exteriors, outside, outdoor, outdoors, garden, front garden, back garden, rear garden, "
        "yard, front yard, frontyard, back yard, backyard, side yard, facade, façade, front, front view, "
        "front elevation, rear, rear view, rear elevation, back, back view, elevation, street view, curb, "
        "kerb, driveway, drive, pool, lawn, house front, aerial, drone"
    ),
    RoomType.GAME_ROOM: (
        "game room, games room, gaming room, rec room, recreation room, rumpus, rumpus room, billiard "
        "room, billiards, pool room, bonus room, media room, man cave"
    ),
    RoomType.KIDS_ROOM: (
        "kids room, kid room, kids bedroom, children room, childrens room, child room, childs room, "
        "childrens bedroom, nursery, baby room, playroom, play room"
    ),
    RoomType.GARAGE: "garage, garages, double garage, carport, car port",
}

# These say where a room is as often as what it is, so any other word of the table outranks them.
WEAK = {"front", "rear", "back", "master", "outside", "outdoor"}
LONGEST_IN_WORDS = 4
WORD = re.compile(r"[^\W\d_]+")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


ROOM_WORDS: dict[str, RoomType] = {
    "".join(word.split()): room_type for room_type, words in SYNONYMS.items() for word in words.split(",")
}


def room_type_of(room: str) -> RoomType | None:
    """The room type that a room's name means, None when it says nothing.

    Numbers, case, hyphens and underscores don't matter. Where several words of the table occur, the
    longest wins, and of two equally long the last: `Master Bedroom 2`, `living-room`, `LivingRoom` and
    `upstairs_study` are all understood.
    """
    spelt = CAMEL.sub(" ", unicodedata.normalize("NFC", room).replace("'", "").replace("’", ""))
    words = [word.casefold() for word in WORD.findall(spelt)]
    best = ""
    for start in range(len(words)):
        for end in range(start + 1, min(start + LONGEST_IN_WORDS, len(words)) + 1):
            candidate = "".join(words[start:end])
            if candidate in ROOM_WORDS and _rank(candidate) >= _rank(best):
                best = candidate
    return ROOM_WORDS.get(best)


def _rank(word: str) -> tuple[bool, int]:
    return word not in WEAK and word != "", len(word)
