"""Result addresses that must not be followed; and the key is sent to the API alone."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.scenarios.bench import Bench
from tests.support.pictures import jpeg
from tests.support.studio import KEY, MakeStudio, Shop

pytestmark = pytest.mark.long


class Stranger(ThreadingHTTPServer):
    """Some other server, with a picture; `heads` are the requests that it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.heads: list[str] = []
        self.host = f"127.0.0.1:{self.server_port}"
        self.origin = f"http://{self.host}"


class Answering(BaseHTTPRequestHandler):
    server: Stranger

    def do_GET(self) -> None:
        self.server.heads.append(f"{self.requestline}\n{self.headers}")
        picture = jpeg()
        self.send_response(200)
        self.send_header("content-type", "image/jpeg")
        self.send_header("content-length", str(len(picture)))
        self.end_headers()
        self.wfile.write(picture)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with Stranger() as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.mark.parametrize(
    ("endpoint", "fault", "paid"),
    [
        ("group-get", "url-other-host", 1),
        ("group-get", "url-private", 1),
        ("group-get", "url-redirecting", 1),
        ("sky", "url-redirecting", 2),
    ],
)
async def test_an_address_that_leads_astray_is_never_followed(
    bench: Bench, stranger: Stranger, endpoint: str, fault: str, paid: int
) -> None:
    bench.shop.goes_wrong({"endpoint": endpoint, "fault": fault, "to": stranger.origin})
    await bench.drop_and_run()
    assert stranger.heads == []
    audit = bench.check("needs_attention", paid=paid, bound=2)
    assert "can't be fetched safely" in audit.jobs[0].reason
    assert "api.storage_hosts" in audit.jobs[0].hint


async def test_of_a_result_that_is_too_large_the_limit_is_named_and_no_host(bench: Bench) -> None:
    bench.shop.goes_wrong({"endpoint": "result-get", "fault": "huge"})
    await bench.drop_and_run("kitchen")
    [job] = bench.check("needs_attention", paid=1).jobs
    assert "bytes long" in job.reason and "api.storage_hosts" not in job.hint
    assert "raise limits.result_bytes" in job.hint and "it isn't paid again" in job.hint


async def test_a_host_that_is_allowed_gets_the_request_without_the_key(
    bench: Bench, stranger: Stranger
) -> None:
    bench.shop.goes_wrong({"endpoint": "group-get", "fault": "url-other-host", "to": stranger.origin})
    bench.drop("kitchen")
    await bench.until_idle(bench.access(storage_hosts=(bench.shop.storage_host, stranger.host)))
    [head] = stranger.heads
    assert KEY not in head and "stager-api-key" not in head.lower()
    bench.check("done", paid=1)


async def test_a_set_whose_address_was_refused_goes_on_unpaid_once_its_host_is_allowed(
    bench: Bench, stranger: Stranger
) -> None:
    bench.shop.goes_wrong({"endpoint": "group-get", "fault": "url-other-host", "to": stranger.origin})
    await bench.drop_and_run("kitchen")
    (bench.studio.failed / "12 Elm Road" / "kitchen").rename(bench.path("12 Elm Road", "kitchen"))
    await bench.until_idle(bench.access(storage_hosts=(bench.shop.storage_host, stranger.host)))
    bench.check("done", "superseded", paid=1)


BOMBS = (
    {"fault": "gzip-bomb", "when": 1},
    {"fault": "huge", "announced": False, "when": 2},
    {"fault": "pixel-bomb", "when": 3},
    {"fault": "huge", "when": 4},
)


def test_results_that_are_bombs_are_refused_and_memory_stays_bounded(
    make_studio: MakeStudio, shop: Shop
) -> None:
    """Memory is the process's own peak."""
    bench = Bench(make_studio(), shop)
    shop.goes_wrong(*({"endpoint": "result-get", **bomb} for bomb in BOMBS))
    bench.drop("kitchen")
    run = bench.studio.start()
    bench.studio.wait_for_states("needs_attention")
    peak = peak_megabytes(run.process.pid)
    assert run.stop() == 0
    assert peak < 200, f"{peak:.0f} MB"
    assert len([entry for entry in shop.page() if entry.event == "faulted"]) == len(BOMBS)
    audit = bench.check("needs_attention", paid=1)
    assert "300" in audit.jobs[0].reason or "314" in audit.jobs[0].reason


def peak_megabytes(process: int) -> float:
    table = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in table.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
