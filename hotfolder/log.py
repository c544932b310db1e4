"""Structured logs: readable on a terminal, one JSON object a line elsewhere.

Event names are constants; everything that comes from outside goes into a field, where it is escaped.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog

from hotfolder.display import visible_lines


def configure(*, stream: TextIO | None = None, level: str = "info", json: bool | None = None) -> None:
    """Set up logging for the whole process. `json=None` decides by whether `stream` is a terminal."""
    target = stream if stream is not None else sys.stderr
    as_json = json if json is not None else not target.isatty()
    # A library's INFO line can hold a whole signed URL, so foreign loggers are held to warnings.
    logging.basicConfig(handlers=[_Library()], level=logging.WARNING, force=True)
    for noisy in ("httpx", "PIL"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    # It reports as an error that it was stopped; what it misses, the scan finds.
    logging.getLogger("watchdog").setLevel(logging.CRITICAL)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=True)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=target.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *(() if as_json else (show_visibly,)),
            renderer,
        ],
        wrapper_class=filtering(level),
        # Asked at every line: whoever replaces standard error afterwards means the log as well.
        logger_factory=lambda *_: _Lines(stream if stream is not None else sys.stderr),
        cache_logger_on_first_use=False,
    )


class _Lines:
    """Writes one line. A log that can't be written (its disk full, its pipe closed) is no reason to end any
    work: lines are left out and counted, and the first that gets through is followed by how many."""

    lost = 0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, message: str) -> None:
        try:
            write_through(self._stream, f"{message}\n")
        except (OSError, ValueError):  # ValueError: the stream is closed
            _Lines.lost += 1
            return
        if lost := _Lines.lost:
            _Lines.lost = 0
            get("log").warning("log_lines_lost", lines=lost, reason="the log could not be written")

    log = debug = info = warning = error = critical = exception = fatal = msg


def write_through(stream: TextIO, text: str) -> None:
    """Past the stream's buffer, which would hold what can't be written, and fail with it at the very end: as
    the exit code of the process. Raises OSError, ValueError."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    if raw is None:
        print(text, end="", file=stream, flush=True)
        return
    stream.flush()
    left = text.encode(stream.encoding, "backslashreplace")
    while left:
        written = raw.write(left)
        if written is None:
            raise BlockingIOError
        left = left[written:]


def show_visibly(
    _logger: object, _method: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """For a terminal: JSON escapes by itself."""
    return {name: visible_lines(value) if isinstance(value, str) else value for name, value in fields.items()}


class _Library(logging.Handler):
    """Writes what a library logs like our own lines: whoever reads JSON must not meet anything else."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            get("library").log(
                record.levelno,
                "library_says",
                library=record.name,
                said=record.getMessage(),
                exc_info=record.exc_info,
            )
        except Exception:
            self.handleError(record)


class News:
    """A trouble that is met again and again: told as a warning only when it is another one than before."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger, event: str) -> None:
        self._logger = logger
        self._event = event
        self._told = ""

    def met(self, reason: str, **beside: str) -> None:
        """It was met, or something else was."""
        if reason != self._told:
            self._logger.warning(self._event, reason=reason, **beside)
        self._told = reason

    def over(self) -> None:
        """It is told again when it comes back."""
        self._told = ""


def configure_if_nobody_has(*, level: str) -> None:
    """As `configure`, unless that was done: unconfigured, every line would go to standard output."""
    if not structlog.is_configured():
        configure(level=level)


def set_level(level: str) -> None:
    """Say more or less from now on, and leave all else as it was set up."""
    structlog.configure(wrapper_class=filtering(level))


def filtering(level: str) -> type[structlog.typing.FilteringBoundLogger]:
    return structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()])


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose lines carry `part=name`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return logger
