"""A group that is open at the API, and the photos on their way into it: all of it free.

A photo that may or may not be in a group can't be taken out again. So a group is good for one merge of
exactly the photos that were sent into it, or for none: then it is abandoned, and another one is opened.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hotfolder.errors import (
    BadJob,
    BadWorld,
    HotfolderError,
    LocalTrouble,
    RequestRefused,
    SetChanged,
    TooManyRequests,
    Unreachable,
)
from hotfolder.jobs.allowance import refuse_outside
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.darkroom import refuse_changed
from hotfolder.jobs.limits import Rank
from hotfolder.jobs.tables import JobFile
from hotfolder.jobs.tools import Place, Tools, identity_of
from hotfolder.rules.sets import FileIdentity, sent_name
from hotfolder.stager.answers import SignedUrl
from hotfolder.stager.failures import UrlExpired
from hotfolder.stager.operations import HdrOptions

T = TypeVar("T")

PUT_ATTEMPTS = 3
"""How often one signed URL is used. Repeating a PUT replaces the same image; a second URL would add one."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A photo in the state in which it goes up. `sha256` is of that state's bytes; `develop` as in
    `PictureFacts`: then it is a JPEG made of them that goes up."""

    name: str
    identity: FileIdentity
    sha256: str
    format: str
    develop: str = ""


def sending(file: JobFile) -> Sending:
    return Sending(file.name, identity_of(file), file.sha256, file.format, file.develop)


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes up as `name`: the file at `path`, which stands for `original` in the state `identity`."""

    name: str
    path: Path
    size_bytes: int
    original: Path
    identity: FileIdentity

    def refuse_changed(self, opened: int) -> None:
        """Raise SetChanged when the original is gone or is not the one that is meant. Nor may `opened`, a
        descriptor of what goes up, be of another file: the path may have led elsewhere for a moment."""
        refuse_changed(self.original, self.identity)
        if self.path == self.original and FileIdentity.of(os.fstat(opened)) != self.identity:
            raise SetChanged(f"{self.name} was exchanged while it was being sent")


class OpenGroup:
    """Opens a group of its own at once, and sends photos into it, each as soon as its turn comes.

    `place` is the folder that the photos lie in, by inbox, project and folder; `title` is what the project is
    called at the API; `job` is the id of the job that it is for, None while there is none. Raises
    LocalTrouble for an inbox that isn't in the settings. Belongs to the event loop on which it is made.
    """

    def __init__(
        self,
        tools: Tools,
        place: Place,
        title: str,
        hdr: HdrOptions,
        rank: Rank,
        job: str | None = None,
    ) -> None:
        self.hdr = hdr
        self.photos: dict[str, Sending] = {}
        self._tools = tools
        self.rank = rank
        self._job = job
        self._place = place
        self._folder = tools.places.inbox_named(place[0]) / place[1] / place[2]
        self._begun = False
        self._opening = started(self._open(title))
        self._tasks: set[asyncio.Task[Any]] = {self._opening}

    def send(self, photo: Sending) -> None:
        """Begin with one more photo."""
        self.photos[photo.name] = photo
        # The API gets names of our own making; which number a photo has says nothing but when it came.
        name = sent_name(len(self.photos), photo.format)
        self._tasks.add(started(self._send(photo, name)))

    @property
    def _owner(self) -> str:
        """Who its developed photos belong to."""
        return self._job or f"group {id(self)}"

    def give(self, job: str, rank: Rank) -> None:
        """It is that job's from now on."""
        self._tools.darkroom.hand_over(self._owner, job)
        self._job, self.rank = job, rank

    @property
    def failed(self) -> bool:
        """Whether something has gone wrong: the group can't be used any more."""
        return any(task.done() and (task.cancelled() or task.exception() is not None) for task in self._tasks)

    @property
    def complete(self) -> bool:
        """Whether every photo that was begun is up."""
        return all(task.done() for task in self._tasks) and not self.failed

    @property
    def ids(self) -> tuple[str, str]:
        """The API's ids of the project and of the group; only once it is complete."""
        return self._opening.result()

    def part_of(self, photos: Iterable[Sending]) -> bool:
        """Whether nothing was begun but some of these photos, each in the same state."""
        wanted = {photo.name: photo for photo in photos}
        return all(wanted.get(name) == photo for name, photo in self.photos.items())

    async def finish(self) -> tuple[str, str]:
        """Wait until all photos are up; the ids. When one fails the others are stopped, and the error that
        decides is raised. A cancelled caller abandons the group."""
        try:
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        except asyncio.CancelledError:
            self.abandon()
            raise
        errors = [error for task in done if not task.cancelled() and (error := task.exception())]
        if errors:
            await self.close()
            raise worst(errors)
        return self.ids

    def abandon(self) -> None:
        """Stop whatever is on its way. The group may hold anything now, and is never merged."""
        for task in self._tasks:
            task.cancel()
        if self._job is None:
            self._tools.darkroom.release(self._owner)

    async def close(self) -> None:
        """Abandon it, and return when nothing is on its way any more."""
        self.abandon()
        await asyncio.wait(self._tasks)

    async def _open(self, title: str) -> tuple[str, str]:
        tools = self._tools
        inbox, project, _ = self._place
        known = await tools.desk(tools.store.api_project, tools.origin, inbox, project)
        project_id = known or await api_project(tools, inbox, project, title)
        try:
            async with tools.gate.at("group"):
                group_id = await tools.client.create_group(project_id, self.hdr)
        except RequestRefused as error:
            if error.status == 404 and known is not None:
                # Deleted over there: the next attempt makes another one, and no set of the project fails.
                await tools.desk(tools.store.forget_api_project, tools.origin, inbox, project, project_id)
                raise Unreachable(f"the API doesn't know its project {title!r} any more") from None
            raise
        tools.passing(Checkpoint.GROUP_CREATED)
        return project_id, group_id

    async def _send(self, photo: Sending, name: str) -> None:
        project_id, group_id = await asyncio.shield(self._opening)
        original = self._folder / photo.name
        path, size_bytes = original, photo.identity.size_bytes
        if photo.develop:
            path = await self._tools.darkroom.developed(
                original, photo.sha256, self._owner, expected=photo.identity
            )
            size_bytes = await asyncio.to_thread(lambda: path.lstat().st_size)
        sent = Sent(name, path, size_bytes, original, photo.identity)
        await upload_photo(self._tools, self.rank, project_id, group_id, sent, self._begin)

    def _begin(self) -> None:
        """The first photo is about to go up: from then on the group is finished, whatever the hour."""
        if not self._begun:
            refuse_outside(self._tools.hours, self._tools.clock.now())
            self._begun = True


def started(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that may fail without anybody asking for it."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def api_project(tools: Tools, inbox: str, project: str, title: str) -> str:
    """The API's id of a project folder, made at the folder's first set."""
    async with tools.locks.hold(f"project {inbox}/{project}"):
        known = await tools.desk(tools.store.api_project, tools.origin, inbox, project)
        if known is not None:
            return known
        async with tools.gate.at("project"):
            api_id = await tools.client.create_project(title)
        tools.passing(Checkpoint.PROJECT_CREATED)
        await tools.desk(tools.store.remember_api_project, tools.origin, inbox, project, api_id)
        tools.passing(Checkpoint.PROJECT_REMEMBERED)
        return api_id


async def upload_photo(
    tools: Tools,
    rank: Rank,
    project_id: str,
    group_id: str,
    sent: Sent,
    begin: Callable[[], None],
) -> None:
    """Put one photo into the group, once, and in the state that it is said to have. `begin`
    is called when its turn has come, and raises where it must not go up now."""
    # The address is asked for outside of the turn: the line must not idle for its round trip.
    async with tools.limits.addresses.hold(rank):
        url = await upload_url(tools, project_id, group_id, sent.name)
    async with tools.limits.uploads.hold(rank):
        begin()
        for attempt in range(1, PUT_ATTEMPTS + 1):
            try:
                async with tools.gate.at(f"PUT {url.parsed.host}"):
                    with tools.limits.uploads.feedback():
                        await tools.storage.put(
                            url, sent.path, size_bytes=sent.size_bytes, still=sent.refuse_changed
                        )
                tools.counts.bytes_up(sent.size_bytes)
                break
            except (UrlExpired, LocalTrouble):
                raise  # a share that hangs must not keep the turn from the photos of others
            except BadWorld:
                if attempt == PUT_ATTEMPTS:
                    raise
        tools.passing(Checkpoint.PHOTO_UPLOADED)


async def upload_url(tools: Tools, project_id: str, group_id: str, name: str) -> SignedUrl:
    """A signed URL for one photo. Asked again only after 429, which leaves no image behind in the group."""
    while True:
        try:
            async with tools.gate.at("upload address"):
                return await tools.client.upload_url(project_id, group_id, name)
        except TooManyRequests:
            tools.limits.uploads.refused()
            continue  # the gate decides when to ask again


def worst(errors: Sequence[BaseException]) -> BaseException:
    """The one error of several that decides: a changed set before a bad job before a bad world."""
    leaves = [error for error in errors if isinstance(error, HotfolderError)]
    for kind in (SetChanged, BadJob, BadWorld):
        for error in leaves:
            if isinstance(error, kind):
                return error
    return errors[0]
