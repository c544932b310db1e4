"""Crash points: durable steps after which tests end the process, to see that no work is lost or repeated."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class DurableStep(StrEnum):
    """A durable step. The code calls `passed` when it is done."""

    def passed(self) -> None:
        """Call the hook, which does nothing except in tests."""
        hook(self)


def no_crash(_step: DurableStep) -> None:
    """The default hook."""


hook: Callable[[DurableStep], None] = no_crash
"""Called after each durable step. Tests replace it by one that may end the process."""
