"""Shoots: groups the photos in a project's folder, and submits a job for each set that needn't wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

from anyio import to_thread

from hotfolder import log
from hotfolder.blocking import FileTimeout, call_in_thread
from hotfolder.daemon.newjobs import jobs_of
from hotfolder.inbox.approvals import ReadyFile, read_ready
from hotfolder.inbox.contents import is_ready_name
from hotfolder.inbox.events import SetArriving
from hotfolder.jobs.heldsets import held_before, remember_held
from hotfolder.jobs.previous import delivered_among, earlier_sets, latest_set
from hotfolder.jobs.states import ASKS_API
from hotfolder.jobs.store import Store
from hotfolder.jobs.worker import Worker
from hotfolder.rules.drops import Drop, group_drop, waiting_refusals
from hotfolder.rules.grouping.copies import copies_among
from hotfolder.rules.grouping.results import GroupedSet, Grouping, RefusedSet
from hotfolder.rules.holds import WaitReason, join_reasons
from hotfolder.rules.late import EarlierSet, EarlierState, MergedSet, PhotoRelations
from hotfolder.rules.routing import Rulebook
from hotfolder.rules.sets import BracketSet, FileIdentity, Photo
from hotfolder.rules.shoots import HeldSet, relate_shoot

logger = log.get("shoots")

KeptOut = dict[str, tuple[FileIdentity, str]]
"""Photos that stay in the inbox: by name, the identity when they were kept out, and the reason."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The photos of a folder that wait for a person. `why` is the reason for the whole folder; `sets` has, by
    name, the sets that are held individually, with their photos' names and the reason. `room` has the names
    of all photos on which the judgement of a room was based."""

    why: WaitReason = field(default_factory=WaitReason)
    sets: Mapping[str, tuple[frozenset[str], WaitReason]] = field(default_factory=dict)
    room: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.why or self.sets)

    def of(self, there: Set[str]) -> Hold:
        """The hold reduced to the files that are still `there`; the same object where nothing goes."""
        if there and all(names & there for names, _ in self.sets.values()):
            return self
        sets = {name: one for name, one in self.sets.items() if one[0] & there}
        return Hold(self.why if there else WaitReason(), sets)


class Shoots:
    """Groups flat drops and submits their sets. `kept` is by inbox and project."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.kept: dict[tuple[str, str], KeptOut] = {}
        self._notices: dict[tuple[str, str], tuple[frozenset[str], tuple[str, ...]]] = {}
        self._glimpsed_before: dict[tuple[str, str], frozenset[tuple[str, FileIdentity]]] = {}

    async def _kept_out_before(self, inbox: str, project: str, photos: Sequence[Photo]) -> KeptOut:
        """The photos that the store has as kept out of the drop, and that are unchanged."""
        context, there = self.worker.context, identities(photos)
        return await context.store_thread(kept_out, context.store, inbox, project, there)

    async def glimpse(self, inbox: str, arriving: SetArriving) -> None:
        """Reopen the unpaid sets that newly arrived photos belong to. Raises LocalTrouble."""
        place = (inbox, arriving.project)
        seen = frozenset((photo.name, photo.identity) for photo in arriving.photos)
        taken = self.worker.context.claimed(*place, "")
        if not taken or seen <= self._glimpsed_before.get(place, frozenset()):
            return
        new = seen - self._glimpsed_before.get(place, frozenset())
        self._glimpsed_before[place] = seen
        kept = await self._kept_out_before(*place, arriving.photos)
        fresh = [
            photo
            for photo in arriving.photos
            if (photo.name, photo.identity) in new and photo.name not in kept.keys() | taken
        ]
        if fresh:
            context = self.worker.context
            earlier = await context.store_thread(earlier_sets, context.store, *place, ASKS_API)
            unpaid = [one for one in earlier if one.state is EarlierState.CHANGEABLE]
            await self._sort(arriving.project, fresh, context.settings.rulebooks[inbox], unpaid)

    async def take(
        self,
        inbox: str,
        found: BracketSet,
        rulebook: Rulebook,
        orphans: Sequence[MergedSet],
    ) -> Hold:
        """Make jobs of the photos that belong to none and were not kept out before, and return why the rest
        waits; an empty Hold where all are made. No set that a person must check becomes a job. `orphans` are
        merges whose sets the store has lost."""
        place = (inbox, found.project)
        kept = self.kept[place] = await self._kept_out_before(*place, found.photos)
        taken = kept.keys() | self.worker.context.claimed(*place, "")
        fresh = [photo for photo in found.photos if photo.name not in taken]
        self._glimpsed_before.pop(place, None)
        ready, said = await self.approval_beside(inbox, found)
        found = replace(found, approved=said is not None and said.approves_all)
        chosen = said.sets if said is not None else ()
        hold = Hold()
        if fresh:
            context, drop = self.worker.context, Drop(found, fresh, chosen, orphaned_merges=orphans)
            drop = await context.store_thread(with_store_facts, context.store, inbox, found.project, drop)
            back = await self._sort(found.project, fresh, rulebook, drop.earlier)
            drop = replace(drop, related=back)
            hold = await self._make(inbox, drop, rulebook)
        if said is not None and said.trouble:
            hold = replace(hold, why=join_reasons((WaitReason(said.trouble), hold.why)))
        elif said is not None:
            await signals_removed(ready, said.identity)
        return hold

    async def approval_beside(self, inbox: str, found: BracketSet) -> tuple[list[Path], ReadyFile | None]:
        """The `.ready` files beside a drop's or a room's photos, and the first one's content where it is
        newer than these."""
        ready = [path for path in found.companions if is_ready_name(path.name)]
        if not (ready and found.approved):
            return [], None
        where = self.worker.context.places.inbox(inbox)
        return ready, await call_in_thread(found.path, read_ready, where, ready[0])

    async def _sort(
        self, project: str, fresh: Sequence[Photo], rulebook: Rulebook, earlier: Sequence[EarlierSet]
    ) -> PhotoRelations:
        """Relate `fresh` to the project's earlier sets; the worker reopens those that it belongs to."""
        back = await to_thread.run_sync(relate_shoot, rulebook, project, fresh, earlier)
        for job, name in back.jobs_to_regroup.items():
            logger.info("set_reopened", reopened=job, file=name)
            await self.worker.reopen(job, name)
        return back

    async def _make(self, inbox: str, drop: Drop, rulebook: Rulebook) -> Hold:
        """Make the jobs of the drop, except for sets that wait; return why, for the whole drop and for single
        sets."""
        found, project = drop.found, drop.found.project
        shoot, waits = await to_thread.run_sync(group_drop, rulebook, drop)
        why = join_reasons(waits)
        parts = parts_of_earlier(drop)
        if shoot is None:
            known = {name for one in parts for name in one.photos}
            late = [one for one in drop.held_before if one.late and known.isdisjoint(one.photos)]
            await self._hold_back(inbox, found, [*parts, *late])
            return Hold(why)
        for why_unmade in shoot.unmade:
            logger.warning("chosen_set_not_made", project=project, reason=why_unmade)
        waiting = waiting_sets(shoot, approved=found.approved)
        late = [*parts, *late_sets(shoot)]
        singly = drop.chosen or not all(one.late for one in drop.held_before)
        if shoot.waits_whole and waiting and not singly:
            await self._hold_back(inbox, found, late)
            return Hold(join_reasons((why, why_shoot_held(found, shoot))))
        refusals = waiting_refusals(shoot, drop)
        # First, so that a crash in between never makes a picture of a photo that was kept out or is held.
        copies = copies_that_wait(found, shoot, waiting)
        await self._keep_out(inbox, found, shoot, copies)
        doubtful = (each for each in waiting if each.name not in shoot.late)
        held = [*map(held_set, doubtful), *map(held_set, refusals), *copies, *late]
        await self._hold_back(inbox, found, held)
        if shoot.notices:
            self._notices[inbox, project] = frozenset(photo.name for photo in drop.photos), shoot.notices
        going = replace(
            shoot,
            sets=tuple(each for each in shoot.sets if each.name not in {one.name for one in waiting}),
            refused=tuple(each for each in shoot.refused if each not in refusals),
        )
        for job in await call_in_thread(found.path, jobs_of, inbox, found, going, rulebook):
            await self.worker.submit(job)
        if going.sets or going.refused:
            logger.info("shoot_taken", project=project, sets=len(going.sets), kept_out=shoot.kept_out)
        sets = {each.name: (names_of(each), why_set_held(found, each)) for each in waiting}
        split = {each.name: (names_of(each), WaitReason(each.held_text(), each.hint)) for each in refusals}
        return Hold(why, sets | split)

    async def _hold_back(self, inbox: str, found: BracketSet, held: Sequence[HeldSet]) -> None:
        """Store what waits by itself: later, grouping may find nothing doubtful."""
        place = (inbox, found.project, "")
        await remember_held(self.worker.context, place, held, identities(found.photos))

    async def _keep_out(
        self, inbox: str, found: BracketSet, shoot: Grouping, copies: Sequence[HeldSet]
    ) -> None:
        """Store the photos that are kept out, except for the `copies` of photos that wait."""
        out = [photo for photo in found.photos if photo.name in shoot.kept_out]
        if not out:
            return
        known = await self._kept_out_before(inbox, found.project, found.photos)
        new = {photo.name: (photo.identity, shoot.kept_out[photo.name]) for photo in out}
        waits = {name for one in copies for name in one.photos}
        stored = {name: one for name, one in new.items() if name not in waits}
        if stored:
            all_kept = {**known, **stored}
            content = {name: [*astuple(one), reason] for name, (one, reason) in all_kept.items()}
            await self.worker.context.publish(kept_out_key(inbox, found.project), content, inbox=inbox)
        self.kept[inbox, found.project] = {**known, **new}

    def notices(self, inbox: str, project: str, there: Set[str]) -> list[str]:
        """The notices about that project's sets and about photos kept out of them, where these are still
        `there`."""
        if not there and not self.worker.context.claimed(inbox, project, ""):
            # Nothing of the drop is left, or all of it is about to be delivered again.
            self.kept.pop((inbox, project), None)
            self._notices.pop((inbox, project), None)
        kept = self.kept.get((inbox, project), {})
        names, notices = self._notices.get((inbox, project), (frozenset(), ()))
        of_all = [f"About the photos in {project}: {text}" for text in notices if names & there - kept.keys()]
        return of_all + [
            f"Left alone in {project}: {reason}" + STAYS
            for name, (_, reason) in sorted(kept.items())
            if name in there
        ]


STAYS = " It stays there; move it away when you don't need it."


def identities(photos: Sequence[Photo]) -> dict[str, FileIdentity]:
    """The photos' identities, by name."""
    return {photo.name: photo.identity for photo in photos}


def with_store_facts(store: Store, inbox: str, project: str, drop: Drop) -> Drop:
    """The drop with what the store knows of `project`, which may be another name than the drop's."""
    there = identities(drop.found.photos)
    return replace(
        drop,
        used_names=store.rooms(inbox, project),
        earlier=earlier_sets(store, inbox, project),
        held_before=held_before(store, (inbox, project, ""), there),
        latest=latest_set(store, inbox, project, ""),
        own_pictures=delivered_among(store, (inbox, project, ""), drop.photos),
    )


def kept_out(store: Store, inbox: str, project: str, there: Mapping[str, FileIdentity]) -> KeptOut:
    """The photos that the store has as kept out of a drop, and that are `there` unchanged."""
    content = store.published(kept_out_key(inbox, project), shared=True) or {}
    kept = {name: (FileIdentity(*numbers), reason) for name, (*numbers, reason) in content.items()}
    # Another machine may have written it, a share may number its files anew, and `chmod` changes the ctime.
    return {name: one for name, one in kept.items() if name in there and there[name].may_be_same_file(one[0])}


def kept_out_key(inbox: str, project: str) -> str:
    return f"kept out of {inbox}/{project}"


def why_shoot_held(found: BracketSet, shoot: Grouping) -> WaitReason:
    """Why the drop is held, and what to do."""
    return WaitReason(
        " ".join((f"{shoot.held_text}.", *shoot.notices)).removesuffix("."),
        f"If its sets are right (`hotfolder explain` shows them), rename the folder to {found.project}__ok,"
        " put a file named READY.txt into it, or say `hotfolder approve`, and they are made as they are.",
    )


def why_set_held(found: BracketSet, each: GroupedSet) -> WaitReason:
    """Why a set is held by itself, and what to do."""
    return WaitReason(
        each.held_text(),
        f'If they are one picture, say `hotfolder approve "{found.project}/{each.name}"`, or, where all that'
        f" is held of {found.project} is right, rename that folder to {found.project}__ok or put a file named"
        " READY.txt into it; else give each picture a folder of its own.",
    )


def waiting_sets(shoot: Grouping, *, approved: bool) -> list[GroupedSet]:
    """The sets that a person must check; none where `approved`. A set that waits without a doubt of its own
    gets the doubt about the whole drop."""
    if approved:
        return []
    return [replace(each, doubts=shoot.why_waits(each)) for each in shoot.sets if each.name in shoot.waiting]


def names_of(each: GroupedSet | RefusedSet) -> frozenset[str]:
    return frozenset(photo.name for photo in each.photos)


def held_set(each: GroupedSet | RefusedSet) -> HeldSet:
    doubts = (each.reason,) if isinstance(each, RefusedSet) else each.doubts
    return HeldSet(each.name, identities(each.photos), doubts)


def late_sets(shoot: Grouping) -> list[HeldSet]:
    """The sets that wait since they came late."""
    return [
        HeldSet(each.name, identities(each.photos), (shoot.late[each.name],), late=True)
        for each in shoot.sets
        if each.name in shoot.late
    ]


def copies_that_wait(found: BracketSet, shoot: Grouping, waiting: Sequence[GroupedSet]) -> list[HeldSet]:
    """The older exports of photos that wait, which wait with them: either may be removed before a person
    approves, and without the newer ones these may look like a set beyond doubt."""
    out = [photo for photo in found.photos if photo.name in shoot.kept_out]
    copies = copies_among(out, [photo for each in waiting for photo in each.photos])
    return [
        HeldSet("", {photo.name: photo.identity}, (shoot.kept_out[photo.name].rstrip("."),))
        for photo in out
        if photo.name in copies
    ]


def parts_of_earlier(drop: Drop) -> list[HeldSet]:
    """The photos that wait as parts of sets that are paid for: they would be sets of their own where the
    project's name is another."""
    chosen = {name for one in drop.chosen for name in one.photos}
    late = {} if drop.found.approved else drop.related.late
    return [
        HeldSet("", {photo.name: photo.identity}, (late[photo.name],), late=True)
        for photo in drop.photos
        if photo.name in late and photo.name not in chosen
    ]


async def signals_removed(paths: Sequence[Path], identity: FileIdentity | None = None) -> None:
    """Call `remove_signal` for each of the `paths`; where a share doesn't answer in time, it goes on in a
    thread."""
    for path in paths:
        with suppress(FileTimeout):
            await call_in_thread(path, remove_signal, path, identity)


def remove_signal(path: Path, identity: FileIdentity | None = None) -> None:
    """Delete a `.ready` file, which is for one grouping only. One that can't be deleted is logged; it will be
    older than the next photos, and so without effect. With an `identity`, only that file is deleted: a person
    may have written a newer one meanwhile."""
    try:
        if identity is None or FileIdentity.of(path.lstat()) == identity:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return
    except OSError as error:
        logger.warning("ready_file_left", path=str(path), reason=error.strerror or str(error))
