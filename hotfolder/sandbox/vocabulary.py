"""The reference's words, not taken from the client: a shared enum would hide a shared mistake."""

from __future__ import annotations

from enum import StrEnum


class ActionType(StrEnum):
    subtleStaging = "subtleStaging"
    autoStaging = "autoStaging"


class Resolution(StrEnum):
    low = "low"
    high = "high"
    superHigh = "superHigh"


class RoomType(StrEnum):
    LIVING_ROOM = "LIVING_ROOM"
    DINING_ROOM = "DINING_ROOM"
    BEDROOM = "BEDROOM"
    KITCHEN = "KITCHEN"
    KITCHEN_LIVING_AREA = "KITCHEN_LIVING_AREA"
    HOME_OFFICE = "HOME_OFFICE"
    TERRACE = "TERRACE"
    BALCONY = "BALCONY"
    BATHROOM = "BATHROOM"
    EXTERIOR = "EXTERIOR"
    GAME_ROOM = "GAME_ROOM"
    KIDS_ROOM = "KIDS_ROOM"
    GARAGE = "GARAGE"


class RoomStyle(StrEnum):
    modern = "modern"
    minimalist = "minimalist"
    scandinavian = "scandinavian"
    industrial = "industrial"
    rustic = "rustic"
    farmhouse = "farmhouse"
    kidsRoom = "kidsRoom"
    coastalModern = "coastalModern"
    luxury = "luxury"
    midCentury = "midCentury"
    bohoChic = "bohoChic"
    japandi = "japandi"


class ColorType(StrEnum):
    classicWhite = "classicWhite"
    charcoalGray = "charcoalGray"
    matteBlack = "matteBlack"
    beige = "beige"
    espressoBrown = "espressoBrown"
    walnut = "walnut"
    naturalWood = "naturalWood"
    navyBlue = "navyBlue"
    forestGreen = "forestGreen"
    rusticOak = "rusticOak"
    ivory = "ivory"
    steelBlue = "steelBlue"
    ashGray = "ashGray"
    mahogany = "mahogany"


class LawnType(StrEnum):
    light = "light"
    medium = "medium"
    strong = "strong"


class SkyType(StrEnum):
    blue = "blue"
    twilight = "twilight"


class SkySubType(StrEnum):
    subtle = "subtle"
    middle = "middle"
    dramatic = "dramatic"


class GroupStatus(StrEnum):
    """`processing` and `completed` are the reference's; `created` and `failed` are the sandbox's own."""

    created = "created"
    processing = "processing"
    completed = "completed"
    failed = "failed"
