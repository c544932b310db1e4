"""What the steps count as they go, for whoever watches."""

from __future__ import annotations

from typing import Protocol


class Counts(Protocol):
    """Plain events; none of these methods may raise or block."""

    def paid(self, operation: str, project: str) -> None:
        """A paid request is about to leave."""

    def phase(self, name: str, seconds: float) -> None:
        """A job was in one state for so long."""

    def bytes_up(self, number: int) -> None: ...

    def bytes_down(self, number: int) -> None: ...

    def api_error(self, kind: str) -> None:
        """A request went wrong; `kind` is the name of its error's class."""


class Uncounted:
    """Counts nothing."""

    def paid(self, operation: str, project: str) -> None: ...

    def phase(self, name: str, seconds: float) -> None: ...

    def bytes_up(self, number: int) -> None: ...

    def bytes_down(self, number: int) -> None: ...

    def api_error(self, kind: str) -> None: ...
