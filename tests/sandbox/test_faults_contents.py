"""Faults in the content of answers and downloads."""

from __future__ import annotations

import io
import json
import warnings
import zlib
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from hotfolder.sandbox.faults.rules import JSON
from hotfolder.sandbox.schema import OPERATIONS
from tests.sandbox.faulty import Faulty, Seen, fire
from tests.support.sandboxledger import read_ledger

PAID = ("enhance", *OPERATIONS)


def said(faulty: Faulty, endpoint: str, fault: str, **values: Any) -> Any:
    seen = faulty.hit(endpoint, fault, **values)
    assert seen.status == 200 and len(seen.body) == seen.length
    charged = [line.route for line in faulty.lines() if line.event == "charged"]
    assert len(charged) == (endpoint in PAID and values.get("processed", True))
    assert faulty.line().fault == fault and faulty.line().status == 200
    return json.loads(seen.body)


@pytest.mark.parametrize("endpoint", JSON)
def test_malformed(faulty: Faulty, endpoint: str) -> None:
    """The status is 200, the length right, the body no JSON; the work is done."""
    seen = faulty.hit(endpoint, "malformed")
    assert seen.status == 200 and len(seen.body) == seen.length > 0
    with pytest.raises(json.JSONDecodeError):
        json.loads(seen.body)
    assert faulty.line().processed


@pytest.mark.parametrize("endpoint", JSON)
@pytest.mark.parametrize("processed", [False, True])
def test_success_false(faulty: Faulty, endpoint: str, processed: bool) -> None:
    """The rule decides whether it is charged."""
    assert said(faulty, endpoint, "success-false", processed=processed)["success"] is False
    assert faulty.line().processed is processed


@pytest.mark.parametrize("endpoint", [name for name in JSON if name != "enhance"])
def test_empty_data(faulty: Faulty, endpoint: str) -> None:
    value = said(faulty, endpoint, "empty-data")
    empty = {"image": {"success": True, "data": {}}}
    operation = {"success": True, "data": []}
    assert value == empty.get(endpoint, operation if endpoint in PAID else {})


@pytest.mark.parametrize("endpoint", JSON)
def test_wrong_types(faulty: Faulty, endpoint: str) -> None:
    """The names are right, and their values are not."""
    value = said(faulty, endpoint, "wrong-types")
    if endpoint == "enhance":
        assert value == []
    elif endpoint in PAID:
        assert value["data"]["0"]["imageUrl"] == 7 and isinstance(value["data"]["0"]["width"], str)
    elif endpoint == "image":
        assert value["data"]["id"] == 7
    else:
        assert value and set(value.values()) == {7}


@pytest.mark.parametrize(
    ("fault", "status"), [("unknown-status", "weird"), ("failed", "failed"), ("never", "processing")]
)
def test_group_status(faulty: Faulty, fault: str, status: str) -> None:
    """A finished merge has another status; without the rule it is finished again."""
    value = said(faulty, "group-get", fault)
    assert value["status"] == status and "imageUrl" not in value
    faulty.rules()
    assert faulty.caller.status(faulty.completed)["status"] == "completed"


def test_completed_without_url(faulty: Faulty) -> None:
    """There is only the status; the rule may choose the unknown word."""
    assert said(faulty, "group-get", "completed-without-url") == {"status": "completed"}
    assert said(faulty, "group-get", "unknown-status", text="queued") == {"status": "queued"}


def test_refusals_are_not_spoilt(faulty: Faulty) -> None:
    """A 404 stays a 404, and the ledger says that nothing was processed."""
    faulty.rules({"endpoint": "group-get", "fault": "malformed"})
    answer = faulty.caller.api.get("/api/hdr-image-group/nope")
    assert answer.status_code == 404 and "error" in answer.json()
    assert (faulty.line().processed, faulty.line().status) == (False, 404)


def url_in(value: Any) -> str:
    data = value.get("data", value)
    picture = data[0] if isinstance(data, list) else data
    return str(picture.get("imageUrl") or picture.get("uploadUrl"))


WITH_URL = ("upload-url", "group-get", "image", *OPERATIONS)


@pytest.mark.parametrize("endpoint", WITH_URL)
def test_urls_that_lead_elsewhere(faulty: Faulty, endpoint: str) -> None:
    """The default is a name that can't exist, and an address outside the client's network."""
    other = urlsplit(url_in(said(faulty, endpoint, "url-other-host")))
    assert (other.scheme, other.netloc) == ("https", "results.invalid") and other.path and other.query
    assert urlsplit(url_in(said(faulty, endpoint, "url-private"))).netloc == "169.254.169.254"
    chosen = url_in(said(faulty, endpoint, "url-private", to="https://10.0.0.1:8443"))
    assert chosen.startswith("https://10.0.0.1:8443/")


@pytest.mark.parametrize("endpoint", [name for name in WITH_URL if name != "upload-url"])
def test_url_redirecting(faulty: Faulty, endpoint: str) -> None:
    """The storage answers 302; another URL of the same picture doesn't."""
    url = url_in(said(faulty, endpoint, "url-redirecting", to="http://10.0.0.1"))
    answer = faulty.caller.storage.get(url)
    assert answer.status_code == 302
    assert answer.headers["location"] == url.replace(url[: url.index("/", 8)], "http://10.0.0.1")
    assert [line.fault for line in faulty.faulted()] == ["url-redirecting", "url-redirecting"]
    assert fire(faulty.request("result-get")).status == 200


def test_a_url_for_a_merge_that_still_goes_on(faulty: Faulty) -> None:
    """So the first poll can be the one with a wrong answer."""
    enhance = faulty.request("enhance")
    group = json.loads(enhance.read())["groupId"]
    fire(enhance)
    faulty.rules({"endpoint": "group-get", "fault": "url-other-host"})
    value = faulty.caller.api.get(f"/api/hdr-image-group/{group}").json()
    assert value["status"] == "completed" and value["imageUrl"].startswith("https://results.invalid/")


def download(faulty: Faulty, fault: str | int, **values: Any) -> Seen:
    seen = faulty.hit("result-get", fault, **values)
    assert faulty.line().fault == str(fault)
    return seen


@pytest.fixture(scope="module")
def whole(faulty: Faulty) -> bytes:
    return fire(faulty.request("result-get")).body


@pytest.mark.parametrize("announced", [True, False])
def test_half_a_picture(faulty: Faulty, whole: bytes, announced: bool) -> None:
    """The connection ends without an error, and the length is right for the whole or for the half."""
    seen = download(faulty, "truncated" if announced else "cut")
    assert seen.body == whole[: len(whole) // 2] and seen.ending == "closed"
    assert seen.length == len(whole if announced else seen.body)


def test_html(faulty: Faulty) -> None:
    seen = download(faulty, "html")
    assert seen.status == 200 and b"content-type: text/html" in seen.head and b"<title>" in seen.body


def test_empty(faulty: Faulty) -> None:
    seen = download(faulty, "empty")
    assert seen.status == 200 and seen.length == 0 and b"image/jpeg" in seen.head


@pytest.mark.parametrize("endpoint", ["put", "result-get"])
def test_expired(faulty: Faulty, endpoint: str) -> None:
    """The storage's own error is sent, though the URL is valid; nothing is stored."""
    seen = faulty.hit(endpoint, "expired")
    assert seen.status == 400 and b"<Code>ExpiredToken</Code>" in seen.body
    assert not faulty.executed and faulty.line().processed is False


def test_redirect(faulty: Faulty) -> None:
    """The target is another host with the same path."""
    seen = download(faulty, "redirect", to="https://10.0.0.1")
    assert seen.status == 302 and b"location: https://10.0.0.1/stager-final-results/" in seen.head


@pytest.mark.parametrize("announced", [True, False])
def test_huge(faulty: Faulty, announced: bool) -> None:
    """All its bytes come, with or without a length."""
    size = 30_000_000
    request = faulty.request("result-get")
    faulty.rules({"endpoint": "result-get", "fault": "huge", "size_bytes": size, "announced": announced})
    got = 0
    with faulty.caller.storage.stream("GET", request.url) as answer:
        assert answer.headers.get("content-length") == (str(size) if announced else None)
        for piece in answer.iter_raw():
            got += len(piece)
    assert got == size


def test_huge_is_300_mb_and_ends_with_its_client(faulty: Faulty) -> None:
    """A client that has seen enough disconnects, and the sandbox serves others."""
    request = faulty.request("result-get")
    faulty.rules({"endpoint": "result-get", "fault": "huge"})
    with faulty.caller.storage.stream("GET", request.url) as answer:
        assert answer.headers["content-length"] == "300000000"
        assert next(answer.iter_raw(2))[:2] == b"\xff\xd8"
    assert faulty.caller.project()


def test_gzip_bomb(faulty: Faulty) -> None:
    """It unpacks to a thousand times its size."""
    seen = download(faulty, "gzip-bomb", size_bytes=20_000_000)
    assert b"content-encoding: gzip" in seen.head
    assert len(seen.body) == seen.length < 50_000
    assert len(zlib.decompress(seen.body, 16 + zlib.MAX_WBITS)) == 20_000_000


def test_pixel_bomb(faulty: Faulty) -> None:
    """A PNG of a billion pixels in less than a megabyte, and valid: a smaller one decodes to its end."""
    seen = download(faulty, "pixel-bomb")
    assert len(seen.body) == seen.length < 1_000_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(Image.DecompressionBombError):
            Image.open(io.BytesIO(seen.body))
    small = download(faulty, "pixel-bomb", side_pixels=500)
    with Image.open(io.BytesIO(small.body)) as picture:
        picture.load()
        assert (picture.format, picture.size) == ("PNG", (500, 500))


def test_no_signature_in_the_ledger(faulty: Faulty) -> None:
    """This includes URLs changed by faults."""
    url = url_in(said(faulty, "sky", "url-redirecting"))
    faulty.caller.storage.get(url)
    assert read_ledger(faulty.data)
    text = (faulty.data / "requests.jsonl").read_text()
    assert "Signature" not in text and "invalid" not in text
