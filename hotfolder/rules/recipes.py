"""The recipe: what is to be done with one bracket set."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hotfolder.stager.operations import HdrOptions, Operation


class Recipe(BaseModel):
    """HDR options and an ordered list of operations. `merge` is False for a photo that is edited as it is.

    Stored as JSON with its job: a job keeps the recipe that it started with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    merge: bool = True
    hdr: HdrOptions = HdrOptions()
    operations: tuple[Operation, ...] = ()

    def paid_calls(self) -> int:
        """How many paid requests it takes when nothing is remembered."""
        return int(self.merge) + len(self.operations)
