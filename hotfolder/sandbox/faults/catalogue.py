"""All faults, by name."""

from __future__ import annotations

# Each of these makes its faults known when it is imported.
from hotfolder.sandbox.faults import connections, leading, pictures, spoiling, statuses
from hotfolder.sandbox.faults.kinds import KINDS, Kind

__all__ = ["connections", "kind_of", "leading", "names", "pictures", "spoiling"]


def names() -> list[str]:
    return sorted(KINDS)


def kind_of(name: str | int) -> Kind | None:
    """The fault of that name, or that answers that status; None when there is none."""
    if isinstance(name, int):
        return statuses.status_kind(name) if name in statuses.STATUSES else None
    return KINDS.get(name)
