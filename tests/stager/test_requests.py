"""Requests field by field, as in the API's reference (v1); accepted shapes of answers to paid calls, and the
errors of all others."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from hotfolder.errors import OutcomeUnknown, RequestRefused
from hotfolder.stager.answers import Answer, SignedUrl, parse_group, parse_results
from hotfolder.stager.operations import OPERATIONS, HdrOptions, Stage
from tests.stager.conftest import KEY, Serve, Wire, does
from tests.support.reference import ALLOWED, EXAMPLES, PICTURE, RESULT, URL, every_body

MODELS: dict[str, type[Any]] = {model.endpoint: model for model in OPERATIONS}


def sent(wire: Wire) -> tuple[str, object]:
    """Line and JSON of the only request, after checks of its headers."""
    (request,) = wire.requests
    names = [name for name, _ in request.headers]
    assert len(names) == len(set(names))
    assert request.header("stager-api-key") == KEY
    if request.line.startswith("POST"):
        assert request.header("content-type") == "application/json"
        assert request.header("content-length") == str(len(request.body))
        return request.line, json.loads(request.body)
    assert request.body_bytes == 0
    return request.line, None


@pytest.mark.parametrize(
    ("status", "title", "told"),
    [(200, "12 Ulmenstraße 東京", "12 Ulmenstraße 東京"), (201, "Stra\udcdfe", "Stra?e")],
    ids=["any script", "no UTF-8"],
)
async def test_create_project(serve: Serve, status: int, title: str, told: str) -> None:
    """Section 2.1. A folder name that isn't UTF-8 reaches Python as surrogates, which JSON can't hold."""
    wire = await serve(does.answer(status, {"id": "project_uuid_here", "title": told}))
    assert await wire.client.create_project(title) == "project_uuid_here"
    assert sent(wire) == ("POST /api/projects HTTP/1.1", {"title": told})


@pytest.mark.parametrize("lens", [True, False])
@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize("photographer", [True, False])
async def test_create_group(lens: bool, perspective: bool, photographer: bool, serve: Serve) -> None:
    """Section 2.2: all three options are always sent."""
    wire = await serve(does.answer(200, {"groupId": "group_uuid_here"}))
    options = HdrOptions(
        lens_correction=lens, perspective_correction=perspective, photographer_removal=photographer
    )
    assert await wire.client.create_group("p", options) == "group_uuid_here"
    assert sent(wire) == (
        "POST /api/hdr-image-group HTTP/1.1",
        {
            "projectId": "p",
            "lensCorrection": lens,
            "perspectiveCorrection": perspective,
            "photographerRemoval": photographer,
        },
    )


async def test_upload_url(serve: Serve) -> None:
    """Section 2.3; the URL is kept exactly and never shown."""
    url = "https://storage.googleapis.com/b/o%2Fp.jpg?X-Goog-Credential=a%2Fb&X-Goog-Signature=c0ffee"
    wire = await serve(does.answer(200, {"id": "image_uuid_here", "uploadUrl": url}))
    slot = await wire.client.upload_url("p", "g", "01.jpg")
    assert str(slot.parsed) == url
    assert "c0ffee" not in f"{slot} {slot!r}"
    assert sent(wire) == (
        "POST /api/hdr-upload-url HTTP/1.1",
        {"projectId": "p", "groupId": "g", "filename": "01.jpg"},
    )


@pytest.mark.parametrize("body", [b"{}", b"", b'{"queued": true}', b'{"success": true}', b" \n"])
async def test_enhance(body: bytes, serve: Serve) -> None:
    """Section 2.4; a success is handed over raw, whatever it says."""
    wire = await serve(does.answer(202, body))
    answer = await wire.client.enhance("p", "g")
    assert answer == Answer(202, body.decode())
    assert sent(wire) == ("POST /api/hdr-enhance HTTP/1.1", {"projectId": "p", "groupId": "g"})


async def test_group(serve: Serve) -> None:
    """Section 2.5, before and after completion."""
    wire = await serve(does.answer(200, {"status": "processing"}))
    state = await wire.client.group("group_1")
    assert (state.status, state.image_url) == ("processing", None)
    assert sent(wire)[0] == "GET /api/hdr-image-group/group_1 HTTP/1.1"
    url = "https://storage.googleapis.com/stager-final-results/output.jpg"
    wire = await serve(does.answer(200, {"status": "completed", "imageUrl": url, "else": 1}))
    state = await wire.client.group("group_1")
    assert (state.status, state.image_url) == ("completed", SignedUrl(url))


async def test_a_group_that_failed_says_why(serve: Serve) -> None:
    """Statuses beyond the reference are passed on, with the API's text about them."""
    wire = await serve(does.answer(200, {"status": "failed", "error": "photos 1 and 2\ndiffer in size"}))
    state = await wire.client.group("group_1")
    assert (state.status, state.image_url, state.message) == ("failed", None, "photos 1 and 2 differ in size")


@pytest.mark.parametrize(
    "status", ["gone https://a/b?X-Goog-Signature=beef", f"bad {KEY}", "x" * 41, "\x1b[2J"]
)
async def test_a_status_that_is_no_word_is_never_shown(status: str, serve: Serve) -> None:
    wire = await serve(does.answer(200, {"status": status, "error": f"no merge for {KEY}"}))
    state = await wire.client.group("group_1")
    assert (state.status, state.message) == ("not a word", "no merge for [key]")


def test_every_kind_of_operation_is_tried() -> None:
    assert MODELS.keys() == EXAMPLES.keys()


@pytest.mark.parametrize(("path", "field"), [(path, field) for path in EXAMPLES for field in EXAMPLES[path]])
def test_no_value_is_known_that_the_reference_lacks(path: str, field: str) -> None:
    told = json.dumps(MODELS[path].model_json_schema()["properties"][field])
    known = [value for values in re.findall(r'"enum": (\[.*?\])', told) for value in json.loads(values)]
    assert known == (ALLOWED[field].split(", ") if field in ALLOWED else [])


@pytest.mark.parametrize(("path", "body"), [*every_body()])
async def test_operations(path: str, body: dict[str, object], serve: Serve) -> None:
    """Section 3, from 3.2 on: every value of the reference is sent as it spells it, and nothing else."""
    wire = await serve(does.answer(200, RESULT))
    answer = await wire.client.operate("img_71283912739", MODELS[path].model_validate(body))
    assert sent(wire) == (f"POST /api/images/img_71283912739/{path} HTTP/1.1", body)
    (image,) = parse_results(answer)
    assert image.id == "res_9823192"


async def test_what_is_not_set_is_not_sent(serve: Serve) -> None:
    """extraInstructions and colorTypes are sent only when set; every other field always is."""
    wire = await serve(does.answer(200, RESULT))
    await wire.client.operate("i", Stage.model_validate({"roomType": "GARAGE", "roomStyle": "rustic"}))
    assert sent(wire)[1] == {
        "roomType": "GARAGE",
        "roomStyle": "rustic",
        "actionType": "subtleStaging",
        "resolution": "high",
        "removeFurniture": False,
    }


async def test_a_staging_without_a_room_type_is_not_sent(serve: Serve) -> None:
    """The API would refuse it, perhaps after charging."""
    wire = await serve(does.answer(200, RESULT))
    with pytest.raises(RequestRefused):
        await wire.client.operate("i", Stage.model_validate({"roomStyle": "rustic"}))
    assert wire.connections == 0


async def test_undecodable_bytes_are_replaced(serve: Serve) -> None:
    """An answer is always text."""
    wire = await serve(does.answer(200, b'{"a": "\xff"}'))
    assert (await wire.client.enhance("p", "g")).body == '{"a": "\ufffd"}'


def without(name: str) -> dict[str, object]:
    return {"success": True, "data": [{key: value for key, value in PICTURE.items() if key != name}]}


def with_(**fields: object) -> dict[str, object]:
    return {"success": True, "data": [PICTURE | fields]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        {"success": True},
        {"success": False, "data": [PICTURE]},
        {"success": True, "data": []},
        {"success": True, "data": [None]},
        without("imageUrl"),
        *(with_(imageUrl=value) for value in ("", "/x", "file:///etc/passwd", "https://", "ftp://h/x", 7)),
    ],
)
def test_an_answer_without_an_address_may_have_cost(body: object) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        parse_results(Answer(200, json.dumps(body)))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        {"data": [PICTURE]},
        {"success": "true", "data": [PICTURE]},
        {"success": True, "data": PICTURE},
        {"success": True, "data": [PICTURE, {}]},
        {"success": True, "data": [URL]},
        {"success": True, "data": {"images": [PICTURE]}},
        {"imageUrl": URL},
        [PICTURE],
        *(without(name) for name in ("id", "width", "height")),
        *(with_(width=value) for value in (0, -1, True, "1920", 1.5, None)),
        *(with_(id=value) for value in (7, "", "..", "a/b", "res:1+2=3", "x" * 2000)),
        with_(imageUrl=f" {URL}\n"),
        with_(imageUrl=URL.replace("staged", "staged und fertig ü")),
    ],
)
def test_the_address_of_a_picture_is_all_that_is_needed(body: object) -> None:
    """A file that decodes to its end is the picture, whatever else the answer says or leaves out."""
    (picture,) = parse_results(Answer(201, json.dumps(body)))
    assert picture.url.parsed.host == "storage.googleapis.com"
    assert picture.url.parsed.raw_path.startswith(b"/bucket/staged")


def test_a_number_is_an_id_too() -> None:
    assert parse_results(Answer(200, json.dumps(with_(id=7))))[0].id == "7"


@pytest.mark.parametrize("body", ["", "{", "[" * 100_000, '{"a":' * 50_000, "\ud800", "<html>"])
def test_an_answer_that_is_no_json_may_have_cost(body: str) -> None:
    """This includes JSON nested too deep for the parser."""
    with pytest.raises(OutcomeUnknown):
        parse_results(Answer(200, body))


@pytest.mark.parametrize(
    "status", ["completed", "COMPLETED", "complete", "Done", "succeeded", " finished", None]
)
def test_a_merge_is_done_however_that_is_spelt(status: str | None) -> None:
    said = {"imageUrl": URL} | ({"status": status} if status else {})
    envelope = {"status": "success"} if status else {"success": True}
    for body in (said, {"success": True, "data": said}, {**envelope, "data": said}):
        group = parse_group(Answer(200, json.dumps(body)))
        assert (group.done, group.failed, group.image_url) == (True, False, SignedUrl(URL))


@pytest.mark.parametrize("status", ["processing", "FAILED", "Error", "weird", 7])
def test_a_merge_that_is_not_done_is_not_taken_for_done(status: str | int) -> None:
    group = parse_group(Answer(200, json.dumps({"status": status, "imageUrl": URL})))
    assert group.done == (status == 7)  # no status, and an address
    assert group.failed == (status in ("FAILED", "Error"))


@pytest.mark.parametrize("status", ["processing", "PROCESSING", "Processing"])
def test_a_merge_is_under_way_however_that_is_spelt(status: str) -> None:
    """An address beside it is of a preview."""
    group = parse_group(Answer(200, json.dumps({"status": status, "imageUrl": URL})))
    assert (group.processing, group.done, group.message) == (True, False, "")


def test_what_the_api_says_of_a_failure_is_quoted_without_key_and_addresses() -> None:
    why = "no sky; see HTTPS://h/x?sig=s1, /b/o.jpg?X-Goog-Signature=s2 or s3://b/s3 for s-key"
    with pytest.raises(OutcomeUnknown) as caught:
        parse_results(Answer(200, json.dumps({"success": False, "error": why})), secret="s-key")
    said = "no sky; see HTTPS://h/… /b/o.jpg?… or s3://b/… for [key]"
    assert caught.value.why == f"its answer says success: false: “{said}”"


def test_unknown_fields_are_tolerated_and_order_is_kept() -> None:
    """An API may add fields; several pictures stay in their order."""
    second = PICTURE | {"id": "res_2", "credits": 3}
    answer = Answer(200, "\ufeff" + json.dumps(RESULT | {"data": [PICTURE, second], "meta": {}}))
    assert [image.id for image in parse_results(answer)] == ["res_9823192", "res_2"]


@pytest.mark.parametrize("body", ["", "{}", "nul\0 \ud800 \u2028 ü", '{"a": "https://h/x?secret"}'])
def test_an_answer_survives_the_store(body: str) -> None:
    """It is kept as it came, as one ASCII line, and its repr shows none of it."""
    answer = Answer(200, body)
    text = answer.as_json()
    assert text.isascii() and "\n" not in text
    assert Answer.from_json(text) == answer
    assert "secret" not in repr(answer)
    with pytest.raises(ValueError):
        Answer.from_json('{"status": "200"}')
