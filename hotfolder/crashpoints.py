"""The durable steps of the work: where a crash is worth trying, to see that nothing is lost or done twice."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class DurableStep(StrEnum):
    """One of them, by name. `passed` is called once it is done."""

    def passed(self) -> None:
        """Does nothing in a service."""
        hook(self)


def no_crash(_step: DurableStep) -> None:
    """Of a service."""


hook: Callable[[DurableStep], None] = no_crash
"""What tests put in its place may end the process."""
