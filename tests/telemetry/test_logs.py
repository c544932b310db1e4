"""Every line of the JSON log is JSON."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest
import structlog

from hotfolder import log


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream, hook = io.StringIO(), threading.excepthook
    log.configure(stream=stream, json=True)
    yield stream
    log.configure()
    threading.excepthook = hook


def test_what_a_command_logs_is_not_among_what_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.reset_defaults()
    try:
        log.configure_once(level="warning")
        log.get("a part").info("not worth a word")
        log.get("a part").warning("worth_a_word")
        log.configure_once(level="debug")
        log.get("a part").debug("still not")
    finally:
        log.configure()
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1 and "worth_a_word" in printed.err


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


def test_what_ends_a_thread_is_a_line_like_ours(
    written: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = threading.Thread(target=int, args=("gone",), name="reader")
    thread.start()
    thread.join()
    (line,) = (json.loads(line) for line in written.getvalue().splitlines())
    assert (line["thread"], line["level"]) == ("reader", "warning")
    assert "ValueError: invalid literal" in line["exception"]
    assert not capsys.readouterr().err
