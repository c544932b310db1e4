"""The words and examples of the API's reference (v1), so that an error in a vocabulary shows."""

from __future__ import annotations

from collections.abc import Iterator

ALLOWED = {
    "actionType": "subtleStaging, autoStaging",
    "resolution": "low, high, superHigh",
    "roomType": "LIVING_ROOM, DINING_ROOM, BEDROOM, KITCHEN, KITCHEN_LIVING_AREA, "
    "HOME_OFFICE, TERRACE, BALCONY, BATHROOM, EXTERIOR, GAME_ROOM, KIDS_ROOM, GARAGE",
    "roomStyle": "modern, minimalist, scandinavian, industrial, rustic, farmhouse, kidsRoom, "
    "coastalModern, luxury, midCentury, bohoChic, japandi",
    "colorTypes": "classicWhite, charcoalGray, matteBlack, beige, espressoBrown, walnut, naturalWood, "
    "navyBlue, forestGreen, rusticOak, ivory, steelBlue, ashGray, mahogany",
    "lawnType": "light, medium, strong",
    "skyType": "blue, twilight",
    "skySubType": "subtle, middle, dramatic",
}
STAGE: dict[str, object] = {
    "roomType": "LIVING_ROOM",
    "roomStyle": "modern",
    "actionType": "subtleStaging",
    "resolution": "high",
    "colorTypes": ["classicWhite", "naturalWood"],
    "removeFurniture": False,
    "extraInstructions": "Add a luxury linen sofa assembly",
}
LAWN: dict[str, object] = {
    "lawnType": "medium",
    "resolution": "high",
    "extraInstructions": "Keep the stone pathway intact",
}
SKY: dict[str, object] = {"skyType": "twilight", "resolution": "high", "skySubType": "dramatic"}
EXAMPLES = {"stage": STAGE, "lawn-replace": LAWN, "sky-replace": SKY}
"""The body of each operation, by the last part of its path."""
URL = "https://storage.googleapis.com/bucket/staged_output.png?X-Goog-Signature=secret"
PICTURE = {"id": "res_9823192", "imageUrl": URL, "width": 1920, "height": 1280}
RESULT = {"success": True, "data": [PICTURE]}


def every_body() -> Iterator[tuple[str, dict[str, object]]]:
    """The body of each operation with each value of the reference in turn."""
    for path, body in EXAMPLES.items():
        for name in (name for name in body if name in ALLOWED):
            for value in ALLOWED[name].split(", "):
                yield path, body | {name: [value] if name == "colorTypes" else value}
