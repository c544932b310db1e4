"""Galleries that are updated after each finished set, where the rules ask for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from anyio import to_thread

from hotfolder import log
from hotfolder.clock import sleep_until_set
from hotfolder.config.settings import GallerySettings
from hotfolder.daemon.reload import LiveSettings
from hotfolder.display import with_hint
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.breaker import backoff_seconds
from hotfolder.jobs.context import JobContext, Places, recipe_of
from hotfolder.jobs.gallery import Delivered, delivered, due_projects, gallery_of, with_receipts
from hotfolder.jobs.model import Job
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.files import Sharing
from hotfolder.outbox.gallery import MadeGallery, make_gallery
from hotfolder.paths import is_dir
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits

MADE_UNTIL = "galleries"
"""The key of the published high-water mark: all sets finished before it are in their galleries."""
GATHER_SECONDS = 1.0
"""The least pause between two passes: sets that finish within it are added by one pass."""

logger = log.get("galleries")


async def remake(
    jobs: Sequence[Delivered], places: Places, said: GallerySettings, decoder: Decoder, limits: PictureLimits
) -> MadeGallery | None:
    """Make the gallery of the jobs' project, unless it is up to date; its files get the group of the last
    job's inbox. None where the project's folder was taken away from done. Raises LocalTrouble."""
    inboxes = [one.job.inbox for one in jobs if one.job.inbox in places.inboxes] or list(places.inboxes)[:1]
    with local_trouble(places.done):
        gallery = await to_thread.run_sync(gallery_of, jobs, places, said.base_url, said.language)
        if not await to_thread.run_sync(is_dir, places.done / gallery.folder):
            return None
        shared = await to_thread.run_sync(Sharing.of, places.inboxes[inboxes[-1]], places.guard)
    return await make_gallery(places.done, gallery, decoder, limits, shared)


class Galleries:
    """Keeps galleries up to date with the finished sets. An error delays no set: it is logged, and retried
    with backoff; sets that finished before a crash are added at the next start."""

    def __init__(self, context: JobContext, live: LiveSettings, owns_inbox: Callable[[str], bool]) -> None:
        """`owns_inbox` tells whether this machine has an inbox's lease: then it makes the galleries of its
        projects."""
        self.context = context
        self.owns_inbox = owns_inbox
        self._check_all = False
        self.live = live
        self.busy = True
        """Whether a finished set may be missing from its gallery; False while a failed pass waits to be
        retried."""
        self.unmade: dict[str, tuple[str, str]] = {}
        """By project, the inbox of the set that ended last and why its gallery can't be made at present."""
        self._ended = asyncio.Event()
        self._ended.set()
        self._warnings: defaultdict[str, log.RecurringWarning] = defaultdict(
            partial(log.RecurringWarning, logger, "gallery_not_made")
        )

    def ended(self, job: Job) -> None:
        """A job has ended: schedule a pass. In any state, since another job may have delivered the same
        pictures."""
        if recipe_of(job).delivery.gallery:
            self.busy = True
            self._ended.set()

    def check_all(self) -> None:
        """Schedule a check of all galleries: another machine may have finished sets that are in none yet."""
        self.busy = self._check_all = True
        self._ended.set()

    async def run(self) -> None:
        """Run passes until cancelled."""
        clock, failures = self.context.clock, 0
        while True:
            wait = backoff_seconds(min(failures, 5)) if failures else 24 * 3600.0
            await sleep_until_set(self._ended, clock, wait)
            self._ended.clear()
            began = clock.monotonic()
            failures = failures + 1 if not await self._pass() else 0
            self.busy = self._ended.is_set()
            # At most half of the time goes into galleries, however many pictures a project has.
            await clock.sleep(max(GATHER_SECONDS, clock.monotonic() - began))

    async def _pass(self) -> bool:
        """Make every gallery that is out of date; return whether all of them could be made."""
        context, well = self.context, True
        all_anew, self._check_all = self._check_all, False
        try:
            known = await context.store_thread(context.store.published, MADE_UNTIL)
            now = context.clock.now()  # before the look: a set that ends after it is due in the next pass
            since = datetime.fromisoformat(known["until"]) if known else now
            if all_anew or not known or since > now:  # later than now by a clock that was ahead
                since = datetime.min.replace(tzinfo=UTC)
            due, until = await context.store_thread(due_projects, context.store, since)
            for project in due:
                well &= await self._remake(project)
            if well and until is not None:
                await context.publish(MADE_UNTIL, {"until": min(until, now).isoformat()})
        except LocalTrouble as error:
            self._warnings[""].warn(error.message, hint=error.hint)
            well = False
        self._check_all |= all_anew and not well
        return well

    async def _remake(self, project: str) -> bool:
        context, inbox = self.context, ""
        try:
            jobs = await context.store_thread(delivered, context.store, project)
            jobs = await to_thread.run_sync(with_receipts, jobs, context.places.done, project)
            # Of inboxes of several machines the one whose set has ended last: it alone has been told of that.
            ended = [(one.job.updated_at, one.job.inbox) for one in jobs if one.job.inbox]
            inbox = max(ended)[1] if ended else ""
            if inbox and self.owns_inbox(inbox):
                said, limits = self.live.settings.gallery, context.settings.result_limits
                await remake(jobs, context.places, said, context.decoder, limits)
        except LocalTrouble as error:
            self._warnings[project].warn(error.message, project=project, hint=error.hint)
            self.unmade[project] = inbox, with_hint(error.message, error.hint)
            return False
        except Exception:
            # A defect of ours must not end the work.
            logger.exception("gallery_failed", project=project)
            return False
        self._warnings[project].reset()
        self.unmade.pop(project, None)
        return True
