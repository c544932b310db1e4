"""What a job has bought so far, read from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotfolder import log
from hotfolder.jobs.keys import merge_key, operation_key
from hotfolder.jobs.states import Event
from hotfolder.jobs.steps.fetching import all_here
from hotfolder.jobs.tables import Call, Job, Result
from hotfolder.jobs.tools import Tools, recipe_of
from hotfolder.stager.operations import Operation

logger = log.get("bought")


@dataclass(frozen=True, slots=True)
class Purchase:
    """One paid call that brought pictures. `operation` is None for the merge."""

    operation: Operation | None
    call: Call
    results: Sequence[Result]


async def purchases(tools: Tools, job: Job) -> list[Purchase]:
    """The job's chain as far as it was bought and is here: the merge, then its operations in order."""
    recipe = recipe_of(job)
    photos = await tools.photos(job)
    hashes = [photo.sha256 for photo in photos]
    chain: list[Purchase] = []
    source = hashes[0] if hashes else ""
    if recipe.merge:
        bought = await look_up(tools, merge_key(job.origin, hashes, recipe.hdr, job.generation), None)
        if bought is None:
            return chain
        chain.append(bought)
        source = bought.results[0].sha256
    for operation in recipe.operations:
        bought = await look_up(tools, operation_key(job.origin, source, operation, job.generation), operation)
        if bought is None:
            return chain
        chain.append(bought)
        source = bought.results[0].sha256
    return chain


async def look_up(tools: Tools, key: str, operation: Operation | None) -> Purchase | None:
    call = await tools.desk(tools.ledger.known, key)
    if call is None or call.id is None:
        return None
    results = await tools.desk(tools.ledger.results, call.id)
    return Purchase(operation, call, results) if await all_here(tools, results) else None


async def back_to_missing(tools: Tools, job: Job) -> None:
    """Send a job whose purchases aren't all here back to the step that fetches them."""
    event = Event.MERGE if recipe_of(job).merge else Event.EDIT
    logger.warning("results_missing", folder=str(tools.places.results))
    await tools.desk(tools.store.advance, job.id, event, tools.clock.now())
