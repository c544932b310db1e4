"""What of a recipe is bought already: for whoever wants to know before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

from hotfolder.jobs.keys import merge_key, operation_key, scope_key
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import Result
from hotfolder.rules.recipes import Recipe


def remembered_calls(
    store: Store, ledger: Ledger, origin: str, photos: Sequence[str], recipe: Recipe, *, again: bool
) -> int:
    """How many of the recipe's paid calls, from the first on, would be answered from what was bought.

    `photos` are the sha256 of the set's photos. With `again` there are none.
    """
    if again:
        return 0
    generation = store.generation(scope_key(origin, photos))
    source, found = photos[0], 0
    if recipe.merge:
        results = bought(ledger, merge_key(origin, photos, recipe.hdr, generation))
        if not results:
            return 0
        source, found = results[0].sha256, 1
    for operation in recipe.operations:
        results = bought(ledger, operation_key(origin, source, operation, generation))
        if not results:
            break
        source, found = results[0].sha256, found + 1
    return found


def bought(ledger: Ledger, key: str) -> list[Result]:
    call = ledger.known(key)
    return ledger.results(call.id) if call is not None and call.id is not None else []
