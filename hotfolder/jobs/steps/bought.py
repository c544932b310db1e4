"""What a job has bought so far, and whether its pictures are here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hotfolder import log
from hotfolder.jobs.chain import Link, read_chain
from hotfolder.jobs.states import Event
from hotfolder.jobs.steps.fetching import are_here
from hotfolder.jobs.tables import Job
from hotfolder.jobs.tools import Tools, recipe_of
from hotfolder.stager.operations import Operation

logger = log.get("bought")


async def job_chain(tools: Tools, job: Job) -> list[Link]:
    """The job's paid calls, as `read_chain` has them."""
    hashes = [photo.sha256 for photo in await tools.photos(job)]
    return await tools.desk(read_chain, tools.ledger, job.origin, hashes, recipe_of(job), job.generation)


async def purchases(tools: Tools, job: Job) -> list[Link]:
    """The job's chain as far as its pictures are in state/results/."""
    return await asyncio.to_thread(those_here, tools, job, await job_chain(tools, job))


def those_here(tools: Tools, job: Job, chain: Sequence[Link]) -> list[Link]:
    here: list[Link] = []
    reached: set[tuple[Operation, ...]] = set() if recipe_of(job).merge else {()}
    for link in chain:
        if (not link.path or link.path[:-1] in reached) and are_here(tools, link.results):
            reached.add(link.path)
            here.append(link)
    return here


async def back_to_missing(tools: Tools, job: Job) -> Job:
    """Send a job whose purchases aren't all here back to the step that fetches them."""
    event = Event.MERGE if recipe_of(job).merge else Event.EDIT
    logger.warning("results_missing", folder=str(tools.places.results))
    return await tools.desk(tools.store.advance, job.id, event, tools.clock.now())
