"""Faults of connections and statuses at every endpoint, seen by a client."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from hotfolder.sandbox.faults.rules import ALL
from tests.sandbox.conftest import Start, obeying
from tests.sandbox.faulty import FILE_TIMEOUT_SECONDS, Faulty, Seen, fire
from tests.support.sandboxledger import read_ledger
from tests.support.studio import wait_for

READING = ("group-get", "result-get")


def check_processed(faulty: Faulty, endpoint: str, processed: bool) -> None:
    """Check that the ledger agrees with what the sandbox did at the last hit."""
    assert faulty.line().processed is processed
    if endpoint not in READING:
        assert faulty.executed is processed


SECONDS = 0.15
TOLD_NOTHING = {
    "reset-before": ({}, False),
    "reset-after": ({}, True),
    "hang": ({"seconds": SECONDS, "processed": False}, False),
}


@pytest.mark.parametrize("endpoint", ALL)
@pytest.mark.parametrize("fault", TOLD_NOTHING)
def test_a_reset_without_a_byte(faulty: Faulty, endpoint: str, fault: str) -> None:
    """It comes at once, after all work, or after a silence."""
    values, processed = TOLD_NOTHING[fault]
    seen = faulty.hit(endpoint, fault, **values)
    assert (seen.content, seen.ending) == (b"", "reset")
    assert seen.seconds >= values.get("seconds", 0)
    check_processed(faulty, endpoint, processed)
    assert faulty.line().status is None
    assert not [line for line in faulty.lines() if line.event == "answered"]


@pytest.mark.parametrize("endpoint", ALL)
@pytest.mark.parametrize("fault", ["reset-mid", "hang"])
def test_work_that_is_done_and_told_by_halves_or_late(faulty: Faulty, endpoint: str, fault: str) -> None:
    """Half an answer and a RST; or the whole answer after a silence."""
    seen = faulty.hit(endpoint, fault, **({"seconds": SECONDS} if fault == "hang" else {}))
    assert (seen.status, faulty.line().status) == (200, 200)
    if fault == "hang":
        assert seen.first_seconds is not None and seen.first_seconds >= SECONDS
        assert (len(seen.body), seen.ending) == (seen.length, "closed")
    else:
        assert (len(seen.body), seen.ending) == (seen.length // 2, "reset")
    check_processed(faulty, endpoint, True)


@pytest.mark.parametrize("endpoint", ALL)
@pytest.mark.parametrize("processed", [False, True])
def test_statuses(faulty: Faulty, endpoint: str, processed: bool) -> None:
    """The status has the origin's own body, before or after the work."""
    seen = faulty.hit(endpoint, 503, processed=processed)
    assert seen.status == 503 and seen.ending == "closed"
    if endpoint in ("put", "result-get"):
        assert b"<Code>ServiceUnavailable</Code>" in seen.body
    else:
        assert json.loads(seen.body)["error"].startswith("503")
    check_processed(faulty, endpoint, processed)
    assert faulty.line().fault == "503" and faulty.line().status == 503


@pytest.mark.parametrize("status", [400, 402, 429, 502])
def test_other_statuses(faulty: Faulty, status: int) -> None:
    """This works on either origin; none of them is charged."""
    assert faulty.hit("enhance", status).status == status
    assert not [line for line in faulty.lines() if line.event == "charged"]
    assert faulty.hit("put", status).status == status


def test_retry_after(faulty: Faulty) -> None:
    """The value is in seconds, a date, or missing."""
    assert b"\r\nretry-after: 7\r\n" in faulty.hit("sky", 429, retry_after=7).content
    before, minute = datetime.now(UTC), timedelta(seconds=60)
    dated = faulty.hit("sky", 429, retry_after_date=60).head
    (line,) = [line for line in dated.split(b"\r\n") if line.startswith(b"retry-after:")]
    told = parsedate_to_datetime(line.partition(b":")[2].decode())
    assert before.replace(microsecond=0) + minute <= told <= datetime.now(UTC) + minute
    assert b"retry-after" not in faulty.hit("sky", 429).content


@pytest.mark.parametrize("endpoint", ["upload-url", "result-get", "sky"])
def test_drip(faulty: Faulty, endpoint: str) -> None:
    """The head comes at once, the body slowly, and completely in the end."""
    request = faulty.request(endpoint)
    whole = fire(request) if endpoint == "result-get" else None
    size = 50 if whole is None else whole.length // 4
    drip = {"endpoint": endpoint, "fault": "drip", "bytes": size}
    faulty.rules(drip | {"interval_seconds": 3600})
    assert fire(request, enough=b"\r\n\r\n").body == b""
    faulty.rules(drip | {"interval_seconds": 0.02})
    seen = fire(request)
    assert len(seen.body) == seen.length > 0
    assert seen.seconds >= 0.02 * (seen.length // size)
    if whole is not None:
        assert seen.body == whole.body


@pytest.mark.parametrize("endpoint", ["put", "image"])
def test_reset_halfway(faulty: Faulty, endpoint: str) -> None:
    """Half of the body is read, then a RST; nothing is stored, and the same URL takes it again."""
    request = faulty.request(endpoint)
    faulty.rules({"endpoint": endpoint, "fault": "reset-halfway", "when": 1})
    before = faulty.footprint()
    content = request.read()
    url = request.url
    with socket.create_connection((url.host, url.port)) as connection:
        head = f"{request.method} {url.raw_path.decode()} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in request.headers.items()
        )
        connection.sendall(f"{head}\r\n".encode() + content[: len(content) // 3])
        connection.settimeout(0.15)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(FILE_TIMEOUT_SECONDS)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(content[len(content) // 3 : -1])
            connection.recv(1)
    assert faulty.line().processed is False and faulty.footprint() == before
    assert fire(request).status == 200
    assert faulty.footprint() != before


REFUSED_BY_ONE = {"fault": "refused", "origin": "api", "processed": False}


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Faulty]:
    """A sandbox for one test, whose outages need not end."""
    with obeying(tmp_path) as made:
        yield made


def connections(faulty: Faulty) -> Callable[[str], bool]:
    """Whether an origin accepts connections."""
    addresses = {"api": str(faulty.caller.api.base_url), "storage": str(faulty.request("result-get").url)}

    def knock(origin: str) -> bool:
        parts = urlsplit(addresses[origin])
        try:
            socket.create_connection((parts.hostname or "", parts.port or 0), 5).close()
        except ConnectionRefusedError:
            return False
        return True

    return knock


@pytest.mark.parametrize("endpoint", ["put", "enhance"])
def test_refused(alone: Faulty, endpoint: str) -> None:
    """One request is answered; then connections are refused and idle ones closed."""
    connects = connections(alone)
    alone.caller.project()
    assert alone.hit(endpoint, "refused", when=1, seconds=3600).status == 200
    assert not connects("api") and not connects("storage")
    with pytest.raises(httpx.ConnectError):
        alone.caller.project()
    check_processed(alone, endpoint, True)


def test_refused_by_one_origin_from_the_first_on(alone: Faulty) -> None:
    """The other origin still answers, and the request that starts the fault is not processed."""
    connects = connections(alone)
    request = alone.request("enhance")
    alone.rules({"endpoint": "enhance", "when": 1, **REFUSED_BY_ONE, "seconds": 3600})
    before = alone.footprint()
    assert fire(request).ending == "reset"
    assert connects("storage") and not connects("api")
    assert alone.line().processed is False and alone.footprint() == before


@pytest.mark.parametrize("rule", [{"fault": "refused"}, REFUSED_BY_ONE], ids=["both", "one"])
def test_after_a_while_all_is_as_before(faulty: Faulty, rule: dict[str, Any]) -> None:
    connects = connections(faulty)
    request = faulty.request("enhance")
    faulty.rules({"endpoint": "enhance", "when": 1, **rule, "seconds": 0.2})
    first = fire(request)
    assert first.ending == ("reset" if rule == REFUSED_BY_ONE else "closed")
    wait_for(lambda: connects("api") and connects("storage"))
    assert fire(request).status == (200 if rule == REFUSED_BY_ONE else 409)  # it was merged already
    assert faulty.caller.project()


def test_a_client_that_gives_up_leaves_nothing_hanging(faulty: Faulty) -> None:
    """The work of a hanging paid call is done and charged, whatever its client does."""
    request = faulty.request("sky")
    faulty.rules({"endpoint": "sky", "fault": "hang", "seconds": 600})
    with pytest.raises(TimeoutError):
        fire(request, patience_seconds=0.3)
    assert wait_for(faulty.faulted)[0].processed
    assert [line.event for line in faulty.lines()].count("charged") == 1


@pytest.mark.parametrize("rule", [{"fault": "hang", "seconds": 600}, {"fault": "refused", "seconds": 600}])
def test_stopping_does_not_wait_for_a_fault(start: Start, tmp_path: Path, rule: dict[str, object]) -> None:
    """It stops within 3 seconds; waiting clients are reset."""
    path = tmp_path / "faults.json"
    path.write_text(json.dumps([{"endpoint": "projects", **rule}]))
    ended: list[object] = []

    def ask() -> None:
        try:
            ended.append(fire(request))
        except TimeoutError as error:
            ended.append(error)

    with start(faults=path) as caller:
        request = caller.api.build_request("POST", "/api/projects", json={"title": "1 Elm Street"})
        client = Thread(target=ask)
        client.start()
        wait_for(lambda: "faulted" in [line.event for line in read_ledger(caller.settings.data)])
        begin = time.monotonic()
    assert time.monotonic() - begin < 30
    client.join(60)
    (seen,) = ended
    assert isinstance(seen, Seen)
    if rule["fault"] != "refused":
        assert seen.ending == "reset" and len(seen.content) < 400
