"""Publishing: pictures and receipt into done/."""

from __future__ import annotations

from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.states import Event
from hotfolder.jobs.steps.bought import back_to_missing, purchases
from hotfolder.jobs.steps.delivering import deliver
from hotfolder.jobs.tables import Job
from hotfolder.jobs.tools import Tools, recipe_of


async def publish(tools: Tools, job: Job) -> Job:
    """Deliver everything that was bought, with its receipt."""
    chain = await purchases(tools, job)
    if len(chain) < recipe_of(job).paid_calls():
        return await back_to_missing(tools, job)
    delivered = await deliver(tools, job, chain)
    job = await tools.desk(tools.store.advance, job.id, Event.FILE, tools.clock.now(), **delivered.receipt)
    tools.passing(Checkpoint.RECEIPT_RECORDED)
    return job
