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
    """One paid call that holds its key. `operation` is None for the merge; `results` may be none yet."""

    operation: Operation | None
    call: Call
    results: tuple[Result, ...]


def read_chain(
    ledger: Ledger, origin: str, photos: Sequence[str], recipe: Recipe, generation: int
) -> list[Link]:
    """The calls from the first on, whichever job began them; it ends with the first that has no results.

    `photos` are the sha256 of the set's photos. Which key an operation has only the picture before it tells.
    """
    links: list[Link] = []
    source = photos[0] if photos else ""
    for operation in (*((None,) if recipe.merge else ()), *recipe.operations):
        if operation is None:
            key = merge_key(origin, photos, recipe.hdr, generation)
        else:
            key = operation_key(origin, source, operation, generation)
        call = ledger.known(key)
        if call is None or call.id is None:
            break
        results = tuple(ledger.results(call.id))
        links.append(Link(operation, call, results))
        if not results:
            break
        source = results[0].sha256
    return links


def bought(links: Sequence[Link]) -> list[Link]:
    """Those links whose pictures are known."""
    return [link for link in links if link.results]
