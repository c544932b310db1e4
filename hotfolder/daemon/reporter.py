"""Reports changes of the daemon's state to other processes (rows in the store) and to people (STATUS.txt)."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path

from anyio import to_thread

from hotfolder import log
from hotfolder.daemon.galleries import Galleries
from hotfolder.daemon.intake import Intake, room_of
from hotfolder.daemon.reload import LiveSettings
from hotfolder.daemon.shoots import Hold
from hotfolder.display import with_hint
from hotfolder.errors import LocalTrouble
from hotfolder.inbox.inbox import Inbox
from hotfolder.jobs.budget import midnight, waits_until
from hotfolder.jobs.context import JobContext, Places, SetPlace
from hotfolder.jobs.model import SANDBOX, FolderRole, Job
from hotfolder.jobs.queries import rooms_finished
from hotfolder.jobs.states import NEEDS_PERSON, State
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.names import name_key, safe_name
from hotfolder.outbox.outputs import MountIdentity, OutputFolders
from hotfolder.outbox.placing import keyed_names_in
from hotfolder.outbox.texts import REASON_NAME as REASON
from hotfolder.outbox.texts import without_timestamp, write_status
from hotfolder.paths import is_dir, is_file
from hotfolder.pictures.formats import is_photo_name
from hotfolder.rules.hours import opens_at
from hotfolder.telemetry.daemons import (
    DAEMON_STATUS,
    PROGRESS,
    ApiTrouble,
    ArrivingSet,
    DaemonStatus,
    PublishedInbox,
    SettingsStatus,
    place_key,
)
from hotfolder.telemetry.overview import NOBODY, Overview, overview
from hotfolder.telemetry.statusfile import LATELY, MOST_SHOWN, status_page
from hotfolder.telemetry.telemetry import Telemetry

logger = log.get("reporter")

STOP_SECONDS = 2.0


class StatusFiles:
    """Writes the STATUS.txt of each inbox, always its latest text. Writes to one inbox are sequential, so a
    write that hangs is never overtaken."""

    def __init__(self, inboxes: Mapping[str, Path], confirm: Callable[[Path], None]) -> None:
        """`confirm` raises LocalTrouble where the path isn't the inbox now: a bare mount point gets no file,
        since some disks can't be mounted over one."""
        self._inboxes = inboxes
        self._confirm = confirm
        self._wanted: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}

    def show(self, inbox: str, text: str, *, once: bool = False) -> None:
        """Schedule a write of `text` as the inbox's page. Never blocks, never raises. With `once` nothing is
        written where this process wrote the same last, even if another machine has written since."""
        last = self._written.get(inbox, "")
        if once and without_timestamp(text.encode()) == without_timestamp(last.encode()):
            return
        self._wanted[inbox] = text
        if inbox not in self._writing:
            self._writing[inbox] = asyncio.create_task(self._write(inbox))

    async def finish(self) -> None:
        """Wait for the scheduled writes, at most STOP_SECONDS."""
        if self._writing:
            await asyncio.wait(set(self._writing.values()), timeout=STOP_SECONDS)

    def _put(self, inbox: Path, text: str) -> None:
        self._confirm(inbox)
        write_status(inbox, text)

    async def _write(self, inbox: str) -> None:
        try:
            while (text := self._wanted.pop(inbox, None)) is not None:
                await to_thread.run_sync(self._put, self._inboxes[inbox], text)
                self._written[inbox] = text
        except LocalTrouble as error:
            logger.warning("not_reported", reason=error.message)
        except Exception:
            logger.exception("not_reported")
        finally:
            del self._writing[inbox]


PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, SHARE = 0.5, 10.0, 10
"""The pause between two calls of `tell`, at least and at most. Within these it grows so that reporting takes
at most a tenth of the time (1 / SHARE)."""
WHOLE_SECONDS = 3.0
"""The least interval of `report`: STATUS.txt and notifications."""
OTHERS_SECONDS = 10.0
"""The interval of `report` while only other machines of the store change anything."""
STORE_SECONDS = 60.0
FAILED_SECONDS = 60.0
"""The interval of checks of failed/, perhaps on a share: one listing for each project with a failed set."""
MOST_ROOMS = 1000
"""The most rooms that are listed as finished lately."""
WHOLE_SHOOT = "(the whole shoot)"


@dataclass(eq=False)
class Reporter:
    """Tells other processes of changes twice a second, and people about every three seconds."""

    context: JobContext
    inboxes: Mapping[str, Inbox]
    outputs: OutputFolders
    intake: Intake
    telemetry: Telemetry
    live: LiveSettings
    galleries: Galleries

    def __post_init__(self) -> None:
        """Registers the heartbeat "store", which is beaten when the store answers a report."""
        self._beat = self.telemetry.heartbeats.expect("store", STORE_SECONDS)
        self.clock = self.context.clock
        self.pages = StatusFiles(self.context.places.inboxes, self.context.places.confirm_inbox)
        self._published: dict[str, object] = {}
        self._held: dict[str, dict[SetPlace, tuple[Hold, tuple[ArrivingSet, ...]]]] = {}
        """By inbox, the lines of each hold. They are made once: thousands may wait."""
        self._remembered: dict[tuple[str, str], MountIdentity] = {}
        self._told: object = None
        """The inputs of the last report; None where another one is due."""
        self._news = False
        self._others_at = float("-inf")
        self._gone: Mapping[str, list[str]] = {}
        self._ended: Mapping[str, Mapping[str, Mapping[str, datetime]]] = {}

    async def run(self) -> None:
        """Report until cancelled."""
        trouble = log.RecurringWarning(logger, "not_reported")
        report_at = float("-inf")
        while True:
            began = self.clock.monotonic()
            try:
                await self.publish()
                took = self.clock.monotonic() - began
                if began >= report_at:
                    await self.report()
                    trouble.reset()  # `publish` without news doesn't ask the store
            except LocalTrouble as error:
                trouble.warn(error.message)
                self._show_trouble(error)
                took = self.clock.monotonic() - began
            if began >= report_at:
                self._beat()  # a store that answers with an error answers
                report_at = began + pause_after(self.clock.monotonic() - began, WHOLE_SECONDS)
            await self.clock.sleep(pause_after(took, PAUSE_SECONDS))

    async def watch_failed(self) -> None:
        """Check each minute which failed sets have no folder in failed/ any more, until cancelled."""
        while True:
            with suppress(LocalTrouble):  # a folder that can't be read doesn't count as deleted
                await self._find_gone()
            await self.clock.sleep(FAILED_SECONDS)

    async def _find_gone(self) -> None:
        context, places = self.context, self.context.places
        filed = await context.store_thread(context.store.in_states, NEEDS_PERSON)
        self._gone = await to_thread.run_sync(missing_failed_jobs, places, filed)

    async def publish(self) -> None:
        """Write what has changed since the last call into the store, for other processes. What the store
        already has, such as jobs' states, is not repeated. Raises LocalTrouble."""
        context = self.context
        opens = opens_at(context.settings.hours, self.clock.now().astimezone())
        status = DaemonStatus(
            trouble=self._api_trouble(),
            schedule=waits_until(opens) if opens is not None else "",
            sandbox=context.origin == SANDBOX,
            waits=self.intake.worker.waiting_reasons(),
            settings=SettingsStatus(error=self.live.error, restart=self.live.restart),
            folders={name: output.trouble for name, output in self.outputs.by_name.items()},
            full_disks=self.telemetry.full_disks,
            inboxes={name: self._published_inbox(name) for name in self.inboxes},
        )
        if changed := self._published.get(DAEMON_STATUS) != status:
            await context.publish(DAEMON_STATUS, status.model_dump(mode="json"))
            self._published[DAEMON_STATUS] = status
        self._news |= changed
        early = {place_key(*place): group for place, group in context.early_groups.items()}
        groups = {**early, **context.uploading_groups}
        progress = {name: [one.uploaded, len(one.photos)] for name, one in groups.items()}
        if self._published.get(PROGRESS) != progress:
            await context.publish(PROGRESS, progress)
            self._published[PROGRESS] = progress

    async def report(self, *, stopped: bool = False) -> None:
        """Call `publish`, then update notifications and pages if anything has changed, or if `stopped`, which
        marks the last report of a run. Raises LocalTrouble."""
        await self.publish()
        context = self.context
        paused = await context.store_thread(context.store.paused)
        await self._store_folder_identities()
        settings, changes = self.live.settings, context.store.changes
        budget = settings.limits.paid_calls_per_day, midnight(self.clock.now())
        told = paused, changes, settings.language, budget
        news = self._news or told != self._told or stopped
        if not news and not (context.store.shared and self.clock.monotonic() >= self._others_at):
            return
        self._news, self._told = False, told
        self._others_at = self.clock.monotonic() + OTHERS_SECONDS
        seen = await context.store_thread(overview, context.store, pid=os.getpid(), most_finished=MOST_SHOWN)
        # Other machines report the inboxes that they work with.
        others = context.places.inboxes.keys() - self.inboxes.keys()
        seen = replace(seen, lines=tuple(line for line in seen.lines if line.inbox not in others))
        own = self._own(seen) if context.store.shared else seen  # nobody else's trouble is in it
        await self.telemetry.see(seen, own)
        if NOBODY in seen.degraded.values():
            self._told = None  # its page is passed over, and a lease that is renewed is no change
        since = self.clock.now() - LATELY
        self._ended = await context.store_thread(rooms_finished, context.store, since, MOST_ROOMS)
        self._show(own, stopped=stopped)

    def _api_trouble(self) -> ApiTrouble | None:
        """This machine's trouble with the API, or a pause that the API has asked of another machine; its hint
        also says when the next try is, unless it is soon."""
        breakers = self.context.breakers
        trouble, resumes, adopted = breakers.trouble, breakers.resumes_at, breakers.adopted_pause
        if trouble is not None:
            reason, hint = trouble.message, trouble.hint
        elif adopted is not None:
            (reason, resumes), hint = adopted, ""
        else:
            return None
        if resumes is not None:
            hint = f"{hint} The next try is at about {resumes.astimezone():%H:%M}.".strip()
        return ApiTrouble(reason=reason, hint=hint)

    def _own(self, seen: Overview) -> Overview:
        """`seen` with this machine's trouble with the API and with folders alone: another's holds nothing up
        here."""
        trouble = self._api_trouble() or ApiTrouble()
        return replace(
            seen,
            trouble=trouble.reason,
            trouble_hint=trouble.hint,
            missing={name: output.trouble for name, output in self.outputs.by_name.items()},
            full_disks=self.telemetry.full_disks,
        )

    def _show(self, seen: Overview, *, stopped: bool = False) -> None:
        """Update the page of each inbox that can be reached. Without the database nobody here knows whose the
        inbox is, and its owner's page must stay."""
        once = bool(seen.store_trouble) and self.context.store.shared
        now, language = self.clock.now().astimezone(), self.live.settings.language
        for name in list(self.inboxes):
            if not seen.degraded.get(name):
                ended = self._ended.get(name, {})
                page = status_page(seen, name, ended, now, stopped=stopped, language=language)
                self.pages.show(name, page, once=once)

    def _show_trouble(self, error: LocalTrouble) -> None:
        """Show that the store can't be used (database away, disk full), beside the last known state."""
        self._told = None  # report again once it is back
        last = self.telemetry.seen or Overview((), {})
        # Of inboxes that were taken since, the last known state says that nobody works with them.
        degraded = {name: inbox.status().degraded for name, inbox in self.inboxes.items()}
        trouble = with_hint(error.message, error.hint)
        seen = replace(last, store_trouble=trouble, degraded={**last.degraded, **degraded})
        own = self._own(seen)
        self.telemetry.show(seen, own)
        self._show(own)

    async def _store_folder_identities(self) -> None:
        """Store the folders' identities, so that the next daemon recognizes them, even without a marker."""
        for name, inbox in list(self.inboxes.items()):
            if inbox.identity is not None:
                path, (device, inode) = str(self.context.places.inboxes[name]), inbox.identity
                await self._remember("inbox", name, MountIdentity(path, device, inode))
        for name, output in self.outputs.by_name.items():
            if output.known is not None:
                await self._remember("output", name, output.known)
        await self._remember("state", "", MountIdentity(str(self.context.places.state)))

    async def _remember(self, role: FolderRole, name: str, folder: MountIdentity) -> None:
        if self._remembered.get((role, name)) != folder:
            await self.context.store_thread(self.context.store.remember_folder, role, name, folder)
            self._remembered[role, name] = folder

    def _published_inbox(self, name: str) -> PublishedInbox:
        status, path = self.inboxes[name].status(), self.context.places.inboxes[name]
        self.intake.forget_moved(name, self.inboxes[name].decided_files)
        arriving = [
            ArrivingSet(
                project=one.project,
                folder=one.folder,
                room=room_of(one.folder) or WHOLE_SHOOT,
                reason=one.reason.removesuffix("."),
                hint=one.hint,
                held=not one.may_proceed,
            )
            for one in status.settling
        ]
        known = self._held.get(name, {})
        held = self._held[name] = {
            place: known[place]
            if place in known and known[place][0] is hold
            else (hold, lines_of_hold(*place[1:], hold, self.inboxes[name].decided_files(*place[1:])))
            for place, hold in self.intake.held.items()
            if place[0] == name
        }
        arriving += chain.from_iterable(lines for _, lines in held.values())
        notices = (
            *(notice.text_in(path) for notice in status.notices),
            *self._kept_out(name),
            *(
                f"The gallery of {project} can't be made: {why}"
                for project, (inbox, why) in sorted(self.galleries.unmade.items())
                if inbox == name
            ),
        )
        gone = (
            jobs
            for inbox, jobs in self._gone.items()
            if inbox == name or inbox not in self.context.places.inboxes
        )
        return PublishedInbox(
            arriving=tuple(arriving),
            notices=notices,
            degraded=status.degraded,
            why_looking=status.why_looking,
            gone=tuple(chain.from_iterable(gone)),
        )

    def _kept_out(self, name: str) -> Iterator[str]:
        for inbox, project in sorted(self.intake.shoots.kept):
            if inbox == name:
                there = self.inboxes[name].decided_files(project, "")
                yield from self.intake.shoots.notices(name, project, there)


def lines_of_hold(project: str, folder: str, hold: Hold, there: Set[str]) -> tuple[ArrivingSet, ...]:
    """The lines of what is held in a folder; `there` are the files that wait in it."""
    whole = {room_of(folder) or WHOLE_SHOOT: (there, hold.why)} if hold.why else {}
    return tuple(
        ArrivingSet(
            project=project,
            folder=folder,
            room=room,
            photo=middle_of(names),
            held=True,
            reason=why.reason,
            hint=why.hint,
        )
        for room, (names, why) in {**whole, **hold.sets}.items()
    )


def missing_failed_jobs(places: Places, jobs: Iterable[Job]) -> dict[str, list[str]]:
    """The failed ones of these jobs whose folder in failed/ was deleted or moved: job ids by inbox. Raises
    LocalTrouble where that can't be determined, as while the disk is not mounted."""
    filed: defaultdict[str, list[tuple[str, Job]]] = defaultdict(list)
    for job in jobs:
        if job.filed_as is not None:
            filed[safe_name(job.project)].append((name_key(job.filed_as), job))
    absent = [
        job for project, known in filed.items() for job in jobs_without_folder(places.failed / project, known)
    ]
    places.guard(places.failed)  # after the listing: if the disk is there now, the listing was of it
    gone: defaultdict[str, list[str]] = defaultdict(list)
    for job in absent:
        if job.state == State.FAILED:
            gone[job.inbox].append(job.id)
    return gone


def jobs_without_folder(folder: Path, known: Sequence[tuple[str, Job]]) -> list[Job]:
    """The jobs of a project whose folder isn't in `folder`; `known` has each with its folder's folded name.
    None while a failed set with another name is there: a person may have renamed one. Raises LocalTrouble."""
    with local_trouble(folder):
        there = dict(keyed_names_in(folder)) if is_dir(folder) else {}
        others = there.keys() - {name for name, _ in known}
        renamed = any(is_file(folder / there[name] / REASON) for name in others)
    return [] if renamed else [job for name, job in known if name not in there]


def pause_after(took: float, least: float) -> float:
    """The seconds to pause after a call that took `took` seconds, at least `least`."""
    return min(max(least, SHARE * took), LONGEST_PAUSE_SECONDS)


def middle_of(names: Iterable[str]) -> str:
    """The middle photo's name, as the set's thumbnail before it was decoded; "" where there is none."""
    photos = sorted(name for name in names if is_photo_name(name))
    return photos[len(photos) // 2] if photos else ""
