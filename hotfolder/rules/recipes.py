"""The recipe: what is to be done with one bracket set."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hotfolder.rules.delivery import Delivery
from hotfolder.stager.operations import HdrOptions, Operation


class Recipe(BaseModel):
    """HDR options, an ordered list of operations, and how what comes of them is delivered. `merge` is False
    for a photo that is edited as it is; `taken_on` is the camera's day (2026-05-04), empty where unknown.

    Stored as JSON with its job: a job keeps the recipe that it started with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    merge: bool = True
    hdr: HdrOptions = HdrOptions()
    operations: tuple[Operation, ...] = ()
    delivery: Delivery = Delivery()
    taken_on: str = ""

    def paid_calls(self) -> int:
        """How many paid requests it takes when nothing is remembered."""
        return int(self.merge) + len(self.operations)
