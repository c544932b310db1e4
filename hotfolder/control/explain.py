"""What would happen to folders of photos, and what it would cost. Touches nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import Settings
from hotfolder.control.lookup import PhotoPlace, places_in
from hotfolder.control.opening import JobRecords, reading
from hotfolder.daemon.shoots import kept_out, looked_up
from hotfolder.errors import BadJob
from hotfolder.inbox.approvals import ReadyFile, read_ready, with_more
from hotfolder.inbox.contents import SeenFile, SetFolder
from hotfolder.inbox.tracker import photo_of
from hotfolder.jobs.context import place_of
from hotfolder.jobs.generations import pays_again, present_generation
from hotfolder.jobs.ledger import bought, read_chain
from hotfolder.jobs.model import scope_key
from hotfolder.jobs.previous import orphans, room_named, why_room_held
from hotfolder.pictures.facts import PictureFacts, PictureLimits
from hotfolder.pictures.inspect import inspect
from hotfolder.rules.drops import ChosenSet, Drop, group_drop
from hotfolder.rules.explain import Explanation, Sent
from hotfolder.rules.explain import explain as explain_plan
from hotfolder.rules.foldernames import split_name, without_ok
from hotfolder.rules.grouping.model import Grouping
from hotfolder.rules.late import Why
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.sets import BracketSet, FileIdentity, Photo
from hotfolder.rules.shoots import group_folder, sort_shoot


@dataclass(frozen=True, slots=True)
class Bill:
    """What a set, or several, would cost: its paid calls by kind, and those of them that were made before."""

    kinds: tuple[str, ...] = ()
    remembered: tuple[str, ...] = ()
    photos: int = 0

    @property
    def left(self) -> Sequence[str]:
        """The paid calls that are still to be made, by kind."""
        return tuple((Counter(self.kinds) - Counter(self.remembered)).elements())

    @property
    def calls(self) -> str:
        """The same, as a form hands them back."""
        return ",".join(sorted(self.left))

    def __add__(self, other: Bill) -> Bill:
        return Bill(self.kinds + other.kinds, self.remembered + other.remembered, self.photos + other.photos)


@dataclass(frozen=True, slots=True)
class ExplainedSet:
    """What the rules make of one set, which of its paid calls were made before, by kind, and how it was told
    apart from others. It `waits` for a person, or `by_person` was put together by one."""

    name: str
    explanation: Explanation
    remembered: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    waits: bool = False
    by_person: bool = False

    @property
    def bill(self) -> Bill:
        found = self.explanation
        return Bill(found.plan.recipe.paid_kinds(), self.remembered, len(found.photos))


@dataclass(frozen=True, slots=True)
class Explained:
    """What is said of the photos in one folder: of a room's with one set, or of `several` sets, as a whole
    shoot has. `held` is why a person must look first, at all of it or only at what is
    doubtful. `earlier` photos are left aside; `waiting` says what others wait for, and `problems` what
    somebody must mend first. `shoot` is how the photos were grouped, None where they can't be."""

    place: PhotoPlace
    several: bool = False
    shoot: Grouping | None = None
    sets: tuple[ExplainedSet, ...] = ()
    held: Why = field(default_factory=Why)
    held_whole: bool = True
    earlier: int = 0
    waiting: tuple[Why, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def bills(self) -> tuple[Bill, ...]:
        """Nothing is bought for a room that is refused."""
        return () if self.problems and not self.several else tuple(one.bill for one in self.sets)


Look = Callable[[Path, FileIdentity, PictureLimits], PictureFacts]
"""How a photo, in that state of its file, is read. Raises BadJob."""


def look(path: Path, _identity: FileIdentity, limits: PictureLimits) -> PictureFacts:
    """In this process, anew."""
    return inspect(path, limits=limits)


def explain(settings: Settings, path: Path) -> list[Explained]:
    """A room's folder, or every set of a project or an inbox. Raises UsageError, StoreError."""
    return [explain_place(settings, place) for place in places_in(settings, path)]


def explain_place(
    settings: Settings, place: PhotoPlace, chosen: Sequence[ChosenSet] = (), look: Look = look
) -> Explained:
    """One folder; of a whole shoot, as if a person had put together and approved the `chosen` sets of it,
    too. Raises StoreError."""
    with reading(settings) as records:
        return Explainer(settings, records, place, chosen, look).explained()


@dataclass
class Explainer:
    """Explains one folder by the settings, and by the records where there are any."""

    settings: Settings
    records: JobRecords | None
    place: PhotoPlace
    chosen: Sequence[ChosenSet] = ()
    look: Look = look

    def __post_init__(self) -> None:
        self.rulebook: Rulebook = rulebook_for(self.settings, self.place.inbox)
        self.seen = self.place.seen()
        self.facts: dict[str, PictureFacts] = {}
        """Of the photos that can be used, by name in their order."""
        self.problems: tuple[str, ...] = ()
        """Why the others can't."""

    def explained(self) -> Explained:
        self._read_photos()
        return self._room() if self.place.folder else self._shoot()

    def _files(self) -> Sequence[SeenFile]:
        return self.seen.photos if self.seen is not None else ()

    def _read_photos(self) -> None:
        limits = PictureLimits(self.settings.limits.photo_bytes)
        problems = []
        for file in self._files():
            try:
                self.facts[file.name] = self.look(self.place.path / file.name, file.identity, limits)
            except BadJob as error:
                problems.append(error.told)
        self.problems = tuple(problems)

    def photos(self) -> list[Photo]:
        return [
            photo_of(self.place.path / file.name, file.identity, self.facts[file.name])
            for file in self._files()
            if file.name in self.facts
        ]

    def _shoot(self) -> Explained:
        """A whole shoot in a project's folder, as far as its photos can be read."""
        drop = self.drop
        aside = len(drop.found.photos) - len(drop.photos)
        told = Explained(self.place, several=True, earlier=aside, problems=self.problems)
        try:
            back = sort_shoot(self.rulebook, self.place.project, drop.photos, drop.earlier)
            shoot, waiting = group_drop(self.rulebook, replace(drop, back=back))
            told = replace(told, waiting=waiting)
            if shoot is None:
                return told
            sets = self._sets(shoot, approved=drop.found.approved)
        except BadJob as error:
            return Explained(self.place, several=True, problems=(*self.problems, error.told))
        held = Why() if drop.found.approved else Why(shoot.asks)
        return replace(told, shoot=shoot, sets=sets, held=held, held_whole=shoot.waits_whole)

    def _room(self) -> Explained:
        """A room's folder: one set, or several."""
        told = Explained(self.place, held=self._why_held(), problems=self.problems)
        try:
            if self.problems:  # as far as it goes: the names of the photos are known
                sent = {file.name: sent_of(self.facts.get(file.name)) for file in self._files()}
                return replace(told, sets=(self._set("", sent),))
            photos, project, folder = self.photos(), self.place.project, self.place.folder
            found = group_folder(self.rulebook, project, folder, photos, room=self._room_name(photos))
            if len(found.sets) > 1:
                return replace(told, several=True, shoot=found, sets=self._sets(found, approved=True))
            left = [photo for photo in photos if photo.name not in found.kept_out]
            name = found.sets[0].name if found.sets else ""
            return replace(told, shoot=found, sets=(self.set_of(name, left),))
        except BadJob as error:
            return Explained(self.place, problems=(*self.problems, error.told))

    def _sets(self, shoot: Grouping, *, approved: bool) -> tuple[ExplainedSet, ...]:
        return tuple(
            replace(
                self.set_of(each.name, each.photos),
                evidence=each.evidence,
                doubts=each.doubts,
                waits=each.name in shoot.held and not approved,
                by_person=each.by_person,
            )
            for each in shoot.sets
        )

    def set_of(self, name: str, photos: Sequence[Photo]) -> ExplainedSet:
        """One set, with what is bought of it already at the configured API: merge, sky, lawn or stage."""
        sent = {photo.name: Sent(photo.format, photo.develop) for photo in photos}
        found = self._set(name, sent)
        if self.records is None or found.explanation.plan.again:
            return found
        origin, hashes = self.settings.api.base_url, [photo.sha256 for photo in photos]
        store, scope = self.records.store, scope_key(origin, hashes)
        if pays_again(store, scope, {photo.name: photo.identity for photo in photos}):
            return found
        generation = present_generation(store, scope)
        recipe = found.explanation.plan.recipe
        links = read_chain(self.records.ledger, origin, hashes, recipe, generation)
        return replace(found, remembered=tuple(link.purchase.operation for link in bought(links)))

    def _set(self, name: str, sent: Mapping[str, Sent]) -> ExplainedSet:
        """What the rules make of one set, whose room is called `name`, or as its folder says."""
        decided = plan(self.rulebook, self.place.project, self.place.folder or name, len(sent))
        return ExplainedSet(name, explain_plan(replace(decided, room=name or decided.room), sent))

    def _known_as(self) -> tuple[str, str, str]:
        """Inbox, project and folder as the records name them."""
        return self.place.inbox.title, without_ok(self.place.project), without_ok(self.place.folder)

    def _why_held(self) -> Why:
        """Why a person must look at the room first, as the daemon would say it; nothing where nobody must."""
        if approved(self.seen):
            return Why()
        place, under_way = self._known_as(), self._under_way()
        photos = tuple(photo for photo in self.photos() if photo.name not in under_way)
        if not photos:
            return Why()
        found = BracketSet(self.place.path.parent.parent, *place[1:], photos)
        if self.records is None:
            return why_room_held(None, self.rulebook, place, found)
        store = self.records.store
        return why_room_held(store, self.rulebook, place, found, orphans(store))

    def _under_way(self) -> set[str]:
        """Names of files in the folder that belong to sets under way."""
        if self.records is None:
            return set()
        jobs = [job for job in self.records.store.active() if place_of(job) == self._known_as()]
        return {file.name for job in jobs for file in self.records.store.files(job.id)}

    def _room_name(self, photos: Sequence[Photo]) -> str:
        """What the room is called, beside those that the store knows; "" where there is none."""
        if self.records is None:
            return ""
        wanted = split_name(self.place.folder).name or self.place.folder
        return room_named(self.records.store, self._known_as(), wanted, photos)

    @cached_property
    def drop(self) -> Drop:
        """The photos of a flat drop that belong to no set under way and were not kept out of one before, with
        what a person and the store say of them."""
        photos, said = self.photos(), self._said()
        found = BracketSet(self.place.root, self.place.project, "", tuple(photos))
        found = replace(found, approved=said is not None and said.whole)
        chosen = with_more(said.sets if said is not None else (), self.chosen)
        drop = Drop(found, photos, chosen)
        if self.records is None:
            return drop
        store, (inbox, project, _) = self.records.store, self._known_as()
        # Asked first: a set that begins in between is under way then, and not one whose name is taken.
        drop = replace(looked_up(store, inbox, project, drop), orphans=orphans(store))
        there = {file.name: file.identity for file in self._files()}
        return drop.without(kept_out(store, inbox, project, there).keys() | self._under_way())

    def _said(self) -> ReadyFile | None:
        """What a person let be made of a flat drop, by a file beside its photos."""
        if not approved(self.seen):
            return None
        ready = self.seen.ready if self.seen is not None else None
        return read_ready(self.place.root, self.place.path / ready.name) if ready is not None else ReadyFile()


def approved(seen: SetFolder | None) -> bool:
    """Whether a person has said, of what lies in the folder, that it may be made."""
    if seen is None or without_ok(seen.project) != seen.project or without_ok(seen.folder) != seen.folder:
        return seen is not None
    return seen.signal() is not None


def sent_of(facts: PictureFacts | None) -> Sent:
    return Sent(facts.format, facts.develop) if facts is not None else Sent()
