"""Structured logs: readable on a terminal, one JSON object a line elsewhere.

Event names are constants; everything that comes from outside goes into a field, where it is escaped.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TextIO

import structlog

from hotfolder.display import visible_lines


def configure(*, stream: TextIO | None = None, level: str = "info", json: bool | None = None) -> None:
    """Set up logging for the whole process. With `json=None`, JSON is written unless `stream` is a terminal.
    `stream` is standard error by default."""
    target = stream if stream is not None else sys.stderr
    as_json = json if json is not None else not target.isatty()
    # Libraries log complete signed URLs at INFO, so their loggers are limited to warnings.
    logging.basicConfig(handlers=[_Library()], level=logging.WARNING, force=True)
    for noisy in ("httpx", "PIL"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    # watchdog logs its own stop as an error. What it misses, the scan finds.
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
        # Looked up for each line, so that the log follows when standard error is replaced.
        logger_factory=lambda *_: _Lines(stream if stream is not None else sys.stderr),
        cache_logger_on_first_use=False,
    )
    threading.excepthook = _thread_failed


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    """Log what has ended a thread, in place of a traceback between the lines."""
    if failed.exc_type is SystemExit:
        return  # an ordinary end, as for Python's own hook
    name = failed.thread.name if failed.thread else ""
    get("library").warning("thread_failed", thread=name, exc_info=failed.exc_value)


class _Lines:
    """Writes one line. A log that can't be written (disk full, pipe closed) doesn't stop any work: lost lines
    are counted, and the number is logged after the next line that can be written."""

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
    """Write `text` unbuffered. A buffer would keep what can't be written and fail again when the process
    ends, which would change its exit code. Raises OSError, and ValueError for a closed stream."""
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
    """A processor that makes values safe for a terminal. JSON needs none: it escapes them."""
    return {name: visible_lines(value) if isinstance(value, str) else value for name, value in fields.items()}


class _Library(logging.Handler):
    """Writes libraries' log records in hotfolder's format, so that a JSON log holds nothing but JSON."""

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


class RecurringWarning:
    """Deduplicates the warnings of a recurring problem: one is logged only when its reason has changed."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger, event: str) -> None:
        self._logger = logger
        self._event = event
        self._last_reason = ""

    def warn(self, reason: str, **beside: str) -> None:
        """Log a warning unless the last one had the same reason; `beside` are more fields of it."""
        if reason != self._last_reason:
            self._logger.warning(self._event, reason=reason, **beside)
        self._last_reason = reason

    def reset(self) -> None:
        """The problem is gone: when it recurs, it is logged again."""
        self._last_reason = ""


def configure_once(*, level: str) -> None:
    """`configure`, unless that was done: unconfigured, structlog writes to standard output."""
    if not structlog.is_configured():
        configure(level=level)


def set_level(level: str) -> None:
    """Change the level and nothing else of the configuration."""
    structlog.configure(wrapper_class=filtering(level))


def filtering(level: str) -> type[structlog.typing.FilteringBoundLogger]:
    return structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()])


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose lines carry `part=name`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return logger
