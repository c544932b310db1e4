"""Held folders: the proposed sets, a person's regrouping of them as a draft, their cost, and their
approval."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

from hotfolder.config.settings import Settings
from hotfolder.control.explain import (
    Bill,
    Explained,
    ExplainedSet,
    Explainer,
    Look,
    SeenPhoto,
    explain_place,
    look,
)
from hotfolder.control.lookup import PhotoPlace, all_places, folders_in, nothing_waits_error, place_named
from hotfolder.control.opening import overview_in, reading
from hotfolder.display import with_hint
from hotfolder.errors import BadJob, UsageError
from hotfolder.inbox.approvals import combine_sets, read_ready, write_ready
from hotfolder.inbox.contents import READY_NAME
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.names import safe_name
from hotfolder.paths import is_dir
from hotfolder.rules.drops import ChosenSet, why_name_taken
from hotfolder.rules.foldernames import TAG_MARK, fully_quoted, quoted, split_name, to_nfc, unicode_forms
from hotfolder.rules.grouping.results import Grouping
from hotfolder.rules.holds import REVIEW, REVIEW_REASON, WaitReason, join_reasons
from hotfolder.rules.sets import MOST_PHOTOS, Photo
from hotfolder.rules.shoots import group_shoot
from hotfolder.telemetry.overview import Overview

NOTHING = Bill()
CHANGED = "The photos that wait here have changed since you looked at them."
LOOK_AGAIN = "Open the page anew, and look at the photos as they are now."


@dataclass(frozen=True, slots=True)
class Approval:
    """A written approval: the file `ready` approves `photos` photos beside it: all, or those of `sets`."""

    ready: Path
    photos: int
    sets: tuple[str, ...] = ()


def approve(settings: Settings, what: str) -> Approval:
    """Approve a project's or a room's folder, by its path or its name, or one held set of a shoot, by
    `project/set`. Raises UsageError, LocalTrouble, StoreError."""
    found = _held_set(settings, what)
    return (
        _approve_sets(settings, *found)
        if found is not None
        else approve_folder(settings, place_named(settings, what))
    )


def approve_folder(settings: Settings, place: PhotoPlace, seen_as: Sequence[ChosenSet] = ()) -> Approval:
    """Approve all photos in the folder as they are; of a room's, only while they are still those `seen_as`.
    Raises UsageError where there are none, or jobs have them already; LocalTrouble, StoreError."""
    folder, seen = place.path, place.seen()
    if seen is None:
        rooms = "" if place.folder else ", ".join(quoted(room.name) for room in _rooms_of(place))
        raise UsageError(
            f"No photos lie in {folder} itself.",
            hint=f"Rooms that are held are approved one by one; there are photos in {rooms}."
            if rooms
            else "A whole shoot in its project's folder is approved, or a room that is held for a review.",
        )
    with reading(settings) as store:
        begun = Explainer(settings, store, place).under_way()
    photos = [photo for photo in seen.photos if photo.name not in begun]
    if not photos:
        raise UsageError(f"{quoted(place.name)} is being made already.")
    with local_trouble(folder):
        write_ready(place.root, folder.relative_to(place.root).parts, seen_as)
    return Approval(folder / READY_NAME, len(photos))


def approve_sets(
    settings: Settings,
    place: PhotoPlace,
    sets: Sequence[ChosenSet],
    look: Look = look,
    proposed: Collection[str] = (),
) -> Approval:
    """Approve sets of a shoot, with exactly these photos and names, of which a person didn't choose those
    `proposed`; everything else in the project's folder stays held. Raises UsageError where one of them can't
    be made, and then approves none; LocalTrouble, StoreError."""
    rooms, names = neighbouring_names(place), [one.name for one in sets]
    for number, name in enumerate(names):
        if trouble := why_no_name(name, [*rooms, *names[:number]], proposed):
            raise UsageError(trouble[0], hint=trouble[1])
    return _approve_sets(settings, place, sets, look)


def _approve_sets(
    settings: Settings, place: PhotoPlace, sets: Sequence[ChosenSet], look: Look = look
) -> Approval:
    refuse_unmakeable(explain_place(settings, place, sets, look), sets)
    folder, photos = place.path, {name for one in sets for name in one.photos}
    with local_trouble(folder):
        seen = place.seen()
        waiting = seen is not None and seen.valid_ready() is not None
        said = read_ready(place.root, folder / READY_NAME) if waiting else None
        # Sets that were approved before and aren't begun yet stay approved.
        before = said.sets if said is not None else ()
        write_ready(place.root, (place.project,), combine_sets(before, sets))
    return Approval(folder / READY_NAME, len(photos), tuple(one.name for one in sets))


def neighbouring_names(place: PhotoPlace) -> list[str]:
    """The names of the rooms with folders beside the photos of a shoot. Raises LocalTrouble."""
    with local_trouble(place.path):
        return [split_name(one.name).name for one in folders_in(place.path)]


def why_no_name(name: str, taken: Collection[str], proposed: Collection[str] = ()) -> tuple[str, str] | None:
    """Why a set can't have that name, and a hint; None where it can. `taken` are the names of other sets. The
    names `proposed` come from the project's folder, and may hold characters that file names can't have."""
    if not name.strip():
        return "A set has no name.", "Give it one: its picture is called so."
    refused = f"A set can't be called {quoted(name)}"
    if TAG_MARK in name:
        return (
            f"{refused}: two underscores begin a tag.",
            "Name it without; what is done with it the routes say.",
        )
    if safe_name(name) != name and name not in proposed:
        better = f"Call it {fully_quoted(safe_name(name))}."
        return f"{refused}: not every computer takes that as a file's name.", better
    if why := why_name_taken(name, taken):
        return f"{refused}: {why}.", "Give it another name."
    return None


def refuse_unmakeable(found: Explained, sets: Sequence[ChosenSet]) -> None:
    """Raise UsageError where the daemon would not make one of the sets as given."""
    hint = "Look at the shoot again, and approve it as it is now."
    if found.problems:
        raise UsageError(found.problems[0], hint="Nothing of the shoot is made before that is fixed.")
    if found.shoot.unmade:
        raise UsageError(f"{found.shoot.unmade[0]}.", hint=hint)
    if not found.shoot.sets:
        raise UsageError(f"No photos of {quoted(found.place.name)} wait.", hint=hint)
    making = {each.name for each in found.shoot.sets if each.by_person}
    for one in sets:
        if one.name not in making:
            raise UsageError(f"{quoted(one.name)} is being made already.", hint=hint)


def _held_set(settings: Settings, what: str) -> tuple[PhotoPlace, list[ChosenSet]] | None:
    """The place and photos of a held set, where `what` is `project/set`, maybe after a path; else None."""
    around, _, name = what.rpartition("/")
    if not (around and name) or is_dir(Path(what)):
        return None
    for inbox, project in product(settings.all_inboxes(), unicode_forms(Path(around).name)):
        place = PhotoPlace(inbox, settings.inbox_folder(inbox), project, "")
        if is_dir(place.path / name) or place.seen() is None:
            continue
        for one in explain_place(settings, place).sets:
            if one.waits and to_nfc(one.name) == to_nfc(name):
                return place, [as_chosen(one)]
    return None


def as_chosen(one: ExplainedSet) -> ChosenSet:
    makes = one.planned.plan.recipe.exact_calls() if one.planned is not None else ()
    return ChosenSet(one.name, {photo.name: photo.sha256 for photo in one.photos}, makes)


def _rooms_of(project: PhotoPlace) -> list[PhotoPlace]:
    """The rooms in a project's folder that hold photos."""
    with local_trouble(project.path):
        rooms = [replace(project, folder=one.name) for one in folders_in(project.path)]
    return [room for room in rooms if room.seen() is not None]


class DraftSet(NamedTuple):
    """A set as grouped by a person: its name, and the keys of its photos."""

    name: str
    photos: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldView:
    """A held folder, as it is `explained`. `why` it is held, an empty Why where it isn't. `aside` are
    the photos that belong to no set, each with the reason."""

    explained: Explained
    why: WaitReason
    sets: tuple[ExplainedSet, ...]
    seen: Overview
    aside: tuple[tuple[SeenPhoto, str], ...] = ()

    @property
    def place(self) -> PhotoPlace:
        return self.explained.place

    @property
    def bill(self) -> Bill:
        """The paid calls of the waiting sets."""
        return sum((one.bill for one in self.waiting), NOTHING)

    @property
    def total(self) -> Bill:
        """The paid calls of all sets."""
        return sum((one.bill for one in self.sets), NOTHING)

    @property
    def waiting(self) -> tuple[ExplainedSet, ...]:
        return tuple(one for one in self.sets if one.waits)

    @property
    def can_approve(self) -> bool:
        """Whether there are waiting sets and all of them can be approved as they are."""
        return (
            not self.explained.problems
            and bool(self.waiting)
            and not any(one.problem for one in self.waiting)
        )


def place_by_id(settings: Settings, known: str) -> PhotoPlace:
    """The folder in an inbox with that `folder_id`. Raises Unknown."""
    for place in all_places(settings):
        if place.id == known:
            return place
    raise nothing_waits_error()


def look_at(
    settings: Settings, place: PhotoPlace, draft: Sequence[DraftSet] = (), look: Look = look
) -> HeldView:
    """The view of a held folder: its sets as proposed, or as grouped in the `draft`. Raises UsageError where
    the photos have changed since the draft, Unknown where none are there any more; StoreError,
    LocalTrouble."""
    with reading(settings) as store:
        return Viewer(settings, store, place, look=look).view(draft)


class DraftRefused(UsageError):
    """A set of the draft can't be made; `view` has the draft, with the problem at its set."""

    def __init__(self, problem: str, view: HeldView) -> None:
        super().__init__(problem)
        self.view = view


def approve_held(
    settings: Settings,
    place: PhotoPlace,
    draft: Sequence[DraftSet] = (),
    wanted: Collection[int] = (),
    calls: str = "",
    look: Look = look,
) -> Approval:
    """Approve the `wanted` sets of the draft, by their indices in `HeldView.waiting`, or a room's folder as
    it is; a `draft` of that says what the person was shown. `calls` is the `Bill.calls` that they were shown.
    Raises UsageError where photos have changed since, the paid calls would differ or a set can't be made
    (DraftRefused for one of a shoot), and then approves none; StoreError, LocalTrouble."""
    view = look_at(settings, place, draft, look)
    sets = [one for number, one in enumerate(view.waiting) if place.folder or number in wanted]
    problem = next((one.problem for one in sets if one.problem), "")
    if not sets or problem or view.explained.problems:
        reasons = (problem, *view.explained.problems, "Nothing of this waits any more.")
        if problem and not place.folder:
            raise DraftRefused(problem, view)
        raise UsageError(next(filter(None, reasons)), hint=LOOK_AGAIN)
    sum((one.bill for one in sets), NOTHING).confirm(calls)
    if place.folder:
        looked_at = {key for one in draft for key in one.photos}
        if draft and looked_at != {photo.key for one in sets for photo in one.photos}:
            raise UsageError(CHANGED, hint=LOOK_AGAIN)
        aside = [ChosenSet(photo.name, {photo.name: photo.sha256}) for photo, _ in view.aside]
        return approve_folder(settings, place, [*map(as_chosen, sets), *aside])
    proposed = {one.name for one in view.explained.sets}
    return approve_sets(settings, place, [as_chosen(one) for one in sets], look, proposed)


class Viewer(Explainer):
    """Makes the view of a held folder from its explanation."""

    def view(self, draft: Sequence[DraftSet]) -> HeldView:
        explained = self.explained()
        named = {photo.name: photo for photo in self.photos}
        sets = [*explained.sets, *self._others(explained)]
        if not self.place.folder:
            sets = self._as_drafted(sets, draft, named)
        kept_out = explained.shoot.kept_out
        photos = self.shown([named[name] for name in kept_out if name in named])
        aside = tuple((photo, kept_out[photo.name]) for photo in photos)
        seen = overview_in(self.settings.state_folder, self.store)
        return HeldView(explained, self._why(explained), tuple(sets), seen, aside)

    def _why(self, explained: Explained) -> WaitReason:
        """Why the folder is held; for a shoot only reasons about the whole: its sets have their own. The
        view itself is the review that a route asks for, and says no other way to it."""
        shoot = explained.shoot
        if self.place.folder or not explained.held:
            held = (
                WaitReason(explained.held.reason)
                if explained.held.hint == REVIEW_REASON.hint
                else explained.held
            )
            return join_reasons((held, *explained.waiting))
        doubts = {doubt for one in explained.sets for doubt in one.doubts}
        own = "some sets are not beyond doubt" if doubts - {REVIEW} else REVIEW if doubts else shoot.why
        return WaitReason("; ".join(shoot.doubts) or own)

    def _others(self, explained: Explained) -> Iterator[ExplainedSet]:
        """The sets that would not be made: refused ones, and the sets of photos that wait for other
        reasons."""
        names: set[str] = set()
        if explained.several:
            yield from self._refused(explained.shoot)
            parts = explained.shoot.parts()
            names = {photo.name for each in parts for photo in each.photos} | explained.shoot.kept_out.keys()
        if self.place.folder:
            return
        drop = self.drop
        late = [photo for photo in drop.photos if photo.name not in names]
        if late:
            given = {*drop.used_names, *(each.name for each in explained.sets)}
            found = group_shoot(self.rulebook, self.place.project, late, given)
            doubts = tuple(why.reason for why in explained.waiting)
            for each in found.sets:
                yield replace(self._priced(each.name, each.photos), evidence=each.evidence, doubts=doubts)
            yield from self._refused(found)

    def _refused(self, grouping: Grouping) -> Iterator[ExplainedSet]:
        for each in grouping.refused:
            yield self._problem(each.name, each.photos, with_hint(each.reason, each.hint))

    def _as_drafted(
        self, proposed: Sequence[ExplainedSet], draft: Sequence[DraftSet], named: Mapping[str, Photo]
    ) -> list[ExplainedSet]:
        """The sets of the draft, followed by the remaining photos in their proposed sets, and the approved
        sets. Raises UsageError where a photo of the draft doesn't wait any more or is in two of its sets, or
        one of these is empty."""
        waiting = [one for one in proposed if one.waits]
        photos = {photo.key: photo for one in waiting for photo in one.photos}
        spoken_for = [key for one in draft for key in one.photos]
        doubled, empty = len(set(spoken_for)) < len(spoken_for), not all(one.photos for one in draft)
        if doubled or empty or any(key not in photos for key in spoken_for):
            raise UsageError(CHANGED, hint=LOOK_AGAIN)
        left = [
            DraftSet(one.name, tuple(photo.key for photo in one.photos if photo.key not in spoken_for))
            for one in waiting
        ]
        rows = [*draft, *(one for one in left if one.photos)]
        before = {frozenset(photo.key for photo in one.photos): one for one in waiting}
        rooms = [*neighbouring_names(self.place), *self.drop.used_names]
        names = {one.name for one in proposed}
        drafted = []
        for number, row in enumerate(rows):
            was = before.get(frozenset(row.photos))
            own = [named[photos[key].name] for key in row.photos]
            others = [other.name for other in rows[:number]]
            drafted.append(self._drafted(row.name, own, was, others, rooms, names))
        return [*drafted, *(one for one in proposed if not one.waits)]

    def _drafted(
        self,
        name: str,
        photos: Sequence[Photo],
        was: ExplainedSet | None,
        taken: Sequence[str],
        rooms: Sequence[str],
        proposed: Collection[str],
    ) -> ExplainedSet:
        """A set of a draft. `was` is the proposed set of the same photos, `taken` are the names of the sets
        before it, `rooms` those of other rooms, which a `proposed` name may have."""
        if was is not None and was.name == name:
            one = was
        else:
            one = self._priced(name, photos)
            if was is not None:
                one = replace(one, evidence=was.evidence, doubts=was.doubts)
            taken = [*taken, *rooms]
        trouble: Sequence[str] = why_no_name(name, taken, proposed) or ()
        if len(photos) > MOST_PHOTOS and (was is None or not one.problem):
            trouble = (f"A picture is made of at most {MOST_PHOTOS} photos; these are {len(photos)}.",)
        return replace(one, problem=" ".join(trouble)) if trouble else one

    def _priced(self, name: str, photos: Sequence[Photo]) -> ExplainedSet:
        """A waiting set under that name, with its cost by the rules; with a problem where they refuse it."""
        try:
            return replace(self.set_of(name, photos), waits=True)
        except BadJob as error:
            return self._problem(name, photos, error.full_text)

    def _problem(self, name: str, photos: Sequence[Photo], why: str) -> ExplainedSet:
        return ExplainedSet(name, self.shown(photos), waits=True, problem=why)
