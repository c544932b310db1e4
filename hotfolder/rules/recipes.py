"""The recipe: what is made of one bracket set."""

from __future__ import annotations

import json

from hotfolder.rules.delivery import Delivery
from hotfolder.rules.kinds import operation_word
from hotfolder.stager.operations import Frozen, HdrOptions, Operation


class Variant(Frozen):
    """One of several altered pictures of a set: its name, and all operations after the merge. No two variants
    of a set have the same operations."""

    name: str
    operations: tuple[Operation, ...]


class Recipe(Frozen):
    """HDR options, an ordered list of operations, and the delivery. `merge` is False for a photo that is
    edited as it is; `taken_on` is the camera's day (2026-05-04), empty where unknown; `notes` are sentences
    for the receipt; `by_person`: a person put the photos together. Where there are `variants`, each becomes a
    separate picture, and `operations` is empty.

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

    def altered_pictures(self) -> tuple[Variant, ...]:
        """The altered pictures to make: the variants, or one variant without a name for `operations`; empty
        where nothing is altered."""
        return self.variants or ((Variant(name="", operations=self.operations),) if self.operations else ())

    def operation_paths(self) -> tuple[tuple[Operation, ...], ...]:
        """Every operation to buy, in order, as the path of operations that ends with it. A path that several
        variants share is there once."""
        paths = (
            one.operations[:length]
            for one in self.altered_pictures()
            for length in range(1, len(one.operations) + 1)
        )
        return tuple(dict.fromkeys(paths))

    def words(self) -> tuple[str, ...]:
        """What each paid call makes, in words for people, such as "merge" and "sky-blue"."""
        return (
            *(("merge",) if self.merge else ()),
            *(operation_word(path[-1]) for path in self.operation_paths()),
        )

    def exact_calls(self) -> tuple[str, ...]:
        """Each paid call exactly, as text: its word of `words`, and as JSON the parameters that aren't the
        defaults, for an operation those of all on its path."""
        merges = ((self.hdr,),) if self.merge else ()
        told = (
            [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in path]
            for path in (*merges, *self.operation_paths())
        )
        return tuple(f"{word} {json.dumps(one)}" for word, one in zip(self.words(), told, strict=True))

    def paid_kinds(self) -> tuple[str, ...]:
        """The kind (merge or an operation's) of each paid call, if no earlier purchase can be reused."""
        return (*(("merge",) if self.merge else ()), *(path[-1].kind for path in self.operation_paths()))


NOTHING = Recipe(merge=False)
"""The recipe of a refused set: nothing is made or delivered, not even from earlier purchases."""
