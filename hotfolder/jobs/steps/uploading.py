"""Uploading: photos into an API group of their set, while the set still arrives and once its job has
begun."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from anyio import to_thread

from hotfolder.crashpoints import CrashPoint
from hotfolder.errors import (
    BadJob,
    BadWorld,
    LocalTrouble,
    RequestRefused,
    RuleRefused,
    SetChanged,
    TooManyRequests,
    Unreachable,
)
from hotfolder.jobs.breaker import API
from hotfolder.jobs.budget import refuse_outside
from hotfolder.jobs.context import JobContext, SetPlace, chain_of, place_of, recipe_of
from hotfolder.jobs.darkroom import refuse_changed
from hotfolder.jobs.limits import Rank, photo_rank
from hotfolder.jobs.model import Job, JobFile
from hotfolder.jobs.queries import has_group
from hotfolder.jobs.states import State
from hotfolder.rules.recipes import NOTHING
from hotfolder.rules.routing import plan
from hotfolder.rules.sets import FileIdentity, sent_name
from hotfolder.stager.answers import SignedUrl
from hotfolder.stager.failures import GOES_ON, UrlExpired
from hotfolder.stager.operations import HdrOptions

T = TypeVar("T")

PUT_ATTEMPTS = 3
"""Attempts with one signed URL. A repeated PUT replaces the same image; a second URL would add another
one."""


@dataclass(eq=False)
class OpenGroup:
    """An API group that is opened at once in a task, and into which photos are sent in tasks.

    `place` is the photos' folder (inbox, project, folder), `title` the project's name at the API, `job` the
    id of its job, None while the set still arrives. Raises LocalTrouble for an inbox that isn't in the
    settings. Belongs to the event loop on which it is made.
    """

    context: JobContext
    place: SetPlace
    title: str
    hdr: HdrOptions
    rank: Rank
    job: str | None = None

    def __post_init__(self) -> None:
        self.photos: dict[str, JobFile] = {}
        self.uploaded = 0
        """The number of photos uploaded so far."""
        self.heard_at = self.context.clock.monotonic()
        """The monotonic time of the last event of the set that still arrives."""
        self._folder = self.context.places.inbox(self.place[0]).joinpath(*self.place[1:])
        self.begun = False
        """Whether a photo has begun to go up."""
        self._opening = background_task(self._open())
        self._tasks: set[asyncio.Task[Any]] = {self._opening}

    def send(self, photo: JobFile) -> None:
        """Begin the upload of one more photo."""
        self.photos[photo.name] = photo
        # The API gets names of our own; the number is only the order of arrival.
        name = sent_name(len(self.photos), photo.format)
        self._tasks.add(background_task(self._send(photo, name)))

    @property
    def _owner(self) -> str:
        """The owner of its developed photos in the darkroom."""
        return self.job or f"group {id(self)}"

    def assign_to(self, job: str, rank: Rank) -> None:
        """Assign the group and its developed photos to a job."""
        self.context.darkroom.hand_over(self._owner, job)
        self.job, self.rank = job, rank

    @property
    def failed(self) -> bool:
        """Whether a task has failed, so that the group can't be used any more."""
        return any(task.done() and (task.cancelled() or task.exception() is not None) for task in self._tasks)

    def part_of(self, photos: Iterable[JobFile]) -> bool:
        """Whether every photo sent so far is one of these, with the same identity and content."""
        wanted = {photo.name: photo for photo in photos}
        return all(
            name in wanted and (photo.identity, photo.sha256) == (wanted[name].identity, wanted[name].sha256)
            for name, photo in self.photos.items()
        )

    async def finish(self) -> tuple[str, str]:
        """Wait until all photos are uploaded; returns the ids of API project and group. When one fails, the
        others are cancelled and the `worst` error is raised. Cancelling the caller abandons the group."""
        try:
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        except asyncio.CancelledError:
            self.abandon()
            raise
        errors = [error for task in done if not task.cancelled() and (error := task.exception())]
        if errors:
            await self.close()
            raise worst(errors)
        return self._opening.result()

    def fits(self, photos: Iterable[JobFile], hdr: HdrOptions) -> bool:
        """Whether it can be merged with these options, with all photos so far among `photos`."""
        return not self.failed and self.hdr == hdr and self.part_of(photos)

    def abandon(self) -> None:
        """Cancel all uploads. The group's content is undefined afterwards, and it is never merged."""
        for task in self._tasks:
            task.cancel()
        if self.job is None:
            self.context.darkroom.release(self._owner)

    async def close(self) -> None:
        """`abandon`, and wait until all uploads have ended."""
        self.abandon()
        await asyncio.wait(self._tasks)

    async def _open(self) -> tuple[str, str]:
        context = self.context
        inbox, project, _ = self.place
        known = await context.store_thread(context.store.api_project, context.origin, inbox, project)
        project_id = known or await api_project(context, inbox, project, self.title)
        try:
            async with context.breakers.at(API):
                group_id = await context.client.create_group(project_id, self.hdr)
        except RequestRefused as error:
            if error.status in (404, 410) and known is not None:
                # Deleted at the API: the retry creates a new one, so that no set of the project fails.
                await context.store_thread(
                    context.store.forget_api_project, context.origin, inbox, project, project_id
                )
                raise Unreachable(f"the API doesn't know its project {self.title!r} any more") from None
            raise
        unknown = context.groups_by_id.setdefault(group_id, self) is self
        if not unknown or await context.store_thread(has_group, context.store, group_id):
            # The photos of two sets would be merged into one picture. One that is merged refuses a second.
            raise Unreachable("the API named one group for two sets", hint=GOES_ON)
        CrashPoint.GROUP_CREATED.passed()
        return project_id, group_id

    async def _send(self, photo: JobFile, name: str) -> None:
        """Upload one photo into the group, exactly once. Raises SetChanged where it differs from `photo`."""
        context = self.context
        project_id, group_id = await asyncio.shield(self._opening)
        original = self._folder / photo.name
        path, size_bytes = original, photo.identity.size_bytes
        if photo.develop:
            path = await context.darkroom.developed(
                original, photo.sha256, self._owner, expected=photo.identity
            )
            size_bytes = await to_thread.run_sync(lambda: path.lstat().st_size)
        check = partial(refuse_exchanged, original, photo.identity, developed=path != original)
        async with context.limits.uploads.hold(self.rank):
            if not self.begun:  # a group that has begun is completed outside of the hours, too
                refuse_outside(context.settings.hours, context.clock.now())
                self.begun = True
            url = await upload_url(context, project_id, group_id, name)
            try:
                await put_photo(context, url, path, size_bytes, check)
            except RequestRefused as error:
                raise RequestRefused(
                    f"The storage didn't take {photo.name}: {error.why}",
                    hint="Drag the folder back to have it tried once more; where the same photo is refused"
                    " again, export it anew.",
                    status=error.status,
                ) from None
        self.uploaded += 1
        CrashPoint.PHOTO_UPLOADED.passed()


def background_task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task whose exception need not be retrieved."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def api_project(context: JobContext, inbox: str, project: str, title: str) -> str:
    """The API's project id of a project folder; the project is created at the folder's first set."""
    async with context.lock(f"project {inbox}/{project}"):
        known = await context.store_thread(context.store.api_project, context.origin, inbox, project)
        if known is not None:
            return known
        async with context.breakers.at(API):
            api_id = await context.client.create_project(title)
        CrashPoint.PROJECT_CREATED.passed()
        remember = context.store.remember_api_project
        api_id = await context.store_thread(remember, context.origin, inbox, project, api_id)
        CrashPoint.PROJECT_REMEMBERED.passed()
        return api_id


def refuse_exchanged(original: Path, expected: FileIdentity, opened: int, *, developed: bool) -> None:
    """Raise SetChanged where the original is gone or differs from `expected`, or where `opened`, the
    descriptor of the uploaded file, is of another file: the path may have been replaced for a moment. A
    `developed` file is not compared."""
    refuse_changed(original, expected)
    if not developed and FileIdentity.of(os.fstat(opened)) != expected:
        raise SetChanged(f"{original.name} was exchanged while it was being sent")


async def put_photo(
    context: JobContext, url: SignedUrl, path: Path, size_bytes: int, check: Callable[[int], None]
) -> None:
    """PUT a file to its signed URL, up to PUT_ATTEMPTS times after BadWorld. Raises UrlExpired and
    LocalTrouble at once, and what `check` raises."""
    for attempt in range(1, PUT_ATTEMPTS + 1):
        try:
            async with context.breakers.at(url.parsed.host):
                with context.limits.uploads.feedback():
                    await context.storage.put(url, path, size_bytes=size_bytes, extra_check=check)
            return context.counts.bytes_up(size_bytes)
        except (UrlExpired, LocalTrouble):
            raise  # a share that hangs must not hold the upload limit against other photos
        except BadWorld:
            if attempt == PUT_ATTEMPTS:
                raise


async def upload_url(context: JobContext, project_id: str, group_id: str, name: str) -> SignedUrl:
    """A signed URL for one photo. Retried only after 429, which leaves no image in the group."""
    while True:
        try:
            async with context.breakers.at(API):
                return await context.client.upload_url(project_id, group_id, name)
        except TooManyRequests:
            context.limits.uploads.refused()
            continue  # the breaker decides when to ask again


def worst(errors: Sequence[BaseException]) -> BaseException:
    """The error of several that is raised: SetChanged before BadJob before BadWorld before any other."""
    kinds = (SetChanged, BadJob, BadWorld, BaseException)
    return min(errors, key=lambda error: [isinstance(error, kind) for kind in kinds].index(True))


async def begin(context: JobContext, job: Job) -> Job:
    """The step of QUEUED: apply the rules in force, then move to MERGING where the merge was bought before,
    to EDITING where nothing is merged, else to UPLOADING. Raises NotAllowed outside of the hours, and
    SetChanged where its folder was renamed since."""
    photos = await context.photos(job)
    job = await with_current_rules(context, job, len(photos))
    recipe, early = recipe_of(job), context.early_groups.get(place_of(job))
    first = {()} if recipe.merge else {path[:1] for path in recipe.operation_paths()}
    chain = await context.store_thread(chain_of, context.store, job)
    sends = not first <= {step.path for step in chain}
    if sends and not (early is not None and early.begun and early.fits(photos, recipe.hdr)):
        await context.refuse_renamed(job)
        refuse_outside(context.settings.hours, context.clock.now())
    state = State.EDITING
    if recipe.merge:
        state = State.UPLOADING if sends else State.MERGING
    if state is not State.UPLOADING and (group := context.early_groups.pop(place_of(job), None)) is not None:
        group.abandon()
    return await context.advance(job, state)


async def with_current_rules(context: JobContext, job: Job, photo_count: int) -> Job:
    """The job with the recipe of the rules in force, however long it has waited. Raises RuleRefused where
    they refuse it."""
    before = recipe_of(job)
    rulebook = context.settings.rulebooks.get(job.inbox)
    if rulebook is None:
        return job
    refusal = None
    try:
        decided = plan(rulebook, job.project, job.folder or job.room, photo_count)
        recipe, route = decided.recipe, decided.route
    except RuleRefused as error:
        recipe, route, refusal = NOTHING, None, error
    # These come from the photos and not from the rules.
    of_photos = {name: getattr(before, name) for name in ("taken_on", "notes", "by_person")}
    recipe = recipe.model_copy(update=of_photos)
    if (recipe, route) != (before, job.route):
        now = context.clock.now()
        job = await context.store_thread(
            context.store.replace_recipe, job.id, recipe.model_dump_json(), route, now
        )
    if refusal is not None:
        raise refusal
    return job


async def upload(context: JobContext, job: Job) -> Job:
    """The step of UPLOADING: put every photo into a group, the one opened while they arrived or a new one.

    Any error abandons the group, since a photo can't be removed from it again; groups and uploads are free.
    Outside of the hours no group is begun, but one that was begun is completed. Raises NotAllowed,
    SetChanged, BadJob, BadWorld.
    """
    context.refuse_out_of_reach(job)
    photos = await context.photos(job)
    group = take_early(context, job, photos)
    if group is None:
        await context.refuse_renamed(job)
        refuse_outside(context.settings.hours, context.clock.now())
        group = OpenGroup(context, place_of(job), job.title, recipe_of(job).hdr, photo_rank(job), job.id)
    for file in photos:
        if file.name not in group.photos:
            group.send(file)
    context.uploading_groups[job.id] = group
    try:
        project_id, group_id = await group.finish()
    finally:
        del context.uploading_groups[job.id]
    ids = {"group_id": group_id, "api_project_id": project_id}
    job = await context.advance(job, State.MERGING, **ids)
    CrashPoint.GROUP_COMPLETE.passed()
    return job


def take_early(context: JobContext, job: Job, photos: list[JobFile]) -> OpenGroup | None:
    """Take the group that was opened while these photos arrived, and assign it to the job; missing photos can
    still be sent into it. None where there is none or it doesn't fit, after it was abandoned."""
    group = context.early_groups.pop(place_of(job), None)
    if group is None:
        return None
    if not group.fits(photos, recipe_of(job).hdr):
        group.abandon()
        return None
    # As old as its first photo, and with the job's own priority.
    group.assign_to(job.id, (*group.rank[:2], job.id))
    return group
