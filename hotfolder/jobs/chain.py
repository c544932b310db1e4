"""The paid calls of a recipe, as far as they were begun: the merge, then each operation on its result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hotfolder.jobs.keys import merge_key, operation_key
from hotfolder.jobs.ledger import Ledger, bought_with, holder
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


@dataclass(frozen=True, slots=True)
class Wish:
    """What a job wants made of its photos (sha256 each)."""

    origin: str
    photos: Sequence[str]
    recipe: Recipe
    generation: int

    def paths(self) -> tuple[tuple[Operation, ...], ...]:
        """Those of its paid calls, in the order of the recipe's steps, the merge first."""
        return (*(((),) if self.recipe.merge else ()), *self.recipe.steps())

    def sources(self) -> dict[tuple[Operation, ...], str]:
        """The sha256 of the picture that each path has led to, before anything is looked up."""
        return {} if self.recipe.merge else {(): self.photos[0] if self.photos else ""}

    def key(self, path: tuple[Operation, ...], sources: Mapping[tuple[Operation, ...], str]) -> str | None:
        """Of the last call of a path. None while nobody knows: only the picture before it tells."""
        if not path:
            return merge_key(self.origin, self.photos, self.recipe.hdr, self.generation)
        source = sources.get(path[:-1])
        return None if source is None else operation_key(self.origin, source, path[-1], self.generation)


def read_chain(
    ledger: Ledger, origin: str, photos: Sequence[str], recipe: Recipe, generation: int
) -> list[Link]:
    """The calls from the first on, whichever job began them, in the order of the recipe's steps; each way
    ends with the first that has no results.

    `photos` are the sha256 of the set's photos.
    """
    wish = Wish(origin, photos, recipe, generation)
    links: list[Link] = []
    sources = wish.sources()
    with ledger.session() as session:
        for path in wish.paths():
            key = wish.key(path, sources)
            call = None if key is None else holder(session, key)
            if call is None or call.id is None:
                continue
            results = tuple(bought_with(session, call.id))
            links.append(Link(path, call, results))
            if results:
                sources[path] = results[0].sha256
    return links


def reached(ledger: Ledger, wishes: Sequence[Wish]) -> frozenset[str]:
    """The keys of all calls that are in the chains of these, as `read_chain` has them; for many at once."""
    found: set[str] = set()
    sources = [wish.sources() for wish in wishes]
    ways = [(number, path) for number, wish in enumerate(wishes) for path in wish.paths()]
    for depth in sorted({len(path) for _, path in ways}):
        asked: dict[str, list[tuple[int, tuple[Operation, ...]]]] = defaultdict(list)
        for number, path in ways:
            key = wishes[number].key(path, sources[number]) if len(path) == depth else None
            if key is not None:
                asked[key].append((number, path))
        for key, sha256 in ledger.brought(list(asked)).items():
            found.add(key)
            for number, path in asked[key] if sha256 else ():
                sources[number][path] = sha256
    return frozenset(found)


def bought(links: Sequence[Link]) -> list[Link]:
    """Those links whose pictures are known."""
    return [link for link in links if link.results]
