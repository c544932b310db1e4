"""Explains what would happen to folders of photos and what it would cost. Read-only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import Settings
from hotfolder.control.lookup import (
    PhotoPlace,
    arriving_id,
    no_photos_error,
    nothing_waits_error,
    opaque,
    places_in,
)
from hotfolder.control.opening import reading
from hotfolder.daemon.folders import holder_of
from hotfolder.daemon.shoots import kept_out, with_store_facts
from hotfolder.display import visible, with_hint
from hotfolder.errors import BadJob, Unknown, UsageError
from hotfolder.inbox.approvals import ReadyFile, as_approved, combine_sets, read_ready
from hotfolder.inbox.contents import SetFolder
from hotfolder.inbox.tracker import photo_of
from hotfolder.jobs.context import place_of
from hotfolder.jobs.generations import generation_for, is_pay_again_requested
from hotfolder.jobs.ledger import read_chain
from hotfolder.jobs.model import SANDBOX, scope_key
from hotfolder.jobs.previous import orphaned_merges, unique_room_name, why_room_held
from hotfolder.jobs.states import PurchaseState
from hotfolder.jobs.steps.paying import ASK_BEFORE, unknown_outcome_text
from hotfolder.jobs.store import Store
from hotfolder.pictures.facts import PictureFacts, PictureLimits
from hotfolder.pictures.inspect import inspect
from hotfolder.rules.drops import ChosenSet, Drop, group_drop
from hotfolder.rules.explain import Explanation, Sent
from hotfolder.rules.explain import explain as explain_plan
from hotfolder.rules.foldernames import split_name, without_ok
from hotfolder.rules.grouping.results import Grouping
from hotfolder.rules.holds import WaitReason
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.sets import BracketSet, FileIdentity, Photo, ev_above_middle, middle_exposure
from hotfolder.rules.shoots import group_folder, relate_shoot
from hotfolder.telemetry.daemons import read_daemons

KEY_DIGITS = 12
"""The length of `SeenPhoto.key`: short, since a draft in a URL contains the keys of all photos."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The cost of one or several sets: the kinds of their paid calls, one each, and those of them that were
    made before (`remembered`)."""

    kinds: tuple[str, ...] = ()
    remembered: tuple[str, ...] = ()
    photos: int = 0

    @property
    def left(self) -> Sequence[str]:
        """The kinds of the paid calls that are still to be made, one each."""
        return tuple((Counter(self.kinds) - Counter(self.remembered)).elements())

    @property
    def calls(self) -> str:
        """`left` as text, as a form sends it back."""
        return ",".join(sorted(self.left))

    def confirm(self, shown: str) -> None:
        """Raise UsageError where the `calls` aren't those that a person was shown."""
        if self.calls != shown:
            raise UsageError(
                "This would come to other paid calls than were shown.",
                hint="Open the page anew, and look at the price as it is now.",
            )

    def __add__(self, other: Bill) -> Bill:
        return Bill(self.kinds + other.kinds, self.remembered + other.remembered, self.photos + other.photos)


@dataclass(frozen=True, slots=True)
class SeenPhoto:
    """A photo in the folder. `id` is its `arriving_id`; `key` identifies its name and content. `ev` is its
    distance from the middle exposure of its set in EV, None where the camera recorded none."""

    id: str
    key: str
    name: str
    ev: float | None
    sha256: str


@dataclass(frozen=True, slots=True)
class ExplainedSet:
    """One set as the rules treat it, with its readable photos. `remembered` are the kinds of its paid calls
    that were made before; `evidence` and `doubts` say how it was grouped; `waits` whether a person must
    approve it. With a `problem` it can't be made, and `planned` is None. `unknown` has a sentence for each
    purchase with an unknown outcome: the set then goes to failed/, and the kinds of calls in `not_made` are
    not paid for."""

    name: str
    photos: tuple[SeenPhoto, ...]
    planned: Explanation | None = None
    remembered: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    not_made: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    waits: bool = False
    problem: str = ""

    @property
    def explanation(self) -> Explanation:
        """`planned`, of a set without a problem."""
        assert self.planned is not None
        return self.planned

    @property
    def bill(self) -> Bill:
        if self.planned is None:
            return Bill()
        kinds = Counter(self.planned.plan.recipe.paid_kinds()) - Counter(self.not_made)
        return Bill(tuple(kinds.elements()), self.remembered, len(self.planned.photos))


@dataclass(frozen=True, slots=True)
class Explained:
    """The explanation of the photos in one folder: a room with one set, or `several` sets, as of a whole
    shoot. `held` is why a person must approve it; `held_whole` whether all of it, or only doubtful sets.
    `earlier` is the number of photos left out as earlier ones, `waiting` why others wait, `problems` what
    somebody must fix first. `shoot` is the grouping of the photos, empty where it isn't possible."""

    place: PhotoPlace
    several: bool = False
    shoot: Grouping = field(default_factory=lambda: Grouping(()))
    sets: tuple[ExplainedSet, ...] = ()
    held: WaitReason = field(default_factory=WaitReason)
    held_whole: bool = True
    earlier: int = 0
    waiting: tuple[WaitReason, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def bills(self) -> tuple[Bill, ...]:
        """The bills of the sets; none for a room with problems, which is refused."""
        return () if self.problems and not self.several else tuple(one.bill for one in self.sets)


Look = Callable[[Path, FileIdentity, PictureLimits], PictureFacts]
"""Reads the facts of a photo with that file identity. Raises BadJob."""


def look(path: Path, _identity: FileIdentity, limits: PictureLimits) -> PictureFacts:
    """The default `Look`: reads the photo in this process, uncached."""
    return inspect(path, limits=limits)


def explain(settings: Settings, path: Path) -> list[Explained]:
    """Explain a room's folder, or every set of a project or an inbox, without those that the daemon takes
    meanwhile. Raises UsageError, StoreError, LocalTrouble."""
    found = []
    for place in places_in(settings, path):
        with suppress(Unknown):
            found.append(explain_place(settings, place))
    if not found:
        raise no_photos_error(path)
    return found


def explain_place(
    settings: Settings, place: PhotoPlace, chosen: Sequence[ChosenSet] = (), look: Look = look
) -> Explained:
    """Explain one folder; a whole shoot as if a person had also grouped and approved the `chosen` sets.
    Raises Unknown where it has no photos any more, StoreError, LocalTrouble."""
    with reading(settings) as store:
        return Explainer(settings, store, place, chosen, look).explained()


def is_unchanged(path: Path, identity: FileIdentity) -> bool:
    """Whether the file at `path` is there unchanged, as far as can be told."""
    try:
        return FileIdentity.of(path.lstat()) == identity
    except FileNotFoundError:
        return False
    except OSError:
        return True


def changed_text(name: str) -> str:
    return (
        f"{visible(name)} was changed, replaced or removed while it was read. Ask again when it is complete."
    )


@dataclass
class Explainer:
    """Explains one folder by the settings and the store. Raises Unknown where the folder has no photos any
    more."""

    settings: Settings
    store: Store
    place: PhotoPlace
    chosen: Sequence[ChosenSet] = ()
    look: Look = look

    def __post_init__(self) -> None:
        self.rulebook: Rulebook = rulebook_for(self.settings, self.place.inbox)
        seen = self.place.seen()
        if seen is None:
            raise nothing_waits_error()
        self.seen: SetFolder = seen
        self.photos: list[Photo] = []
        """The usable photos."""
        self.problems: tuple[str, ...] = ()
        """Why the other photos can't be used."""

    def explained(self) -> Explained:
        limits = PictureLimits(self.settings.limits.photo_bytes)
        problems = []
        for file in self.seen.photos:
            path = self.place.path / file.name
            try:
                self.photos.append(photo_of(path, file.identity, self.look(path, file.identity, limits)))
            except BadJob as error:
                problems.append(
                    error.full_text if is_unchanged(path, file.identity) else changed_text(file.name)
                )
        self.problems = tuple(problems)
        return self._room() if self.place.folder else self._shoot()

    def _shoot(self) -> Explained:
        """A whole shoot in a project's folder: its readable photos."""
        drop = self.drop
        aside = len(drop.found.photos) - len(drop.photos)
        explained = Explained(self.place, several=True, earlier=aside, problems=self.problems)
        try:
            back = relate_shoot(self.rulebook, self._recorded_place()[1], drop.photos, drop.earlier)
            shoot, waiting = group_drop(self.rulebook, replace(drop, related=back))
            explained = replace(explained, waiting=waiting)
            if shoot is None:
                return explained
            sets = self._sets(shoot, () if drop.found.approved else shoot.waiting)
        except BadJob as error:
            return Explained(self.place, several=True, problems=(*self.problems, error.full_text))
        held = WaitReason() if drop.found.approved else WaitReason(shoot.held_text)
        return replace(explained, shoot=shoot, sets=sets, held=held, held_whole=shoot.waits_whole)

    def _room(self) -> Explained:
        """A room's folder: one set, or several; without the photos of an unfinished job where others came."""
        under_way = self.under_way()
        late = [photo for photo in self.photos if photo.name not in under_way]
        explained = Explained(self.place, held=self._why_held(late), problems=self.problems)
        try:
            photos, place = late or self.photos, self._recorded_place()
            if self.problems:  # not grouped: only the names of the photos are certain
                sent = {**{file.name: Sent() for file in self.seen.photos}, **sent_forms(photos)}
                return replace(explained, sets=(replace(self._set("", photos, sent), waits=True),))
            room = unique_room_name(self.store, place, split_name(place[2]).name or place[2], photos)
            found = group_folder(self.rulebook, *place[1:], photos, room=room)
            if len(found.sets) > 1:
                held = [each.name for each in found.sets] if explained.held else []
                return replace(explained, several=True, shoot=found, sets=self._sets(found, held))
            left = [photo for photo in photos if photo.name not in found.kept_out]
            name = found.sets[0].name if found.sets else ""
            made = replace(self.set_of(name, left), waits=bool(explained.held))
            return replace(explained, shoot=found, sets=(made,))
        except BadJob as error:
            return replace(explained, problems=(*self.problems, error.full_text))

    def _sets(self, shoot: Grouping, held: Collection[str]) -> tuple[ExplainedSet, ...]:
        return tuple(
            replace(
                self.set_of(each.name, each.photos),
                evidence=each.evidence,
                doubts=(*each.doubts, *filter(None, [shoot.late.get(each.name)])),
                waits=each.name in held,
            )
            for each in shoot.sets
        )

    def set_of(self, name: str, photos: Sequence[Photo]) -> ExplainedSet:
        """One set, with the operations that were bought before at `origin`. Raises BadJob."""
        found = self._set(name, photos, sent_forms(photos))
        if found.explanation.plan.again:
            return found
        origin, hashes, store = self.origin, [photo.sha256 for photo in photos], self.store
        scope = scope_key(origin, hashes)
        identities = {photo.name: photo.identity for photo in photos}
        if is_pay_again_requested(store, scope, identities, self._recorded_place()):
            return found
        recipe = found.explanation.plan.recipe
        generation = generation_for(store, origin, hashes, recipe, self._recorded_place()[2])
        chain = read_chain(store, origin, hashes, recipe, generation)
        unknown = {step.path: step.purchase for step in chain if step.purchase.state == PurchaseState.UNKNOWN}
        # Behind a merge that may still be learnt of from its group, the operations are paid for.
        not_made = [
            path
            for path in recipe.operation_paths()
            if any(one and path[: len(one)] == one for one in unknown)
        ]
        return replace(
            found,
            remembered=tuple(step.purchase.operation for step in chain if step.path not in unknown),
            unknown=tuple(
                with_hint(unknown_outcome_text(one.operation, one.note), ASK_BEFORE)
                for one in unknown.values()
            ),
            not_made=(*(["merge"] if () in unknown else []), *(path[-1].kind for path in not_made)),
        )

    def _set(self, name: str, photos: Sequence[Photo], sent: Mapping[str, Sent]) -> ExplainedSet:
        """One set by the rules. Its room is `name`, or "" for the name in the folder. Raises BadJob."""
        _, project, folder = self._recorded_place()
        decided = plan(self.rulebook, project, folder or name, len(sent))
        decided = replace(decided, room=name or decided.room)
        return ExplainedSet(decided.room, self.shown(photos), explain_plan(decided, sent))

    def shown(self, photos: Sequence[Photo]) -> tuple[SeenPhoto, ...]:
        """The photos of one set, for people."""
        middle = middle_exposure(photos).exposure_value if photos else None
        at = (self.place.inbox.title, self.place.project, self.place.folder)
        return tuple(
            SeenPhoto(
                arriving_id(*at, photo.name),
                opaque(photo.name, photo.sha256)[:KEY_DIGITS],
                photo.name,
                ev_above_middle(photo.exposure_value, middle),
                photo.sha256,
            )
            for photo in photos
        )

    def _recorded_place(self) -> tuple[str, str, str]:
        """Inbox, project and folder as the records name them, without the tag `ok`."""
        return self.place.inbox.title, without_ok(self.place.project), without_ok(self.place.folder)

    def _why_held(self, photos: Sequence[Photo]) -> WaitReason:
        """Why the daemon would hold the room's photos; an empty Why where it wouldn't."""
        if not photos:
            return WaitReason()
        inbox, place = self.place.path.parent.parent, self._recorded_place()
        found = BracketSet(inbox, *place[1:], tuple(photos))
        found, changed = as_approved(found, self._approval(), self.rulebook)
        return why_room_held(
            self.store, self.rulebook, place, found, orphaned_merges(self.store)
        ).preceded_by(changed)

    def under_way(self) -> set[str]:
        """The names of the files in the folder that belong to unfinished jobs."""
        jobs = [job for job in self.store.active() if place_of(job) == self._recorded_place()]
        return {file.name for job in jobs for file in self.store.files(job.id)}

    @cached_property
    def origin(self) -> str:
        """Where the running daemon buys: the configured API, or the sandbox, whose purchases are apart."""
        running = read_daemons(self.store, holder_of(self.settings.state_folder)).running
        return SANDBOX if any(one.sandbox for one in running.values()) else self.settings.api.base_url

    @cached_property
    def drop(self) -> Drop:
        """A flat drop: its photos without those of unfinished jobs and those kept out of a set before, with
        the approvals of a person and the earlier sets in the store."""
        photos, said = self.photos, self._approval()
        inbox, project, _ = self._recorded_place()
        found = BracketSet(self.place.root, project, "", tuple(photos))
        found = replace(found, approved=said is not None and said.approves_all)
        chosen = combine_sets(said.sets if said is not None else (), self.chosen)
        drop = Drop(found, photos, chosen)
        store = self.store
        # Before `under_way`: a set that begins in between must count as under way, not as a taken name.
        drop = replace(with_store_facts(store, inbox, project, drop), orphaned_merges=orphaned_merges(store))
        there = {file.name: file.identity for file in self.seen.photos}
        return drop.without(kept_out(store, inbox, project, there).keys() | self.under_way())

    def _approval(self) -> ReadyFile | None:
        """A person's approval of the folder, from the `.ready` file beside its photos; None without one."""
        if not approved(self.seen):
            return None
        ready = self.seen.valid_ready()
        return read_ready(self.place.root, self.place.path / ready.name) if ready is not None else ReadyFile()


def approved(seen: SetFolder) -> bool:
    """Whether a person has approved the folder: by the tag `ok` in a name, or by a valid `.ready` file."""
    marked = without_ok(seen.project) != seen.project or without_ok(seen.folder) != seen.folder
    return marked or seen.valid_ready() is not None


def sent_forms(photos: Sequence[Photo]) -> dict[str, Sent]:
    return {photo.name: Sent(photo.format, photo.develop) for photo in photos}
