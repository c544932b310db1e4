"""Settling of one set: a pure function of its previous state, the folder as seen now, and the time.

A file counts as unchanged only between our own observations; no timestamp of a file is compared with a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from hotfolder.display import counted
from hotfolder.inbox.contents import SeenFile, SetFolder
from hotfolder.pictures.facts import PictureFacts
from hotfolder.rules.sets import FileIdentity


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decoder's result for one state of one photo: its `facts` where it is whole, else the `reason`, with
    a `hint`, for the photographer. `final`: it can never become whole."""

    facts: PictureFacts | None = None
    reason: str = ""
    hint: str = ""
    final: bool = False

    @property
    def unfinished(self) -> bool:
        """Whether it isn't whole yet, and may become so."""
        return bool(self.reason) and not self.final


@dataclass(frozen=True, slots=True)
class Pace:
    """The timing of a set. With `expected_photos` photos it settles at once; None: only the quiet time."""

    quiet_seconds: float
    give_up_seconds: float
    expected_photos: int | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A state of a file and the monotonic time at which it was first seen."""

    identity: FileIdentity
    first_seen: float


@dataclass(frozen=True, slots=True)
class SetState:
    """The state of a set between two looks. `decided` files were part of a verdict and belong to a job now.
    `changed_at` is the monotonic time of the last change."""

    changed_at: float
    files: Mapping[str, Sighting] = field(default_factory=dict)
    decided: Mapping[str, FileIdentity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoPhotos:
    """The folder holds no photo without a job. `other_files` are names of other files without a job."""

    other_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """The set has not settled. `to_decode` photos are to be decoded now; `look_at` is the monotonic time at
    which the verdict may change without any change in the folder, None if it can't.

    `complete` are the photos that are whole, while others may still arrive. `quiet_from` is set
    while only the quiet time is missing. `may_proceed` is False where a person must act; `hint` says how.
    """

    photo_count: int
    reason: str
    look_at: float | None = None
    to_decode: tuple[SeenFile, ...] = ()
    complete: tuple[SeenFile, ...] = ()
    quiet_from: float | None = None
    quiet_seconds: float = 0.0
    may_proceed: bool = True
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """The set has settled; returned once. `approved`: `.ready` was written after its photos."""

    photos: tuple[SeenFile, ...]
    companions: tuple[SeenFile, ...]
    approved: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The set can't be made as it is; returned once. `files` are all of its files."""

    files: tuple[SeenFile, ...]
    reason: str
    hint: str


Verdict = NoPhotos | Waiting | Settled | Refused


LEAST_BETWEEN_LOOKS_SECONDS = 0.2
"""A photo is complete when it decodes and two looks at least this far apart see the same state."""

COMPANIONS_ONLY_SECONDS = 2.0
"""How long a folder with companions only is taken for a set that has begun to arrive."""

JudgementOf = Callable[[SeenFile], Judgement | None]


def settle(
    before: SetState | None,
    seen: SetFolder,
    *,
    now: float,
    pace_of: Callable[[int], Pace],
    claimed: frozenset[str],
    judgement_of: JudgementOf,
) -> tuple[SetState, Verdict]:
    """The set's new state and its verdict. `now` is monotonic; files named in `claimed` belong to running
    jobs and are ignored; `pace_of` takes the number of the photos that remain.

    `Settled` and `Refused` are returned once: their files are `decided` in the returned state, and ignored as
    long as they stay unchanged. `decided` is cleared, so that all unclaimed files are judged again, when a
    flat drop changes in any way, and when a new `.ready` appears in a room's folder without claimed files. A
    flat drop is never refused as a whole: `Waiting` with `may_proceed` False takes the place of `Refused`.
    """
    there = {file.name: file.identity for file in _all_files(seen)}
    known = before.decided if before is not None else {}
    given = {name: identity for name, identity in known.items() if there.get(name) == identity}
    signal = seen.valid_ready()
    approved = not claimed and signal is not None and given.get(signal.name) != signal.identity
    if not _same_drop(before, seen, claimed) if seen.flat else approved:
        given = {}
    free = _without(seen, claimed | given.keys())
    files, changed_at = _sightings(before, free, now)
    state = SetState(changed_at, files, given)
    if not (free.photos or free.temporaries or any(obstacle.blocks for obstacle in free.obstacles)):
        # No photos to time: `pace_of` isn't needed for an emptied folder.
        return state, _verdict_without_photos(state, free, now)
    judgements = tuple((file, judgement_of(file)) for file in free.photos)
    verdict = _judge(_Look(state, free, now, pace_of(len(free.photos)), judgements))
    if isinstance(verdict, Settled):
        state = _with_decided(state, (*verdict.photos, *verdict.companions))
    elif isinstance(verdict, Refused) and seen.flat:
        verdict = Waiting(len(free.photos), verdict.reason, may_proceed=False, hint=verdict.hint)
    elif isinstance(verdict, Refused):
        state = _with_decided(state, verdict.files)
    return state, verdict


def _verdict_without_photos(state: SetState, free: SetFolder, now: float) -> NoPhotos | Waiting:
    """The verdict on a folder in which no photo is left to judge, only companions or nothing."""
    names = tuple(file.name for file in free.companions)
    until = max((state.files[name].first_seen for name in names), default=now) + COMPANIONS_ONLY_SECONDS
    if names and now < until and not free.flat:
        return Waiting(0, "no photo has come yet", look_at=until)
    return NoPhotos(names)


def without_observations(state: SetState, now: float) -> SetState:
    """The state without its observations, but with `decided`, for use after the inbox was degraded."""
    return SetState(changed_at=now, decided=state.decided)


def files_with_jobs(state: SetState | None, claimed: frozenset[str]) -> frozenset[str]:
    """Names of the files in the set's folder that belong, or are about to belong, to a job."""
    return claimed | (state.decided.keys() if state is not None else frozenset())


def _same_drop(before: SetState | None, seen: SetFolder, claimed: frozenset[str]) -> bool:
    """Whether the unclaimed photos, companions and `.ready` of a flat drop are exactly those given before,
    each in the same state."""
    given = before.decided if before is not None else {}
    free = _without(seen, claimed)
    signal = free.valid_ready()
    files = (*free.photos, *free.companions, *((signal,) if signal else ()))
    known = {name: identity for name, identity in given.items() if name not in claimed}
    return {file.name: file.identity for file in files} == known


def _without(seen: SetFolder, names: frozenset[str]) -> SetFolder:
    if not names:
        return seen
    return replace(
        seen,
        photos=tuple(file for file in seen.photos if file.name not in names),
        companions=tuple(file for file in seen.companions if file.name not in names),
        temporaries=tuple(file for file in seen.temporaries if file.name not in names),
        obstacles=tuple(obstacle for obstacle in seen.obstacles if obstacle.name not in names),
        ready=seen.ready if seen.ready is not None and seen.ready.name not in names else None,
    )


def _sightings(before: SetState | None, free: SetFolder, now: float) -> tuple[dict[str, Sighting], float]:
    known = before.files if before is not None else {}
    files: dict[str, Sighting] = {}
    for file in (*free.photos, *free.companions, *free.temporaries):
        sighting = known.get(file.name)
        same = sighting is not None and sighting.identity == file.identity
        files[file.name] = sighting if same and sighting is not None else Sighting(file.identity, now)
    unchanged = before is not None and files == dict(known)
    return files, before.changed_at if before is not None and unchanged else now


def _with_decided(state: SetState, files: tuple[SeenFile, ...]) -> SetState:
    given = {**state.decided, **{file.name: file.identity for file in files}}
    return SetState(state.changed_at, state.files, given)


def _all_files(seen: SetFolder) -> tuple[SeenFile, ...]:
    ready = (seen.ready,) if seen.ready is not None else ()
    return (*seen.photos, *seen.companions, *seen.temporaries, *ready)


def _judge(look: _Look) -> Verdict:
    free = look.free
    blocking = next((obstacle for obstacle in free.obstacles if obstacle.blocks), None)
    if free.temporaries:
        return _transfer_under_way(free, look.now, look.gives_up_at)
    if blocking is not None:
        return Waiting(len(free.photos), blocking.notice.text, may_proceed=False)
    return look.verdict_when_quiet() if look.now >= look.quiet_at else look.verdict_before_quiet()


def _transfer_under_way(free: SetFolder, now: float, gives_up_at: float) -> Verdict:
    count = len(free.photos)
    name = free.temporaries[0].name
    if now < gives_up_at:
        return Waiting(count, f"a transfer is under way ({name})", look_at=gives_up_at)
    reason = (
        f"A transfer into this folder broke off: {name} is unfinished and has not changed for a long time."
    )
    hint = "Copy the room's photos once more."
    if not free.photos:
        return Waiting(count, reason, may_proceed=False, hint=hint)
    return Refused(_all_files(free), reason, hint)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a set, with the judgements known for its photos."""

    state: SetState
    free: SetFolder
    now: float
    pace: Pace
    judgements: tuple[tuple[SeenFile, Judgement | None], ...]

    @property
    def quiet_at(self) -> float:
        return self.state.changed_at + max(LEAST_BETWEEN_LOOKS_SECONDS, self.pace.quiet_seconds)

    @property
    def gives_up_at(self) -> float:
        return self.state.changed_at + self.pace.give_up_seconds

    def verdict_when_quiet(self) -> Verdict:
        """The verdict once every file has been unchanged for the quiet time."""
        count = len(self.judgements)
        known = [judgement for _, judgement in self.judgements if judgement is not None]
        unusable = [one for one in known if one.final]
        if unusable:
            return self._refused(unusable)
        unknown = tuple(file for file, judgement in self.judgements if judgement is None)
        if unknown:
            return Waiting(count, f"{counted(count, 'photo')}, being read", to_decode=unknown)
        unfinished = [one for one in known if one.unfinished]
        if not unfinished:
            return self._settled()
        if self.now >= self.gives_up_at:
            return self._refused(unfinished)
        return Waiting(count, unfinished[0].reason, look_at=self.gives_up_at)

    def verdict_before_quiet(self) -> Verdict:
        """The verdict during the quiet time. Photos are decoded in this time already, so that none of them
        delays the set after it; a hurried set is `Settled` as soon as all its photos are complete."""
        count = len(self.judgements)
        expected = self.pace.expected_photos
        hurried = self.free.valid_ready() is not None or count == expected
        due_at = {
            file: self.state.files[file.name].first_seen + LEAST_BETWEEN_LOOKS_SECONDS
            for file in self.free.photos
        }
        due = [(file, judgement) for file, judgement in self.judgements if due_at[file] <= self.now]
        complete = tuple(file for file, judgement in due if judgement is not None and not judgement.reason)
        if hurried and len(complete) == count:
            return self._settled()
        photos = counted(count, "photo")
        if expected is not None and count < expected:
            photos = f"{count} of {counted(expected, 'photo')}"
        return Waiting(
            count,
            photos,
            look_at=min([self.quiet_at, *(at for at in due_at.values() if at > self.now)]),
            to_decode=tuple(file for file, judgement in due if judgement is None),
            complete=complete,
            quiet_from=self.state.changed_at,
            quiet_seconds=self.pace.quiet_seconds,
        )

    def _settled(self) -> Settled:
        free = self.free
        ready = free.valid_ready() if free.flat else free.ready
        signal = (ready,) if ready is not None else ()
        return Settled(free.photos, (*free.companions, *signal), approved=free.valid_ready() is not None)

    def _refused(self, bad: list[Judgement]) -> Refused:
        of_all = counted(len(self.judgements), "photo")
        more = f" So it is with {len(bad) - 1} more of {of_all}." if len(bad) > 1 else ""
        return Refused(_all_files(self.free), bad[0].reason + more, bad[0].hint)
