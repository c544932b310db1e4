"""What the exposures of a scene show, and a merge of them must show too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotfolder.sandbox.imaging.contrast import best_contrast, raised
from hotfolder.sandbox.imaging.files import Picture, Plane
from hotfolder.sandbox.imaging.rises import Rises, agreed_rises, turned_back


@dataclass(frozen=True)
class Exposures:
    """Small planes, which outlive the frames that they were taken from."""

    contrast: list[Plane]
    rises: list[Rises]

    @classmethod
    def of(cls, frames: Sequence[Picture], coverage: Sequence[Plane | None]) -> Exposures:
        """`coverage` is as for `fuse`."""
        return cls(best_contrast(frames, coverage), agreed_rises(frames))

    def matched(self, light: Plane) -> Plane:
        """`light`, the luma of a merge, with the exposures' details, rising where they agree that it does."""
        return turned_back(raised(light, self.contrast), self.rises)
