"""What reads the log as JSON never meets anything else in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from hotfolder import log


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    log.configure(stream=stream, json=True)
    yield stream
    log.configure()


def test_what_a_library_logs_is_a_line_like_ours(written: io.StringIO) -> None:
    logging.getLogger("asyncio").warning("Unknown child %s\n{", 17)
    try:
        raise ValueError("a defect")
    except ValueError:
        logging.getLogger("some.library").exception("it broke")
    logging.getLogger("httpx").warning("GET https://storage/x?signature=y")
    first, second = (json.loads(line) for line in written.getvalue().splitlines())
    assert (first["library"], first["said"], first["level"]) == ("asyncio", "Unknown child 17\n{", "warning")
    assert second["level"] == "error" and "ValueError: a defect" in second["exception"]
