"""An answer held in the hand: what the sandbox would have said, to be spoilt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Headers = list[tuple[bytes, bytes]]

JSON_TYPE = "application/json"
XML_TYPE = "application/xml"


@dataclass
class Answer:
    """Header names are in lower case."""

    status: int = 200
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    @property
    def fine(self) -> bool:
        return 200 <= self.status < 300

    def value(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)

    def with_body(self, body: bytes) -> Answer:
        """The same answer around another body, whose length is told honestly."""
        kept = [(name, value) for name, value in self.headers if name not in (b"content-length", b"etag")]
        return Answer(self.status, [*kept, (b"content-length", str(len(body)).encode())], body)

    def with_value(self, value: Any) -> Answer:
        return self.with_body(json.dumps(value).encode())


def made(status: int, kind: str, body: bytes, extra: Mapping[str, str] | None = None) -> Answer:
    """A new answer with a body of the media type `kind`."""
    headers = {"content-type": kind, "content-length": str(len(body)), **(extra or {})}
    return Answer(status, [(name.encode(), value.encode()) for name, value in headers.items()], body)
