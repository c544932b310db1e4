"""A sandbox whose fault rules a test changes while it runs, and a raw client that sees every byte."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import httpx

from hotfolder.sandbox.schema import OPERATIONS
from tests.support.reference import EXAMPLES
from tests.support.sandboxledger import Entry, charges, read_ledger

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

TABLES = ("projects", "groups", "photos", "images")
FILE_TIMEOUT_SECONDS = 120.0


@dataclass
class Seen:
    """Bytes received, and how the connection ended. `first_seconds` is the time of the first byte."""

    content: bytes
    ending: Literal["closed", "reset"]
    seconds: float
    first_seconds: float | None

    @property
    def head(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[2]

    @property
    def length(self) -> int:
        """The announced Content-Length."""
        lines = [line for line in self.head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return int(lines[0].partition(b":")[2])

    @property
    def status(self) -> int:
        return int(self.content.split(b" ")[1])


def fire(
    request: httpx.Request, *, patience_seconds: float = FILE_TIMEOUT_SECONDS, enough: bytes | None = None
) -> Seen:
    """Send a request on a connection of its own, and read until that ends, or until `enough` was received."""
    headers = {**request.headers, "connection": "close"}
    lines = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items())]) + "\r\n\r\n"
    begin, first, content = time.monotonic(), None, b""
    with socket.create_connection((request.url.host, request.url.port), patience_seconds) as connection:
        try:
            connection.sendall(head.encode() + request.read())
            while piece := connection.recv(65536):
                first = first or time.monotonic() - begin
                content += piece
                if enough is not None and enough in content:
                    break
            ending: Literal["closed", "reset"] = "closed"
        except (ConnectionResetError, BrokenPipeError):
            ending = "reset"
    return Seen(content, ending, time.monotonic() - begin, first)


@dataclass
class Faulty:
    """`rules(...)` sets the rules; `line()` is the ledger's line of the only hit since."""

    caller: Caller
    path: Path
    mark: int = 0
    executed: bool = False

    @property
    def data(self) -> Path:
        return self.caller.settings.data

    def rules(self, *rules: dict[str, Any]) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(rules))
        fresh.replace(self.path)
        self.mark = len(read_ledger(self.data))

    def lines(self) -> list[Entry]:
        return read_ledger(self.data)[self.mark :]

    def faulted(self) -> list[Entry]:
        return [entry for entry in self.lines() if entry.event == "faulted"]

    def line(self) -> Entry:
        (entry,) = self.faulted()
        return entry

    def footprint(self) -> tuple[object, ...]:
        """A value that changes with every executed request, except those that only read."""
        with sqlite3.connect(self.data / "sandbox.sqlite3") as database:
            counts = [database.execute(f"SELECT count(*) FROM {table}").fetchone() for table in TABLES]
        database.close()
        uploads = sorted(path.name for path in (self.data / "objects" / "stager-uploads").iterdir())
        return (*counts, *uploads, len(charges(self.data)))

    @cached_property
    def project(self) -> str:
        return self.caller.project("1 Elm Street")

    @cached_property
    def completed(self) -> str:
        """A group whose merge is done."""
        group = self.caller.group(self.project)
        self.caller.upload(self.project, group, self.caller.jpeg())
        self.caller.enhance(self.project, group).raise_for_status()
        assert self.caller.wait(group)["status"] == "completed"
        return group

    def request(self, endpoint: str) -> httpx.Request:
        """A valid request to that endpoint, after all requests that it needs."""
        self.rules()
        caller, api = self.caller, self.caller.api
        if endpoint in OPERATIONS:
            route = OPERATIONS[endpoint].route
            body = EXAMPLES[route.rpartition("/")[2]]
            return api.build_request("POST", route.format(imageId=caller.image()), json=body)
        if endpoint == "image":
            return api.build_request("POST", "/api/image", files={"file": ("a.jpg", caller.jpeg())})
        if endpoint == "group-get":
            return api.build_request("GET", f"/api/hdr-image-group/{self.completed}")
        if endpoint == "result-get":
            return caller.storage.build_request("GET", caller.status(self.completed)["imageUrl"])
        if endpoint == "projects":
            return api.build_request("POST", "/api/projects", json={"title": "1 Elm Street"})
        ids = {"projectId": self.project}
        if endpoint == "group-create":
            options = ("lensCorrection", "perspectiveCorrection", "photographerRemoval")
            return api.build_request("POST", "/api/hdr-image-group", json=ids | dict.fromkeys(options, True))
        return self._about_photo(endpoint, ids | {"groupId": caller.group(self.project)})

    def _about_photo(self, endpoint: str, ids: dict[str, str]) -> httpx.Request:
        caller, group = self.caller, ids["groupId"]
        if endpoint == "upload-url":
            body = ids | {"filename": "01.jpg"}
            return caller.api.build_request("POST", "/api/hdr-upload-url", json=body)
        if endpoint == "put":
            url = caller.upload_url(self.project, group).json()["uploadUrl"]
            return caller.storage.build_request("PUT", url, content=caller.jpeg(size=(900, 600)))
        assert endpoint == "enhance"
        caller.upload(self.project, group, caller.jpeg())
        return caller.api.build_request("POST", "/api/hdr-enhance", json=ids)

    def hit(self, endpoint: str, fault: str | int, **values: Any) -> Seen:
        """Set one rule and send one valid request; `executed` says whether it changed anything."""
        request = self.request(endpoint)
        self.rules({"endpoint": endpoint, "fault": fault, **values})
        before = self.footprint()
        seen = fire(request)
        self.executed = self.footprint() != before
        return seen
