"""Late photos: those that repeat, or belong to, sets that were dropped earlier.

A part of a set that is paid for, or additional photos of it, wait for a person. If all photos of a set are
dropped again, its purchases are reused.

In a project's folder photos are identified by content or by capture data, whatever their names. Whether other
photos belong to an earlier set is determined by grouping them together with its frames. In a room's folder
all photos belong to its set.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from hotfolder.rules.grouping.copies import capture_key, without_copy_mark
from hotfolder.rules.grouping.evidence import (
    Likeness,
    capture_of,
    exposure_ev,
    has_exposure_time,
    has_times,
    likeness,
    start_seconds,
)
from hotfolder.rules.grouping.group import group
from hotfolder.rules.grouping.results import BY_HAND_SECONDS, SAME_EXPOSURE_EV, GroupingOptions
from hotfolder.rules.holds import WaitReason
from hotfolder.rules.sets import BracketSet, FileIdentity, Photo

MOST_NAMED = 3
"""The number of waiting photos or sets that a message names."""

APPROVE = "add __ok to the folder's name, put a file named READY.txt beside them, or say `hotfolder approve`"
TO_MAKE_ANEW = (
    "Such photos are not paid for by themselves. To have such a set made anew, as a new revision, drop all"
    f" its photos together; else move these out, or let them be made as they are: {APPROVE}."
)

TO_JOIN = (
    f"If they are a set of their own, {APPROVE}; to make the set again with them, drop all its photos"
    " together."
)

LATE = timedelta(hours=1)
"""Photos that appear within this time after their folder's latest set ended are taken for the rest of it."""

_NEAR_PAUSES = 20
"""Frames further apart than this many times BY_HAND_SECONDS are taken for different sets."""


class EarlierState(Enum):
    """CHANGEABLE: nothing is paid for yet, and it can still change. BUSY: in work, and can't change any more.
    MADE: paid for, and ended. WITHDRAWN: abandoned because it changed; its name is kept."""

    CHANGEABLE = auto()
    BUSY = auto()
    MADE = auto()
    WITHDRAWN = auto()


@dataclass(frozen=True, slots=True)
class EarlierSet:
    """A set that was, or is being, made of photos from the project's own folder. `by_person`: a person put it
    together, so its capture data don't show what else belongs to it."""

    job: str
    room: str
    state: EarlierState
    photos: tuple[Photo, ...]
    by_person: bool = False


@dataclass(slots=True)
class PhotoRelations:
    """The relations of a drop's photos to earlier sets. Those in `waiting` wait, for the `reasons` (sentences
    without their full stops); all others may be grouped and made. `late` has the reasons of those that belong
    to sets that are paid for, by name.

    `rooms` are the names of earlier sets to keep, by photo name. `paid_for` are those photos whose set was
    paid for, `by_person` those whose withdrawn set a person had put together. `jobs_to_regroup` has, for each
    job that must be grouped again, the name of a photo that belongs to it. `notes` are for the receipt, by
    room.
    """

    rooms: dict[str, str] = field(default_factory=dict)
    paid_for: set[str] = field(default_factory=set)
    by_person: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    jobs_to_regroup: dict[str, str] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    late: dict[str, str] = field(default_factory=dict)

    def why_waiting(self) -> WaitReason:
        """The reasons (at most MOST_NAMED) why photos wait, with the hint; falsy where none waits."""
        shown = self.reasons[:MOST_NAMED]
        if len(self.reasons) > len(shown):
            shown.append(f"and {len(self.reasons) - len(shown)} more sets have such photos")
        return WaitReason("; ".join(shown), TO_MAKE_ANEW if self.late else "")


@dataclass(frozen=True, slots=True)
class PhotoMatch:
    """A match of a photo with an `earlier` one, in the set of `job`. `same_content`: their hashes are
    equal; else both are exports of one capture."""

    job: str
    earlier: Photo
    same_content: bool


Matches = Mapping[str, PhotoMatch]
"""Matches by the name of the new photo."""


def relate_to_earlier(
    photos: Sequence[Photo], earlier: Sequence[EarlierSet], options: GroupingOptions
) -> PhotoRelations:
    """Relate `photos` to the `earlier` sets, which must be sorted oldest first."""
    found = PhotoRelations()
    matches = match_earlier(photos, earlier)
    of_job: dict[str, dict[str, PhotoMatch]] = defaultdict(dict)
    for name, match in matches.items():
        of_job[match.job][name] = match
    whole = {one.job for one in earlier if _is_dropped_whole(one, of_job[one.job])}
    beside = [
        one
        for one in earlier
        if one.state is not EarlierState.WITHDRAWN and one.job not in whole and not one.by_person
    ]
    joining: dict[str, set[str]] = defaultdict(set)
    for name, job in photos_joining(
        [photo for photo in photos if photo.name not in matches], beside, options
    ):
        joining[job].add(name)
    for one in earlier:
        mine = of_job[one.job]
        if one.state is EarlierState.WITHDRAWN or one.job in whole:
            _reuse_set(found, one, mine)
        elif mine or joining[one.job]:
            _hold_photos(found, one, mine, sorted(joining[one.job]))
    return found


def match_earlier(photos: Sequence[Photo], earlier: Sequence[EarlierSet]) -> dict[str, PhotoMatch]:
    """Match photos with those of earlier sets; returns the matches, by name. Where several sets have a photo,
    the newest wins; a withdrawn set counts only where no other has it."""
    withdrawn = [one for one in earlier if one.state is EarlierState.WITHDRAWN]
    standing = [one for one in earlier if one.state is not EarlierState.WITHDRAWN]
    return {**_match_to(photos, withdrawn), **_match_to(photos, standing)}


def _match_to(photos: Sequence[Photo], earlier: Sequence[EarlierSet]) -> dict[str, PhotoMatch]:
    by_content: dict[str, PhotoMatch] = {}
    by_key: dict[Hashable, list[PhotoMatch]] = defaultdict(list)
    for one in earlier:
        for photo in one.photos:
            by_content[photo.sha256] = PhotoMatch(one.job, photo, same_content=True)
            for key in _match_keys(photo):
                by_key[key].append(PhotoMatch(one.job, photo, same_content=False))
    found: dict[str, PhotoMatch] = {}
    for photo in photos:
        exports = (
            each
            for key in _match_keys(photo)
            for each in reversed(by_key[key])
            if is_same_capture(photo, each.earlier)
        )
        match = by_content.get(photo.sha256) or next(exports, None)
        if match is not None:
            found[photo.name] = match
    return found


def is_same_capture(photo: Photo, earlier: Photo) -> bool:
    """Whether two photos with a common key of `_keys` are exports of one capture."""
    alike = likeness(photo, earlier)
    same_name = without_copy_mark(photo.name).casefold() == without_copy_mark(earlier.name).casefold()
    same_capture = has_times(photo) and capture_key(photo) == capture_key(earlier)
    if same_capture and (same_name or capture_of(photo).clock_step_seconds < 1.0):
        return alike is not Likeness.DIFFERENT
    # Whole seconds can be equal for two frames, and cameras reuse file names: the pictures must agree too.
    return alike is Likeness.SAME and (same_capture or (same_name and _exposed_alike(photo, earlier)))


def _exposed_alike(photo: Photo, earlier: Photo) -> bool:
    """Whether the exposures are equal, as far as both are known."""
    known = has_exposure_time(photo) and has_exposure_time(earlier)
    return not known or abs(exposure_ev(photo) - exposure_ev(earlier)) <= SAME_EXPOSURE_EV


def photos_joining(
    photos: Sequence[Photo], beside: Sequence[EarlierSet], options: GroupingOptions
) -> list[tuple[str, str]]:
    """The photos that grouping puts together with frames of an earlier set: sorted pairs of their name and
    that set's job. Empty where sets are counted off, or no photo has capture data."""
    dated = [photo for photo in photos if has_times(photo)]
    if options.brackets is not None or not dated:
        return []
    of_job: dict[str, str] = {}
    frames: list[Photo] = []
    for one in _sets_near(beside, dated, _NEAR_PAUSES * BY_HAND_SECONDS):
        for photo in one.photos:
            name = f"{one.room}/{photo.name}"  # unique: no file name has a slash
            if has_times(photo) and name not in of_job:
                of_job[name] = one.job
                frames.append(replace(photo, name=name))
    found: dict[str, str] = {}
    for each in group([*frames, *dated], options).parts():
        jobs = [of_job[photo.name] for photo in each.photos if photo.name in of_job]
        if jobs:
            found |= {photo.name: jobs[-1] for photo in each.photos if photo.name not in of_job}
    # Photos that form a set by themselves stay together, else the rest would be paid for as a separate set.
    for each in group(dated, options).parts():
        jobs = [found[photo.name] for photo in each.photos if photo.name in found]
        if jobs:
            found |= {photo.name: jobs[0] for photo in each.photos}
    return sorted(found.items())


def _sets_near(sets: Sequence[EarlierSet], photos: Sequence[Photo], seconds: float) -> Iterator[EarlierSet]:
    """The sets that have a frame taken while the photos were, or within `seconds` of that. It limits the
    work: a project may have thousands of sets, too many to group again for each drop."""
    times = sorted(map(start_seconds, photos))
    for one in sets:
        taken = (start_seconds(photo) for photo in one.photos if has_times(photo))
        if any(times[0] - seconds <= at <= times[-1] + seconds for at in taken):
            yield one


def _match_keys(photo: Photo) -> Iterator[Hashable]:
    """The keys of which two exports of one capture share at least one: capture data, else the name without a
    copy's suffix; and the name as it is, since capture times can be edited in Lightroom and exports lack
    some."""
    yield capture_key(photo) if has_times(photo) else without_copy_mark(photo.name).casefold()
    yield "name", photo.name.casefold()


def _is_dropped_whole(one: EarlierSet, mine: Matches) -> bool:
    """Whether the set is MADE and all its photos were dropped again, unchanged or exported anew."""
    again = {match.earlier.name for match in mine.values()}
    return one.state is EarlierState.MADE and again >= {photo.name for photo in one.photos}


def _reuse_set(found: PhotoRelations, one: EarlierSet, mine: Matches) -> None:
    for name in mine:
        found.rooms[name] = one.room
    if one.state is EarlierState.WITHDRAWN and one.by_person:
        found.by_person |= mine.keys()
    if one.state is EarlierState.MADE:
        found.paid_for |= mine.keys()
        anew = sum(not match.same_content for match in mine.values())
        found.notes[one.room] = (
            f"This is a new revision of {one.room}: {anew} of its photos were exported anew."
            if anew
            else f"{one.room} was dropped again as it was: what is bought of these photos is used again."
        )


def _hold_photos(found: PhotoRelations, one: EarlierSet, mine: Matches, joining: Sequence[str]) -> None:
    found.waiting |= {*mine, *joining}
    said = [_relation_text(name, one, mine.get(name)) for name in sorted({*mine, *joining})]
    more = f" (and {len(said) - 1} more like it)" if len(said) > 1 else ""
    new = sorted(name for name in (*joining, *mine) if name in joining or not mine[name].same_content)
    if one.state is EarlierState.CHANGEABLE and new:
        found.jobs_to_regroup[one.job] = new[0]
        found.reasons.append(f"{said[0]}, which is not paid for yet and will be looked at anew with it{more}")
    elif one.state is EarlierState.MADE:
        why = f"{said[0]}, which has been paid for{more}"
        found.late |= dict.fromkeys((*mine, *joining), why)
        found.reasons.append(why)
    else:
        found.reasons.append(f"{said[0]}, which is being worked on: that is waited for{more}")


def _relation_text(name: str, one: EarlierSet, match: PhotoMatch | None) -> str:
    if match is None:
        return f"{name} belongs, by what the camera recorded, to {one.room}"
    what = "has the same content as" if match.same_content else "is another export of"
    return f"{name} {what} {match.earlier.name} of {one.room}"


@dataclass(frozen=True, slots=True)
class LatestSet:
    """The latest set that was, or is being, made of a folder, with its `photos` as recorded. `ended_at` is
    timezone-aware, None while the set is in work. `paid_for`: it has a purchase. `usual` is the number of
    photos of most of the folder's sets, without photos alone.

    `cancelled` has a pair for each set of the folder that a person took back, unless others went on: the
    ctime of its newest photo, and the time of its end (far ahead while it is in work), in ns since the epoch.
    `known` then has the hashes of all sets that the folder had. `first_seen` are the states, by name, in
    which photos that wait were held first."""

    photos: Sequence[Photo]
    ended_at: datetime | None
    paid_for: bool
    usual_size: int
    cancelled: Sequence[tuple[int, float]] = ()
    known_hashes: frozenset[str] = frozenset()
    first_seen: Mapping[str, FileIdentity] = field(default_factory=dict)

    def arrival_ns(self, photo: Photo) -> int:
        """The ctime of a photo, which is when it came; of one that waits, the ctime when it was first held,
        since `chmod`, among others, changes it."""
        seen = self.first_seen.get(photo.name, photo.identity)
        return (seen if seen.may_be_same_file(photo.identity) else photo.identity).ctime_ns

    def ended_long_before(self, photos: Sequence[Photo]) -> bool:
        """Whether all of the photos came more than LATE after its end."""
        oldest = min(map(self.arrival_ns, photos)) / 1e9
        return self.ended_at is not None and oldest > (self.ended_at + LATE).timestamp()

    def left_behind(self, photos: Sequence[Photo]) -> list[Photo]:
        """Those of a set's photos that were changed or added after a cancelled set's own and before its end:
        only its own went to failed/. None where one of these has come back to them."""
        ends = [ended for _, ended in self.cancelled]
        known = [photo for photo in photos if photo.sha256 in self.known_hashes]
        if any(self.arrival_ns(photo) > max(ends, default=math.inf) for photo in known):
            return []
        return [
            photo
            for photo in photos
            if photo.sha256 not in self.known_hashes
            and any(since < self.arrival_ns(photo) <= ended for since, ended in self.cancelled)
        ]

    def exported_again(self, photos: Sequence[Photo]) -> set[str]:
        """The names of its photos of which the given ones are other exports."""
        own = EarlierSet("", "", EarlierState.MADE, tuple(self.photos))
        return {
            match.earlier.name for match in match_earlier(photos, [own]).values() if not match.same_content
        }


def why_left_behind(left: Sequence[Photo]) -> str:
    """Why a set must not be paid for that has these photos, which a cancelled set left behind
    (`LatestSet.left_behind`)."""
    names = ", ".join(photo.name for photo in left[:MOST_NAMED])
    return f"{names} lay here, changed or new, when the set was cancelled, and nothing is paid for unasked"


LATE_IN_SHOOT = (
    "it came after the other photos of the shoot had begun, and so few photos are not paid for by themselves"
)
"""Why a set of a flat drop must not be paid for that came late, where all such sets together have fewer
photos than most of the project's sets."""


@dataclass(frozen=True, slots=True)
class MergedSet:
    """The content hashes of the photos of a merge that may have been charged. `room` is "" where the store
    has lost its job."""

    photos: frozenset[str]
    room: str = ""


def why_partial(found: BracketSet, merged: Sequence[MergedSet]) -> WaitReason:
    """Why `found` must not be paid for: it has some but not all photos of a merged set. Names the latest such
    set. Falsy where there is none or `found` is approved."""
    hashes = {photo.sha256 for photo in found.photos}
    whole = frozenset[str]().union(*(one.photos for one in merged if one.photos <= hashes))
    torn = [one for one in merged if (one.photos & hashes) - whole]
    if found.approved or not torn:
        return WaitReason()
    if not torn[-1].room:
        return WaitReason(
            "some of these photos were merged and paid for together with others, and the job store that knew"
            " of it is lost",
            "The others lie among the originals in done; move them back here, and nothing is paid again.",
        )
    names = [photo.name for photo in found.photos if photo.sha256 in torn[-1].photos]
    some = f"{', '.join(names[:MOST_NAMED])} {'is' if len(names) == 1 else 'are'}"
    return WaitReason(
        f"{some} a part of {torn[-1].room}, which has been paid for", TO_MAKE_ANEW, lasting=True
    )


def why_own_pictures(photos: Sequence[Photo], own: Collection[str]) -> WaitReason:
    """Why photos whose hash is in `own` must not be paid for: they are pictures made by hotfolder. Falsy
    where there is none."""
    names = [photo.name for photo in photos if photo.sha256 in own]
    if not names:
        return WaitReason()
    return WaitReason(
        f"{', '.join(names[:MOST_NAMED])}: finished pictures that hotfolder made are not paid for as if they"
        " were photos",
        "Move them out; to have other pictures of their rooms, drop their original photos. If they are to be"
        f" made as they are, {APPROVE}.",
    )


def why_late_in_room(found: BracketSet, latest: LatestSet) -> WaitReason:
    """Why `found` must not be paid for as a separate set: it is the rest of its folder's latest set. Falsy
    where it may be, and for an approved set unless the latest is still in work."""
    names = ", ".join(photo.name for photo in found.photos[:MOST_NAMED])
    if latest.ended_at is None:
        return WaitReason(f"{names} came while the rest of the set is being worked on: that is waited for")
    if found.approved:
        return WaitReason()
    if left := latest.left_behind(found.photos):
        return WaitReason(why_left_behind(left), TO_JOIN, lasting=True)
    if not latest.paid_for or contains_all_of(found, latest):
        return WaitReason()
    if latest.ended_long_before(found.photos) and not latest.exported_again(found.photos):
        return WaitReason()
    return WaitReason(
        f"{names} came after the set had been paid for, and nothing more is paid for unasked",
        TO_JOIN,
        lasting=True,
    )


def contains_all_of(found: BracketSet, latest: LatestSet) -> bool:
    """Whether `found` has all photos of the latest set, by content, by what the camera recorded, or by name
    (without a copy's suffix)."""
    names = {photo.name for photo in found.photos}
    names |= {without_copy_mark(name) for name in names} | latest.exported_again(found.photos)
    hashes = {photo.sha256 for photo in found.photos}
    return all(photo.name in names or photo.sha256 in hashes for photo in latest.photos)
