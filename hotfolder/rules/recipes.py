"""The recipe: what is to be done with one bracket set."""

from __future__ import annotations

from hotfolder.rules.delivery import Delivery
from hotfolder.stager.operations import Frozen, HdrOptions, Operation


class Variant(Frozen):
    """One of several looks of a set: a name, and the operations from the merge on. No two are the same."""

    name: str
    operations: tuple[Operation, ...]


class Recipe(Frozen):
    """HDR options, an ordered list of operations, and how what comes of them is delivered. `merge` is False
    for a photo that is edited as it is; `taken_on` is the camera's day (2026-05-04), empty where unknown;
    `notes` are sentences on the photos for whoever reads the receipt; `by_person`: a person put them
    together.
    Where there are `variants`, each is a picture of its own, and `operations` is empty.

    Stored as JSON with its job: a job keeps the recipe that it started with.
    """

    merge: bool = True
    hdr: HdrOptions = HdrOptions()
    operations: tuple[Operation, ...] = ()
    variants: tuple[Variant, ...] = ()
    delivery: Delivery = Delivery()
    taken_on: str = ""
    notes: tuple[str, ...] = ()
    by_person: bool = False

    def altered(self) -> tuple[Variant, ...]:
        """The altered pictures that are made: the variants, or the one without a name."""
        return self.variants or ((Variant(name="", operations=self.operations),) if self.operations else ())

    def steps(self) -> tuple[tuple[Operation, ...], ...]:
        """Every operation to be bought, as the path that leads to it, in the order in which they are. What
        several variants begin with is there once."""
        paths = (
            one.operations[:length] for one in self.altered() for length in range(1, len(one.operations) + 1)
        )
        return tuple(dict.fromkeys(paths))

    def paid_kinds(self) -> tuple[str, ...]:
        """What is paid for when nothing is remembered: merge, sky, lawn or stage, once for each paid call."""
        return (*(("merge",) if self.merge else ()), *(path[-1].kind for path in self.steps()))


NOTHING = Recipe(merge=False)
"""What is made of a refused set: not even what was bought of its photos before is delivered."""
