"""`hotfolder page` as a process, and a browser's requests to it over real HTTP."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from tests.support import forking
from tests.support.forking import Forked
from tests.support.studio import FILE_TIMEOUT_SECONDS, Studio, begun, environment


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class PageProcess:
    """The process and its port. `cookies` are sent with every request, as a browser does."""

    process: subprocess.Popen[bytes] | Forked
    log: Path
    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def read(self, path: str) -> Answer:
        """The page once it has read its photos."""
        end = time.monotonic() + FILE_TIMEOUT_SECONDS
        while "refresh" in (answer := self.get(path)).headers:
            assert time.monotonic() < end, answer.text
            time.sleep(0.1)
        return answer

    def post(
        self, path: str, fields: Mapping[str, str] | Sequence[tuple[str, str]] = (), **headers: str
    ) -> Answer:
        """Post a form as a browser does."""
        usual = {
            "Origin": f"http://127.0.0.1:{self.port}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode(fields).encode()
        return self.ask("POST", path, headers={**usual, **headers}, body=body)

    def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Send a request. Names of headers may have `_` for `-`."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            told.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=FILE_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, told)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                found = re.match(r"([^=]+)=([^;]*)", value)
                assert found is not None
                self.cookies[found[1]] = found[2]
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def status(self, method: str, path: str, **headers: str) -> tuple[int, bytes]:
        """The status, and the body unless it is endless; without this browser's cookies."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=FILE_TIMEOUT_SECONDS)
        try:
            told = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, b"" if method == "POST" else None, told)
            answer = connection.getresponse()
            endless = "event-stream" in answer.headers.get("content-type", "")
            return answer.status, b"" if endless else answer.read()
        finally:
            connection.close()

    def listening(self) -> http.client.HTTPResponse:
        """The stream of events of an open page, with this browser's cookies."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=FILE_TIMEOUT_SECONDS)
        told = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request("GET", "/live", headers={"Cookie": told} if told else {})
        return connection.getresponse()

    def first_link(self) -> str:
        """The path for setting the first password, from the log."""
        [line] = [line for line in self.text().splitlines() if "page_without_password" in line]
        return "/" + str(json.loads(line)["set_one_at"]).partition("://")[2].partition("/")[2]

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(FILE_TIMEOUT_SECONDS)


def setting_password(studio: Studio, typed: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Set a password by a pipe, as an operator does."""
    command = [*studio.command("page")[:-2], "set-password", "--config", str(studio.config), *options]
    return forking.run(command, input=typed, env=environment(None))


def set_password(studio: Studio, password: str, *options: str) -> None:
    done = setting_password(studio, f"{password}\n", *options)
    assert done.returncode == 0, done.stderr


@contextmanager
def page_process(studio: Studio, *options: str, really: bool = False) -> Iterator[PageProcess]:
    """Serve on a free port until the block ends. `really`: not forked, but started."""
    log = studio.root / f"page-{time.monotonic_ns()}.log"
    run = begun(studio.command("page", "--port", "0", *options), log, environment(None), really=really)
    try:
        port = told(run.process, log, "page_started")["address"].rstrip("/").rpartition(":")[2]
        yield PageProcess(run.process, log, int(port))
    finally:
        run.end()


def told(process: subprocess.Popen[bytes] | Forked, log: Path, event: str) -> dict[str, str]:
    """The log's first line with that event, waited for."""
    end = time.monotonic() + FILE_TIMEOUT_SECONDS
    while True:
        for line in log.read_text(errors="replace").splitlines():
            if f'"event": "{event}"' in line:
                found: dict[str, str] = json.loads(line)
                return found
        assert process.poll() is None and time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.05)
