"""Tags and routes that can't be, and everything wrong at once.

Each row: what the file holds, then exactly what is said about it, one message for each problem.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

SETTINGS = (
    "root, inbox, inboxes, done, failed, archive, state, api, settle, limits, schedule, prices, deliver,"
    " keep, web, notify, log, hdr, single_photo, tags, routes"
)
KEY = (
    "the API key doesn't belong in this file; put it into the environment variable STAGER_API_KEY, or"
    " alone into a file of its own and name that file with api.key_file"
)
STYLES = (
    "modern, minimalist, scandinavian, industrial, rustic, farmhouse, kidsRoom, coastalModern, luxury, "
    "midCentury, bohoChic, japandi"
)
ROOM_TYPES = (
    "LIVING_ROOM, DINING_ROOM, BEDROOM, KITCHEN, KITCHEN_LIVING_AREA, HOME_OFFICE, TERRACE, BALCONY, "
    "BATHROOM, EXTERIOR, GAME_ROOM, KIDS_ROOM, GARAGE"
)
TAGS = (
    "sky-blue; sky-twilight (or with -subtle, -middle, -dramatic); lawn-light, lawn-medium, "
    "lawn-strong; stage-<style> or stage-<style>-<room type>, with the styles modern, minimalist, "
    "scandinavian, industrial, rustic, farmhouse, kids-room, coastal-modern, luxury, mid-century, "
    "boho-chic, japandi and the room types living-room, dining-room, bedroom, kitchen, "
    "kitchen-living-area, home-office, terrace, balcony, bathroom, exterior, game-room, kids-room, "
    "garage; again"
)

WRONG: dict[str, tuple[str | bytes, *tuple[str, ...]]] = {
    "variants with an unknown tag, or two skies": (
        "root: .\nroutes:\n  - name: a\n    variants:\n      day: [sky-bleu]\n"
        "      dusk: [sky-blue, sky-twilight]\n",
        'config.yaml:5:13: unknown tag "sky-bleu"; did you mean "sky-blue"?',
        "config.yaml:6:24: a second sky operation; a picture gets one of each kind",
    ),
    "a variant's name": (
        "root: .\nroutes:\n  - name: a\n    variants:\n      day/night: [sky-blue]\n",
        'config.yaml:5:7: "day/night" is no name for a variant; use letters, digits and single hyphens',
    ),
    "match left out": (
        "root: .\nroutes:\n  - name: a\n    room: kitchen\n",
        'config.yaml:4:5: unknown setting "room"; it belongs in match',
    ),
    "quiet time in match": (
        "root: .\nroutes:\n  - name: a\n    match: {quiet_seconds: 5}\n",
        'config.yaml:4:13: unknown setting "quiet_seconds"; it belongs beside match, not in it;'
        " check the indentation",
    ),
    "sky type in a route": (
        "root: .\nroutes:\n  - name: out\n    operations:\n      - sky: twilght\n",
        'config.yaml:5:14: unknown sky type "twilght"; did you mean "twilight"? Allowed: blue, twilight',
    ),
    "parameters": (
        "root: .\n"
        "routes:\n"
        "  - name: out\n"
        "    operations:\n"
        "      - lawn: {lawnType: huge, resolutoin: high}\n",
        'config.yaml:5:26: unknown lawn type "huge". Allowed: light, medium, strong',
        'config.yaml:5:32: unknown setting "resolutoin"; did you mean "resolution"? Allowed: '
        "lawnType, resolution, extraInstructions",
    ),
    "two operations in one": (
        "root: .\nroutes:\n  - name: out\n    operations:\n      - {sky: blue, lawn: light}\n",
        "config.yaml:5:9: an operation is a tag, like sky-blue, or exactly one of sky, lawn "
        "and stage with its parameters",
    ),
    "unknown operation": (
        "root: .\nroutes:\n  - name: out\n    operations: [{skies: blue}]\n",
        'config.yaml:4:19: unknown operation "skies". Allowed: sky, lawn, stage',
    ),
    "unknown field in a name": (
        'root: .\ndeliver:\n  name: "{room} {tag}"\n',
        'config.yaml:3:9: unknown field "{tag}" in a name; did you mean "{tags}"? Allowed: {project}, {room},'
        " {set}, {tags}, {variant}, {date}, {seq}",
    ),
    "a folder in a route's name": (
        'root: .\nroutes:\n  - name: a\n    deliver: {name: "{room}/{tags}"}\n',
        "config.yaml:4:21: \"/\" can't be part of a file's name; folders are chosen with `folders`",
    ),
    "names without a room": (
        'root: .\ndeliver: {name: "{date}"}\n',
        'config.yaml:2:17: the name "{date}" holds neither {room} nor {set} nor {seq}, so all rooms of a'
        " project would have the same one",
    ),
    "a lone brace": (
        'root: .\ndeliver: {name: "{room", folders: rooms}\n',
        'config.yaml:2:17: a brace in the name "{room" has no partner; fields are {project}, {room}, {set},'
        " {tags}, {variant}, {date}, {seq}",
        'config.yaml:2:35: unknown folders "rooms"; did you mean "room"? Allowed: flat, room',
    ),
    "metadata": (
        "root: .\nroutes:\n  - name: a\n    deliver: {metadata: copyrigth}\n    metadata: none\n",
        'config.yaml:4:25: unknown metadata "copyrigth"; did you mean "copyright"? Allowed: all, copyright,'
        " none",
        'config.yaml:5:5: unknown setting "metadata"; it belongs in deliver',
    ),
    "renditions": (
        "root: .\n"
        "deliver:\n"
        "  renditions:\n"
        "    web: {format: jpg, max_bytes: 10 megs, longedge: 20}\n"
        "    mls: {quality: 20}\n",
        'config.yaml:4:19: unknown format "jpg"; did you mean "jpeg"? Allowed: jpeg',
        'config.yaml:4:35: "10 megs" is no size; write bytes, or a number with KB or MB, such as 10MB',
        'config.yaml:4:44: unknown setting "longedge"; did you mean "long_edge"? Allowed: format, quality,'
        " long_edge, max_bytes",
        "config.yaml:5:20: deliver.renditions.mls.quality must be at least 30, not 20",
    ),
    "a rendition in the way": (
        "root: .\ndeliver: {renditions: {originals: {}}}\n",
        'config.yaml:2:23: "originals" is the name of another folder there; rename the rendition',
    ),
    "room style": (
        "root: .\ntags:\n  cosy: {stage: {roomStyle: cozy}}\n",
        'config.yaml:3:29: unknown room style "cozy". Allowed: ' + STYLES,
    ),
    "unknown tag in operations": (
        "root: .\nroutes:\n  - name: out\n    operations: [sky-twilght]\n",
        'config.yaml:4:18: unknown tag "sky-twilght"; did you mean "sky-twilight"?',
    ),
    "a tag that lacks its style, and one that is like none": (
        "root: .\nroutes:\n  - name: out\n    operations: [stage, xyz]\n",
        'config.yaml:4:18: unknown tag "stage"; add a style, such as "stage-modern"',
        'config.yaml:4:25: unknown tag "xyz". Allowed: ' + TAGS,
    ),
    "unknown tag in match": (
        "root: .\nroutes:\n  - name: out\n    match: {tag: sky-bleu}\n",
        'config.yaml:4:18: unknown tag "sky-bleu"; did you mean "sky-blue"?',
    ),
    "no tag fits": (
        "root: .\nroutes:\n  - name: out\n    match: {tag: 'skies-*'}\n",
        'config.yaml:4:18: no tag fits "skies-*". Allowed: ' + TAGS,
    ),
    "own tag shadows": (
        "root: .\ntags:\n  Sky Blue: [lawn-light]\n",
        'config.yaml:3:3: the own tag "Sky Blue" has the name of a built-in tag, sky-blue; rename it',
    ),
    "a tag that is for folders": (
        "root: .\ntags:\n  OK: [sky-blue]\nroutes:\n"
        "  - name: out\n    match: {tag: ok}\n    operations: [ok]\n",
        'config.yaml:3:3: the own tag "OK" has the name of a built-in tag, ok; rename it',
        'config.yaml:6:18: "ok" is for folder names alone: it lets go of what is held for a person',
        'config.yaml:7:18: "ok" is for folder names alone: it lets go of what is held for a person',
    ),
    "own tag of own tags": (
        "root: .\ntags:\n  a1: [sky-blue]\n  b1: [a1]\n",
        'config.yaml:4:8: "a1" is an own tag, and own tags can\'t be made of own tags; write it out',
    ),
    "own tags alike": (
        "root: .\ntags:\n  front-look: [sky-blue]\n  Front Look: [lawn-light]\n",
        'config.yaml:4:3: the own tags "front-look" and "Front Look" are read as one; rename one of them',
    ),
    "own tag's name": (
        "root: .\ntags:\n  a__b: [sky-blue]\n",
        'config.yaml:3:3: "a__b" is no name for a tag; use letters, digits and single hyphens',
    ),
    "own tag without operations": (
        "root: .\ntags:\n  nothing:\n",
        "config.yaml:3:11: tags.nothing must not be empty",
    ),
    "again in a route": (
        "root: .\nroutes:\n  - name: out\n    operations: [again]\n",
        'config.yaml:4:18: "again" is for folder names alone; it would pay for everything again',
    ),
    "two skies": (
        "root: .\nroutes:\n  - name: out\n    operations: [sky-blue, {sky: twilight}]\n",
        "config.yaml:4:28: a second sky operation; a picture gets one of each kind",
    ),
    "never reached": (
        "root: .\n"
        "routes:\n"
        "  - name: all\n"
        "    match: {room: '*'}\n"
        "  - name: late\n"
        "    match: {room: kitchen}\n",
        'config.yaml:5:11: the route "late" is never reached, since "all" before it matches '
        'every set; move "all" to the end',
    ),
    "routes called alike": (
        "root: .\nroutes:\n  - {name: a, match: {room: b}}\n  - {name: A, match: {room: c}}\n",
        'config.yaml:4:12: two routes are called "A"; rename one of them',
    ),
    "two routes without a name": (
        "root: .\nroutes:\n  - operations: [sky-blue]\n  - match: {room: kitchen}\n",
        'config.yaml:3:5: "name" is missing in routes',
        'config.yaml:4:5: "name" is missing in routes',
        "config.yaml:4:5: the route without a name is never reached, since the one without a name before it "
        "matches every set; move the one without a name to the end",
    ),
    "route without a name": (
        "root: .\nroutes:\n  - match: {room: kitchen}\n",
        'config.yaml:3:5: "name" is missing in routes',
    ),
    "eight photos": (
        "root: .\nroutes:\n  - {name: a, match: {photos: 8}}\n",
        "config.yaml:3:31: routes.match.photos must be at most 7, not 8",
    ),
    "photos backwards": (
        "root: .\nroutes:\n  - {name: a, match: {photos: {min: 5, max: 3}}}\n",
        "config.yaml:3:31: min (5) is larger than max (3)",
    ),
    "unknown match": (
        "root: .\nroutes:\n  - {name: a, match: {rooms: kitchen}}\n",
        'config.yaml:3:23: unknown setting "rooms"; did you mean "room"? Allowed: project, room, tag, photos',
    ),
    "truth as a room": (
        "root: .\nroutes:\n  - {name: a, match: {room: true}}\n",
        "config.yaml:3:29: routes.match.room must be text, not true; put it in quotes",
    ),
    "room type": (
        "root: .\nroutes:\n  - {name: a, room_type: LIVINGROOM}\n",
        ('config.yaml:3:26: unknown room type "LIVINGROOM"; did you mean "LIVING_ROOM"? Allowed: ')
        + ROOM_TYPES,
    ),
    "all at once": (
        "root: nowhere\n"
        "setle: {}\n"
        "settle:\n"
        "  quiet_seconds: -1\n"
        "  quiet_seconds: 3\n"
        "api:\n"
        "  token: sk-secret-4711\n"
        "routes:\n"
        "  - name: out\n"
        "    operations:\n"
        "      - sky: twilght\n"
        "      - sky-bleu\n",
        'config.yaml:1:7: the root folder "nowhere" doesn\'t exist; correct it or make the folder',
        'config.yaml:2:1: unknown setting "setle"; did you mean "settle"? Allowed: ' + SETTINGS,
        "config.yaml:4:18: settle.quiet_seconds must be at least 0.2, not -1",
        'config.yaml:5:3: "quiet_seconds" is written twice, here and in line 4; keep one of them',
        "config.yaml:7:3: " + KEY,
        'config.yaml:11:14: unknown sky type "twilght"; did you mean "twilight"? Allowed: blue, twilight',
        'config.yaml:12:9: unknown tag "sky-bleu"; did you mean "sky-blue"?',
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_is_said_what_is_wrong_and_where(
    name: str, problems_of: Callable[[str | bytes], list[str]]
) -> None:
    """A wrong file gives exactly the messages of the table, in the order of their positions."""
    content, *expected = WRONG[name]
    assert problems_of(content) == expected
