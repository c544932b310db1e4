"""Answers to paid calls: accepted shapes, and the errors of all others."""

from __future__ import annotations

import json

import pytest

from hotfolder.errors import OutcomeUnknown
from hotfolder.stager.answers import Answer, SignedUrl, parse_group, parse_results
from tests.support.reference import PICTURE, RESULT, URL


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
    for body in (said, {"success": True, "data": said}):
        group = parse_group(Answer(200, json.dumps(body)))
        assert (group.done, group.failed, group.image_url) == (True, False, SignedUrl(URL))


@pytest.mark.parametrize("status", ["processing", "FAILED", "Error", "weird", 7])
def test_a_merge_that_is_not_done_is_not_taken_for_done(status: str | int) -> None:
    group = parse_group(Answer(200, json.dumps({"status": status, "imageUrl": URL})))
    assert group.done == (status == 7)  # no status, and an address
    assert group.failed == (status in ("FAILED", "Error"))


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
