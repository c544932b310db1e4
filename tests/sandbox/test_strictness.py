"""Requests beyond the reference get a 4xx with a reason, and never a 5xx."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import Caller, Start
from tests.sandbox.test_schema import CALLS

GROUP = {"projectId": "p", "lensCorrection": True, "perspectiveCorrection": True, "photographerRemoval": True}

WRONG_BODIES: list[tuple[str, Any, str]] = [
    ("/api/projects", {}, "title is missing"),
    ("/api/projects", {"title": ""}, 'title: ""'),
    ("/api/projects", {"title": "  "}, 'title: "  "'),
    ("/api/projects", {"title": "a\x00b"}, "title: "),
    ("/api/projects", {"title": 7}, "title: 7 isn't allowed"),
    ("/api/projects", {"title": None}, "title: null isn't allowed"),
    ("/api/projects", {"title": ["x"]}, "title: a list isn't allowed"),
    ("/api/projects", {"title": "x" * 501}, "at most 500 characters"),
    ("/api/projects", {"title": "x", "titel": "y"}, 'unknown field "titel"'),
    ("/api/projects", [], "must be a JSON object"),
    ("/api/projects", "x", "must be a JSON object"),
    ("/api/hdr-image-group", GROUP | {"lensCorrection": "true"}, 'lensCorrection: "true"'),
    ("/api/hdr-image-group", GROUP | {"photographerRemoval": 1}, "photographerRemoval: 1"),
    (
        "/api/hdr-image-group",
        {"projectId": "p"},
        "lensCorrection is missing; perspectiveCorrection is missing",
    ),
    ("/api/hdr-upload-url", {"projectId": "p", "groupId": "g", "filename": "../../x.jpg"}, "filename: "),
    (
        "/api/hdr-upload-url",
        {"projectId": "p", "groupId": "g", "filename": "photo.cr3"},
        'filename: "photo.cr3"',
    ),
    ("/api/hdr-upload-url", {"projectId": "p", "groupId": "g"}, "filename is missing"),
    ("/api/hdr-enhance", {"projectId": "p"}, "groupId is missing"),
    ("/api/hdr-enhance", {"projectId": "p", "groupId": "../x"}, 'groupId: "../x"'),
    (
        "/api/images/i/sky-replace",
        {"skyType": "blue", "resolution": "high", "skySubType": None},
        "skySubType: null",
    ),
    ("/api/images/i/stage", {"removeFurniture": "no"}, 'removeFurniture: "no" isn\'t allowed'),
]

RAW_BODIES = {
    "malformed": b'{"title": ',
    "nothing": b"",
    "null": b"null",
    "two values": b'{"title": "x"} {}',
    "no UTF-8": b'{"title": "\xff\xfe"}',
    "lone surrogate": b'{"title": "\\ud800"}',
    "lone surrogate as a field": b'{"title": "x", "\\ud800": 1}',
    "NUL": b"\x00",
    "NUL as a field": b'{"title": "x", "\\u0000": 1}',
    "nested": b'{"title": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "nested and cut off": b"[" * 60_000,
    "a number too large": b'{"title": ' + b"9" * 20_000 + b"}",
    "not a number": b'{"title": NaN}',
}


@pytest.mark.parametrize(("path", "body", "words"), WRONG_BODIES)
def test_a_wrong_body_is_refused_in_words(caller: Caller, path: str, body: Any, words: str) -> None:
    """The answer is 400, with a sentence that names field and value."""
    answer = caller.post(path, body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("name", RAW_BODIES)
def test_what_is_no_sound_json_is_refused(caller: Caller, name: str) -> None:
    """Every oddity of JSON gives 400."""
    headers = {"content-type": "application/json"}
    answer = caller.api.post("/api/projects", content=RAW_BODIES[name], headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_body_of_another_kind_is_refused(caller: Caller, kind: str) -> None:
    """The answer is 415, even though the bytes would be right."""
    answer = caller.api.post("/api/projects", content=b'{"title": "x"}', headers={"content-type": kind})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["error"]


def test_json_may_name_its_charset(caller: Caller) -> None:
    """Many clients send `application/json; charset=utf-8`."""
    headers = {"content-type": "application/json; charset=utf-8"}
    assert caller.api.post("/api/projects", content=b'{"title": "x"}', headers=headers).status_code == 200


def test_every_call_needs_a_key(caller: Caller) -> None:
    """A missing or empty key, or one with a blank, gives 401 before any other check."""
    for key in (None, "", "two words"):
        headers = {} if key is None else {"stager-api-key": key}
        for method, path in CALLS:
            url = caller.api.base_url.join(re.sub(r"\{\w+\}", "x", path))
            answer = httpx.request(method, url, headers=headers)
            assert answer.status_code == 401, (key, path)
            assert "stager-api-key" in answer.json()["error"]


def test_a_required_key_is_the_only_one_that_opens(start: Start) -> None:
    """With a key configured, any other gives 401."""
    with start(required_key="right-key") as caller:
        assert caller.post("/api/projects", {"title": "x"}).status_code == 401
        caller.api.headers["stager-api-key"] = "right-key"
        assert caller.post("/api/projects", {"title": "x"}).status_code == 200


def test_bodies_that_are_too_large_are_refused(start: Start) -> None:
    """JSON, a form and a PUT give 413, whether their length is announced or not."""
    with start(json_limit_bytes=1000, upload_limit_bytes=100_000) as caller:
        big = b'{"title": "' + b"x" * 2000 + b'"}'
        kind = {"content-type": "application/json"}
        project = caller.project()
        url = caller.upload_url(project, caller.group(project)).json()["uploadUrl"]
        answers = [
            caller.api.post("/api/projects", content=big, headers=kind),
            caller.api.post("/api/projects", content=iter([big]), headers=kind),
            caller.api.post("/api/image", files={"file": ("a.jpg", bytes(100_001))}),
            caller.api.post("/api/image", files={"file": ("a.jpg", bytes(200_000))}),
            caller.storage.put(url, content=bytes(100_001)),
        ]
        assert [answer.status_code for answer in answers] == [413] * 5
        assert all(answer.json()["error"] for answer in answers[:4])
        assert caller.project()


def test_unknown_paths_and_methods_answer_in_the_same_shape(caller: Caller) -> None:
    """404 and 405 are JSON too, and 405 says what is allowed."""
    missing, wrong = caller.post("/api/nothing", {}), caller.api.delete("/api/projects")
    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert missing.json()["error"] and wrong.json()["error"]
    assert wrong.headers["allow"] == "POST"
