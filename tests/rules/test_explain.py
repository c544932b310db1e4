"""The explanation of what would be sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hotfolder.rules.explain import Sent, explain
from hotfolder.rules.kinds import FAMILIES, Prices
from hotfolder.rules.routes import Match, Route
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.stager.operations import PAID_KINDS, HdrOptions, OneOperation

RULES_PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()

RULES = Rulebook(
    routes=(
        Route(name="inside", match=Match(room=("kitchen*",))),
        Route(name="outside", hdr=HdrOptions(photographer_removal=False), quiet_seconds=20),
    )
)


def test_every_call_is_listed_in_order_with_its_body() -> None:
    """The requests are the reference's; paid ones are marked and counted."""
    made = explain(
        plan(RULES, "12 Elm Road", "front__sky-twilight", 2), {"a.JPG": Sent(), "b.png": Sent("PNG")}
    )
    group = {"projectId": "<project id>", "groupId": "<group id>"}
    hdr = {"lensCorrection": True, "perspectiveCorrection": True, "photographerRemoval": False}
    sky = {"skyType": "twilight", "skySubType": "middle", "resolution": "high"}
    assert [(call.method, call.path, call.body, call.paid) for call in made.calls] == [
        ("POST", "/api/projects", {"title": "12 Elm Road"}, False),
        ("POST", "/api/hdr-image-group", {"projectId": "<project id>", **hdr}, False),
        ("POST", "/api/hdr-upload-url", {**group, "filename": "01.jpg"}, False),
        ("PUT", "<signed upload address>", None, False),
        ("POST", "/api/hdr-upload-url", {**group, "filename": "02.png"}, False),
        ("PUT", "<signed upload address>", None, False),
        ("POST", "/api/hdr-enhance", group, True),
        ("GET", "/api/hdr-image-group/<group id>", None, False),
        ("GET", "<address of the result>", None, False),
        ("POST", "/api/image", "(multipart: the merged picture)", False),
        ("POST", "/api/images/<image id>/sky-replace", sky, True),
        ("GET", "<address of the result>", None, False),
    ]
    assert made.paid_calls == len(made.plan.recipe.paid_kinds()) == 2


def test_a_single_photo_is_not_merged() -> None:
    """Its calls begin with its own upload."""
    made = explain(plan(RULES, "p", "front__lawn-light__sky-blue", 1), {"a.jpg": Sent()})
    assert made.calls[0].line() == "POST /api/image (multipart: the photo as it is)"
    assert made.calls[3].body == "(multipart: the result of lawn-light)"
    assert made.paid_calls == 2


def test_people_read_which_route_matched_and_why_the_others_did_not() -> None:
    """The lines hold all that `explain PATH` has to answer."""
    lines = explain(plan(RULES, "12 Elm Road", "front", 2), {"a.jpg": Sent(), "b.jpg": Sent()}).lines(
        calls=True
    )
    assert lines[:8] == [
        "Project  12 Elm Road",
        "Room     front",
        "Tags     none",
        'Route    route "outside"',
        '  "inside" does not match: room "front" does not match "kitchen*"',
        '  "outside" matches: it matches every set',
        "Starts   after 20 s without a change",
        "Photos   2",
    ]
    assert "Calls    9, of which 1 paid" in lines
    assert any(line.endswith("(PAID)") for line in lines)


def test_people_read_as_what_room_it_is_staged() -> None:
    """By its name or by its tag."""
    by_name = explain(plan(RULES, "p", "2 Gäste-WC__stage-modern", 2), {"a.jpg": Sent()}).lines()
    assert "Staged   as bathroom" in by_name
    by_tag = explain(plan(RULES, "p", "Raum__stage-modern-kids-room", 2), {"a.jpg": Sent()}).lines()
    assert "Staged   as kids-room" in by_tag


def test_a_photo_that_is_developed_first_says_why() -> None:
    """The reason is shown without the calls, too."""
    made = explain(plan(RULES, "p", "kitchen", 2), {"a.tif": Sent("TIFF", "it is a TIFF"), "b.jpg": Sent()})
    assert "  1. a.tif (developed into a JPEG here, since it is a TIFF)" in made.lines()
    assert "  2. b.jpg" in made.lines()


def test_programs_read_the_same_as_json() -> None:
    """`--json` is plain JSON with the same content."""
    made = explain(plan(RULES, "p", "kitchen__again", 3), {f"{number}.jpg": Sent() for number in (1, 2, 3)})
    told = json.loads(json.dumps(made.as_dict()))
    assert told["route"] == "inside"
    assert told["again"] is True
    assert told["paid_calls"] == 1
    assert told["photos"] == ["1.jpg", "2.jpg", "3.jpg"]
    assert [call["path"] for call in told["calls"] if call["paid"]] == ["/api/hdr-enhance"]


def test_names_from_outside_cannot_steer_the_terminal() -> None:
    """Escapes, direction marks and lone surrogates are shown as a replacement character."""
    made = explain(plan(Rulebook(), "p\x1b[2J", "a\u202e\udcff", 1), {"\x1b]0;x\x07.jpg": Sent()})
    assert all(line.isprintable() for line in (*made.lines(calls=True), made.brief()))


def test_every_kind_of_paid_call_can_have_a_price() -> None:
    """A call without a price would count as free in every sum."""
    assert set(PAID_KINDS) == set(Prices.model_fields) - {"currency"}


def test_every_operation_has_its_tags_its_key_in_yaml_and_its_place_in_the_handbook() -> None:
    kinds = set(PAID_KINDS) - {"merge"}
    assert set(FAMILIES) == set(OneOperation.model_fields) == kinds
    [listed] = re.findall(r"The kinds of operations are (.*?);", RULES_PAGE)
    assert set(re.findall(r"`(\w+)`", listed)) == kinds
