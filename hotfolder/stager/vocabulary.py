"""The API's words, spelt exactly as its reference (v1) spells them."""

from __future__ import annotations

from enum import StrEnum


class ActionType(StrEnum):
    SUBTLE_STAGING = "subtleStaging"
    AUTO_STAGING = "autoStaging"


class Resolution(StrEnum):
    LOW = "low"
    HIGH = "high"
    SUPER_HIGH = "superHigh"


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
    MODERN = "modern"
    MINIMALIST = "minimalist"
    SCANDINAVIAN = "scandinavian"
    INDUSTRIAL = "industrial"
    RUSTIC = "rustic"
    FARMHOUSE = "farmhouse"
    KIDS_ROOM = "kidsRoom"
    COASTAL_MODERN = "coastalModern"
    LUXURY = "luxury"
    MID_CENTURY = "midCentury"
    BOHO_CHIC = "bohoChic"
    JAPANDI = "japandi"


class ColorType(StrEnum):
    CLASSIC_WHITE = "classicWhite"
    CHARCOAL_GRAY = "charcoalGray"
    MATTE_BLACK = "matteBlack"
    BEIGE = "beige"
    ESPRESSO_BROWN = "espressoBrown"
    WALNUT = "walnut"
    NATURAL_WOOD = "naturalWood"
    NAVY_BLUE = "navyBlue"
    FOREST_GREEN = "forestGreen"
    RUSTIC_OAK = "rusticOak"
    IVORY = "ivory"
    STEEL_BLUE = "steelBlue"
    ASH_GRAY = "ashGray"
    MAHOGANY = "mahogany"


class LawnType(StrEnum):
    LIGHT = "light"
    MEDIUM = "medium"
    STRONG = "strong"


class SkyType(StrEnum):
    BLUE = "blue"
    TWILIGHT = "twilight"


class SkySubType(StrEnum):
    SUBTLE = "subtle"
    MIDDLE = "middle"
    DRAMATIC = "dramatic"
