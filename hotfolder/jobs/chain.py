"""The paid calls of a recipe, as far as they were begun: the merge, then each operation on its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotfolder.jobs.keys import merge_key, operation_key
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.tables import Call, Result
from hotfolder.rules.recipes import Recipe
from hotfolder.stager.operations import Operation


@dataclass(frozen=True, slots=True)
class Link:
    """One paid call that holds its key. `path` are the operations from the merge to it, empty for the merge
    itself; `results` may be none yet."""

    path: tuple[Operation, ...]
    call: Call
    results: tuple[Result, ...]

    @property
    def operation(self) -> Operation | None:
        """None for the merge."""
        return self.path[-1] if self.path else None


def read_chain(
    ledger: Ledger, origin: str, photos: Sequence[str], recipe: Recipe, generation: int
) -> list[Link]:
    """The calls from the first on, whichever job began them, in the order of the recipe's steps; each way
    ends with the first that has no results.

    `photos` are the sha256 of the set's photos. Which key an operation has only the picture before it tells.
    """
    links: list[Link] = []
    sources: dict[tuple[Operation, ...], str] = {}
    if not recipe.merge:
        sources[()] = photos[0] if photos else ""
    for path in (*(((),) if recipe.merge else ()), *recipe.steps()):
        if path and path[:-1] not in sources:
            continue
        if path:
            key = operation_key(origin, sources[path[:-1]], path[-1], generation)
        else:
            key = merge_key(origin, photos, recipe.hdr, generation)
        call = ledger.known(key)
        if call is None or call.id is None:
            continue
        results = tuple(ledger.results(call.id))
        links.append(Link(path, call, results))
        if results:
            sources[path] = results[0].sha256
    return links


def bought(links: Sequence[Link]) -> list[Link]:
    """Those links whose pictures are known."""
    return [link for link in links if link.results]
