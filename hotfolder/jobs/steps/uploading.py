"""Queued and uploading: everything that is free and comes before the merge."""

from __future__ import annotations

from hotfolder.errors import RuleRefused
from hotfolder.jobs.allowance import refuse_outside
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.groups import OpenGroup, sending
from hotfolder.jobs.keys import merge_key
from hotfolder.jobs.limits import photo_rank
from hotfolder.jobs.states import Event
from hotfolder.jobs.tables import Job, JobFile
from hotfolder.jobs.tools import Tools, place_of, recipe_of


async def begin(tools: Tools, job: Job) -> Job:
    """A queued job, by the rules in force: to the merge at once when that is remembered, or when all its
    photos went up while they still arrived; else to uploading, once photos may be sent."""
    job = await planned(tools, job)
    recipe = recipe_of(job)
    if not recipe.merge:
        drop_early(tools, job)
        return await tools.desk(tools.store.advance, job.id, Event.EDIT, tools.clock.now())
    photos = await tools.photos(job)
    key = merge_key(job.origin, [file.sha256 for file in photos], recipe.hdr, job.generation)
    if await tools.desk(tools.ledger.known, key):
        drop_early(tools, job)
        return await tools.desk(tools.store.advance, job.id, Event.MERGE, tools.clock.now())
    early = tools.early.get(place_of(job))
    if early is not None and early.complete and len(early.photos) == len(photos):
        group = take_early(tools, job, photos)
        if group is not None:
            return await take_group(tools, job, group)
    if early is None:
        refuse_outside(tools.hours, tools.clock.now())
    return await tools.desk(tools.store.advance, job.id, Event.UPLOAD, tools.clock.now())


async def planned(tools: Tools, job: Job) -> Job:
    """The job as the rules want it now, however long it has waited: with their recipe, or refused."""
    before = recipe_of(job)
    decided = tools.decide(job, len(await tools.photos(job)))
    if decided is None:
        return job
    # What the photos say, and not the rules, stays.
    recipe = decided.recipe.model_copy(update={"taken_on": before.taken_on, "notes": before.notes})
    now = tools.clock.now()
    if (recipe, decided.route) != (before, job.route):
        job = await tools.desk(tools.store.plan_anew, job.id, recipe.model_dump_json(), decided.route, now)
    if decided.reason:
        raise RuleRefused(decided.reason, hint=decided.hint)
    return job


async def upload(tools: Tools, job: Job) -> Job:
    """Put every photo into a group: the one that was opened while they arrived, or a new one.

    Whatever goes wrong abandons the group, since a photo that may or may not be in it can't be taken
    out again; groups and uploads are free. Outside of the hours for it none is begun; one that was begun
    is finished.
    """
    tools.refuse_out_of_reach(job)
    photos = await tools.photos(job)
    group = take_early(tools, job, photos)
    if group is None:
        refuse_outside(tools.hours, tools.clock.now())
        group = OpenGroup(tools, place_of(job), job.title, recipe_of(job).hdr, photo_rank(job), job.id)
    for file in photos:
        if file.name not in group.photos:
            group.send(sending(file))
    await group.finish()
    return await take_group(tools, job, group)


def take_early(tools: Tools, job: Job, photos: list[JobFile]) -> OpenGroup | None:
    """The group that was opened for these photos while they arrived, if it is good for them. It is nobody
    else's any more, and whatever it still lacks can be sent into it."""
    group = tools.early.pop(place_of(job), None)
    if group is None:
        return None
    wanted = [sending(file) for file in photos]
    if group.failed or group.hdr != recipe_of(job).hdr or not group.part_of(wanted):
        group.abandon()
        return None
    # As old as its first photo, and with the job's own priority.
    group.give(job.id, (*group.rank[:2], job.id))
    return group


def drop_early(tools: Tools, job: Job) -> None:
    """Abandon what went up early for a job that needs no group."""
    group = tools.early.pop(place_of(job), None)
    if group is not None:
        group.abandon()


async def take_group(tools: Tools, job: Job, group: OpenGroup) -> Job:
    """Record the group that holds exactly the job's photos."""
    project_id, group_id = group.ids
    job = await tools.desk(
        tools.store.advance,
        job.id,
        Event.MERGE,
        tools.clock.now(),
        group_id=group_id,
        api_project_id=project_id,
    )
    tools.passing(Checkpoint.GROUP_COMPLETE)
    return job
